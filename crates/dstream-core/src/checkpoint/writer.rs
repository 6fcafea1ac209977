//! Writes a snapshot: what the streams carry as of a batch, encoded on the task pool, one stream after the other.
//!
//! No more than the encoding of one stream is in memory at a time.

use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use thiserror::Error;

use crate::block::StreamId;
use crate::checkpoint::covered::Covered;
use crate::checkpoint::directory::CheckpointDir;
use crate::checkpoint::error::CheckpointError;
use crate::checkpoint::record::{Identity, Record};
use crate::codec::CodecError;
use crate::job::Engine;
use crate::operator::OperatorName;
use crate::rate::RecordsPerSecond;
use crate::replay_desk::ReplayDesk;
use crate::stream_node::StreamNode;
use crate::task_pool::PoolFailure;
use crate::time::Time;

/// A snapshot that is to be written.
pub(crate) struct SnapshotWrite {
    pub(crate) engine: Arc<Engine>,
    pub(crate) nodes: Arc<[Arc<dyn StreamNode>]>,
    pub(crate) identity: Identity,
    pub(crate) through: Time,
    pub(crate) rates: Vec<(StreamId, RecordsPerSecond)>,
    /// How far the sources of receivers are in it.
    pub(crate) covered: Covered,
    /// What of that the receivers are to hear of before it is published.
    pub(crate) announce: Covered,
    pub(crate) desks: Vec<Arc<dyn ReplayDesk>>,
}

/// Why a snapshot could not be written. The text of a variant does not repeat its source.
#[derive(Debug, Error)]
pub(crate) enum WriteError {
    #[error(transparent)]
    Directory(#[from] CheckpointError),
    #[error("what {operator} keeps cannot be encoded: correct the Serialize of its key, value and state types")]
    Encode { operator: OperatorName, source: CodecError },
    #[error("what the checkpoint is about cannot be encoded; please report this")]
    Record(#[from] CodecError),
    #[error("the Serialize of what {operator} keeps panicked: {message}")]
    Panicked { operator: OperatorName, message: String },
    #[error("the context has stopped")]
    Stopped,
}

impl SnapshotWrite {
    /// Until the snapshot is safe. Hands the directory back in any case.
    ///
    /// # Cancellation
    /// A dropped call may have written the snapshot, and takes the directory with it.
    pub(crate) async fn run(self, mut directory: CheckpointDir) -> (CheckpointDir, Result<(), WriteError>) {
        let result = self.write(&mut directory).await;
        (directory, result)
    }

    async fn write(self, directory: &mut CheckpointDir) -> Result<(), WriteError> {
        let mut draft = directory.begin(self.through);
        let mut memories = Vec::new();
        for (place, node) in self.nodes.iter().enumerate().filter(|(_, node)| node.memory().is_some()) {
            let parts = self.encode(node).await?;
            memories.push((place, parts.len()));
            for (number, part) in parts.into_iter().enumerate() {
                draft.write_part(&format!("{place}-{number}"), part).await?;
            }
        }
        let record = Record::new(self.identity, self.through, memories, self.rates.into_iter(), self.covered);
        let payload = record.encode()?;
        announce(&self.desks, || draft.name(&payload), &self.announce).await;
        draft.publish(payload).await?;
        Ok(())
    }

    async fn encode(&self, node: &Arc<dyn StreamNode>) -> Result<Vec<bytes::Bytes>, WriteError> {
        let (owner, through, operator) = (Arc::clone(node), self.through, node.name());
        let encode = move || owner.memory().map_or_else(|| Ok(Vec::new()), |memory| memory.encode(through));
        match self.engine.pool.run_job(encode).await {
            Ok(parts) => parts.map_err(|source| WriteError::Encode { operator, source }),
            Err(PoolFailure::Panicked(message)) => Err(WriteError::Panicked { operator, message }),
            Err(PoolFailure::Ended) => Err(WriteError::Stopped),
        }
    }
}

/// Lets receivers prepare for the snapshot `name`, which is asked for if there is anything to tell. One that takes too long, or
/// cannot, only finds out later that its positions are behind the snapshot.
async fn announce(desks: &[Arc<dyn ReplayDesk>], name: impl FnOnce() -> String, through: &Covered) {
    let told = desks.iter().map(|desk| (desk, through.of(desk.stream())));
    let told: Vec<_> = told.filter(|(_, ranges)| !ranges.is_empty()).collect();
    if told.is_empty() {
        return;
    }
    let name = name();
    let prepared = told.into_iter().map(|(desk, ranges)| desk.prepare(&name, ranges));
    if tokio::time::timeout(PREPARE_AT_MOST, join_all(prepared)).await.is_err() {
        tracing::warn!(
            snapshot = name,
            "receivers took too long to prepare for a checkpoint; it is written all the same"
        );
    }
}

/// Batches go on meanwhile; positions wait.
const PREPARE_AT_MOST: Duration = Duration::from_secs(5);
