//! The tasks that read shards: each belongs to a seat, is stopped by dropping its signal, and is always awaited.

use std::collections::BTreeMap;

use tokio::sync::{mpsc, watch};
use tokio::task::{Id, JoinError, JoinSet};

use crate::api::KinesisApi;
use crate::consumer::task::{ConsumerEnd, ShardConsumer, Started};
use crate::range::Holding;
use crate::shard::ShardId;
use crate::worker::seats::SeatId;

/// Notices of readers that began: as many as shards may begin at once before one waits a moment.
const STARTED_CAPACITY: usize = 64;

/// The readers of a worker.
#[derive(Debug)]
pub(crate) struct Readers {
    tasks: JoinSet<ConsumerEnd>,
    running: BTreeMap<Id, Running>,
    notices: (mpsc::Sender<Started>, mpsc::Receiver<Started>),
}

/// What a reader reads, and for whom.
#[derive(Debug, Clone)]
pub(crate) struct Assignment {
    pub(crate) shard: ShardId,
    pub(crate) holding: Holding,
    pub(crate) seat: SeatId,
}

#[derive(Debug)]
struct Running {
    assignment: Assignment,
    /// Dropping it stops the reader.
    stop: Option<watch::Sender<()>>,
}

/// What readers report.
#[derive(Debug)]
pub(crate) enum ReaderEvent {
    /// One has its first iterator.
    Started(Started),
    /// One ended; an error is a panic.
    Ended(Assignment, Result<ConsumerEnd, JoinError>),
}

impl Readers {
    pub(crate) fn new() -> Self {
        Self { tasks: JoinSet::new(), running: BTreeMap::new(), notices: mpsc::channel(STARTED_CAPACITY) }
    }

    /// Where a reader says that it began.
    pub(crate) fn notices(&self) -> mpsc::Sender<Started> {
        self.notices.0.clone()
    }

    /// Starts a reader.
    pub(crate) fn start<A: KinesisApi + ?Sized>(&mut self, assignment: Assignment, consumer: ShardConsumer<A>) {
        let (stop, stopped) = watch::channel(());
        let id = self.tasks.spawn(consumer.run(stopped)).id();
        self.running.insert(id, Running { assignment, stop: Some(stop) });
    }

    /// Asks readers to stop; they end soon, wherever they wait.
    pub(crate) fn stop(&mut self, which: impl Fn(&Assignment) -> bool) {
        let chosen = self.running.values_mut().filter(|running| which(&running.assignment));
        chosen.for_each(|running| running.stop = None);
    }

    /// Whether a seat's readers have all ended.
    pub(crate) fn have_ended(&self, seat: SeatId) -> bool {
        !self.running.values().any(|running| running.assignment.seat == seat)
    }

    /// Whether no reader runs for a holding.
    pub(crate) fn has_ended(&self, shard: &ShardId, holding: Holding) -> bool {
        let reads = |assignment: &Assignment| assignment.shard == *shard && assignment.holding == holding;
        !self.running.values().any(|running| reads(&running.assignment))
    }

    /// Whether none runs.
    pub(crate) fn is_empty(&self) -> bool {
        self.running.is_empty()
    }

    /// The next report.
    ///
    /// # Cancellation
    /// Safe: no report is lost.
    pub(crate) async fn next(&mut self) -> ReaderEvent {
        loop {
            let end = tokio::select! {
                biased;
                Some(end) = self.tasks.join_next_with_id() => end,
                Some(started) = self.notices.1.recv() => return ReaderEvent::Started(started),
            };
            let (id, end) = match end {
                Ok((id, end)) => (id, Ok(end)),
                Err(error) => (error.id(), Err(error)),
            };
            if let Some(running) = self.running.remove(&id) {
                return ReaderEvent::Ended(running.assignment, end);
            }
        }
    }
}
