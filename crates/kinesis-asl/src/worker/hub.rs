//! How the receivers of one process and application find their common worker, join it and leave it.
//!
//! Order: every input stream registers when it is built; the first receiver that starts opens the connections and
//! prepares table and leases; when all registered receivers have joined, the worker's task starts; the last to leave waits
//! for its end.

use std::collections::BTreeSet;
use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use dstream_core::{Clock, Leftover, ReceiverError, SystemClock};
use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::sync::{OnceCell, mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tracing::info;
use uuid::Uuid;

use crate::api::KinesisApi;
use crate::checkpoint::published::SnapshotLookup;
use crate::checkpoint::tracker::ProgressTracker;
use crate::config::KinesisConfig;
#[cfg(any(test, feature = "test-util"))]
use crate::consumer::arrival_lag::WallClock;
use crate::consumer::board::ReadingBoard;
use crate::consumer::settings::ReaderSettings;
use crate::consumer::task::RecordSink;
use crate::dead_letters::Policies;
use crate::error::KinesisError;
#[cfg(any(test, feature = "test-util"))]
use crate::lease::command::Command;
use crate::lease::command::Unresolved;
use crate::lease::core::{LeaseCore, LeasePolicy};
use crate::lease::lease::WorkerId;
use crate::lease::plan::TakeLimits;
use crate::lease::store::LeaseStore;
#[cfg(any(test, feature = "test-util"))]
use crate::position::InitialPosition;
use crate::position::Timestamp;
use crate::range::SequenceRange;
use crate::worker::leftovers::Leftovers;
use crate::worker::opening::Opening;
use crate::worker::ops::Ops;
use crate::worker::seat_table::Joined;
use crate::worker::seats::SeatId;
use crate::worker::services::Services;
use crate::worker::settings::WorkerSettings;
use crate::worker::streams::{Opened, Stream, Streams};
use crate::worker::task::{Observer, REQUEST_CAPACITY, Request, WorkerTask};

/// A worker that was asked for a lease has this many failover times to hand it over, as in KCL 3,
const PATIENCE_WITH_OWNERS: u32 = 3;
/// and the time of the batches that may be under way, or wait, with what it has read.
const BATCHES_TO_FINISH: u32 = 3;

/// The worker of one process and application.
pub struct WorkerHub {
    config: KinesisConfig,
    tracker: Arc<ProgressTracker>,
    reading: ReaderSettings,
    clock: Arc<dyn Clock>,
    identity: Identity,
    services: OnceCell<Services>,
    opening: Opening,
    /// What the worker's task runs inside of, if anything; simulations freeze a process with it.
    wrapper: Option<TaskWrapper>,
    observer: Option<Observer>,
    /// Where snapshots are looked for that leases name.
    snapshots: SnapshotLookup,
    /// Whether the task runs, or has.
    running: watch::Sender<bool>,
    /// The streams, once the first receiver has opened them, until the worker's task gets them.
    opened: Mutex<Option<Opened>>,
    /// Held for a few assignments, never across an await.
    state: Mutex<HubState>,
}

/// Puts a task inside of another future.
type TaskWrapper = Box<dyn Fn(BoxFuture<'static, ()>) -> BoxFuture<'static, ()> + Send + Sync>;

/// Under which name a worker owns leases, and what its random choices come from.
#[derive(Debug, Clone)]
struct Identity {
    id: WorkerId,
    seed: u64,
}

/// The two services of a worker on one stream.
#[derive(Clone)]
pub struct Backend {
    /// The stream.
    pub api: Arc<dyn KinesisApi>,
    /// The lease table.
    pub store: Arc<dyn LeaseStore>,
}

impl fmt::Debug for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Backend").finish_non_exhaustive()
    }
}

#[derive(Default)]
struct HubState {
    /// What the receivers were built with; a seat is a place in this list.
    registered: Vec<KinesisConfig>,
    policies: Policies,
    joined: Vec<Joined>,
    /// Those that have begun to leave, whether or not they have.
    leaving: BTreeSet<SeatId>,
    left: usize,
    /// What an earlier run left to each seat.
    leftovers: Vec<(SeatId, Leftover<SequenceRange>)>,
    worker: Option<Worker>,
}

struct Worker {
    requests: mpsc::Sender<Request>,
    task: JoinHandle<()>,
}

impl fmt::Debug for WorkerHub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WorkerHub").field("config", &self.config).finish_non_exhaustive()
    }
}

impl WorkerHub {
    /// A worker that will reach AWS, or whatever endpoints the configuration names.
    #[must_use]
    pub fn new(config: KinesisConfig) -> Self {
        Self {
            tracker: Arc::new(ProgressTracker::new(config.tuning.checkpoint_after)),
            reading: ReaderSettings::new(&config.tuning, Arc::default()),
            config,
            clock: Arc::new(SystemClock),
            identity: Identity::fresh(),
            services: OnceCell::new(),
            opening: Opening::default(),
            wrapper: None,
            observer: None,
            snapshots: replay::snapshots(),
            running: watch::Sender::new(false),
            opened: Mutex::default(),
            state: Mutex::default(),
        }
    }

    /// A worker on given services and a given clock: for tests and simulations.
    #[cfg(any(test, feature = "test-util"))]
    #[must_use]
    pub fn with_backend(config: KinesisConfig, backend: Backend, clock: Arc<dyn Clock>) -> Self {
        let streams = vec![(config.stream.clone(), config.initial_position, backend.api)];
        Self::with_streams(config, streams, backend.store, clock)
    }

    /// The same with streams of which each has a name and an initial position of its own.
    #[cfg(any(test, feature = "test-util"))]
    #[must_use]
    pub fn with_streams(
        config: KinesisConfig,
        streams: Vec<(String, InitialPosition, Arc<dyn KinesisApi>)>,
        store: Arc<dyn LeaseStore>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let mut hub = Self { clock, ..Self::new(config) };
        hub.reading.clock = WallClock(Arc::clone(&hub.clock));
        let services = Services::new(&hub.config, streams, store, &*hub.clock, &hub.reading.board);
        Self { services: OnceCell::new_with(Some(services)), ..hub }
    }

    /// The same worker with a given name and seed in place of fresh ones, so that a simulation can be played again. The
    /// name must differ from those of all other workers of the table.
    #[cfg(any(test, feature = "test-util"))]
    #[must_use]
    pub fn with_identity(self, id: WorkerId, seed: u64) -> Self {
        Self { identity: Identity { id, seed }, ..self }
    }

    /// The same worker, which notes what its readers do on a given board in place of one of its own.
    #[must_use]
    pub fn with_board(mut self, board: Arc<ReadingBoard>) -> Self {
        self.reading.board = board;
        self
    }

    /// The same worker with its task inside of another future, which may hold it up: a simulation freezes it so.
    #[cfg(any(test, feature = "test-util"))]
    #[must_use]
    pub fn with_wrapper(
        self,
        wrap: impl Fn(BoxFuture<'static, ()>) -> BoxFuture<'static, ()> + Send + Sync + 'static,
    ) -> Self {
        Self { wrapper: Some(Box::new(wrap)), ..self }
    }

    /// The same worker, whose decisions are seen by somebody before they are carried out: for tests and simulations.
    #[cfg(any(test, feature = "test-util"))]
    #[must_use]
    pub fn with_observer(self, observe: impl Fn(&Command) + Send + Sync + 'static) -> Self {
        Self { observer: Some(Arc::new(observe)), ..self }
    }

    /// What hears of stored and processed ranges.
    #[must_use]
    pub fn tracker(&self) -> Arc<ProgressTracker> {
        Arc::clone(&self.tracker)
    }

    /// Takes a receiver's seat. The first one checks the stream and prepares the table; the last one starts the task.
    ///
    /// # Errors
    /// The first call that failed, for all receivers that waited for it; a later call tries again.
    ///
    /// # Cancellation
    /// Safe: the seat is not taken, and what was prepared is used by the next.
    pub async fn join(&self, seat: SeatId, sink: RecordSink) -> Result<(), Arc<KinesisError>> {
        let services = self.services.get_or_init(|| self.connect()).await;
        self.opening.run(self.open(services)).await?;
        let mut state = self.lock();
        let stream = state.registered.get(seat.0).map_or(&*self.config.stream, |config| &*config.stream).into();
        state.joined.push(Joined { seat, stream, sink });
        if state.joined.len() == state.registered.len() {
            let leftovers = Leftovers::new(std::mem::take(&mut state.leftovers));
            state.worker = Some(self.spawn(services, state.joined.clone(), leftovers));
            self.running.send_replace(true);
        }
        Ok(())
    }

    /// Ends the reading of a seat's shards; its leases are kept.
    ///
    /// # Cancellation
    /// The readers end all the same.
    pub async fn stop_fetching(&self, seat: SeatId) {
        self.ask(|reply| Request::StopFetching(seat, reply)).await;
    }

    /// Checkpoints and releases a seat's shards. The last one to leave waits until the worker's task has ended.
    ///
    /// # Errors
    /// [`KinesisError::NotReleased`] names the shards for which that could not be written within the failover time.
    ///
    /// # Cancellation
    /// The leases are released all the same; the task is then not waited for.
    pub async fn leave(&self, seat: SeatId) -> Result<(), KinesisError> {
        // Before the task hears of it: what is not answered from now on is not for a panic.
        self.lock().leaving.insert(seat);
        let unwritten = self.ask(|reply| Request::Leave(seat, reply)).await.unwrap_or_default();
        let last = {
            let mut state = self.lock();
            state.left += 1;
            if state.left >= state.joined.len() { state.worker.take() } else { None }
        };
        if let Some(Worker { task, requests }) = last {
            drop(requests);
            // A panic was reported by the task itself.
            let _ = task.await;
            if let Some(services) = self.services.get() {
                services.deregister().await;
            }
        }
        if unwritten.is_empty() { Ok(()) } else { Err(KinesisError::NotReleased { shards: unwritten }) }
    }

    /// Ends the worker's task and its readers at once, as a crash of the process does: nothing is checkpointed or
    /// released, and the leases stay owned until the failover time is over. For tests and simulations.
    ///
    /// # Cancellation
    /// The task ends all the same.
    #[cfg(any(test, feature = "test-util"))]
    pub async fn kill(&self) {
        let worker = self.lock().worker.take();
        if let Some(Worker { task, requests: _held_until_the_end }) = worker {
            task.abort();
            // It was aborted, or had ended before.
            let _ = task.await;
        }
    }

    /// Asks the worker's task. `None` when it has ended, or never started, and with it everything that could be asked.
    async fn ask<T>(&self, request: impl FnOnce(oneshot::Sender<T>) -> Request) -> Option<T> {
        let requests = self.lock().worker.as_ref().map(|worker| worker.requests.clone())?;
        let (reply, answer) = oneshot::channel();
        requests.send(request(reply)).await.ok()?;
        answer.await.ok()
    }

    async fn open(&self, services: &Services) -> Result<(), Arc<KinesisError>> {
        let patience = self.config.tuning.give_up_after;
        let opened = services.opening.patiently(&services.streams, patience, self.identity.seed).await?;
        *self.opened.lock().unwrap_or_else(PoisonError::into_inner) = Some(opened);
        Ok(())
    }

    /// The services that the configuration names, and each stream that a receiver was built for, once.
    async fn connect(&self) -> Services {
        let streams = {
            let state = self.lock();
            let configs = [&self.config].into_iter().chain(&state.registered);
            configs.map(|config| (config.stream.clone(), config.initial_position)).collect()
        };
        // It is large, and would make every future large that may have to wait for it.
        Box::pin(Services::connect(&self.config, streams, &*self.clock, &self.reading.board)).await
    }

    fn spawn(&self, services: &Services, seats: Vec<Joined>, leftovers: Leftovers) -> Worker {
        let tuning = &self.config.tuning;
        let Identity { id: me, seed } = self.identity.clone();
        let opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner).take().unwrap_or_default();
        for Stream { spec, scope, .. } in opened.streams.iter().map(|stream| &**stream) {
            info!(worker = %me, application = %self.config.application, stream = %spec.name, %scope, "worker starts");
        }
        let unresolved = Unresolved { latest: Timestamp::from_millis(self.clock.now().as_millis()) };
        let policy = LeasePolicy {
            limits: TakeLimits { failover: tuning.failover, max_leases: tuning.max_leases },
            hand_over_within: tuning.failover * PATIENCE_WITH_OWNERS + tuning.checkpoint_interval * BATCHES_TO_FINISH,
            unresolved,
        };
        let settings = WorkerSettings {
            range_policy: tuning.range_policy,
            checkpoint_interval: tuning.checkpoint_interval,
            give_up_after: tuning.give_up_after,
            reading: self.reading.clone(),
            seed,
            cleanup: tuning.lease_cleanup,
            snapshots: self.snapshots.clone(),
        };
        let predecessors = leftovers.workers().iter().filter(|worker| **worker != me).cloned().collect();
        let core = LeaseCore::new(me, policy, seed, Instant::now().into_std());
        let mut core = core.succeeding(predecessors);
        opened.streams.iter().for_each(|stream| core.begins_at(&stream.scope, stream.spec.position));
        let ops = Ops::new(Arc::clone(&services.opening.store));
        let streams = (Arc::clone(&services.opening), Streams::new(opened, tuning.failover));
        let sinks: Vec<RecordSink> = seats.iter().map(|joined| joined.sink.clone()).collect();
        let task = WorkerTask::new(core, ops, settings, streams, self.tracker(), Arc::clone(&self.clock), seats);
        let task = task.observed_by(self.observer.clone()).resuming(leftovers);
        let (requests, inbox) = mpsc::channel(REQUEST_CAPACITY);
        let application = self.config.application.clone();
        let task = async move {
            if AssertUnwindSafe(task.run(inbox)).catch_unwind().await.is_err()
                && let Some(sink) = sinks.first()
            {
                sink.fail(ReceiverError::new(KinesisError::WorkerPanicked { application }));
            }
        };
        let task = match &self.wrapper {
            Some(wrap) => tokio::spawn(wrap(Box::pin(task))),
            None => tokio::spawn(task),
        };
        Worker { requests, task }
    }

    fn lock(&self) -> MutexGuard<'_, HubState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Identity {
    fn fresh() -> Self {
        let id = Uuid::new_v4();
        let (seed, _) = id.as_u64_pair();
        Self { id: WorkerId::from(format!("{}:{id}", host_name()).as_str()), seed }
    }
}

fn host_name() -> String {
    hostname::get().ok().and_then(|name| name.into_string().ok()).unwrap_or_else(|| "unknown-host".to_owned())
}

mod registering;
mod replay;
#[cfg(test)]
mod tests;
