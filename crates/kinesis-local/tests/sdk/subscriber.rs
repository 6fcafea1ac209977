//! A consumer of the stream of all tests, and its subscriptions through the SDK.

use std::time::Duration;

use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::error::SdkError;
use aws_sdk_kinesis::operation::subscribe_to_shard::SubscribeToShardError;
use aws_sdk_kinesis::primitives::event_stream::EventReceiver;
use aws_sdk_kinesis::types::error::SubscribeToShardEventStreamError;
use aws_sdk_kinesis::types::{ShardIteratorType, StartingPosition, SubscribeToShardEvent, SubscribeToShardEventStream};

use crate::support::{STREAM, shard};

/// Long enough for any machine, short of hanging.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) async fn stream_arn(client: &Client) -> String {
    let summary = client.describe_stream_summary().stream_name(STREAM).send().await.unwrap();
    summary.stream_description_summary.unwrap().stream_arn
}

/// Registers a consumer and returns its ARN.
pub(crate) async fn register(client: &Client, name: &str) -> String {
    let request = client.register_stream_consumer().stream_arn(stream_arn(client).await).consumer_name(name);
    request.send().await.unwrap().consumer.unwrap().consumer_arn
}

pub(crate) fn at(kind: ShardIteratorType) -> StartingPosition {
    StartingPosition::builder().r#type(kind).build().unwrap()
}

pub(crate) fn after(number: &str) -> StartingPosition {
    let position = StartingPosition::builder().r#type(ShardIteratorType::AfterSequenceNumber);
    position.sequence_number(number).build().unwrap()
}

/// The open stream of one subscription.
pub(crate) struct Events(EventReceiver<SubscribeToShardEventStream, SubscribeToShardEventStreamError>);

pub(crate) async fn try_subscribe(
    client: &Client,
    consumer: &str,
    n: u32,
    position: StartingPosition,
) -> Result<Events, SubscribeToShardError> {
    let request = client.subscribe_to_shard().consumer_arn(consumer).shard_id(shard(n)).starting_position(position);
    request.send().await.map(|reply| Events(reply.event_stream)).map_err(SdkError::into_service_error)
}

pub(crate) async fn subscribe(client: &Client, consumer: &str, n: u32, position: StartingPosition) -> Events {
    try_subscribe(client, consumer, n, position).await.unwrap()
}

impl Events {
    async fn receive(&mut self) -> Result<Option<SubscribeToShardEvent>, SubscribeToShardEventStreamError> {
        let received = tokio::time::timeout(PATIENCE, self.0.recv()).await.unwrap();
        let event = received.map_err(SdkError::into_service_error)?;
        Ok(event.map(|event| match event {
            SubscribeToShardEventStream::SubscribeToShardEvent(event) => event,
            other => panic!("{other:?}"),
        }))
    }

    /// The next event.
    pub(crate) async fn event(&mut self) -> SubscribeToShardEvent {
        self.receive().await.unwrap().unwrap()
    }

    /// The next event with records, or at the end of the shard.
    pub(crate) async fn news(&mut self) -> SubscribeToShardEvent {
        loop {
            let event = self.event().await;
            if !event.records.is_empty() || event.child_shards.is_some() {
                return event;
            }
        }
    }

    /// How the stream ends, whatever comes before; `Ok` is the normal end.
    pub(crate) async fn end(&mut self) -> Result<(), SubscribeToShardEventStreamError> {
        while self.receive().await?.is_some() {}
        Ok(())
    }
}

pub(crate) fn texts(event: &SubscribeToShardEvent) -> Vec<&str> {
    event.records.iter().map(|record| std::str::from_utf8(record.data.as_ref()).unwrap()).collect()
}
