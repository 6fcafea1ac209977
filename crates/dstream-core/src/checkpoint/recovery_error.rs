//! Why a program could not go on from its checkpoints.

use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;

use crate::block::StreamId;
use crate::checkpoint::fingerprint::GraphChange;
use crate::codec::CodecError;
use crate::error::BoxError;
use crate::operator::OperatorName;

/// Why a context could not go on from what is in its checkpoint directory. Nothing was started, and nothing was changed there.
/// The text of a variant does not repeat its source.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RecoveryError {
    /// The directory cannot be used, or what is in it cannot be read.
    #[error("the checkpoint directory {directory} cannot be used")]
    Directory {
        /// The directory.
        directory: Arc<str>,
        /// What failed, and what to do.
        source: BoxError,
    },
    /// There are checkpoints, and none can be used.
    #[error(
        "failed to read a checkpoint from {directory}: restore a sound one, or begin anew with Recovery::OrAnew or an empty directory"
    )]
    Unusable {
        /// The directory.
        directory: Arc<str>,
        /// What is wrong with them.
        source: BoxError,
    },
    /// There is no checkpoint, and the program asked for one.
    #[error(
        "there is no checkpoint in {directory}: check the path, or leave Recovery::Required out for the first start"
    )]
    NoCheckpoint {
        /// The directory.
        directory: Arc<str>,
    },
    /// The checkpoints are those of another application.
    #[error(
        "the checkpoints in {directory} are those of the application {found:?}, not of {expected:?}: give each application its own directory"
    )]
    OtherApplication {
        /// The directory.
        directory: Arc<str>,
        /// Whose they are.
        found: String,
        /// Who asks.
        expected: String,
    },
    /// Batches would come at other times.
    #[error(
        "the checkpoint was written with a batch interval of {found:?}, the program has {expected:?}: set it back, or begin anew with Recovery::OrAnew or an empty directory"
    )]
    OtherBatchInterval {
        /// That of the checkpoint.
        found: Duration,
        /// That of the program.
        expected: Duration,
    },
    /// The program has other streams than the one that wrote the checkpoint.
    #[error(
        "the streams of the program are not those of the checkpoint: {}; undo that, or begin anew with Recovery::OrAnew or an empty directory",
        listed(changes)
    )]
    OtherGraph {
        /// How they differ, in the order of streams.
        changes: Vec<GraphChange>,
    },
    /// A receiver cannot read a range that an earlier run of it wrote.
    #[error(
        "a range of receiver {stream} ({name}) in the checkpoint directory cannot be read: run the version of the program that wrote it, or begin anew with an empty directory"
    )]
    Range {
        /// The stream of the receiver.
        stream: StreamId,
        /// The name it was given.
        name: Arc<str>,
        /// Why.
        source: BoxError,
    },
    /// What a stream carries from batch to batch cannot be read as what it is now.
    #[error(
        "what {operator} keeps cannot be read from the checkpoint: set its key, value and state types back, or begin anew with Recovery::OrAnew or an empty directory"
    )]
    Memory {
        /// The stream.
        operator: OperatorName,
        /// Why.
        source: CodecError,
    },
}

impl RecoveryError {
    /// Whether the checkpoints themselves are of no use to the program, whenever it tries again.
    pub(super) const fn is_final(&self) -> bool {
        match self {
            Self::Unusable { .. }
            | Self::OtherApplication { .. }
            | Self::OtherBatchInterval { .. }
            | Self::OtherGraph { .. }
            | Self::Memory { .. } => true,
            Self::Directory { .. } | Self::NoCheckpoint { .. } | Self::Range { .. } => false,
        }
    }
}

fn listed(changes: &[GraphChange]) -> String {
    let told: Vec<String> = changes.iter().take(MOST_TOLD).map(ToString::to_string).collect();
    let more = changes.len().saturating_sub(MOST_TOLD);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    told.join(", ") + &more
}

/// More do not help; the list itself has them all.
const MOST_TOLD: usize = 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_list_of_changes_is_told_in_part() {
        let changes = (0..12).map(|n| GraphChange::Added { stream: format!("map #{n}") }).collect();
        let text = RecoveryError::OtherGraph { changes }.to_string();
        assert!(text.contains("map #9 is new and 2 more; undo that"), "{text}");
    }
}
