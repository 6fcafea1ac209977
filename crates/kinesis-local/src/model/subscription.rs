//! SubscribeToShard: a subscription that is asked again and again for what is next.
//!
//! Promises: the events of a subscription hold every record from its position on, once and in order; the continuation
//! number of each event, with records or without, stands exactly between what was sent and what was not, and is accepted
//! by `AFTER_SEQUENCE_NUMBER`; the last event of a closed shard names the children and has no such number. What is asked
//! for does not depend on how often it is asked.

use std::collections::BTreeMap;

use super::consumer::ConsumerStatus;
use super::consumer_ref::ConsumerRef;
use super::error::{ErrorKind, KinesisError};
use super::fan_out_rate::FanOutRate;
use super::limits::Limits;
use super::machine::Model;
use super::millis::Millis;
use super::read::{ChildShard, StartingPosition, children, lag};
use super::sequence::SequenceNumber;
use super::settings::Settings;
use super::shard::{Record, Shard, ShardId};
use super::stream::StreamStatus;

/// A SubscribeToShard request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubscribeToShard {
    /// Which consumer.
    pub consumer_arn: String,
    /// Which shard of its stream.
    pub shard_id: ShardId,
    /// Where in the shard.
    pub position: StartingPosition,
    /// Only check: an accepted request is answered with `DryRunOperationException` and changes nothing.
    pub dry_run: bool,
}

/// The number of a subscription in its model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SubscriptionId(pub(crate) u64);

/// A subscription that was accepted; ask [`Model::poll_subscription`] for its events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    id: SubscriptionId,
    stream: String,
    stream_created: Millis,
    consumer: String,
    shard: ShardId,
}

impl Subscription {
    /// Its number, by which [`Model::take_woken`] names it.
    #[must_use]
    pub fn id(&self) -> SubscriptionId {
        self.id
    }
}

/// A SubscribeToShardEvent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubscriptionEvent {
    /// About 1 MiB of records at most, or a single larger one; none in a heartbeat.
    pub records: Vec<Record>,
    /// At or above every number up to here, below every later one. Absent at the end of the shard.
    pub continuation: Option<SequenceNumber>,
    /// How far this event is behind the tip of the shard, in milliseconds; 0 when nothing is left to send.
    pub millis_behind_latest: u64,
    /// With the end of a closed shard: the shards that go on where it ended.
    pub child_shards: Vec<ChildShard>,
}

/// What is next in a subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Polled {
    /// An event to send; ask again at once.
    Event(SubscriptionEvent),
    /// Nothing: ask again at that time, or when [`Model::take_woken`] names the subscription.
    Nothing {
        /// Later than now.
        wake: Millis,
    },
    /// The subscription ended as it should: its time is up, or its shard has ended.
    Ended,
    /// The subscription ended with an error: another took over, or consumer or stream are gone.
    Failed(KinesisError),
}

/// The latest subscription of one consumer to one shard.
#[derive(Debug, Clone)]
pub(crate) struct Subscribed {
    id: SubscriptionId,
    started: Millis,
    index: u64,
    next_heartbeat: Millis,
    ended: bool,
    /// Belongs to the consumer and the shard: the next subscription takes it on.
    rate: FanOutRate,
}

impl Model {
    /// Subscribes a consumer to a shard.
    ///
    /// # Errors
    /// `ResourceNotFoundException` for an unknown consumer or shard; `ResourceInUseException` when the consumer is not
    /// ACTIVE, and within `Settings::subscription_grace` of its last subscription to this shard;
    /// `InvalidArgumentException` for a sequence number of another shard or a time in the future;
    /// `DryRunOperationException` when that was asked for.
    pub fn subscribe_to_shard(
        &mut self,
        now: Millis,
        request: &SubscribeToShard,
    ) -> Result<Subscription, KinesisError> {
        let now = self.advance(now);
        let consumer = ConsumerRef::by_arn(&request.consumer_arn);
        let (mut subscription, index) = self.check_subscribe(now, &consumer, request)?;
        if request.dry_run {
            let message = "The request would have succeeded, but the DryRun parameter is set.";
            return Err(KinesisError::new(ErrorKind::DryRunOperation, message));
        }
        self.subscribed = self.subscribed.saturating_add(1);
        subscription.id = SubscriptionId(self.subscribed);
        let next_heartbeat = now.plus(self.settings.heartbeat_interval);
        if let Some(stream) = self.streams.get_mut(&subscription.stream)
            && let Some(consumer) = stream.consumers.by_name.get_mut(&subscription.consumer)
        {
            if consumer.subscriptions.len() > stream.shards.len() {
                consumer.subscriptions.retain(|shard, _| stream.shards.contains_key(shard));
            }
            let rate = consumer.subscriptions.get(&request.shard_id).map(|earlier| earlier.rate).unwrap_or_default();
            let id = subscription.id;
            let subscribed = Subscribed { id, started: now, index, next_heartbeat, ended: false, rate };
            consumer.subscriptions.insert(request.shard_id, subscribed);
        }
        // The subscription that was taken over has to hear of it.
        self.wakeups.wake_shard(&subscription.stream, request.shard_id);
        Ok(subscription)
    }

    /// What is next in a subscription.
    pub fn poll_subscription(&mut self, now: Millis, subscription: &Subscription) -> Polled {
        let now = self.advance(now);
        self.trim_shard(now, &subscription.stream, subscription.shard);
        if let Err(loss) = self.check_alive(subscription) {
            return Polled::Failed(loss);
        }
        let Some(stream) = self.streams.get_mut(&subscription.stream) else { return Polled::Ended };
        let consumer = stream.consumers.by_name.get_mut(&subscription.consumer);
        let state = consumer.and_then(|consumer| consumer.subscriptions.get_mut(&subscription.shard));
        // `check_alive` has seen all of them but the shard, which retention may have taken when it was read to its end.
        let (Some(state), Some(shard)) = (state, stream.shards.get(&subscription.shard)) else { return Polled::Ended };
        let polled = state.next(now, &self.settings, &stream.shards, shard);
        let Polled::Nothing { wake } = polled else { return polled };
        let wake = stream.due().map_or(wake, |due| due.min(wake));
        self.wakeups.wait(&subscription.stream, subscription.shard, subscription.id);
        Polled::Nothing { wake }
    }

    /// The subscriptions that were told [`Polled::Nothing`] and should ask again, since the last call. A driver that has
    /// subscriptions calls this after each operation; to ask without being named does no harm.
    pub fn take_woken(&mut self) -> impl Iterator<Item = SubscriptionId> + use<> {
        self.wakeups.take().into_iter()
    }

    /// The subscription, its number still open, and the index at which it starts.
    fn check_subscribe(
        &self,
        now: Millis,
        consumer: &ConsumerRef,
        request: &SubscribeToShard,
    ) -> Result<(Subscription, u64), KinesisError> {
        let key = consumer.resolve()?;
        let (stream, consumer) = self.find_consumer(key)?;
        let account = &self.settings.account;
        let in_use = |message| Err(KinesisError::new(ErrorKind::ResourceInUse, message));
        if consumer.status() != ConsumerStatus::Active {
            let created = consumer.created.seconds();
            return in_use(format!(
                "Consumer {} with creation timestamp {created} under stream: {}, account {account} is not in ACTIVE status.",
                key.name, key.stream
            ));
        }
        let shard_id = request.shard_id;
        let shard = stream.shards.get(&shard_id).ok_or_else(|| self.no_such_shard(key.stream, shard_id))?;
        let index = self.index_at(now, key.stream, shard, request.position, "SubscribeToShard")?;
        let earlier = consumer.subscriptions.get(&shard_id);
        if earlier.is_some_and(|earlier| now < earlier.started.plus(self.settings.subscription_grace)) {
            return in_use(another_subscription(account, key.stream, shard_id, key.name));
        }
        let (stream_created, shard) = (stream.created, shard_id);
        let (stream, consumer) = (key.stream.to_owned(), key.name.to_owned());
        Ok((Subscription { id: SubscriptionId(0), stream, stream_created, consumer, shard }, index))
    }

    /// Whether stream and consumer are there and nobody has taken over.
    fn check_alive(&self, subscription: &Subscription) -> Result<(), KinesisError> {
        let Subscription { id, stream: stream_name, stream_created, consumer: name, shard } = subscription;
        let stream = self
            .streams
            .get(stream_name)
            .filter(|stream| stream.created == *stream_created && stream.status() != StreamStatus::Deleting)
            .ok_or_else(|| self.no_such_stream(stream_name))?;
        let active = stream.consumers.by_name.get(name).filter(|it| it.status() == ConsumerStatus::Active);
        // A consumer that was registered anew knows nothing of this subscription, nor of its successors.
        let latest = active.and_then(|consumer| consumer.subscriptions.get(shard));
        match latest {
            Some(latest) if latest.id == *id => Ok(()),
            Some(_) => Err(KinesisError::new(
                ErrorKind::ResourceInUse,
                another_subscription(&self.settings.account, stream_name, *shard, name),
            )),
            None if active.is_some() && !stream.shards.contains_key(shard) => Ok(()),
            None => Err(self.no_such_consumer(stream_name, name)),
        }
    }
}

impl Subscribed {
    fn next(&mut self, now: Millis, settings: &Settings, shards: &BTreeMap<ShardId, Shard>, shard: &Shard) -> Polled {
        let end = self.started.plus(settings.subscription_life);
        if self.ended || now >= end {
            self.ended = true;
            return Polled::Ended;
        }
        let something = !shard.is_empty() && self.index < shard.end_index();
        let limited = settings.fan_out_limit || settings.limits == Limits::Aws;
        let free = if limited && something { self.rate.free_at(now) } else { now };
        if free > now {
            return Polled::Nothing { wake: free.min(end) };
        }
        if !something && shard.is_open() && now < self.next_heartbeat {
            return Polled::Nothing { wake: self.next_heartbeat.min(end) };
        }
        let batch = shard.read(self.index, MOST_EVENT_RECORDS, MOST_EVENT_BYTES);
        let all_read = batch.next_index >= shard.end_index();
        let millis_behind_latest = lag(now, &batch, all_read);
        self.index = batch.next_index;
        self.ended = all_read && !shard.is_open();
        self.rate.take(now, batch.records.iter().map(|record| record.data.size()).sum());
        self.next_heartbeat = now.plus(settings.heartbeat_interval.max(SHORTEST_INTERVAL));
        Polled::Event(SubscriptionEvent {
            records: batch.records,
            continuation: (!self.ended).then(|| shard.number_before(self.index)),
            millis_behind_latest,
            child_shards: if self.ended { children(shards, shard) } else { Vec::new() },
        })
    }
}

fn another_subscription(account: &str, stream: &str, shard: ShardId, consumer: &str) -> String {
    format!("Another active subscription exists for this consumer: {account}:{stream}:{shard}:{consumer}")
}

const MOST_EVENT_RECORDS: usize = 10_000;
const MOST_EVENT_BYTES: usize = 1 << 20;
/// So that a heartbeat is always followed by a time without one.
const SHORTEST_INTERVAL: std::time::Duration = std::time::Duration::from_millis(1);
