//! One of several streams of an application: the stream itself, with shards named as the application names them.
//!
//! Promises: every shard that goes out is named within the stream, parents and children included, and every shard that comes in
//! is asked for by its plain name; nothing else changes. So whatever reads one stream reads one of several.

use std::sync::Arc;

use async_trait::async_trait;
use kinesis_endpoint::ServiceError;

use crate::api::{KinesisApi, NextPage, Page, Place, ShardFilter, ShardIterator};
use crate::shard::{ChildShard, Shard, ShardId};
use crate::stream_identity::StreamIdentity;
use crate::stream_key::StreamKey;
use crate::subscription::{ConsumerArn, RegisteredConsumer, SubscribedPage, Subscription};

/// A stream whose shards are named with its key.
pub(crate) struct ScopedStream {
    stream: Arc<dyn KinesisApi>,
    key: StreamKey,
}

/// A subscription whose shards are named with the stream's key.
struct ScopedSubscription {
    subscription: Box<dyn Subscription>,
    key: StreamKey,
}

impl ScopedStream {
    pub(crate) fn new(stream: Arc<dyn KinesisApi>, key: StreamKey) -> Self {
        Self { stream, key }
    }
}

fn shard_in(key: &StreamKey, mut shard: Shard) -> Shard {
    shard.parents = shard.parents.iter().map(|parent| parent.in_scope(key)).collect();
    shard.id = shard.id.in_scope(key);
    shard
}

fn child_in(key: &StreamKey, mut child: ChildShard) -> ChildShard {
    child.parents = child.parents.iter().map(|parent| parent.in_scope(key)).collect();
    child.id = child.id.in_scope(key);
    child
}

fn children_in(key: &StreamKey, children: Vec<ChildShard>) -> Vec<ChildShard> {
    children.into_iter().map(|child| child_in(key, child)).collect()
}

#[async_trait]
impl KinesisApi for ScopedStream {
    async fn identity(&self) -> Result<StreamIdentity, ServiceError> {
        // The key was asked for a moment ago, and says it.
        match self.key.identity() {
            Some(identity) => Ok(identity),
            None => self.stream.identity().await,
        }
    }

    async fn key(&self) -> Result<StreamKey, ServiceError> {
        Ok(self.key.clone())
    }

    async fn list_shards(&self, filter: ShardFilter) -> Result<Vec<Shard>, ServiceError> {
        let shards = self.stream.list_shards(filter).await?;
        Ok(shards.into_iter().map(|shard| shard_in(&self.key, shard)).collect())
    }

    async fn shard_iterator(&self, shard: &ShardId, place: Place) -> Result<ShardIterator, ServiceError> {
        self.stream.shard_iterator(&shard.without_scope(), place).await
    }

    async fn next_page(&self, shard: &ShardId, iterator: &ShardIterator, limit: u16) -> Result<Page, ServiceError> {
        let page = self.stream.next_page(&shard.without_scope(), iterator, limit).await?;
        let next = match page.next {
            NextPage::ShardEnd(children) => NextPage::ShardEnd(children_in(&self.key, children)),
            next @ NextPage::Iterator(_) => next,
        };
        Ok(Page { next, ..page })
    }

    async fn find_consumer(&self, name: &str) -> Result<Option<RegisteredConsumer>, ServiceError> {
        self.stream.find_consumer(name).await
    }

    async fn register_consumer(&self, name: &str) -> Result<RegisteredConsumer, ServiceError> {
        self.stream.register_consumer(name).await
    }

    async fn deregister_consumer(&self, consumer: &ConsumerArn) -> Result<(), ServiceError> {
        self.stream.deregister_consumer(consumer).await
    }

    async fn subscribe(
        &self,
        consumer: &ConsumerArn,
        shard: &ShardId,
        place: Place,
    ) -> Result<Box<dyn Subscription>, ServiceError> {
        let subscription = self.stream.subscribe(consumer, &shard.without_scope(), place).await?;
        Ok(Box::new(ScopedSubscription { subscription, key: self.key.clone() }))
    }
}

#[async_trait]
impl Subscription for ScopedSubscription {
    async fn next_event(&mut self) -> Result<Option<SubscribedPage>, ServiceError> {
        let event = self.subscription.next_event().await?;
        Ok(event.map(|event| SubscribedPage { children: children_in(&self.key, event.children), ..event }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::consumer::scripted::{Scripted, Told};
    use crate::shard::ShardState;
    use crate::worker::stand_in::StandIn;

    fn key() -> StreamKey {
        StreamKey::parse("1:words:20").expect("a key")
    }

    fn child() -> ChildShard {
        ChildShard { id: "s2".into(), parents: ["s0".into(), "s1".into()].into(), hash_range: None }
    }

    fn named_child() -> ChildShard {
        let parents = ["1:words:20:s0".into(), "1:words:20:s1".into()].into();
        ChildShard { id: "1:words:20:s2".into(), parents, hash_range: None }
    }

    #[tokio::test]
    async fn shards_and_their_parents_are_listed_by_the_names_that_the_application_has_for_them() {
        let shard = Shard {
            id: "s2".into(),
            parents: child().parents,
            hash_range: None,
            starting_sequence: None,
            ending_sequence: None,
            state: ShardState::Open,
        };
        let listed = shard.clone();
        let stream = ScopedStream::new(Arc::new(StandIn::new(move |_, _| Ok(vec![listed.clone()]))), key());
        let named = Shard { id: "1:words:20:s2".into(), parents: named_child().parents, ..shard };
        assert_eq!(stream.list_shards(ShardFilter::All).await.expect("listed"), [named]);
        assert_eq!(stream.identity().await.expect("known"), StreamIdentity::new("words", 20));
    }

    #[tokio::test]
    async fn the_last_page_names_the_shards_that_follow_as_the_application_does() {
        let page = Page { records: Vec::new(), next: NextPage::ShardEnd(vec![child()]), millis_behind_latest: None };
        let stream = ScopedStream::new(Arc::new(Scripted::pages([Ok(page)])), key());
        let shard = ShardId::from("1:words:20:s0");
        let iterator = stream.shard_iterator(&shard, Place::TrimHorizon).await.expect("an iterator");
        let page = stream.next_page(&shard, &iterator, 10).await.expect("a page");
        assert_eq!(page.next, NextPage::ShardEnd(vec![named_child()]));
    }

    #[tokio::test]
    async fn the_last_event_of_a_subscription_names_the_shards_that_follow_as_the_application_does() {
        let last = SubscribedPage {
            records: Vec::new(),
            continuation: None,
            children: vec![child()],
            millis_behind_latest: None,
        };
        let stream = ScopedStream::new(Arc::new(Scripted::subscriptions([Ok(vec![Told::Event(last)])])), key());
        let consumer = ConsumerArn("arn".to_owned());
        let subscribed = stream.subscribe(&consumer, &"1:words:20:s0".into(), Place::TrimHorizon).await;
        let event = subscribed.expect("subscribed").next_event().await.expect("an event").expect("not the end");
        assert_eq!(event.children, [named_child()]);
    }
}
