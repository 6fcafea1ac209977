//! A simulated world: one stream, one lease table, any number of processes, and what befalls them.
//!
//! A story calls the methods in turn; records are produced while [`World::run_for`] lets time pass. At the end
//! [`World::finish`] mends the network, waits until everything is processed, stops everybody and tells what was found.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use kinesis_asl::lease::command::Command;
use kinesis_asl::lease::lease::Lease;
use kinesis_asl::shard::ShardId;
use kinesis_asl::worker::hub::{Backend, WorkerHub};
use kinesis_asl::{ConfigError, ServiceError};
use kinesis_local::model::KinesisError;
use thiserror::Error;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::chronicle::Chronicle;
use crate::clock::SimClock;
use crate::event::{Belief, Entry, Event, WorkerNo};
use crate::link::{Link, Weather};
use crate::linked::{LinkedKinesis, LinkedTable};
use crate::setup::Setup;
use crate::stream::{Reshard, SimKinesis};
use crate::table::SimTable;
use crate::worker::Life;

/// How often records are put, and conditions looked at.
const TICK: Duration = Duration::from_millis(100);
/// A new stream takes records after the model's status delay of 20 ms.
const STREAM_BEGINS: Duration = Duration::from_millis(100);
/// Spreads the seeds of the workers of one world.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// Why a world cannot be made.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum WorldError {
    /// The model refused the stream.
    #[error("the simulated stream cannot be made")]
    Stream(#[from] KinesisError),
    /// The worker refused its settings.
    #[error("the simulated worker cannot be made")]
    Worker(#[from] ConfigError),
    /// A peer could not read or write: it has no faults, so the simulation is at fault.
    #[error("a peer in the simulated world cannot work")]
    Peer(#[from] ServiceError),
    /// There is no runtime to run it on.
    #[error("the runtime of the simulation cannot be made")]
    Runtime(#[from] std::io::Error),
}

/// A simulated world.
#[derive(Debug)]
pub struct World {
    pub(crate) seed: u64,
    pub(crate) setup: Setup,
    clock: SimClock,
    pub(crate) chronicle: Arc<Chronicle>,
    pub(crate) stream: Arc<SimKinesis>,
    pub(crate) table: Arc<SimTable>,
    started: u32,
    pub(crate) weather: Weather,
    pub(crate) processes: BTreeMap<WorkerNo, Process>,
    pub(crate) table_calls: u64,
    /// When the last pause or freeze ends, since the start.
    pub(crate) disturbed_until: Duration,
    /// Thousandths of records that are due and not yet put.
    owed: u64,
}

/// A process that has not been seen to end.
#[derive(Debug)]
pub(crate) struct Process {
    pub(crate) hub: Arc<WorkerHub>,
    pub(crate) link: Arc<Link>,
    /// `None` once it was told to stop.
    stop: Option<oneshot::Sender<()>>,
    pub(crate) task: JoinHandle<()>,
}

impl World {
    /// A world with an empty stream and nobody in it. Call it on a current-thread runtime with paused time, such as the
    /// one of [`run`](crate::run).
    ///
    /// # Errors
    /// When the stream cannot be made as the setup says.
    ///
    /// # Cancellation
    /// Safe: nothing is kept.
    pub async fn new(seed: u64, setup: Setup) -> Result<Self, WorldError> {
        let clock = SimClock::start();
        let chronicle = Arc::new(Chronicle::new(clock, setup.failover));
        let stream = SimKinesis::new(clock, Arc::clone(&chronicle), &setup.shape(), seed)?;
        tokio::time::sleep(STREAM_BEGINS).await;
        Ok(Self {
            seed,
            weather: Weather::everywhere(setup.faults),
            table: Arc::new(SimTable::new(clock, Arc::clone(&chronicle), setup.weakness)),
            stream: Arc::new(stream),
            setup,
            clock,
            chronicle,
            started: 0,
            processes: BTreeMap::new(),
            table_calls: 0,
            disturbed_until: Duration::ZERO,
            owed: 0,
        })
    }

    /// Starts a process.
    ///
    /// # Errors
    /// When its settings are refused.
    pub fn start_worker(&mut self) -> Result<WorkerNo, WorldError> {
        self.started += 1;
        let worker = WorkerNo(self.started);
        let seed = self.seed.wrapping_mul(GOLDEN).wrapping_add(u64::from(self.started).wrapping_mul(GOLDEN));
        let link = Link::new(worker, self.clock, Arc::clone(&self.chronicle), self.weather, seed);
        let backend = Backend {
            api: Arc::new(LinkedKinesis {
                link: Arc::clone(&link),
                stream: Arc::clone(&self.stream),
                page_limit: self.setup.page_limit,
            }),
            store: Arc::new(LinkedTable { link: Arc::clone(&link), table: Arc::clone(&self.table) }),
        };
        let hub = WorkerHub::with_backend(self.setup.config(), backend, Arc::new(self.clock));
        let gate = Arc::clone(&link.gate);
        let hub = hub.with_identity(worker.id(), seed ^ 1).with_wrapper(move |task| gate.guard(task));
        let log = Arc::clone(&self.chronicle);
        let hub = Arc::new(hub.with_observer(move |command| {
            belief(worker, command).into_iter().for_each(|event| log.record(event));
        }));
        let chronicle = Arc::clone(&self.chronicle);
        let life = Life::new(worker, Arc::clone(&hub), Arc::clone(&link), chronicle, &self.setup, seed ^ 2)?;
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(link.gate.guard(Box::pin(life.run(stopped))));
        self.processes.insert(worker, Process { hub, link, stop: Some(stop), task });
        Ok(worker)
    }

    /// Tells a process to stop gracefully, and returns at once; it stops while time passes.
    pub fn stop_worker(&mut self, worker: WorkerNo) {
        let stop = self.processes.get_mut(&worker).and_then(|process| process.stop.take());
        if let Some(stop) = stop {
            self.chronicle.record(Event::Stopping(worker));
            // It may have ended by itself.
            let _ = stop.send(());
        }
    }

    /// The processes that have not been told to stop, have not crashed and have not ended by themselves.
    #[must_use]
    pub fn running(&self) -> Vec<WorkerNo> {
        let runs = |process: &Process| process.stop.is_some() && !process.task.is_finished();
        self.processes.iter().filter(|(_, process)| runs(process)).map(|(worker, _)| *worker).collect()
    }

    /// The shards that take records, neighbours next to each other.
    #[must_use]
    pub fn open_shards(&self) -> Vec<ShardId> {
        self.stream.open_shards()
    }

    /// Splits a shard in the middle.
    pub fn split(&self, shard: &ShardId) -> Reshard {
        self.stream.split(shard)
    }

    /// Merges two neighbours.
    pub fn merge(&self, shard: &ShardId, adjacent: &ShardId) -> Reshard {
        self.stream.merge(shard, adjacent)
    }

    /// The time since the start.
    #[must_use]
    pub fn now(&self) -> Duration {
        self.clock.elapsed()
    }

    /// The lease table as it stands.
    #[must_use]
    pub fn leases(&self) -> Vec<Lease> {
        self.chronicle.with_checker(|checker| checker.leases().cloned().collect())
    }

    /// The shards that a worker owns in the table and that have not ended.
    #[must_use]
    pub fn owned_by(&self, worker: WorkerNo) -> BTreeSet<ShardId> {
        let owner = Some(worker.id());
        self.leases().into_iter().filter(|l| l.owner == owner && !l.is_ended()).map(|lease| lease.shard).collect()
    }

    /// Looks at the log so far.
    pub fn with_log<T>(&self, look: impl FnOnce(&[Entry]) -> T) -> T {
        self.chronicle.with_entries(look)
    }

    /// Lets time pass while records are produced.
    ///
    /// # Cancellation
    /// Safe: the time that passed has passed.
    pub async fn run_for(&mut self, time: Duration) {
        self.run_until(time, |_| false).await;
    }

    /// Lets time pass while records are produced, until a condition holds. Returns how long that took; `None` when the
    /// limit came first. The resolution is 100 ms.
    ///
    /// # Cancellation
    /// Safe: the time that passed has passed.
    pub async fn run_until(&mut self, limit: Duration, holds: impl Fn(&Self) -> bool) -> Option<Duration> {
        let began = self.now();
        loop {
            if holds(self) {
                return Some(self.now() - began);
            }
            let left = (began + limit).saturating_sub(self.now());
            if left.is_zero() {
                return None;
            }
            tokio::time::sleep(left.min(TICK)).await;
            self.produce(left.min(TICK));
        }
    }

    fn produce(&mut self, time: Duration) {
        let millis = u64::try_from(time.as_millis()).unwrap_or(0);
        self.owed += millis * u64::from(self.setup.records_per_second);
        let due = self.owed / 1_000;
        self.owed %= 1_000;
        self.stream.put(u32::try_from(due).unwrap_or(u32::MAX));
    }
}

/// What a command of a worker's core says of its beliefs.
fn belief(worker: WorkerNo, command: &Command) -> Option<Event> {
    let (shard, holding, belief) = match command {
        Command::Gained(lease, holding) => (&lease.shard, holding, Belief::Held),
        Command::Lost(shard, holding, reason) => (shard, holding, Belief::Lost(*reason)),
        Command::Released(shard, holding) => (shard, holding, Belief::Released),
        Command::List | Command::Write(_) | Command::Checkpointed(..) | Command::Wanted(..) => return None,
    };
    Some(Event::Believes(worker, shard.clone(), *holding, belief))
}
