//! The checkpoint directory: snapshots of a program's progress, as versioned and checked data, never code.
//!
//! A *snapshot* is a *checkpoint* file and the *parts* that it names. Parts are written first and the checkpoint file last, so
//! a snapshot is there as a whole or not at all; later snapshots may name the parts of earlier ones again. What is in them is
//! the business of whoever writes them: here they are bytes.

mod directory;
mod draft;
mod envelope;
mod error;
mod ledger;
mod location;
mod manifest;
mod name;

pub(crate) use directory::{CheckpointDir, Snapshot};
pub(crate) use draft::Draft;
pub(crate) use error::CheckpointError;
pub(crate) use location::{Location, LocationError};
pub(crate) use manifest::PartRef;
pub(crate) use name::{CheckpointName, PartName};
