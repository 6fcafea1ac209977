//! The checkpoints of a running context: written beside the batches, one at a time, and what waits for them to be safe.
//!
//! Promises: if the program carries anything from batch to batch, the positions of a batch are reported only once a snapshot of
//! that batch, or of a later one, is safe. The schedule is pure; this is its shell.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;

use crate::block::StreamId;
use crate::checkpoint::covered::Covered;
use crate::checkpoint::directory::CheckpointDir;
use crate::checkpoint::done_mark::DoneBy;
use crate::checkpoint::fingerprint::Fingerprint;
use crate::checkpoint::record::Identity;
use crate::checkpoint::recovery::Recovered;
use crate::checkpoint::schedule::SnapshotSchedule;
use crate::checkpoint::writer::{SnapshotWrite, WriteError};
use crate::config::Settings;
use crate::error::StreamingError;
use crate::event::Event;
use crate::input::Report;
use crate::job::Engine;
use crate::rate::RecordsPerSecond;
use crate::replay_desk::ReplayDesk;
use crate::stream_node::StreamNode;
use crate::time::Time;

pub(crate) struct Checkpointer {
    engine: Arc<Engine>,
    nodes: Arc<[Arc<dyn StreamNode>]>,
    identity: Identity,
    schedule: SnapshotSchedule,
    desk: Desk,
    done_by: DoneBy,
    /// The earliest batch first.
    waiting: VecDeque<(Time, Report)>,
    rates: BTreeMap<StreamId, RecordsPerSecond>,
    /// How far the sources of receivers are with the batches that are done.
    covered: Covered,
    /// What of it is in no snapshot that is safe or being written; nothing if positions do not wait for one.
    fresh: Covered,
    desks: Vec<Arc<dyn ReplayDesk>>,
}

/// A batch all of whose outputs succeeded.
pub(crate) struct Completed {
    pub(crate) batch: Time,
    /// Tells of its positions.
    pub(crate) report: Report,
    /// The last range of each source in it.
    pub(crate) covered: Covered,
}

/// Who has the directory.
enum Desk {
    Idle(CheckpointDir),
    Writing(BoxFuture<'static, (CheckpointDir, Result<(), WriteError>)>),
    /// A snapshot could not be written; the context stops.
    Closed,
}

impl Checkpointer {
    pub(crate) fn new(
        engine: Arc<Engine>,
        settings: &Settings,
        nodes: &[Arc<dyn StreamNode>],
        zero: Time,
        Recovered { directory, point, done_by, .. }: Recovered,
        desks: Vec<Arc<dyn ReplayDesk>>,
    ) -> Self {
        let (rates, covered) =
            point.as_ref().map(|point| (point.rates.clone(), point.covered.clone())).unwrap_or_default();
        let schedule = SnapshotSchedule::new(settings.checkpoint.interval, zero);
        let identity = Identity {
            app: settings.app_name.to_string(),
            batch_interval: settings.batch_interval,
            zero,
            streams: Fingerprint::of(nodes),
        };
        Self {
            engine,
            nodes: nodes.into(),
            identity,
            schedule: match &point {
                Some(point) => schedule.resuming(point.through),
                None => schedule,
            },
            desk: Desk::Idle(directory),
            done_by,
            waiting: VecDeque::new(),
            rates: rates.into_iter().collect(),
            covered,
            fresh: Covered::default(),
            desks,
        }
    }

    /// Batches come in the order of their times. Returns what reports the positions of the batch, if it need not wait for a
    /// snapshot.
    pub(crate) fn completed(&mut self, Completed { batch, report, covered }: Completed) -> Option<Report> {
        self.schedule.note_completed(batch);
        // No snapshot of this run will have the batch.
        if !self.schedule.is_held() {
            self.covered.extend(&covered);
        }
        match self.done_by {
            // It is to be delivered again.
            DoneBy::Snapshot if self.schedule.is_held() => None,
            DoneBy::Snapshot => {
                self.fresh.extend(&covered);
                self.waiting.push_back((batch, report));
                None
            }
            DoneBy::Mark => Some(report),
        }
    }

    /// The batch failed for good, with records that will be delivered again. One last snapshot has what was done before, and until the
    /// program is started again no other is made; if anything is carried from batch to batch, no positions go on either. So what is
    /// run again after that is never older than the snapshot, and what is done of it counts as further than what that covers.
    pub(crate) fn stay_before(&mut self, batch: Time) {
        if !self.schedule.is_held() {
            tracing::warn!(%batch, "a batch failed for good; checkpoints stay before it until the program is started again");
            self.schedule.hold();
        }
    }

    /// Back pressure has a new limit for a stream.
    pub(crate) fn note_rate(&mut self, stream: StreamId, rate: RecordsPerSecond) {
        self.rates.insert(stream, rate);
    }

    /// Begins a snapshot if one is due, or if this is the `last` chance for what is in none yet.
    pub(crate) fn begin_if_due(&mut self, last: bool) {
        if !matches!(self.desk, Desk::Idle(_)) {
            return;
        }
        let Some(through) = self.schedule.begin(last) else { return };
        let write = SnapshotWrite {
            engine: Arc::clone(&self.engine),
            nodes: Arc::clone(&self.nodes),
            identity: self.identity.clone(),
            through,
            rates: self.rates.iter().map(|(stream, rate)| (*stream, *rate)).collect(),
            covered: self.covered.clone(),
            announce: std::mem::take(&mut self.fresh),
            desks: self.desks.clone(),
        };
        if let Desk::Idle(directory) = std::mem::replace(&mut self.desk, Desk::Closed) {
            self.desk = Desk::Writing(write.run(directory).boxed());
        }
    }

    /// What the memories hold as of this batch must stay as it is, for it is being written.
    pub(crate) fn pinned(&self) -> Option<Time> {
        self.schedule.pinned()
    }

    /// Whether everything that is done is safe.
    pub(crate) fn is_settled(&self) -> bool {
        matches!(self.desk, Desk::Idle(_)) && self.schedule.is_settled()
    }

    /// Waits for the snapshot that is being written, if any, and settles what follows from it; waits for ever if there is none.
    /// Returns the batch of the snapshot, if it is safe.
    ///
    /// # Cancellation
    /// Safe.
    pub(crate) async fn written(&mut self) -> Option<Time> {
        let Desk::Writing(write) = &mut self.desk else { return std::future::pending().await };
        let (directory, result) = write.await;
        let batch = self.schedule.note_written();
        match (result, batch) {
            (Ok(()), Some(batch)) => {
                self.desk = Desk::Idle(directory);
                while let Some((_, report)) = self.waiting.pop_front_if(|(time, _)| *time <= batch) {
                    report();
                }
                self.engine.control.emit(&Event::CheckpointWritten { batch });
                Some(batch)
            }
            // Without a batch nothing was begun.
            (Ok(()), None) => {
                self.desk = Desk::Idle(directory);
                None
            }
            (Err(error), batch) => {
                self.desk = Desk::Closed;
                let batch = batch.unwrap_or_default();
                self.engine.control.fail(StreamingError::Checkpoint { batch, source: Arc::new(error) });
                None
            }
        }
    }

    /// Waits for the snapshot that is being written, if any. No further one is begun.
    ///
    /// # Cancellation
    /// Safe.
    pub(crate) async fn finish(&mut self) {
        if matches!(self.desk, Desk::Writing(_)) {
            let _ = self.written().await;
        }
    }
}
