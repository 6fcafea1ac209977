//! One simulated process: a real worker of `kinesis-asl`, and the part of the core, played in virtual time.
//!
//! Every block interval the stored pages are cut into a block and reported as stored. All blocks that wait become a batch when
//! the batch before is done, and are reported as processed after a random time, in order. The stop has the core's order: readers end, blocks are processed, leases released.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use dstream_core::testing::{StoreProbe, receiver_store};
use dstream_core::{Block, Positions, StreamId, Time};
use kinesis_asl::worker::hub::WorkerHub;
use kinesis_asl::worker::seats::SeatId;
use kinesis_asl::{KinesisRecord, SequenceRange};
use rand::{Rng, SeedableRng, rngs::StdRng};
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::chronicle::Chronicle;
use crate::event::{AfterFailure, Event, Page, WorkerNo};
use crate::faults::between_millis;
use crate::link::Link;
use crate::setup::Setup;
use crate::weakness::Release;

/// Spark's block interval.
const BLOCK_INTERVAL: Duration = Duration::from_millis(200);
/// The time until a process that could not start is started again.
const RESTART_PAUSE: Duration = Duration::from_secs(1);
/// The time until the outputs of a batch that failed are tried again, and done.
const RETRY_PAUSE: Duration = Duration::from_millis(500);

type RawBlock = Block<KinesisRecord, SequenceRange>;

/// A process.
pub(crate) struct Life {
    worker: WorkerNo,
    hub: Arc<WorkerHub>,
    link: Arc<Link>,
    chronicle: Arc<Chronicle>,
    seats: Vec<Seat>,
    rng: StdRng,
    slowest_batch: Duration,
    release: Release,
    said_ready: bool,
    /// Set when a batch failed and is not tried again.
    fate: Fate,
}

/// Whether a process goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Lives,
    GaveUp,
}

/// A receiver, and what is stored through it.
struct Seat {
    id: SeatId,
    sink: dstream_core::ReceiverStore<KinesisRecord, SequenceRange>,
    probe: StoreProbe<KinesisRecord, SequenceRange>,
    /// Blocks that wait for a batch, in the order of their cuts.
    waiting: VecDeque<RawBlock>,
    /// The batch that is computed, and the moment at which its outputs are done.
    batch: Option<(Instant, VecDeque<RawBlock>)>,
    failed: bool,
}

impl Life {
    /// A process that has not started. Its seats are registered at the hub.
    pub(crate) fn new(
        worker: WorkerNo,
        hub: Arc<WorkerHub>,
        link: Arc<Link>,
        chronicle: Arc<Chronicle>,
        setup: &Setup,
        seed: u64,
    ) -> Result<Self, kinesis_asl::ConfigError> {
        let mut seats = Vec::new();
        for number in (0..).take(setup.seats) {
            let id = hub.register(&setup.config())?;
            let (sink, probe) = receiver_store(StreamId::new(number), setup.memory_budget);
            seats.push(Seat { id, sink, probe, waiting: VecDeque::new(), batch: None, failed: false });
        }
        let rng = StdRng::seed_from_u64(seed);
        Ok(Self {
            worker,
            hub,
            link,
            chronicle,
            seats,
            rng,
            slowest_batch: setup.slowest_batch,
            release: setup.weakness.release(),
            said_ready: false,
            fate: Fate::Lives,
        })
    }

    /// Lives until `stop` fires or is dropped, then stops gracefully.
    pub(crate) async fn run(mut self, mut stop: oneshot::Receiver<()>) {
        self.chronicle.record(Event::Started(self.worker));
        let joined = tokio::select! {
            biased;
            _ = &mut stop => false,
            () = self.join() => true,
        };
        if joined {
            while self.fate == Fate::Lives {
                tokio::select! {
                    biased;
                    _ = &mut stop => break,
                    () = tokio::time::sleep(BLOCK_INTERVAL) => self.pump(),
                }
            }
            self.stop().await;
        }
        self.link.end();
        self.chronicle.record(Event::Stopped(self.worker));
    }

    /// Takes the seats, and begins again after each failure, as an operator's restart does.
    async fn join(&self) {
        for seat in &self.seats {
            while let Err(error) = self.hub.join(seat.id, seat.sink.clone()).await {
                self.chronicle.record(Event::JoinFailed(self.worker, error.to_string()));
                tokio::time::sleep(RESTART_PAUSE).await;
            }
        }
    }

    async fn stop(&mut self) {
        for seat in &self.seats {
            self.hub.stop_fetching(seat.id).await;
        }
        if self.release == Release::BeforeCommit {
            self.leave().await;
        }
        if self.fate == Fate::Lives {
            self.pump();
        }
        // After a failure no further batch is run: what waits is read again by whoever goes on.
        while self.fate == Fate::Lives && self.seats.iter().any(Seat::has_blocks) {
            tokio::time::sleep(BLOCK_INTERVAL).await;
            self.pump();
        }
        if self.release == Release::AfterCommit {
            self.leave().await;
        }
    }

    async fn leave(&self) {
        for seat in &self.seats {
            // Whether everything was written is what the checker finds out.
            let _ = self.hub.leave(seat.id).await;
        }
    }

    /// What the core does every block interval.
    fn pump(&mut self) {
        let tracker = self.hub.tracker();
        let now = Instant::now();
        for seat in &mut self.seats {
            if let Some(block) = seat.probe.cut() {
                tracker.on_stored(block.ranges());
                pages_of(self.worker, &block).for_each(|page| self.chronicle.record(Event::Stored(page)));
                seat.waiting.push_back(block);
            }
            if seat.is_done_by(now) && self.link.fails_batch() {
                let ends = self.rng.random_range(0..3) == 0;
                let then = if ends { AfterFailure::Ends } else { AfterFailure::TriesAgain };
                self.chronicle.record(Event::BatchFailed(self.worker, then));
                if ends {
                    self.fate = Fate::GaveUp;
                    return;
                }
                seat.put_off(now + RETRY_PAUSE);
            }
            for block in seat.done_by(now) {
                // First the outputs, then the news of them.
                pages_of(self.worker, &block).for_each(|page| self.chronicle.record(Event::Processed(page)));
                tracker.on_processed(Time::from_millis(0), block.ranges());
            }
            if seat.batch.is_none() && !seat.waiting.is_empty() {
                let takes = between_millis(20, self.slowest_batch, &mut self.rng);
                seat.batch = Some((now + takes, std::mem::take(&mut seat.waiting)));
            }
            if let Some(error) = seat.probe.failure().filter(|_| !seat.failed) {
                seat.failed = true;
                self.chronicle.record(Event::Failed(self.worker, dstream_core::error_chain(&error)));
            }
        }
        if !self.said_ready && self.seats.iter().all(|seat| seat.probe.is_ready()) {
            self.said_ready = true;
            self.chronicle.record(Event::Ready(self.worker));
        }
    }
}

impl Seat {
    fn has_blocks(&self) -> bool {
        self.batch.is_some() || !self.waiting.is_empty()
    }

    fn is_done_by(&self, now: Instant) -> bool {
        self.batch.as_ref().is_some_and(|(done, _)| *done <= now)
    }

    /// The batch is tried again.
    fn put_off(&mut self, until: Instant) {
        if let Some((done, _)) = &mut self.batch {
            *done = until;
        }
    }

    /// The blocks of the batch, if its outputs are done.
    fn done_by(&mut self, now: Instant) -> VecDeque<RawBlock> {
        self.batch.take_if(|(done, _)| *done <= now).map_or_else(VecDeque::new, |(_, blocks)| blocks)
    }
}

/// The pages of a block: its ranges, each with the positions of its records.
fn pages_of(worker: WorkerNo, block: &RawBlock) -> impl Iterator<Item = Page> {
    let mut records = block.records().iter();
    block.ranges().iter().map(move |range| Page {
        worker,
        shard: range.shard.clone(),
        holding: range.holding,
        positions: records.by_ref().take(range.records).map(KinesisRecord::position).collect(),
    })
}
