//! The two services as one worker reaches them: `kinesis-asl`'s seams, over its link.

use std::sync::Arc;

use async_trait::async_trait;
use kinesis_asl::api::{KinesisApi, NextPage, Page, Place, ShardFilter, ShardIterator};
use kinesis_asl::lease::lease::{Lease, LeaseChange};
use kinesis_asl::lease::store::{Created, LeaseStore, Listing, Updated};
use kinesis_asl::shard::{Shard, ShardId};
use kinesis_asl::{ServiceError, StreamIdentity};

use crate::event::Event;
use crate::faults::Fate;
use crate::link::{Link, Service};
use crate::stream::SimKinesis;
use crate::table::{Sent, SimTable};

/// The stream as one worker reaches it.
#[derive(Debug)]
pub(crate) struct LinkedKinesis {
    pub(crate) link: Arc<Link>,
    pub(crate) stream: Arc<SimKinesis>,
    /// Records in a page, at most.
    pub(crate) page_limit: u16,
}

#[async_trait]
impl KinesisApi for LinkedKinesis {
    async fn identity(&self) -> Result<StreamIdentity, ServiceError> {
        let stream = Arc::clone(&self.stream);
        self.link.read(Service::Stream, "DescribeStreamSummary", async move { stream.identity().await }).await
    }

    async fn list_shards(&self, filter: ShardFilter) -> Result<Vec<Shard>, ServiceError> {
        let stream = Arc::clone(&self.stream);
        self.link.read(Service::Stream, "ListShards", async move { stream.list_shards(filter).await }).await
    }

    async fn shard_iterator(&self, shard: &ShardId, place: Place) -> Result<ShardIterator, ServiceError> {
        let (stream, shard) = (Arc::clone(&self.stream), shard.clone());
        let ask = async move { stream.shard_iterator(&shard, place).await };
        self.link.read(Service::Stream, "GetShardIterator", ask).await
    }

    async fn next_page(&self, shard: &ShardId, iterator: &ShardIterator, limit: u16) -> Result<Page, ServiceError> {
        let (stream, asked, from) = (Arc::clone(&self.stream), shard.clone(), iterator.clone());
        let limit = limit.min(self.page_limit);
        let ask = async move { stream.next_page(&asked, &from, limit).await };
        let mut page = self.link.read(Service::Stream, "GetRecords", ask).await?;
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
        self.link.read(Service::Table, "DescribeTable", async { Ok(()) }).await
    }

    async fn list(&self) -> Result<Listing, ServiceError> {
        let table = Arc::clone(&self.table);
        self.link.read(Service::Table, "Scan", async move { table.list().await }).await
    }

    async fn get(&self, shard: &ShardId) -> Result<Option<Lease>, ServiceError> {
        let (table, shard) = (Arc::clone(&self.table), shard.clone());
        self.link.read(Service::Table, "GetItem", async move { table.get(&shard).await }).await
    }

    async fn create(&self, lease: &Lease) -> Result<Created, ServiceError> {
        const CALL: &str = "PutItem";
        let (table, worker, lease) = (Arc::clone(&self.table), self.link.worker, lease.clone());
        let fate = self.link.begin(Service::Table, CALL).await;
        let effect = async move {
            match fate {
                Fate::Done | Fate::Unreported => Some(table.create(worker, &lease).await),
                Fate::Throttled | Fate::NotDone | Fate::Late(_) => None,
            }
        };
        let answer = self.link.send(Service::Table, effect).await;
        self.link.back(Service::Table, CALL, fate, answer).await
    }

    async fn update(&self, change: &LeaseChange) -> Result<Updated, ServiceError> {
        const CALL: &str = "UpdateItem";
        let table = Arc::clone(&self.table);
        let fate = self.link.begin(Service::Table, CALL).await;
        let sent = Sent { worker: self.link.worker, at: self.link.clock.elapsed(), change: change.clone() };
        let effect = async move {
            match fate {
                Fate::Done | Fate::Unreported => Some(table.update(sent).await),
                Fate::Late(lands_in) => {
                    table.update_later(sent, lands_in);
                    None
                }
                Fate::Throttled | Fate::NotDone => None,
            }
        };
        let answer = self.link.send(Service::Table, effect).await;
        self.link.back(Service::Table, CALL, fate, answer).await
    }

    async fn delete(&self, lease: &Lease) -> Result<Updated, ServiceError> {
        const CALL: &str = "DeleteItem";
        let (table, worker, lease) = (Arc::clone(&self.table), self.link.worker, lease.clone());
        let fate = self.link.begin(Service::Table, CALL).await;
        let effect = async move {
            match fate {
                Fate::Done | Fate::Unreported => Some(table.delete(worker, &lease).await),
                Fate::Throttled | Fate::NotDone | Fate::Late(_) => None,
            }
        };
        let answer = self.link.send(Service::Table, effect).await;
        self.link.back(Service::Table, CALL, fate, answer).await
    }
}
