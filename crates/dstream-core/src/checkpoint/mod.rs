//! The checkpoint directory: snapshots of a program's progress, as versioned and checked data, never code.
//!
//! A *snapshot* is a *checkpoint* file and the *parts* that it names. Parts are written first and the checkpoint file last, so
//! a snapshot is there as a whole or not at all; later snapshots may name the parts of earlier ones again.
//!
//! Beside them is the *batch log*: before a batch runs, the ranges of its blocks are written down, so that a restart can run it
//! again with the records that it had.
//!
//! Below is the directory, where snapshots are bytes; above it what is in them, when they are written, and how a program goes
//! on from them.

mod covered;
mod directory;
mod draft;
mod envelope;
mod error;
mod files;
mod ledger;
mod location;
mod manifest;
mod name;

mod batch_log;
mod checkpointer;
mod done_mark;
mod fingerprint;
mod log_entry;
mod log_reading;
mod log_rewriting;
mod log_schedule;
mod record;
mod recovery;
mod recovery_error;
mod resume;
mod schedule;
mod settings;
mod snapshot_lookup;
mod writer;

pub(crate) use batch_log::BatchLog;
pub(crate) use checkpointer::{Checkpointer, Completed};
pub(crate) use covered::Covered;
pub use fingerprint::GraphChange;
pub(crate) use location::Location;
pub(crate) use log_entry::LoggedBlocks;
pub(crate) use log_reading::LeftEntries;
pub(crate) use log_rewriting::{Claimed, LogRewriting};
pub(crate) use recovery::{Logging, Recovered, ResumePoint, recover};
pub use recovery_error::RecoveryError;
pub(crate) use resume::{Gap, Resumed, resumed};
pub(crate) use settings::{CheckpointChoices, CheckpointSettings};
pub use settings::{CheckpointSettingError, Recovery};
pub use snapshot_lookup::{SnapshotLookupError, snapshot_exists};
