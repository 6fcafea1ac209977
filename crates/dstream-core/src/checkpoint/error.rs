//! Why a checkpoint could not be written or read.

use std::sync::Arc;

use thiserror::Error;

use crate::checkpoint::envelope::Damage;
use crate::checkpoint::location::LocationError;

/// Why the checkpoint directory could not be used. The text of a variant does not repeat its source.
#[derive(Debug, Error)]
#[non_exhaustive]
pub(crate) enum CheckpointError {
    /// There is no directory to be had there.
    #[error(transparent)]
    Location(#[from] LocationError),
    /// A file could not be written, as often as it was tried.
    #[error("cannot write {file} after {attempts} attempts: check space, permissions and connection")]
    Write {
        /// The file.
        file: String,
        /// How often it was tried.
        attempts: u32,
        /// The last failure.
        source: object_store::Error,
    },
    /// A file could not be read, as often as it was tried; that says nothing about what is in it.
    #[error("cannot read {file} after {attempts} attempts: check permissions and connection")]
    Read {
        /// The file.
        file: String,
        /// How often it was tried.
        attempts: u32,
        /// The last failure.
        source: object_store::Error,
    },
    /// A file that would be taken for what it is not could not be removed, as often as it was tried.
    #[error("cannot remove {file} after {attempts} attempts: check permissions and connection, or remove it by hand")]
    Remove {
        /// The file.
        file: String,
        /// How often it was tried.
        attempts: u32,
        /// The last failure.
        source: object_store::Error,
    },
    /// What is there could not be listed.
    #[error("cannot list {directory}: check permissions and connection")]
    List {
        /// The directory.
        directory: Arc<str>,
        /// Why.
        source: object_store::Error,
    },
    /// A file is not what was written.
    #[error("{file} cannot be used: use an older checkpoint")]
    Damaged {
        /// The file.
        file: String,
        /// What is wrong with it.
        source: Damage,
    },
    /// A part of a snapshot is not there, or not the one that was written.
    #[error("{file} cannot be used, for its part {part} is missing or damaged: use an older checkpoint")]
    DamagedPart {
        /// The checkpoint file.
        file: String,
        /// The part.
        part: String,
    },
    /// There are checkpoints, and none of them is what was written.
    #[error(
        "failed to read a checkpoint from {directory}: none of its {files} files can be used; restore one, or start from an empty directory"
    )]
    NoneReadable {
        /// The directory.
        directory: Arc<str>,
        /// How many there are.
        files: usize,
    },
    /// A sound file of another version of this library.
    #[error("{file} was written by another version of dstream: run that one, or start from an empty directory")]
    OtherFormat {
        /// The file.
        file: String,
        /// Its format.
        source: Damage,
    },
    /// Another process writes here.
    #[error(
        "{file} is there already, with other content: another process writes to this directory; give each program its own"
    )]
    OtherWriter {
        /// The file.
        file: String,
    },
    /// A part's label is not a plain name, or the checkpoint has it already.
    #[error("{label:?} is no label for a part: use 1 to 100 of a-z A-Z 0-9 _ - and each label once in a checkpoint")]
    Label {
        /// The label.
        label: String,
    },
    /// A part to be named again is not there any more.
    #[error("{part} has been removed, since no kept checkpoint names it: write it again")]
    PartGone {
        /// The part.
        part: String,
    },
}

impl CheckpointError {
    /// Whether an older checkpoint should be tried in the place of the one that this is about.
    pub(super) const fn is_damage(&self) -> bool {
        matches!(self, Self::Damaged { .. } | Self::DamagedPart { .. })
    }
}
