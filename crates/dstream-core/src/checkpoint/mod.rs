//! The checkpoint directory: snapshots of a program's progress, as versioned and checked data, never code.
//!
//! A *snapshot* is a *checkpoint* file and the *parts* that it names. Parts are written first and the checkpoint file last, so
//! a snapshot is there as a whole or not at all; later snapshots may name the parts of earlier ones again.
//!
//! Below is the directory, where snapshots are bytes; above it what is in them, when they are written, and how a program goes
//! on from them.

mod directory;
mod draft;
mod envelope;
mod error;
mod ledger;
mod location;
mod manifest;
mod name;

mod checkpointer;
mod fingerprint;
mod record;
mod recovery;
mod recovery_error;
mod resume;
mod schedule;
mod settings;
mod writer;

pub(crate) use checkpointer::Checkpointer;
pub use fingerprint::GraphChange;
pub(crate) use location::Location;
pub(crate) use recovery::{Recovered, ResumePoint, recover};
pub use recovery_error::RecoveryError;
pub(crate) use resume::{Resumed, resumed};
pub(crate) use settings::{CheckpointChoices, CheckpointSettings};
pub use settings::{CheckpointSettingError, Recovery};
