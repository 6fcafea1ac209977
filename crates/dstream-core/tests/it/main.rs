//! The integration tests of the core, one module for each part of it. One binary, since each one more costs a link.
//!
//! What is about the process as a whole has a binary of its own: the one active context, the growth of memory.

mod async_outputs;
mod back_pressure;
mod backlog;
mod batch_log;
mod checkpoint_settings;
mod checkpoints;
mod clock_jumps;
mod context_life;
mod events;
mod failures;
mod file_streams;
mod joins;
mod keyed_operators;
mod keyed_properties;
mod operators;
mod partitions;
mod poison;
mod print;
mod queues;
mod rdd_actions;
mod receivers;
mod recovery;
mod remember;
mod scheduling;
mod scopes;
mod signals;
mod slices;
mod socket_text;
mod state;
mod statistics;
mod stop;
mod stop_deadline;
mod storage_levels;
mod support;
mod text_files;
mod transforms;
mod windows;
