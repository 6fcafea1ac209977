//! The leases of one of several streams in the table that they share.
//!
//! Promises: a list shows the leases of that stream and no others; every other call goes to the table as it is. So whatever looks
//! after the leases of one stream looks after those of one of several.

use std::sync::Arc;

use async_trait::async_trait;
use kinesis_endpoint::ServiceError;

use crate::lease::lease::{Lease, LeaseChange};
use crate::lease::store::{Created, LeaseStore, Listing, Updated};
use crate::shard::ShardId;
use crate::stream_key::StreamKey;

/// A lease table, seen by one stream.
pub(crate) struct ScopedStore {
    table: Arc<dyn LeaseStore>,
    key: StreamKey,
}

impl ScopedStore {
    pub(crate) fn new(table: Arc<dyn LeaseStore>, key: StreamKey) -> Self {
        Self { table, key }
    }
}

#[async_trait]
impl LeaseStore for ScopedStore {
    async fn prepare(&self) -> Result<(), ServiceError> {
        self.table.prepare().await
    }

    async fn list(&self) -> Result<Listing, ServiceError> {
        Ok(self.table.list().await?.of(|scope| scope == self.key.as_str()))
    }

    async fn get(&self, shard: &ShardId) -> Result<Option<Lease>, ServiceError> {
        self.table.get(shard).await
    }

    async fn create(&self, lease: &Lease) -> Result<Created, ServiceError> {
        self.table.create(lease).await
    }

    async fn update(&self, change: &LeaseChange) -> Result<Updated, ServiceError> {
        self.table.update(change).await
    }

    async fn delete(&self, lease: &Lease) -> Result<Updated, ServiceError> {
        self.table.delete(lease).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lease::memory_store::MemoryLeaseStore;
    use crate::position::Checkpoint;

    #[tokio::test]
    async fn a_stream_sees_its_own_leases_and_those_of_no_other_stream() {
        let table = Arc::new(MemoryLeaseStore::default());
        for shard in ["1:words:20:s0", "1:words:20:s1", "1:words:21:s0", "1:sentences:20:s0", "s0"] {
            table.create(&Lease::new(shard.into(), Checkpoint::Latest)).await.expect("created");
        }
        let words = ScopedStore::new(table, StreamKey::parse("1:words:20").expect("a key"));
        let listed = words.list().await.expect("listed").leases;
        let names: Vec<&str> = listed.iter().map(|lease| lease.shard.as_str()).collect();
        assert_eq!(names, ["1:words:20:s0", "1:words:20:s1"]);
    }
}
