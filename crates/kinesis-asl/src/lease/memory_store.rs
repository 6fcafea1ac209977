//! The lease table in memory: for tests and the simulator. Same conditions, same effects, no I/O.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use kinesis_endpoint::ServiceError;

use crate::lease::lease::{Lease, LeaseChange};
use crate::lease::store::{Created, LeaseStore, Listing, Updated};
use crate::shard::ShardId;

/// A lease table in memory.
#[derive(Debug, Default)]
pub struct MemoryLeaseStore {
    /// Held for the length of one map operation, never across an await.
    leases: Mutex<BTreeMap<ShardId, Lease>>,
}

impl MemoryLeaseStore {
    /// Changes a lease whether or not its condition holds: for simulations of a table that is broken.
    #[cfg(any(test, feature = "test-util"))]
    pub fn force(&self, change: &LeaseChange) -> Updated {
        match self.lock().get_mut(change.shard()) {
            Some(lease) => {
                change.apply(lease);
                Updated::Committed(Some(Box::new(lease.clone())))
            }
            None => Updated::Mismatch,
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<ShardId, Lease>> {
        self.leases.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl LeaseStore for MemoryLeaseStore {
    async fn prepare(&self) -> Result<(), ServiceError> {
        Ok(())
    }

    async fn list(&self) -> Result<Listing, ServiceError> {
        Ok(Listing { leases: self.lock().values().cloned().collect(), unreadable: Vec::new() })
    }

    async fn get(&self, shard: &ShardId) -> Result<Option<Lease>, ServiceError> {
        Ok(self.lock().get(shard).cloned())
    }

    async fn create(&self, lease: &Lease) -> Result<Created, ServiceError> {
        let mut leases = self.lock();
        if leases.contains_key(&lease.shard) {
            return Ok(Created::Exists);
        }
        leases.insert(lease.shard.clone(), lease.clone());
        Ok(Created::New)
    }

    async fn update(&self, change: &LeaseChange) -> Result<Updated, ServiceError> {
        match self.lock().get_mut(change.shard()) {
            Some(lease) if change.is_allowed(lease) => {
                change.apply(lease);
                Ok(Updated::Committed(Some(Box::new(lease.clone()))))
            }
            _ => Ok(Updated::Mismatch),
        }
    }

    async fn delete(&self, lease: &Lease) -> Result<Updated, ServiceError> {
        let mut leases = self.lock();
        match leases.get(&lease.shard) {
            Some(stored) if (stored.counter, stored.checkpoint) == (lease.counter, lease.checkpoint) => {
                leases.remove(&lease.shard);
                Ok(Updated::Committed(None))
            }
            _ => Ok(Updated::Mismatch),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lease::store::conformance;

    #[tokio::test]
    async fn the_table_in_memory_passes_the_conformance_suite() {
        conformance::run(&MemoryLeaseStore::default()).await;
    }
}
