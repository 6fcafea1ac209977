//! A lease table whose writes may get lost, or have their effect without an answer: for tests of those who must tell the
//! difference.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use kinesis_endpoint::{ServiceError, ServiceErrorKind};

use crate::lease::lease::{Lease, LeaseChange};
use crate::lease::store::{Created, LeaseStore, Listing, Updated};
use crate::shard::ShardId;

/// What becomes of a call: whether it has its effect, and whether the caller learns it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It happens, and is reported.
    Done,
    /// It happens, and the answer is lost.
    DoneUnreported,
    /// It does not happen, and that is certain: the table is throttled.
    Refused,
    /// It does not happen, and no answer tells.
    NotDoneUnreported,
    /// It happens, the answer is lost, and the client sends it again by itself: the second answer is reported.
    SentTwice,
}

/// A table with faults before another one.
#[derive(Debug)]
pub struct FaultyStore<S> {
    inner: S,
    /// Held for one operation of a queue, never across an await.
    fates: Mutex<Fates>,
}

#[derive(Debug, Default)]
struct Fates {
    writes: VecDeque<Fate>,
    reads: VecDeque<Fate>,
}

impl<S> FaultyStore<S> {
    /// No faults yet.
    pub fn new(inner: S) -> Self {
        Self { inner, fates: Mutex::default() }
    }

    /// What becomes of the next writes, in this order; those after them are done.
    pub fn next_writes(&self, fates: impl IntoIterator<Item = Fate>) {
        self.lock().writes = fates.into_iter().collect();
    }

    /// What becomes of the next reads, in this order; those after them are done.
    pub fn next_reads(&self, fates: impl IntoIterator<Item = Fate>) {
        self.lock().reads = fates.into_iter().collect();
    }

    /// The table behind the faults.
    pub fn inner(&self) -> &S {
        &self.inner
    }

    fn write_fate(&self) -> Fate {
        self.lock().writes.pop_front().unwrap_or(Fate::Done)
    }

    fn read_fate(&self) -> Fate {
        self.lock().reads.pop_front().unwrap_or(Fate::Done)
    }

    fn lock(&self) -> MutexGuard<'_, Fates> {
        self.fates.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Carries out a fate. A future that is not awaited sends nothing.
async fn suffer<T>(
    call: &'static str,
    fate: Fate,
    first: impl Future<Output = Result<T, ServiceError>> + Send,
    second: impl Future<Output = Result<T, ServiceError>> + Send,
) -> Result<T, ServiceError> {
    let fault = |kind| ServiceError { kind, ..ServiceError::invalid_response(call, "a lease table", "a fault") };
    match fate {
        Fate::Done => first.await,
        Fate::Refused => Err(fault(ServiceErrorKind::Throttled)),
        Fate::NotDoneUnreported => Err(fault(ServiceErrorKind::Timeout)),
        Fate::DoneUnreported => {
            first.await?;
            Err(fault(ServiceErrorKind::Timeout))
        }
        Fate::SentTwice => {
            first.await?;
            second.await
        }
    }
}

#[async_trait]
impl<S: LeaseStore> LeaseStore for FaultyStore<S> {
    async fn prepare(&self) -> Result<(), ServiceError> {
        self.inner.prepare().await
    }

    async fn list(&self) -> Result<Listing, ServiceError> {
        suffer("Scan", self.read_fate(), self.inner.list(), self.inner.list()).await
    }

    async fn get(&self, shard: &ShardId) -> Result<Option<Lease>, ServiceError> {
        suffer("GetItem", self.read_fate(), self.inner.get(shard), self.inner.get(shard)).await
    }

    async fn create(&self, lease: &Lease) -> Result<Created, ServiceError> {
        suffer("PutItem", self.write_fate(), self.inner.create(lease), self.inner.create(lease)).await
    }

    async fn update(&self, change: &LeaseChange) -> Result<Updated, ServiceError> {
        suffer("UpdateItem", self.write_fate(), self.inner.update(change), self.inner.update(change)).await
    }

    async fn delete(&self, lease: &Lease) -> Result<Updated, ServiceError> {
        suffer("DeleteItem", self.write_fate(), self.inner.delete(lease), self.inner.delete(lease)).await
    }
}

#[cfg(test)]
mod tests;
