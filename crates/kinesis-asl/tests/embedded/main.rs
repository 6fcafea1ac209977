//! The consumer end to end on the embedded endpoints: the real AWS SDK over HTTP on loopback, no mocks, real time.
//!
//! Nothing here waits for a fixed time: tests wait for conditions, with a deadline. Times that were measured are printed;
//! `cargo test -p kinesis-asl --test embedded -- --nocapture` shows them.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "a test that cannot go on fails, and says what it measured"
)]

mod aggregates;
mod bad_days;
mod builder;
mod errors;
mod expired;
mod fan_out;
mod faults;
mod handler;
mod java_tables;
mod latest;
mod lease_table;
mod lease_table_options;
mod parents;
mod poison;
mod recovery;
mod refused;
mod reread;
mod reshard;
mod restart;
mod seats;
mod several_streams;
mod sharing;
mod stop;
mod stream_identity;
mod support;
mod totals;
