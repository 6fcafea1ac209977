//! A stream that lists what a test wants, and notes what it was asked for. It has no records.

use std::sync::Mutex;

use async_trait::async_trait;
use kinesis_endpoint::ServiceError;

use crate::api::{KinesisApi, Page, Place, ShardFilter, ShardIterator};
use crate::shard::{Shard, ShardId};
use crate::stream_identity::StreamIdentity;
use crate::stream_key::StreamKey;

type Answer = Box<dyn Fn(ShardFilter, usize) -> Result<Vec<Shard>, ServiceError> + Send + Sync>;

/// Stands for a stream.
pub(crate) struct StandIn {
    identity: Result<StreamIdentity, kinesis_endpoint::ServiceErrorKind>,
    answer: Answer,
    asked: Mutex<Vec<ShardFilter>>,
}

impl StandIn {
    /// A stream named `words` that lists what `answer` says to a filter and the number of the call that asks with it, from 1.
    pub(crate) fn new(
        answer: impl Fn(ShardFilter, usize) -> Result<Vec<Shard>, ServiceError> + Send + Sync + 'static,
    ) -> Self {
        Self { identity: Ok(StreamIdentity::new("words", 20)), answer: Box::new(answer), asked: Mutex::default() }
    }

    /// The same stream under another name.
    pub(crate) fn named(self, name: &str) -> Self {
        Self { identity: Ok(StreamIdentity::new(name, 20)), ..self }
    }

    /// The same stream, which may not be described.
    pub(crate) fn without_identity(self, why: kinesis_endpoint::ServiceErrorKind) -> Self {
        Self { identity: Err(why), ..self }
    }

    /// How often it was asked with a filter.
    pub(crate) fn asked(&self, filter: ShardFilter) -> usize {
        self.asked.lock().expect("not poisoned").iter().filter(|asked| **asked == filter).count()
    }
}

fn not_here(call: &'static str) -> ServiceError {
    ServiceError::invalid_response(call, "a stand-in", "it has no records")
}

#[async_trait]
impl KinesisApi for StandIn {
    async fn identity(&self) -> Result<StreamIdentity, ServiceError> {
        self.identity.clone().map_err(|kind| ServiceError { kind, ..not_here("DescribeStreamSummary") })
    }

    async fn key(&self) -> Result<StreamKey, ServiceError> {
        let identity = self.identity().await?;
        StreamKey::new("1", &identity).ok_or_else(|| not_here("DescribeStreamSummary"))
    }

    async fn list_shards(&self, filter: ShardFilter) -> Result<Vec<Shard>, ServiceError> {
        self.asked.lock().expect("not poisoned").push(filter);
        (self.answer)(filter, self.asked(filter))
    }

    async fn shard_iterator(&self, _shard: &ShardId, _place: Place) -> Result<ShardIterator, ServiceError> {
        Err(not_here("GetShardIterator"))
    }

    async fn next_page(&self, _shard: &ShardId, _at: &ShardIterator, _limit: u16) -> Result<Page, ServiceError> {
        Err(not_here("GetRecords"))
    }
}
