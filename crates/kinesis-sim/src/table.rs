//! The simulated lease table: `kinesis-asl`'s table in memory, which tells the log who wrote what, and on which a write may
//! land after its writer has given up on it, as a packet does that was slow on the network.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use kinesis_asl::ServiceError;
use kinesis_asl::lease::lease::{Lease, LeaseChange};
use kinesis_asl::lease::memory_store::MemoryLeaseStore;
use kinesis_asl::lease::store::{Created, LeaseStore, Listing, Updated};
use kinesis_asl::shard::ShardId;

use crate::chronicle::Chronicle;
use crate::clock::SimClock;
use crate::event::{Event, WorkerNo, Write};
use crate::weakness::Weakness;

/// A conditional write on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sent {
    /// Who wrote.
    pub(crate) worker: WorkerNo,
    /// When, since the start.
    pub(crate) at: Duration,
    /// What.
    pub(crate) change: LeaseChange,
}

/// A lease table in virtual time.
#[derive(Debug)]
pub(crate) struct SimTable {
    clock: SimClock,
    chronicle: Arc<Chronicle>,
    store: MemoryLeaseStore,
    weakness: Weakness,
    /// Writes that land later, with the moments at which they do. Held for one list operation, never across an await.
    late: Mutex<Vec<(Duration, Sent)>>,
}

impl SimTable {
    pub(crate) fn new(clock: SimClock, chronicle: Arc<Chronicle>, weakness: Weakness) -> Self {
        Self { clock, chronicle, store: MemoryLeaseStore::default(), weakness, late: Mutex::default() }
    }

    pub(crate) async fn list(&self) -> Result<Listing, ServiceError> {
        self.land_what_is_due().await?;
        self.store.list().await
    }

    pub(crate) async fn get(&self, shard: &ShardId) -> Result<Option<Lease>, ServiceError> {
        self.land_what_is_due().await?;
        self.store.get(shard).await
    }

    pub(crate) async fn create(&self, worker: WorkerNo, lease: &Lease) -> Result<Created, ServiceError> {
        self.land_what_is_due().await?;
        let created = self.store.create(lease).await?;
        if created == Created::New {
            self.chronicle.record(Event::Created(worker, Box::new(lease.clone())));
        }
        Ok(created)
    }

    pub(crate) async fn delete(&self, worker: WorkerNo, lease: &Lease) -> Result<Updated, ServiceError> {
        self.land_what_is_due().await?;
        let deleted = self.store.delete(lease).await?;
        if matches!(deleted, Updated::Committed(_)) {
            self.chronicle.record(Event::Deleted(worker, lease.shard.clone()));
        }
        Ok(deleted)
    }

    pub(crate) async fn update(&self, sent: Sent) -> Result<Updated, ServiceError> {
        self.land_what_is_due().await?;
        self.land(sent).await
    }

    /// Lets a write land at a later moment.
    pub(crate) fn update_later(&self, sent: Sent, lands_in: Duration) {
        let at = self.clock.elapsed() + lands_in;
        let mut late = self.lock();
        late.push((at, sent));
        // Stable, so that writes of one moment land in the order of sending.
        late.sort_by_key(|(at, _)| *at);
    }

    /// Nobody can tell the difference between a write that lands at its moment and one that lands right before the next
    /// look at the table; so no task is needed for it.
    async fn land_what_is_due(&self) -> Result<(), ServiceError> {
        let due: Vec<Sent> = {
            let now = self.clock.elapsed();
            let mut late = self.lock();
            let count = late.partition_point(|(at, _)| *at <= now);
            late.drain(..count).map(|(_, sent)| sent).collect()
        };
        for sent in due {
            self.land(sent).await?;
        }
        Ok(())
    }

    async fn land(&self, sent: Sent) -> Result<Updated, ServiceError> {
        let Sent { worker, at, change } = sent;
        let asked = change.clone();
        let change = self.weakness.bend(change);
        let before = self.store.get(change.shard()).await?;
        let updated = if self.weakness.forgets_the_condition_of(&change) {
            self.store.force(&change)
        } else {
            self.store.update(&change).await?
        };
        if let (Updated::Committed(Some(after)), Some(before)) = (&updated, before) {
            let after = Lease::clone(after);
            self.chronicle.record(Event::Wrote(Box::new(Write { worker, sent: at, change, before, after })));
        }
        Ok(self.weakness.answer(&asked, updated))
    }

    fn lock(&self) -> MutexGuard<'_, Vec<(Duration, Sent)>> {
        self.late.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
