//! A worker on a stream of one shard and a table in memory, both under a test's control: it says what is in the pages, and how
//! writes of positions end. Under virtual time; whatever the worker does is seen in what it writes.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use dstream_core::testing::{StoreProbe, receiver_store};
use dstream_core::{Block, ManualClock, Positions, StreamId, Time, error_chain};
use kinesis_endpoint::{Credentials, Region, ServiceAccess, ServiceError, ServiceErrorKind};
use kpl_deagg::HashKeyRange;
use tokio::time::Instant;

use crate::api::{KinesisApi, NextPage, Page, Place, ShardFilter, ShardIterator};
use crate::config::{KinesisConfig, LeaseKeys, Tuning};
use crate::consumer::scripted::{child, failure, page};
use crate::lease::lease::{Claim, Lease, LeaseChange, WorkerId};
use crate::lease::memory_store::MemoryLeaseStore;
use crate::lease::store::{Created, LeaseStore, Listing, Updated};
use crate::position::{Checkpoint, InitialPosition};
use crate::range::SequenceRange;
use crate::record::KinesisRecord;
use crate::sequence::Position;
use crate::shard::{Shard, ShardId, ShardState};
use crate::stream_identity::StreamIdentity;
use crate::worker::hub::{Backend, WorkerHub};
use crate::worker::seats::SeatId;

/// Longer than any test takes, so that nothing is renewed or lost unless a test wants it.
const FAILOVER: Duration = Duration::from_secs(600);
const SHORT: Duration = Duration::from_millis(10);
/// Of virtual time; reached only when something is wrong.
const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until `look` finds something.
async fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begun.elapsed() < PATIENCE, "{what}: not within {PATIENCE:?}");
        tokio::time::sleep(SHORT).await;
    }
}

fn lock<T>(value: &Mutex<T>) -> MutexGuard<'_, T> {
    value.lock().expect("not poisoned")
}

/// The stream.
#[derive(Default)]
struct OneShard {
    pages: Mutex<VecDeque<Page>>,
    opened: Mutex<Vec<Place>>,
    /// How long the answer to a read is on its way.
    answer_takes: Mutex<Duration>,
}

#[async_trait]
impl KinesisApi for OneShard {
    async fn identity(&self) -> Result<StreamIdentity, ServiceError> {
        Ok(StreamIdentity::new("words", 20))
    }

    async fn list_shards(&self, _filter: ShardFilter) -> Result<Vec<Shard>, ServiceError> {
        Ok(vec![Shard {
            id: "s".into(),
            parents: [].into(),
            hash_range: Some(HashKeyRange::FULL),
            starting_sequence: None,
            ending_sequence: None,
            state: ShardState::Open,
        }])
    }

    async fn shard_iterator(&self, _shard: &ShardId, place: Place) -> Result<ShardIterator, ServiceError> {
        lock(&self.opened).push(place);
        Ok(ShardIterator("at".to_owned()))
    }

    async fn next_page(&self, shard: &ShardId, _at: &ShardIterator, _limit: u16) -> Result<Page, ServiceError> {
        let pages = if *shard == ShardId::from("s") { lock(&self.pages).pop_front() } else { None };
        let takes = *lock(&self.answer_takes);
        tokio::time::sleep(takes).await;
        Ok(pages.unwrap_or_else(|| page(&[], "at", 0)))
    }
}

/// A write of a position, as it was attempted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Attempt {
    pub(crate) to: Checkpoint,
    pub(crate) sent: Instant,
    /// When it ended; `None` while it is on its way.
    pub(crate) ended: Option<Instant>,
}

/// The table.
#[derive(Default)]
struct Table {
    leases: MemoryLeaseStore,
    attempts: Mutex<Vec<Attempt>>,
    /// How the next writes of positions fail.
    failures: Mutex<VecDeque<ServiceErrorKind>>,
    /// How all writes of positions fail after those.
    fails: Mutex<Option<ServiceErrorKind>>,
    write_takes: Mutex<Duration>,
}

impl Table {
    fn fate(&self) -> Option<ServiceErrorKind> {
        lock(&self.failures).pop_front().or(*lock(&self.fails))
    }
}

#[async_trait]
impl LeaseStore for Table {
    async fn prepare(&self) -> Result<(), ServiceError> {
        self.leases.prepare().await
    }

    async fn list(&self) -> Result<Listing, ServiceError> {
        self.leases.list().await
    }

    async fn get(&self, shard: &ShardId) -> Result<Option<Lease>, ServiceError> {
        self.leases.get(shard).await
    }

    async fn create(&self, lease: &Lease) -> Result<Created, ServiceError> {
        self.leases.create(lease).await
    }

    async fn update(&self, change: &LeaseChange) -> Result<Updated, ServiceError> {
        let LeaseChange::Checkpoint { to, .. } = change else { return self.leases.update(change).await };
        let number = {
            let mut attempts = lock(&self.attempts);
            attempts.push(Attempt { to: *to, sent: Instant::now(), ended: None });
            attempts.len()
        };
        let takes = *lock(&self.write_takes);
        tokio::time::sleep(takes).await;
        let result = match self.fate() {
            Some(kind) => Err(failure(kind, &format!("attempt {number}"))),
            None => self.leases.update(change).await,
        };
        lock(&self.attempts)[number - 1].ended = Some(Instant::now());
        result
    }

    async fn delete(&self, lease: &Lease) -> Result<Updated, ServiceError> {
        self.leases.delete(lease).await
    }
}

/// What was stored between two cuts.
pub(crate) type Stored = Block<KinesisRecord, SequenceRange>;

/// A worker with one receiver.
pub(crate) struct Rig {
    hub: WorkerHub,
    seat: SeatId,
    probe: StoreProbe<KinesisRecord, SequenceRange>,
    stream: Arc<OneShard>,
    table: Arc<Table>,
}

/// The checkpoint behind the record of that number.
pub(crate) fn at(number: u64) -> Checkpoint {
    Checkpoint::At(Position::new(crate::consumer::scripted::number(number), 0))
}

impl Rig {
    /// One that reads the shard and writes positions once in so long a time. It gives up after a minute.
    pub(crate) async fn start(checkpoint_interval: Duration) -> Self {
        Self::with(|tuning| tuning.checkpoint_interval = checkpoint_interval).await
    }

    pub(crate) async fn with(tune: impl FnOnce(&mut Tuning)) -> Self {
        let nowhere =
            ServiceAccess { region: Region::default_local(), endpoint: None, credentials: Credentials::Default };
        let mut tuning = Tuning::new(Duration::from_secs(1));
        (tuning.failover, tuning.give_up_after) = (FAILOVER, PATIENCE);
        tune(&mut tuning);
        let config = KinesisConfig {
            application: "word-count".into(),
            stream: "words".into(),
            keys: LeaseKeys::OneStream,
            kinesis: nowhere.clone(),
            dynamodb: nowhere,
            initial_position: InitialPosition::TrimHorizon,
            tuning,
        };
        let (stream, table) = (Arc::<OneShard>::default(), Arc::<Table>::default());
        let (api, store) = (Arc::<OneShard>::clone(&stream), Arc::<Table>::clone(&table));
        let backend = Backend { api, store };
        let clock = Arc::new(ManualClock::new(Time::from_millis(0)));
        let hub = WorkerHub::with_backend(config.clone(), backend, clock).with_identity("me".into(), 1);
        let seat = hub.register(&config).expect("registered");
        let (sink, probe) = receiver_store(StreamId::new(0), 1 << 20);
        hub.join(seat, sink).await.expect("joined");
        let rig = Self { hub, seat, probe, stream, table };
        rig.is_opened(1).await;
        rig
    }

    /// Waits until the shard was opened so many times, and says where.
    pub(crate) async fn is_opened(&self, times: usize) -> Vec<Place> {
        until("the shard is opened", || Some(lock(&self.stream.opened).clone()).filter(|all| all.len() >= times)).await
    }

    /// The next page has records of these numbers.
    pub(crate) fn put(&self, numbers: &[u64]) {
        lock(&self.stream.pages).push_back(page(numbers, "at", 0));
    }

    /// The next page has records of these numbers, and is stored.
    pub(crate) async fn receive(&self, numbers: &[u64]) -> Stored {
        self.put(numbers);
        until("a page is stored", || self.probe.cut()).await
    }

    /// What was stored since the last look.
    pub(crate) fn stored(&self) -> Option<Stored> {
        self.probe.cut()
    }

    /// The next page has records of these numbers and is the last one of its shard; another shard follows.
    pub(crate) async fn receive_the_end(&self, numbers: &[u64]) -> Stored {
        let next = NextPage::ShardEnd(vec![child("t")]);
        lock(&self.stream.pages).push_back(Page { next, ..page(numbers, "", 0) });
        until("the last page is stored", || self.probe.cut()).await
    }

    /// All outputs of the batch with this block have succeeded.
    pub(crate) fn processed(&self, block: &Stored) {
        self.hub.tracker().on_processed(Time::from_millis(0), block.ranges());
    }

    /// Answers to reads are so long on their way from now on.
    pub(crate) fn answers_take(&self, time: Duration) {
        *lock(&self.stream.answer_takes) = time;
    }

    /// Writes of positions are so long on their way from now on.
    pub(crate) fn writes_take(&self, time: Duration) {
        *lock(&self.table.write_takes) = time;
    }

    /// The next writes of positions fail so, one after the other; those after them succeed.
    pub(crate) fn next_writes_fail(&self, kinds: impl IntoIterator<Item = ServiceErrorKind>) {
        lock(&self.table.failures).extend(kinds);
    }

    /// All writes of positions fail so from now on.
    pub(crate) fn writes_fail(&self, kind: ServiceErrorKind) {
        *lock(&self.table.fails) = Some(kind);
    }

    /// Nothing more can be stored from now on, as after the failure of a block or of another receiver.
    pub(crate) fn storing_ends(&self) {
        self.probe.close();
    }

    /// Another worker takes the lease.
    pub(crate) async fn steal(&self) {
        let lease = self.lease().await;
        let claim = Claim { shard: "s".into(), counter: lease.counter, worker: "thief".into() };
        self.table.leases.force(&LeaseChange::Take { claim, from: lease.owner, start_at: None });
    }

    /// The other worker gives the lease up.
    pub(crate) async fn give_back(&self) {
        let claim = Claim { shard: "s".into(), counter: self.lease().await.counter, worker: "thief".into() };
        self.table.leases.force(&LeaseChange::Release(claim));
    }

    /// The lease of the shard.
    pub(crate) async fn lease(&self) -> Lease {
        self.table.leases.get(&"s".into()).await.expect("read").expect("there")
    }

    /// Who holds the lease.
    pub(crate) async fn owner(&self) -> Option<WorkerId> {
        self.lease().await.owner
    }

    /// Every attempt to write a position of the shard so far.
    pub(crate) fn attempts(&self) -> Vec<Attempt> {
        lock(&self.table.attempts).clone()
    }

    /// The positions of all attempts.
    pub(crate) fn written(&self) -> Vec<Checkpoint> {
        self.attempts().into_iter().map(|attempt| attempt.to).collect()
    }

    /// Waits until the table has this position.
    pub(crate) async fn is_at(&self, position: Checkpoint) {
        let begun = Instant::now();
        while self.lease().await.checkpoint != position {
            assert!(begun.elapsed() < PATIENCE, "not at {position}: {:?}", self.lease().await);
            tokio::time::sleep(SHORT).await;
        }
    }

    /// The error that stops the application, with all causes.
    pub(crate) async fn fails(&self) -> String {
        until("an error", || self.probe.failure().map(|error| error_chain(&error))).await
    }

    /// Whether the application is to stop.
    pub(crate) fn has_failed(&self) -> bool {
        self.probe.failure().is_some()
    }

    /// The readers end.
    pub(crate) async fn stop_fetching(&self) {
        self.hub.stop_fetching(self.seat).await;
    }

    /// The stop: last positions, leases released.
    pub(crate) async fn leave(&self) {
        tokio::time::timeout(PATIENCE, self.hub.leave(self.seat)).await.expect("it ends").expect("all is written");
    }
}
