//! The network between one worker and the two services: delays, faults, pauses, and whether the worker still lives.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use async_trait::async_trait;
use kinesis_asl::api::{KinesisApi, NextPage, Page, Place, ShardFilter, ShardIterator};
use kinesis_asl::checkpoint::tracker::ProgressTracker;
use kinesis_asl::lease::lease::{Lease, LeaseChange};
use kinesis_asl::lease::store::{Created, LeaseStore, Listing, Updated};
use kinesis_asl::shard::{Shard, ShardId};
use kinesis_asl::{Holding, ServiceError, ServiceErrorKind, StreamIdentity};
use rand::{SeedableRng, rngs::StdRng};
use tokio::time::Instant;

use crate::chronicle::Chronicle;
use crate::clock::SimClock;
use crate::event::{Event, WorkerNo};
use crate::faults::{Fate, Faults};
use crate::stream::SimKinesis;
use crate::table::{Sent, SimTable};

/// One worker's way to the services.
#[derive(Debug)]
pub(crate) struct Link {
    worker: WorkerNo,
    clock: SimClock,
    chronicle: Arc<Chronicle>,
    /// Held to draw from the generator or to set a field, never across an await.
    state: Mutex<LinkState>,
    /// Knows under which holding the worker writes.
    tracker: OnceLock<Arc<ProgressTracker>>,
}

#[derive(Debug)]
struct LinkState {
    rng: StdRng,
    faults: Faults,
    paused_until: Instant,
    process: Process,
    table_calls: u64,
}

/// Whether the process at the end of a link may still send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Process {
    Runs,
    Ended,
}

impl Link {
    pub(crate) fn new(
        worker: WorkerNo,
        clock: SimClock,
        chronicle: Arc<Chronicle>,
        faults: Faults,
        seed: u64,
    ) -> Arc<Self> {
        let state = LinkState {
            rng: StdRng::seed_from_u64(seed),
            faults,
            paused_until: Instant::now(),
            process: Process::Runs,
            table_calls: 0,
        };
        Arc::new(Self { worker, clock, chronicle, state: Mutex::new(state), tracker: OnceLock::new() })
    }

    /// Tells the link what the worker at its end holds.
    pub(crate) fn watch(&self, tracker: Arc<ProgressTracker>) {
        // A link belongs to one worker, which has one tracker.
        let _ = self.tracker.set(tracker);
    }

    fn holding(&self, shard: &ShardId) -> Option<Holding> {
        self.tracker.get().and_then(|tracker| tracker.with(|progress| progress.holding(shard)))
    }

    pub(crate) fn set_faults(&self, faults: Faults) {
        self.lock().faults = faults;
    }

    /// Nothing passes, in either direction, until then.
    pub(crate) fn pause_until(&self, until: Instant) {
        self.lock().paused_until = until;
    }

    /// From now on nothing may be sent.
    pub(crate) fn end(&self) {
        self.lock().process = Process::Ended;
    }

    /// How many calls to the lease table were sent.
    pub(crate) fn table_calls(&self) -> u64 {
        self.lock().table_calls
    }

    /// The way there. Returns what becomes of the call.
    async fn there(&self, call: &'static str) -> Fate {
        let (fate, ended) = {
            let mut state = self.lock();
            let LinkState { rng, faults, process, .. } = &mut *state;
            (faults.fate(rng), *process == Process::Ended)
        };
        if ended {
            self.chronicle.record(Event::CalledAfterEnd(self.worker, call));
        }
        self.travel().await;
        fate
    }

    async fn travel(&self) {
        let latency = {
            let mut state = self.lock();
            let LinkState { rng, faults, .. } = &mut *state;
            faults.latency(rng)
        };
        tokio::time::sleep(latency).await;
        loop {
            let until = self.lock().paused_until;
            if until <= Instant::now() {
                return;
            }
            tokio::time::sleep_until(until).await;
        }
    }

    /// The way back, with an answer or without.
    async fn back<T>(
        &self,
        call: &'static str,
        fate: Fate,
        answer: Option<Result<T, ServiceError>>,
    ) -> Result<T, ServiceError> {
        self.travel().await;
        let kind = match (fate, answer) {
            (Fate::Done, Some(answer)) => return answer,
            (Fate::Throttled, _) => ServiceErrorKind::Throttled,
            _ => ServiceErrorKind::Timeout,
        };
        Err(ServiceError { call, subject: "the simulation".into(), kind, reason: "a fault".into(), source: None })
    }

    /// A call that changes nothing, so that only the answer can be lost.
    async fn read<T>(
        &self,
        call: &'static str,
        ask: impl Future<Output = Result<T, ServiceError>> + Send,
    ) -> Result<T, ServiceError> {
        let fate = self.there(call).await;
        let answer = if fate == Fate::Done { Some(ask.await) } else { None };
        self.back(call, fate, answer).await
    }

    fn empties_page(&self) -> bool {
        let mut state = self.lock();
        let LinkState { rng, faults, .. } = &mut *state;
        faults.empties_page(rng)
    }

    fn count_table_call(&self) {
        self.lock().table_calls += 1;
    }

    fn lock(&self) -> MutexGuard<'_, LinkState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The stream as one worker reaches it.
#[derive(Debug)]
pub(crate) struct LinkedKinesis {
    pub(crate) link: Arc<Link>,
    pub(crate) stream: Arc<SimKinesis>,
}

#[async_trait]
impl KinesisApi for LinkedKinesis {
    async fn identity(&self) -> Result<StreamIdentity, ServiceError> {
        self.link.read("DescribeStreamSummary", self.stream.identity()).await
    }

    async fn list_shards(&self, filter: ShardFilter) -> Result<Vec<Shard>, ServiceError> {
        self.link.read("ListShards", self.stream.list_shards(filter)).await
    }

    async fn shard_iterator(&self, shard: &ShardId, place: Place) -> Result<ShardIterator, ServiceError> {
        self.link.read("GetShardIterator", self.stream.shard_iterator(shard, place)).await
    }

    async fn next_page(&self, shard: &ShardId, iterator: &ShardIterator, limit: u16) -> Result<Page, ServiceError> {
        let mut page = self.link.read("GetRecords", self.stream.next_page(shard, iterator, limit)).await?;
        if self.link.empties_page() && matches!(page.next, NextPage::Iterator(_)) {
            let next = NextPage::Iterator(iterator.clone());
            page = Page { records: Vec::new(), next, millis_behind_latest: Some(1_000) };
        }
        self.link.chronicle.record(Event::Read {
            worker: self.link.worker,
            shard: shard.clone(),
            parents: self.stream.parents(shard),
            records: page.records.len(),
        });
        Ok(page)
    }
}

/// The lease table as one worker reaches it.
#[derive(Debug)]
pub(crate) struct LinkedTable {
    pub(crate) link: Arc<Link>,
    pub(crate) table: Arc<SimTable>,
}

#[async_trait]
impl LeaseStore for LinkedTable {
    async fn prepare(&self) -> Result<(), ServiceError> {
        self.link.count_table_call();
        self.link.read("DescribeTable", async { Ok(()) }).await
    }

    async fn list(&self) -> Result<Listing, ServiceError> {
        self.link.count_table_call();
        self.link.read("Scan", self.table.list()).await
    }

    async fn get(&self, shard: &ShardId) -> Result<Option<Lease>, ServiceError> {
        self.link.count_table_call();
        self.link.read("GetItem", self.table.get(shard)).await
    }

    async fn create(&self, lease: &Lease) -> Result<Created, ServiceError> {
        const CALL: &str = "PutItem";
        self.link.count_table_call();
        let fate = self.link.there(CALL).await;
        let answer = match fate {
            Fate::Done | Fate::Unreported => Some(self.table.create(self.link.worker, lease).await),
            Fate::Throttled | Fate::NotDone | Fate::Late(_) => None,
        };
        self.link.back(CALL, fate, answer).await
    }

    async fn update(&self, change: &LeaseChange) -> Result<Updated, ServiceError> {
        const CALL: &str = "UpdateItem";
        self.link.count_table_call();
        let sent = Sent {
            worker: self.link.worker,
            at: self.link.clock.elapsed(),
            holding: self.link.holding(change.shard()),
            change: change.clone(),
        };
        let fate = self.link.there(CALL).await;
        let answer = match fate {
            Fate::Done | Fate::Unreported => Some(self.table.update(sent).await),
            Fate::Late(lands_in) => {
                self.table.update_later(sent, lands_in);
                None
            }
            Fate::Throttled | Fate::NotDone => None,
        };
        self.link.back(CALL, fate, answer).await
    }

    async fn delete(&self, lease: &Lease) -> Result<Updated, ServiceError> {
        const CALL: &str = "DeleteItem";
        self.link.count_table_call();
        let fate = self.link.there(CALL).await;
        let answer = match fate {
            Fate::Done | Fate::Unreported => Some(self.table.delete(self.link.worker, lease).await),
            Fate::Throttled | Fate::NotDone | Fate::Late(_) => None,
        };
        self.link.back(CALL, fate, answer).await
    }
}
