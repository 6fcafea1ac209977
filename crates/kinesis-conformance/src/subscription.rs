//! A fan-out subscription of a check.

use std::time::Duration;

use aws_sdk_kinesis::config::http::HttpResponse;
use aws_sdk_kinesis::error::SdkError;
use aws_sdk_kinesis::operation::subscribe_to_shard::{SubscribeToShardError, SubscribeToShardOutput};
use aws_sdk_kinesis::primitives::DateTime;
use aws_sdk_kinesis::types::{
    ConsumerStatus, Record, ShardIteratorType, StartingPosition, SubscribeToShardEvent, SubscribeToShardEventStream,
};
use tokio::time::timeout;

use crate::mismatch::{Mismatch, present};
use crate::pace::Pace;
use crate::stage::Stage;
use crate::stream::{TestStream, throttled};

/// An open subscription.
#[derive(Debug)]
pub struct Subscription {
    output: SubscribeToShardOutput,
    /// An event that was received to see whether there are any.
    first: Option<SubscribeToShardEvent>,
}

/// A registered consumer that is ACTIVE.
#[derive(Debug, Clone)]
pub(crate) struct TestConsumer {
    client: aws_sdk_kinesis::Client,
    pub(crate) arn: String,
    pub(crate) stream_arn: String,
    pub(crate) name: String,
}

impl TestConsumer {
    pub(crate) async fn register(stage: &Stage, stream: &TestStream, name: &str) -> Result<Self, Mismatch> {
        let client = stage.kinesis().clone();
        let stream_arn = stream.arn().await?;
        let mut pace = Pace::for_the("a consumer to be registered");
        let reply = loop {
            let register = client.register_stream_consumer().stream_arn(&stream_arn).consumer_name(name);
            match register.send().await {
                Ok(reply) => break reply,
                Err(error) if throttled(error.as_service_error()) => pace.pause().await?,
                Err(error) => return Err(error.into()),
            }
        };
        let arn = present("Consumer", reply.consumer)?.consumer_arn;
        let consumer = Self { client, arn, stream_arn, name: name.to_owned() };
        consumer.until_active().await?;
        Ok(consumer)
    }

    async fn until_active(&self) -> Result<(), Mismatch> {
        let mut pace = Pace::for_the("a consumer to become ACTIVE");
        loop {
            match self.client.describe_stream_consumer().consumer_arn(&self.arn).send().await {
                Ok(reply) => {
                    let description = present("ConsumerDescription", reply.consumer_description)?;
                    if description.consumer_status == ConsumerStatus::Active {
                        return Ok(());
                    }
                }
                Err(error) if throttled(error.as_service_error()) => {}
                Err(error) => return Err(error.into()),
            }
            pace.pause().await?;
        }
    }

    /// Tries to subscribe, whatever comes of it.
    pub(crate) async fn try_subscribe(
        &self,
        shard: &str,
        from: StartingPosition,
    ) -> Result<SubscribeToShardOutput, SdkError<SubscribeToShardError, HttpResponse>> {
        let request = self.client.subscribe_to_shard().consumer_arn(&self.arn).shard_id(shard);
        request.starting_position(from).send().await
    }

    /// Subscribes; while another subscription of this consumer is too young, waits.
    pub(crate) async fn subscribe(&self, shard: &str, from: StartingPosition) -> Result<Subscription, Mismatch> {
        let mut pace = Pace::within(TAKE_OVER, "a subscription to be accepted");
        loop {
            match self.try_subscribe(shard, from.clone()).await {
                Ok(output) => return Ok(output.into()),
                Err(error)
                    if matches!(error.as_service_error(), Some(SubscribeToShardError::ResourceInUseException(_))) =>
                {
                    pace.pause().await?;
                }
                Err(error) => return Err(error.into()),
            }
        }
    }
}

impl TestConsumer {
    /// Subscribes again. An endpoint may accept a subscription and then say in its stream that another one is too young; that
    /// has a check of its own, so here it is waited out.
    pub(crate) async fn subscribe_again(&self, shard: &str, from: StartingPosition) -> Result<Subscription, Mismatch> {
        let mut pace = Pace::within(TAKE_OVER, "a subscription to stay");
        loop {
            let mut subscription = self.subscribe(shard, from.clone()).await?;
            match subscription.event().await {
                Ok(first) => return Ok(Subscription { first, ..subscription }),
                Err(_) => pace.pause().await?,
            }
        }
    }
}

impl From<SubscribeToShardOutput> for Subscription {
    fn from(output: SubscribeToShardOutput) -> Self {
        Self { output, first: None }
    }
}

impl Subscription {
    /// The next event; none when the subscription has ended.
    pub(crate) async fn event(&mut self) -> Result<Option<SubscribeToShardEvent>, Mismatch> {
        self.event_within(NEXT_EVENT).await
    }

    pub(crate) async fn event_within(&mut self, limit: Duration) -> Result<Option<SubscribeToShardEvent>, Mismatch> {
        if let Some(first) = self.first.take() {
            return Ok(Some(first));
        }
        loop {
            let event = timeout(limit, self.output.event_stream.recv()).await;
            let late = || Mismatch::new(format!("no event of a subscription within {} s", limit.as_secs()));
            match event.map_err(|_| late())?? {
                Some(SubscribeToShardEventStream::SubscribeToShardEvent(event)) => return Ok(Some(event)),
                // An event of a kind that this SDK does not know.
                Some(_) => {}
                None => return Ok(None),
            }
        }
    }

    /// Records until there are so many, and the continuation of the event with the last of them.
    pub(crate) async fn records(&mut self, wanted: usize) -> Result<(Vec<Record>, String), Mismatch> {
        let mut records = Vec::new();
        let mut continuation = String::new();
        while records.len() < wanted {
            let Some(event) = self.event().await? else {
                let seen = records.len();
                return Err(Mismatch::new(format!("the subscription ended after {seen} of {wanted} records")));
            };
            records.extend(event.records);
            continuation = event.continuation_sequence_number;
        }
        Ok((records, continuation))
    }

    /// That it ends in time, with or without an error.
    pub(crate) async fn ends_within(&mut self, limit: Duration) -> Result<(), Mismatch> {
        let ended = timeout(limit, async { while let Ok(Some(_)) = self.output.event_stream.recv().await {} }).await;
        ended.map_err(|_| Mismatch::new(format!("the subscription goes on after {} s", limit.as_secs())))
    }
}

/// A starting position of a kind that needs nothing more.
pub(crate) fn from(kind: ShardIteratorType) -> Result<StartingPosition, Mismatch> {
    Ok(StartingPosition::builder().r#type(kind).build()?)
}

/// A starting position at or after a sequence number.
pub(crate) fn from_number(kind: ShardIteratorType, number: &str) -> Result<StartingPosition, Mismatch> {
    Ok(StartingPosition::builder().r#type(kind).sequence_number(number).build()?)
}

/// A starting position at a time.
pub(crate) fn from_time(time: DateTime) -> Result<StartingPosition, Mismatch> {
    Ok(StartingPosition::builder().r#type(ShardIteratorType::AtTimestamp).timestamp(time).build()?)
}

/// Idle subscriptions send an empty event about every five seconds.
const NEXT_EVENT: Duration = Duration::from_secs(20);
/// A consumer may subscribe again five seconds after it did.
const TAKE_OVER: Duration = Duration::from_secs(20);
