//! A stream that answers from a script and notes what it was asked, for tests of what asks.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard};

use async_trait::async_trait;
use bytes::Bytes;
use kinesis_endpoint::{ServiceError, ServiceErrorKind};
use tokio::time::Instant;

use crate::api::{KinesisApi, NextPage, Page, Place, RawRecord, ShardFilter, ShardIterator};
use crate::sequence::SequenceNumber;
use crate::shard::{ChildShard, Shard, ShardId};
use crate::stream_identity::StreamIdentity;
use crate::subscription::{ConsumerArn, RegisteredConsumer, SubscribedPage, Subscription};

/// What was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Asked {
    Iterator(Place),
    Page(String),
    Subscription(String, Place),
    Find,
    Register,
    Deregister(String),
}

/// What a subscription does next.
pub(crate) enum Told {
    Event(SubscribedPage),
    Fails(ServiceErrorKind),
    Ends,
}

/// The stream. A script that has come to its end answers nothing any more.
#[derive(Default)]
pub(crate) struct Scripted {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    asked: Vec<(Asked, Instant)>,
    limits: Vec<u16>,
    pages: VecDeque<Result<Page, ServiceError>>,
    subscriptions: VecDeque<Result<Vec<Told>, ServiceError>>,
    found: VecDeque<Result<Option<RegisteredConsumer>, ServiceError>>,
    registered: VecDeque<Result<RegisteredConsumer, ServiceError>>,
}

impl Scripted {
    pub(crate) fn pages(pages: impl IntoIterator<Item = Result<Page, ServiceError>>) -> Self {
        let stream = Self::default();
        stream.lock().pages.extend(pages);
        stream
    }

    /// Subscriptions of a consumer that is always there and active.
    pub(crate) fn subscriptions(subscriptions: impl IntoIterator<Item = Result<Vec<Told>, ServiceError>>) -> Self {
        let stream = Self::default();
        stream.lock().subscriptions.extend(subscriptions);
        stream
    }

    pub(crate) fn consumers(
        found: impl IntoIterator<Item = Result<Option<RegisteredConsumer>, ServiceError>>,
        registered: impl IntoIterator<Item = Result<RegisteredConsumer, ServiceError>>,
    ) -> Self {
        let stream = Self::default();
        stream.lock().found.extend(found);
        stream.lock().registered.extend(registered);
        stream
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    fn note(&self, asked: Asked) {
        self.lock().asked.push((asked, Instant::now()));
    }

    /// Everything that was asked.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.lock().asked.iter().map(|(asked, _)| asked.clone()).collect()
    }

    /// When each page or subscription was asked for.
    pub(crate) fn times(&self) -> Vec<Instant> {
        let state = self.lock();
        let counts = |asked: &Asked| matches!(asked, Asked::Page(_) | Asked::Subscription(..));
        state.asked.iter().filter(|(asked, _)| counts(asked)).map(|(_, at)| *at).collect()
    }

    /// How many records each page was asked for with.
    pub(crate) fn limits(&self) -> Vec<u16> {
        self.lock().limits.clone()
    }

    /// At which places iterators or subscriptions were asked for.
    pub(crate) fn places(&self) -> Vec<Place> {
        let place = |asked: Asked| match asked {
            Asked::Iterator(place) | Asked::Subscription(_, place) => Some(place),
            _ => None,
        };
        self.asked().into_iter().filter_map(place).collect()
    }
}

#[async_trait]
impl KinesisApi for Scripted {
    async fn identity(&self) -> Result<StreamIdentity, ServiceError> {
        Err(failure(ServiceErrorKind::AccessDenied, "not in the script"))
    }

    async fn list_shards(&self, _filter: ShardFilter) -> Result<Vec<Shard>, ServiceError> {
        Ok(Vec::new())
    }

    async fn shard_iterator(&self, _shard: &ShardId, place: Place) -> Result<ShardIterator, ServiceError> {
        self.note(Asked::Iterator(place));
        Ok(ShardIterator("opened".to_owned()))
    }

    async fn next_page(&self, _shard: &ShardId, iterator: &ShardIterator, limit: u16) -> Result<Page, ServiceError> {
        self.note(Asked::Page(iterator.0.clone()));
        let page = {
            let mut state = self.lock();
            state.limits.push(limit);
            state.pages.pop_front()
        };
        match page {
            Some(page) => page,
            None => std::future::pending().await,
        }
    }

    async fn find_consumer(&self, _name: &str) -> Result<Option<RegisteredConsumer>, ServiceError> {
        self.note(Asked::Find);
        self.lock().found.pop_front().unwrap_or_else(|| Ok(Some(active("arn"))))
    }

    async fn register_consumer(&self, _name: &str) -> Result<RegisteredConsumer, ServiceError> {
        self.note(Asked::Register);
        self.lock().registered.pop_front().unwrap()
    }

    async fn deregister_consumer(&self, consumer: &ConsumerArn) -> Result<(), ServiceError> {
        self.note(Asked::Deregister(consumer.0.clone()));
        Ok(())
    }

    async fn subscribe(
        &self,
        consumer: &ConsumerArn,
        _shard: &ShardId,
        place: Place,
    ) -> Result<Box<dyn Subscription>, ServiceError> {
        self.note(Asked::Subscription(consumer.0.clone(), place));
        let script = self.lock().subscriptions.pop_front().unwrap_or_else(|| Ok(Vec::new()))?;
        Ok(Box::new(ScriptedSubscription(script.into())))
    }
}

struct ScriptedSubscription(VecDeque<Told>);

#[async_trait]
impl Subscription for ScriptedSubscription {
    async fn next_event(&mut self) -> Result<Option<SubscribedPage>, ServiceError> {
        match self.0.pop_front() {
            Some(Told::Event(event)) => Ok(Some(event)),
            Some(Told::Fails(kind)) => Err(failure(kind, "scripted")),
            Some(Told::Ends) => Ok(None),
            None => std::future::pending().await,
        }
    }
}

pub(crate) fn failure(kind: ServiceErrorKind, reason: &str) -> ServiceError {
    ServiceError { kind, ..ServiceError::invalid_response("Scripted", "shard 's'", reason) }
}

pub(crate) fn active(arn: &str) -> RegisteredConsumer {
    RegisteredConsumer { arn: ConsumerArn(arn.to_owned()), status: crate::subscription::ConsumerStatus::Active }
}

pub(crate) fn number(number: u64) -> SequenceNumber {
    number.to_string().parse().unwrap()
}

pub(crate) fn record(sequence: u64, bytes: usize) -> RawRecord {
    let data = Bytes::from(vec![0; bytes]);
    RawRecord { sequence: number(sequence), partition_key: "k".into(), data, arrival: None }
}

/// A page of small records with these numbers, and what comes next under this name.
pub(crate) fn page(numbers: &[u64], next: &str, millis_behind: i64) -> Page {
    Page {
        records: numbers.iter().map(|number| record(*number, 1)).collect(),
        next: NextPage::Iterator(ShardIterator(next.to_owned())),
        millis_behind_latest: Some(millis_behind),
    }
}

pub(crate) fn child(name: &str) -> ChildShard {
    ChildShard { id: name.into(), parents: ["s".into()].into(), hash_range: None }
}

/// An event with records of these numbers, which goes on behind that one.
pub(crate) fn event(numbers: &[u64], continuation: u64) -> SubscribedPage {
    SubscribedPage {
        records: numbers.iter().map(|number| record(*number, 1)).collect(),
        continuation: Some(number(continuation)),
        children: Vec::new(),
        millis_behind_latest: Some(0),
    }
}
