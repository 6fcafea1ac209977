//! The one task that owns a worker's leases and readers. It never waits for a call, a reader or user code: everything it
//! starts comes back as an event, so renewals are never late because of something else.
//!
//! How it stops, for each seat: readers end (`StopFetching`) → the core processes what is stored → the last safe
//! position is checkpointed → the lease is released → the seat is told (`Leave`). Renewals go on until then. The task
//! ends with the last seat.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use dstream_core::{Clock, ReceiverError};
use kinesis_endpoint::ServiceError;
use kpl_deagg::RangePolicy;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::Instant;
use tracing::{info, warn};

use crate::checkpoint::tracker::ProgressTracker;
use crate::consumer::expand::Expander;
use crate::consumer::start::start_of;
use crate::consumer::task::{ConsumerEnd, RecordSink, ShardConsumer, Started};
use crate::error::KinesisError;
use crate::lease::commit::Commit;
use crate::lease::core::{Command, LeaseCore, Ticket};
use crate::lease::hole::{Cover, cover};
use crate::lease::lease::Lease;
use crate::lease::store::Listing;
use crate::position::{Checkpoint, InitialPosition, Timestamp};
use crate::range::Holding;
use crate::shard::ShardId;
use crate::worker::ops::{Done, Ops};
use crate::worker::reading::{HeldShard, Phase};
use crate::worker::seats::{SeatId, seat_for};

/// Requests waiting for the task: each seat has at most one under way, and few processes have more than 64 seats.
pub(crate) const REQUEST_CAPACITY: usize = 64;
/// Notices of readers that began: as many as shards may begin at once before one waits a moment.
const STARTED_CAPACITY: usize = 64;
/// Listings in a row that must show a hole before leases are made: a reshard shows one for a moment.
const HOLES_BEFORE_SYNC: u32 = 3;

/// What a seat asks of the task.
#[derive(Debug)]
pub(crate) enum Request {
    /// End the seat's readers; the answer comes when none runs.
    StopFetching(SeatId, oneshot::Sender<()>),
    /// Checkpoint and release the seat's shards; the answer comes when none is held.
    Leave(SeatId, oneshot::Sender<()>),
}

/// How a worker reads.
#[derive(Debug, Clone)]
pub(crate) struct WorkerSettings {
    pub(crate) position: InitialPosition,
    pub(crate) range_policy: RangePolicy,
    pub(crate) checkpoint_interval: Duration,
    pub(crate) idle: Duration,
    pub(crate) give_up_after: Duration,
    pub(crate) seed: u64,
}

/// A receiver that has joined.
#[derive(Debug)]
struct Seat {
    sink: RecordSink,
    state: SeatState,
}

#[derive(Debug)]
enum SeatState {
    Open,
    Stopping(Option<oneshot::Sender<()>>),
    Leaving(oneshot::Sender<()>),
    Left,
}

/// A reader's task.
#[derive(Debug)]
struct Running {
    shard: ShardId,
    holding: Holding,
    seat: SeatId,
    /// Dropping it stops the reader.
    stop: Option<watch::Sender<()>>,
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
    tracker: Arc<ProgressTracker>,
    clock: Arc<dyn Clock>,
    seats: BTreeMap<SeatId, Seat>,
    shards: BTreeMap<ShardId, HeldShard>,
    readers: JoinSet<ConsumerEnd>,
    running: BTreeMap<Id, Running>,
    started: (mpsc::Sender<Started>, mpsc::Receiver<Started>),
    next_checkpoint: Instant,
    listed: bool,
    holes: u32,
    list_failing_since: Option<Instant>,
}

impl WorkerTask {
    pub(crate) fn new(
        core: LeaseCore,
        ops: Ops,
        settings: WorkerSettings,
        tracker: Arc<ProgressTracker>,
        clock: Arc<dyn Clock>,
        seats: Vec<(SeatId, RecordSink)>,
    ) -> Self {
        let next_checkpoint = Instant::now() + settings.checkpoint_interval;
        Self {
            core,
            ops,
            settings,
            tracker,
            clock,
            seats: seats.into_iter().map(|(id, sink)| (id, Seat { sink, state: SeatState::Open })).collect(),
            shards: BTreeMap::new(),
            readers: JoinSet::new(),
            running: BTreeMap::new(),
            started: mpsc::channel(STARTED_CAPACITY),
            next_checkpoint,
            listed: false,
            holes: 0,
            list_failing_since: None,
        }
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
                Some(end) = self.readers.join_next_with_id() => self.on_reader_end(end),
                Some(started) = self.started.1.recv() => self.on_started(&started),
                () = tracker.moved() => {}
                () = tokio::time::sleep_until(deadline) => {}
            }
        }
    }

    fn deadline(&self) -> Instant {
        let core = self.core.deadline().map(Instant::from_std);
        core.map_or(self.next_checkpoint, |core| core.min(self.next_checkpoint))
    }

    fn is_over(&self) -> bool {
        self.seats.values().all(|seat| matches!(seat.state, SeatState::Left))
            && self.core.is_idle()
            && self.running.is_empty()
    }

    /// Everything that can be done without waiting.
    fn act(&mut self) {
        let now = Instant::now();
        if now >= self.next_checkpoint {
            self.next_checkpoint = now + self.settings.checkpoint_interval;
            self.stage_checkpoints();
        }
        self.start_readers();
        self.stage_ends();
        loop {
            let commands = self.core.poll(now.into_std());
            if commands.is_empty() {
                break;
            }
            commands.into_iter().for_each(|command| self.carry_out(command));
        }
        self.start_readers();
        self.say_ready(now);
        self.answer_seats();
    }

    fn carry_out(&mut self, command: Command) {
        match command {
            Command::List => self.ops.list(),
            Command::Write(ticket) => self.ops.write(ticket),
            Command::Gained(lease, holding) => self.on_gained(lease, holding),
            Command::Lost(shard, holding, reason) => {
                warn!(%shard, ?reason, "lost a lease; another worker goes on from its checkpoint");
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
        }
    }

    fn on_gained(&mut self, lease: Lease, holding: Holding) {
        let open = self.seats.iter().filter(|(_, seat)| matches!(seat.state, SeatState::Open)).map(|(id, _)| *id);
        let Some(seat) = seat_for(open, self.shards.values().map(|held| held.seat)) else {
            self.core.release(&lease.shard, holding);
            return;
        };
        info!(shard = %lease.shard, checkpoint = %lease.checkpoint, seat = seat.0, "gained a lease");
        self.tracker.with(|progress| progress.begin(lease.shard.clone(), holding));
        let held = HeldShard { lease, holding, seat, phase: Phase::WaitingForParents };
        self.shards.insert(held.lease.shard.clone(), held);
    }

    fn forget(&mut self, shard: &ShardId, holding: Holding) {
        if self.shards.get(shard).is_some_and(|held| held.holding == holding) {
            self.shards.remove(shard);
        }
        self.tracker.with(|progress| progress.forget(shard, holding));
        self.stop_readers(|running| running.shard == *shard && running.holding == holding);
    }

    fn start_readers(&mut self) {
        let waiting = |held: &&mut HeldShard| held.phase == Phase::WaitingForParents;
        for held in self.shards.values_mut().filter(waiting) {
            let Some(seat) = self.seats.get(&held.seat).filter(|seat| matches!(seat.state, SeatState::Open)) else {
                continue;
            };
            if !self.core.parents_done(&held.lease.shard) {
                continue;
            }
            let Some(start) = start_of(&held.lease) else {
                held.phase = Phase::Stopped;
                continue;
            };
            held.phase = Phase::Opening;
            let consumer = ShardConsumer {
                api: self.ops.api(),
                expander: Expander {
                    shard: held.lease.shard.clone(),
                    hash_range: held.lease.hash_range,
                    policy: self.settings.range_policy,
                    processed: start.processed,
                },
                holding: held.holding,
                start,
                sink: seat.sink.clone(),
                tracker: Arc::clone(&self.tracker),
                started: self.started.0.clone(),
                idle: self.settings.idle,
                give_up_after: self.settings.give_up_after,
                seed: self.settings.seed ^ held.holding.0,
            };
            let (stop, stopped) = watch::channel(());
            let id = self.readers.spawn(consumer.run(stopped)).id();
            let shard = held.lease.shard.clone();
            self.running.insert(id, Running { shard, holding: held.holding, seat: held.seat, stop: Some(stop) });
        }
    }

    fn stop_readers(&mut self, which: impl Fn(&Running) -> bool) {
        self.running.values_mut().filter(|running| which(running)).for_each(|running| running.stop = None);
    }

    fn on_started(&mut self, Started(shard, holding): &Started) {
        if let Some(held) = self.held(shard, *holding).filter(|held| held.phase == Phase::Opening) {
            held.phase = Phase::Reading;
        }
    }

    fn on_reader_end(&mut self, end: Result<(Id, ConsumerEnd), JoinError>) {
        let (id, end) = match end {
            Ok((id, end)) => (id, Ok(end)),
            Err(error) => (error.id(), Err(error)),
        };
        let Some(running) = self.running.remove(&id) else { return };
        match end {
            Ok(ConsumerEnd::ShardEnd(children)) => {
                if let Some(held) = self.held(&running.shard, running.holding) {
                    held.phase = Phase::MakingChildren;
                    self.tracker.with(|progress| progress.on_end(&running.shard, running.holding));
                    self.ops.make_children(running.shard, running.holding, children);
                }
                return;
            }
            Ok(ConsumerEnd::Stopped) => {}
            Ok(ConsumerEnd::Failed(error)) => self.fail_seat(running.seat, KinesisError::Service(error)),
            Err(error) => self
                .fail_seat(running.seat, KinesisError::ReaderPanicked { shard: running.shard.clone(), source: error }),
        }
        if let Some(held) = self.held(&running.shard, running.holding) {
            held.phase = Phase::Stopped;
        }
    }

    fn on_done(&mut self, done: Done) {
        match done {
            Done::Listed(listing) => self.on_listed(listing),
            Done::Written(ticket, outcome) => self.on_written(&ticket, outcome),
            Done::ChildrenMade { shard, holding, result: Ok(()), .. } => {
                if let Some(held) = self.held(&shard, holding) {
                    held.phase = Phase::Draining;
                }
            }
            Done::ChildrenMade { shard, holding, children, result: Err(error) } => {
                if !error.kind.is_transient() {
                    self.fail_all(error);
                } else if self.held(&shard, holding).is_some() {
                    warn!(%shard, %error, "the leases of the following shards could not be made; trying again");
                    self.ops.make_children(shard, holding, children);
                }
            }
            Done::Synced(Ok(made)) => info!(made, "filled a hole in the leases"),
            Done::Synced(Err(error)) => warn!(%error, "could not look for missing leases; trying again later"),
        }
    }

    fn on_written(&mut self, ticket: &Ticket, outcome: Commit) {
        self.core.on_commit(ticket, &outcome, Instant::now().into_std());
        if let Commit::NotDone(error) | Commit::Unknown(error) = outcome {
            if error.kind.is_transient() {
                warn!(shard = %ticket.change.shard(), %error, "a lease could not be written; trying again");
            } else {
                self.fail_all(error);
            }
        }
    }

    fn on_listed(&mut self, listing: Result<Listing, ServiceError>) {
        let now = Instant::now();
        match listing {
            Ok(listing) => {
                self.list_failing_since = None;
                self.listed = true;
                self.core.on_listing(listing.leases, now.into_std());
                self.look_for_holes();
            }
            Err(error) => {
                let since = *self.list_failing_since.get_or_insert(now);
                self.core.on_list_failed(now.into_std());
                if error.kind.is_transient() && since.elapsed() < self.settings.give_up_after {
                    warn!(%error, "the lease table could not be read; trying again");
                } else {
                    self.fail_all(error);
                }
            }
        }
    }

    fn look_for_holes(&mut self) {
        let hole = matches!(cover(self.core.snapshot().leases()), Cover::Hole { .. });
        self.holes = if hole { self.holes + 1 } else { 0 };
        if self.holes == HOLES_BEFORE_SYNC {
            self.holes = 0;
            let leases = self.core.snapshot().leases().cloned().collect();
            self.ops.sync(leases, self.settings.position, Timestamp::from_millis(self.clock.now().as_millis()));
        }
    }

    fn stage_checkpoints(&mut self) {
        for held in self.shards.values() {
            // While the following shards have no leases, an ended shard may be left at its last record and not at its
            // end: whoever goes on reads nothing again and makes those leases.
            let safe = self.tracker.with(|progress| match progress.safe(&held.lease.shard, held.holding) {
                Some(Checkpoint::ShardEnd) if held.phase == Phase::Draining => None,
                Some(Checkpoint::ShardEnd) => progress.done(&held.lease.shard, held.holding),
                safe => safe,
            });
            if let Some(to) = safe {
                self.core.checkpoint(&held.lease.shard, held.holding, to);
            }
        }
    }

    /// A shard's end does not wait for the checkpoint interval: its children wait for it.
    fn stage_ends(&mut self) {
        for held in self.shards.values().filter(|held| held.phase == Phase::Draining) {
            let safe = self.tracker.with(|progress| progress.safe(&held.lease.shard, held.holding));
            if safe == Some(Checkpoint::ShardEnd) {
                self.core.checkpoint(&held.lease.shard, held.holding, Checkpoint::ShardEnd);
            }
        }
    }

    /// Every unfinished shard is held by somebody alive, and ours have their iterators.
    fn say_ready(&self, now: Instant) {
        let coverage = self.core.coverage(now.into_std());
        let opening = self.shards.values().any(|held| held.phase == Phase::Opening);
        if self.listed && !opening && coverage.held == coverage.unfinished {
            self.seats.values().for_each(|seat| seat.sink.ready());
        }
    }

    fn on_request(&mut self, request: Request) {
        match request {
            Request::StopFetching(seat, reply) => self.stop_seat(seat, SeatState::Stopping(Some(reply))),
            Request::Leave(seat, reply) => {
                self.stop_seat(seat, SeatState::Leaving(reply));
                self.release_shards_of(seat);
            }
        }
    }

    fn stop_seat(&mut self, id: SeatId, state: SeatState) {
        if let Some(seat) = self.seats.get_mut(&id) {
            seat.state = state;
        }
        self.stop_readers(|running| running.seat == id);
        if !self.seats.values().any(|seat| matches!(seat.state, SeatState::Open)) {
            self.core.stop_taking();
        }
    }

    fn release_shards_of(&mut self, seat: SeatId) {
        self.stage_checkpoints();
        self.stage_ends();
        for held in self.shards.values().filter(|held| held.seat == seat) {
            self.core.release(&held.lease.shard, held.holding);
        }
    }

    fn leave_all(&mut self) {
        let seats: Vec<SeatId> = self.seats.keys().copied().collect();
        for seat in seats {
            self.stop_seat(seat, SeatState::Left);
            self.release_shards_of(seat);
        }
    }

    /// Tells seats that what they asked for is done.
    fn answer_seats(&mut self) {
        for (id, seat) in &mut self.seats {
            let reads = self.running.values().any(|running| running.seat == *id);
            let holds = self.shards.values().any(|held| held.seat == *id);
            // A receiver of an answer that is gone does not wait for it any more.
            match std::mem::replace(&mut seat.state, SeatState::Left) {
                SeatState::Stopping(Some(reply)) if !reads => {
                    let _ = reply.send(());
                    seat.state = SeatState::Stopping(None);
                }
                SeatState::Leaving(reply) if !reads && !holds => {
                    let _ = reply.send(());
                }
                state => seat.state = state,
            }
        }
    }

    fn held(&mut self, shard: &ShardId, holding: Holding) -> Option<&mut HeldShard> {
        self.shards.get_mut(shard).filter(|held| held.holding == holding)
    }

    fn fail_seat(&self, seat: SeatId, error: KinesisError) {
        if let Some(seat) = self.seats.get(&seat) {
            seat.sink.fail(ReceiverError::new(error));
        }
    }

    fn fail_all(&self, error: ServiceError) {
        if let Some(seat) = self.seats.keys().next() {
            self.fail_seat(*seat, KinesisError::Service(error));
        }
    }
}
