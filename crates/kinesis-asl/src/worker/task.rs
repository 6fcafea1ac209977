//! The one task that owns a worker's leases and readers. It never waits for a call, a reader or user code: everything it
//! starts comes back as an event, so renewals are never late because of something else.
//!
//! How it stops, for each seat: readers end (`StopFetching`) → the core processes what is stored → the last safe
//! position is checkpointed → the lease is released → the seat is told (`Leave`). Renewals go on until then. The task
//! ends with the last seat.

mod calls;
mod cleanup;
mod hand_over;
mod preparing;
mod requests;
mod resuming;
mod streams;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use calls::PatienceWith;
use cleanup::CleanupClock;
use dstream_core::{Claim, Clock};
use preparing::WaitingPreparation;
use resuming::WaitingClaim;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use tracing::{info, warn};

use crate::checkpoint::tracker::ProgressTracker;
use crate::consumer::expand::Expander;
use crate::consumer::task::{ConsumerEnd, ShardConsumer, Started};
use crate::error::KinesisError;
use crate::lease::command::{Command, LossReason};
use crate::lease::core::LeaseCore;
use crate::origin::Origin;
use crate::position::Checkpoint;
use crate::range::{Holding, SequenceRange};
use crate::shard::ShardId;
use crate::worker::leftovers::Leftovers;
use crate::worker::ops::Ops;
use crate::worker::readers::{Assignment, ReaderEvent, Readers};
use crate::worker::reading::{HeldShard, Phase};
use crate::worker::seat_table::{Joined, SeatTable};
use crate::worker::seats::SeatId;
use crate::worker::settings::WorkerSettings;
use crate::worker::stream_opening::StreamOpening;
use crate::worker::streams::Streams;

/// Requests waiting for the task: each seat has at most two under way, as `Prepare` may be beside another, and few processes have
/// more than 64 seats. Who finds no room waits for it.
pub(crate) const REQUEST_CAPACITY: usize = 64;

/// What a seat asks of the task.
#[derive(Debug)]
pub(crate) enum Request {
    /// End the seat's readers; the answer comes when none runs.
    StopFetching(SeatId, oneshot::Sender<()>),
    /// Checkpoint and release the seat's shards; the answer comes when none is held, and names those for which that could
    /// not be written.
    Leave(SeatId, oneshot::Sender<Vec<ShardId>>),
    /// Say of each of a seat's unfinished ranges whose it is; the answer comes when that is known, or was waited for long enough.
    Claim(SeatId, Vec<SequenceRange>, oneshot::Sender<Vec<Claim<SequenceRange>>>),
    /// Prepare the positions of these ranges, which depend on a snapshot; the answer comes when all are prepared that can be.
    Prepare(String, Vec<SequenceRange>, oneshot::Sender<()>),
}

/// Whether the lease table has been read since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Readings {
    NoneYet,
    Some,
}

fn now() -> std::time::Instant {
    Instant::now().into_std()
}

/// Whether anybody can still ask for something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hears {
    Requests,
    Nobody,
}

/// The task's state.
pub(crate) struct WorkerTask {
    core: LeaseCore,
    ops: Ops,
    settings: WorkerSettings,
    opening: Arc<StreamOpening>,
    streams: Streams,
    tracker: Arc<ProgressTracker>,
    clock: Arc<dyn Clock>,
    seats: SeatTable,
    shards: BTreeMap<ShardId, HeldShard>,
    leftovers: Leftovers,
    claims: Vec<WaitingClaim>,
    preparations: Vec<WaitingPreparation>,
    /// The leases of which it is being found out whether the snapshot that they name was published.
    asking: BTreeMap<String, Vec<(ShardId, Holding)>>,
    readers: Readers,
    next_checkpoint: Instant,
    readings: Readings,
    patience: PatienceWith,
    observer: Option<Observer>,
    cleanup: CleanupClock,
}

/// Who sees each command of the core before it is carried out: simulations, to check what a worker believes.
pub(crate) type Observer = Arc<dyn Fn(&Command) + Send + Sync>;

impl WorkerTask {
    pub(crate) fn new(
        core: LeaseCore,
        ops: Ops,
        settings: WorkerSettings,
        (opening, streams): (Arc<StreamOpening>, Streams),
        tracker: Arc<ProgressTracker>,
        clock: Arc<dyn Clock>,
        seats: Vec<Joined>,
    ) -> Self {
        let next_checkpoint = Instant::now() + settings.checkpoint_interval;
        let patience = PatienceWith::new(settings.give_up_after);
        Self {
            core,
            ops,
            settings,
            opening,
            streams,
            tracker,
            clock,
            seats: SeatTable::new(seats),
            shards: BTreeMap::new(),
            leftovers: Leftovers::default(),
            claims: Vec::new(),
            preparations: Vec::new(),
            asking: BTreeMap::new(),
            readers: Readers::new(),
            next_checkpoint,
            readings: Readings::NoneYet,
            patience,
            observer: None,
            cleanup: CleanupClock::new(Instant::now()),
        }
    }

    /// The same task, observed.
    pub(crate) fn observed_by(self, observer: Option<Observer>) -> Self {
        Self { observer, ..self }
    }

    /// The same task as the successor of an earlier run.
    pub(crate) fn resuming(self, leftovers: Leftovers) -> Self {
        Self { leftovers, ..self }
    }

    /// Runs until every seat has left. When all senders of requests are gone, every seat leaves.
    ///
    /// # Cancellation
    /// Leases stay owned in the table until the failover time is over.
    pub(crate) async fn run(mut self, mut requests: mpsc::Receiver<Request>) {
        let tracker = Arc::clone(&self.tracker);
        let mut hears = Hears::Requests;
        loop {
            self.act();
            if self.is_over() {
                return;
            }
            let deadline = self.deadline();
            tokio::select! {
                // In this order, and not in a random one, so that a simulation can be played again. Nothing starves:
                // whatever is due is done in `act`, before each wait.
                biased;
                request = requests.recv(), if hears == Hears::Requests => match request {
                    Some(request) => self.on_request(request),
                    None => {
                        hears = Hears::Nobody;
                        self.leave_all();
                    }
                },
                done = self.ops.next() => self.on_done(done),
                event = self.readers.next() => self.on_reader(event),
                () = tracker.moved() => {}
                () = tokio::time::sleep_until(deadline) => {}
            }
        }
    }

    fn deadline(&self) -> Instant {
        let core = self.core.deadline().map(Instant::from_std);
        let own = [self.next_checkpoint, self.cleanup.next()];
        // Of one that is over and waits for a look-up, the look-up tells.
        let now = Instant::now();
        let claims = self.claims.iter().map(WaitingClaim::deadline).filter(|deadline| *deadline > now);
        let looks = [core, self.streams.next_look()].into_iter().flatten();
        own.into_iter().chain(claims).chain(looks).fold(self.next_checkpoint, Instant::min)
    }

    fn is_over(&self) -> bool {
        self.seats.is_empty() && self.core.is_idle() && self.readers.is_empty()
    }

    /// Everything that can be done without waiting.
    fn act(&mut self) {
        let now = Instant::now();
        if now >= self.next_checkpoint {
            self.next_checkpoint = now + self.settings.checkpoint_interval;
            self.stage_checkpoints();
        }
        self.clean_up_when_due(now);
        self.look_for_streams_when_due(now);
        self.start_readers();
        self.stage_ends();
        self.hand_over_what_is_done();
        loop {
            let commands = self.core.poll(now.into_std());
            if commands.is_empty() {
                break;
            }
            commands.into_iter().for_each(|command| self.carry_out(command));
        }
        self.start_readers();
        self.answer_claims(now);
        self.answer_preparations();
        self.say_ready(now);
        self.settings.reading.board.watch(now.into_std(), self.settings.reading.stuck_after);
        let (readers, shards) = (&self.readers, &self.shards);
        self.seats.answer(|seat| readers.have_ended(seat), |seat| shards.values().any(|held| held.seat == seat));
    }

    fn carry_out(&mut self, command: Command) {
        if let Some(observer) = &self.observer {
            observer(&command);
        }
        match command {
            Command::List => self.ops.list(),
            Command::Write(ticket) => self.ops.write(ticket),
            Command::Gained(lease, holding) => self.on_gained(lease, holding),
            Command::Lost(shard, holding, reason) => {
                warn!(%shard, ?reason, "lost a lease; another worker goes on from its checkpoint");
                if let (LossReason::Expired, Some(held)) = (reason, self.shards.get(&shard)) {
                    self.seats.on_expired(held.seat, shard.clone());
                }
                self.forget(&shard, holding);
            }
            Command::Checkpointed(shard, holding, to) => {
                if to == Checkpoint::ShardEnd {
                    info!(%shard, "a shard has ended and every record of it is processed");
                    self.core.release(&shard, holding);
                    self.core.list_soon(Instant::now().into_std());
                }
            }
            Command::Released(shard, holding) => {
                info!(%shard, "released a lease");
                self.forget(&shard, holding);
            }
            Command::Wanted(shard, holding) => self.on_wanted(&shard, holding),
        }
    }

    fn forget(&mut self, shard: &ShardId, holding: Holding) {
        if self.shards.get(shard).is_some_and(|held| held.holding == holding) {
            self.shards.remove(shard);
            self.settings.reading.board.end(shard);
        }
        self.leftovers.on_lost(shard, holding);
        self.tracker.with(|progress| progress.forget(shard, holding));
        self.readers.stop(|reading| reading.shard == *shard && reading.holding == holding);
    }

    /// Starts reading what is held, once its parents are out of the way.
    fn start_readers(&mut self) {
        for held in self.shards.values_mut().filter(|held| held.phase == Phase::WaitingForParents) {
            let Some(sink) = self.seats.open_sink(held.seat) else { continue };
            let Some(stream) = self.streams.of(&held.lease.shard) else { continue };
            if !self.core.parents_done(&held.lease.shard) {
                continue;
            }
            let Some(start) = held.start else {
                held.phase = Phase::Stopped;
                continue;
            };
            held.phase = Phase::Opening;
            let consumer = ShardConsumer {
                api: Arc::clone(&stream.api),
                expander: Expander {
                    shard: held.lease.shard.clone(),
                    origin: Origin::new(&stream.spec.name, &held.lease.shard).into(),
                    hash_range: held.lease.hash_range,
                    policy: self.settings.range_policy,
                    processed: start.processed,
                },
                holding: held.holding,
                start,
                sink,
                tracker: Arc::clone(&self.tracker),
                started: self.readers.notices(),
                settings: stream.spec.reading.clone(),
                seed: self.settings.seed ^ held.holding.0,
            };
            let assignment = Assignment { shard: held.lease.shard.clone(), holding: held.holding, seat: held.seat };
            self.readers.start(assignment, consumer);
        }
    }

    fn on_reader(&mut self, event: ReaderEvent) {
        if let ReaderEvent::Ended(reading, _) = &event
            && self.held(&reading.shard, reading.holding).is_some()
        {
            self.settings.reading.board.end(&reading.shard);
        }
        match event {
            ReaderEvent::Started(Started(shard, holding)) => {
                if let Some(held) = self.held(&shard, holding).filter(|held| held.phase == Phase::Opening) {
                    held.phase = Phase::Reading;
                }
            }
            ReaderEvent::Ended(reading, Ok(ConsumerEnd::ShardEnd(children))) => {
                if let Some(held) = self.held(&reading.shard, reading.holding) {
                    held.phase = Phase::MakingChildren;
                    self.tracker.with(|progress| progress.on_end(&reading.shard, reading.holding));
                    self.make_children(reading.shard, reading.holding, children, Duration::ZERO);
                }
            }
            ReaderEvent::Ended(reading, Ok(ConsumerEnd::Stopped)) => self.on_stopped(&reading),
            ReaderEvent::Ended(reading, Ok(ConsumerEnd::Failed(error))) => {
                self.on_stopped(&reading);
                let left = self.without_stream(reading.shard.scope(), error);
                left.into_iter().for_each(|error| self.seats.fail(reading.seat, error));
            }
            ReaderEvent::Ended(reading, Err(source)) => {
                self.on_stopped(&reading);
                self.seats.fail(reading.seat, KinesisError::ReaderPanicked { shard: reading.shard, source });
            }
        }
    }

    fn on_stopped(&mut self, reading: &Assignment) {
        if let Some(held) = self.held(&reading.shard, reading.holding).filter(|held| held.phase != Phase::Yielding) {
            held.phase = Phase::Stopped;
        }
    }

    fn stage_checkpoints(&mut self) {
        for held in self.shards.values() {
            if let Some(to) = self.tracker.with(|progress| held.position_to_keep(progress)) {
                self.core.checkpoint(&held.lease.shard, held.holding, to);
            }
        }
    }

    /// A shard's end does not wait for the checkpoint interval: its children wait for it.
    fn stage_ends(&mut self) {
        for held in self.shards.values() {
            if self.tracker.with(|progress| held.has_ended(progress)) {
                self.core.checkpoint(&held.lease.shard, held.holding, Checkpoint::ShardEnd);
            }
        }
    }

    /// Every unfinished shard is held by somebody alive, and ours have their iterators.
    fn say_ready(&self, now: Instant) {
        let coverage = self.core.coverage(now.into_std());
        let opening = self.shards.values().any(|held| matches!(held.phase, Phase::Asking | Phase::Opening));
        if self.readings == Readings::Some && !opening && coverage.held == coverage.unfinished {
            self.seats.say_ready();
        }
    }

    fn held(&mut self, shard: &ShardId, holding: Holding) -> Option<&mut HeldShard> {
        self.shards.get_mut(shard).filter(|held| held.holding == holding)
    }
}
