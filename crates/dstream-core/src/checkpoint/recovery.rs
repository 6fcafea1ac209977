//! A program goes on from its newest sound checkpoint: it is read, compared with the program, and put into its streams.

use std::sync::Arc;

use bytes::Bytes;

use crate::block::StreamId;
use crate::checkpoint::batch_log::BatchLog;
use crate::checkpoint::covered::Covered;
use crate::checkpoint::directory::{CheckpointDir, Snapshot};
use crate::checkpoint::done_mark::DoneBy;
use crate::checkpoint::error::CheckpointError;
use crate::checkpoint::fingerprint::Fingerprint;
use crate::checkpoint::log_reading::{self, LeftEntries};
use crate::checkpoint::log_rewriting::LogRewriting;
use crate::checkpoint::record::Record;
use crate::checkpoint::recovery_error::RecoveryError;
use crate::checkpoint::settings::Recovery;
use crate::codec::CodecError;
use crate::config::Settings;
use crate::control::Control;
use crate::error::error_chain;
use crate::job::Engine;
use crate::rate::RecordsPerSecond;
use crate::stream_node::StreamNode;
use crate::task_pool::PoolFailure;
use crate::time::Time;

/// The open directory, and what was recovered from it.
#[derive(Debug)]
pub(crate) struct Recovered {
    pub(crate) directory: CheckpointDir,
    pub(crate) point: Option<ResumePoint>,
    /// The batch log; `None` if no receiver can read its ranges again.
    pub(crate) log: Option<LeftEntries>,
    pub(super) done_by: DoneBy,
}

impl Recovered {
    /// The log that is gone on with.
    pub(crate) fn begin_log(&self, control: Arc<Control>) -> Option<BatchLog> {
        let kept = self.log.as_ref()?.kept.clone();
        Some(BatchLog::new(self.directory.files().clone(), control, kept, self.point.is_some(), self.done_by))
    }

    /// The entries that are to be replaced by what is claimed of them; `None` if no batch is unfinished.
    pub(crate) fn rewriting(&self) -> Option<LogRewriting> {
        let unfinished = &self.log.as_ref()?.unfinished;
        (!unfinished.is_empty()).then(|| LogRewriting::new(self.directory.files().clone(), unfinished.clone()))
    }
}

/// Whether a receiver of the program can read its ranges again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Logging {
    Batches,
    Nothing,
}

/// Where a program goes on.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ResumePoint {
    /// The time from which the slides of streams are counted.
    pub(crate) zero: Time,
    /// The last batch whose effects the memories have.
    pub(crate) through: Time,
    /// The limits of back pressure.
    pub(crate) rates: Vec<(StreamId, RecordsPerSecond)>,
    /// How far the sources of receivers are in the memories; of a program without memories, how far they were done.
    pub(crate) covered: Covered,
    /// Newer checkpoints that are damaged.
    pub(crate) damaged: usize,
}

/// Opens the directory of the settings, if there is one, and recovers the memories of `nodes` from it.
///
/// # Errors
/// When it cannot be used, or what is there does not fit; the memories are then not to be used.
///
/// # Cancellation
/// A dropped call may have made the directory, and goes on to change the memories.
pub(crate) async fn recover(
    settings: &Settings,
    engine: &Engine,
    nodes: &[Arc<dyn StreamNode>],
    logging: Logging,
) -> Result<Option<Recovered>, RecoveryError> {
    let Some(place) = settings.checkpoint.directory.clone() else { return Ok(None) };
    let directory = CheckpointDir::open(&place).await.map_err(|error| unusable(&place, error))?;
    let point = match newest(settings, engine, &place, &directory, nodes).await {
        Err(error) if error.is_final() && settings.checkpoint.recovery == Recovery::OrAnew => {
            let problem = error_chain(&error);
            tracing::warn!(directory = %place, problem, "the checkpoints cannot be used; the program begins anew");
            begin_anew(nodes)?;
            None
        }
        Ok(None) if settings.checkpoint.recovery == Recovery::Required => {
            return Err(RecoveryError::NoCheckpoint { directory: place });
        }
        point => point?,
    };
    let done_by = DoneBy::of(nodes);
    let log = match logging {
        Logging::Batches => {
            let through = point.as_ref().map(|point| point.through);
            let left = log_reading::read(directory.files(), through, done_by).await;
            Some(left.map_err(|error| unusable(&place, error))?)
        }
        Logging::Nothing => None,
    };
    Ok(Some(Recovered { directory, point, log, done_by }))
}

/// Memories that were restored in part begin anew as well.
fn begin_anew(nodes: &[Arc<dyn StreamNode>]) -> Result<(), RecoveryError> {
    for (node, memory) in nodes.iter().filter_map(|node| Some((node, node.memory()?))) {
        let emptied = memory.decode(Time::default(), &[]);
        emptied.map_err(|source| RecoveryError::Memory { operator: node.name(), source })?;
    }
    Ok(())
}

async fn newest(
    settings: &Settings,
    engine: &Engine,
    place: &Arc<str>,
    directory: &CheckpointDir,
    nodes: &[Arc<dyn StreamNode>],
) -> Result<Option<ResumePoint>, RecoveryError> {
    let newest = directory.read_newest().await.map_err(|error| unusable(place, error))?;
    let Some(snapshot) = newest else { return Ok(None) };
    let (settings, nodes) = (settings.clone(), nodes.to_vec());
    // Decoding is user code.
    let restored = engine.pool.run_job(move || restore(&settings, &nodes, &snapshot)).await;
    let failed = |failure| {
        let source = match failure {
            PoolFailure::Panicked(message) => format!("decoding panicked: {message}"),
            PoolFailure::Ended => "the context has stopped".to_owned(),
        };
        RecoveryError::Unusable { directory: Arc::clone(place), source: source.into() }
    };
    restored.unwrap_or_else(|failure| Err(failed(failure))).map(Some)
}

fn unusable(directory: &Arc<str>, error: CheckpointError) -> RecoveryError {
    let directory = Arc::clone(directory);
    match error {
        CheckpointError::NoneReadable { .. } | CheckpointError::OtherFormat { .. } => {
            RecoveryError::Unusable { directory, source: error.into() }
        }
        error => RecoveryError::Directory { directory, source: error.into() },
    }
}

fn restore(
    settings: &Settings,
    nodes: &[Arc<dyn StreamNode>],
    snapshot: &Snapshot,
) -> Result<ResumePoint, RecoveryError> {
    let place = || settings.checkpoint.directory.clone().unwrap_or_default();
    let record = Record::decode(snapshot.format, &snapshot.payload);
    let record = record.map_err(|source| RecoveryError::Unusable { directory: place(), source: source.into() })?;
    check(settings, &Fingerprint::of(nodes), &record, place)?;
    let mut parts = snapshot.parts.iter().map(|(_, bytes)| bytes.clone());
    for (stream, count) in record.memories() {
        let parts: Vec<Bytes> = parts.by_ref().take(*count).collect();
        // Both are there: the streams are those of the record.
        let Some((node, memory)) = nodes.get(*stream).and_then(|node| Some((node, node.memory()?))) else { continue };
        let decoded = memory.decode(record.through(), &parts);
        decoded.map_err(|source: CodecError| RecoveryError::Memory { operator: node.name(), source })?;
    }
    Ok(ResumePoint {
        zero: record.zero(),
        through: record.through(),
        rates: record.rates().collect(),
        damaged: snapshot.skipped.len(),
        covered: record.covered,
    })
}

fn check(
    settings: &Settings,
    streams: &Fingerprint,
    record: &Record,
    directory: impl FnOnce() -> Arc<str>,
) -> Result<(), RecoveryError> {
    if *record.app() != *settings.app_name {
        let (found, expected) = (record.app().to_owned(), settings.app_name.to_string());
        return Err(RecoveryError::OtherApplication { directory: directory(), found, expected });
    }
    if record.batch_interval() != settings.batch_interval {
        let (found, expected) = (record.batch_interval(), settings.batch_interval);
        return Err(RecoveryError::OtherBatchInterval { found, expected });
    }
    let changes = record.streams().changes(streams);
    if changes.is_empty() { Ok(()) } else { Err(RecoveryError::OtherGraph { changes }) }
}
