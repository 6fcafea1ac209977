//! Enhanced fan-out through the AWS SDK. SDK types and errors stop here.

use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_kinesis::operation::subscribe_to_shard::SubscribeToShardOutput;
use aws_sdk_kinesis::primitives::DateTime;
use aws_sdk_kinesis::types::{self as sdk, ShardIteratorType, StartingPosition, SubscribeToShardEventStream};
use kinesis_endpoint::ServiceError;

use crate::api::Place;
use crate::aws_api::{child_of, raw_records};
use crate::buffer_pool::BufferPool;
use crate::subscription::{ConsumerArn, ConsumerStatus, RegisteredConsumer, SubscribedPage, Subscription};

pub(crate) const CALL: &str = "SubscribeToShard";

/// A subscription as the SDK receives it. The SDK keeps what one window of HTTP/2 holds, and no more.
pub(crate) struct AwsSubscription {
    pub(crate) output: SubscribeToShardOutput,
    /// Shard and stream, for errors.
    pub(crate) subject: String,
    pub(crate) buffers: Arc<BufferPool>,
}

#[async_trait]
impl Subscription for AwsSubscription {
    async fn next_event(&mut self) -> Result<Option<SubscribedPage>, ServiceError> {
        loop {
            let event = self.output.event_stream.recv().await;
            let event = event.map_err(|error| ServiceError::from_event(CALL, self.subject.clone(), error))?;
            match event {
                None => return Ok(None),
                Some(SubscribeToShardEventStream::SubscribeToShardEvent(event)) => {
                    let senseless = |why| ServiceError::invalid_response(CALL, self.subject.clone(), why);
                    return page_of(event, &self.buffers).map(Some).map_err(senseless);
                }
                // A kind of event that this version of the SDK does not know carries no records.
                Some(_) => {}
            }
        }
    }
}

fn page_of(event: sdk::SubscribeToShardEvent, pool: &Arc<BufferPool>) -> Result<SubscribedPage, String> {
    // The SDK turns an absent number into an empty one.
    let continuation = Some(event.continuation_sequence_number).filter(|number| !number.is_empty());
    Ok(SubscribedPage {
        records: raw_records(event.records, pool)?,
        continuation: continuation.map(|number| number.parse()).transpose().map_err(|error| format!("{error}"))?,
        children: event.child_shards.unwrap_or_default().iter().map(child_of).collect::<Result<_, _>>()?,
        millis_behind_latest: Some(event.millis_behind_latest),
    })
}

/// A place in the form in which a subscription takes it.
pub(crate) fn starting_position(place: Place) -> Result<StartingPosition, String> {
    let position = match place {
        Place::TrimHorizon => StartingPosition::builder().r#type(ShardIteratorType::TrimHorizon),
        Place::Latest => StartingPosition::builder().r#type(ShardIteratorType::Latest),
        Place::AtTimestamp(at) => StartingPosition::builder()
            .r#type(ShardIteratorType::AtTimestamp)
            .timestamp(DateTime::from_millis(at.as_millis())),
        Place::At(sequence) => StartingPosition::builder()
            .r#type(ShardIteratorType::AtSequenceNumber)
            .sequence_number(sequence.to_string()),
        Place::After(sequence) => StartingPosition::builder()
            .r#type(ShardIteratorType::AfterSequenceNumber)
            .sequence_number(sequence.to_string()),
    };
    position.build().map_err(|error| error.to_string())
}

pub(crate) fn registered(arn: String, status: &sdk::ConsumerStatus) -> RegisteredConsumer {
    let status = match status {
        sdk::ConsumerStatus::Active => ConsumerStatus::Active,
        sdk::ConsumerStatus::Deleting => ConsumerStatus::Deleting,
        _ => ConsumerStatus::Creating,
    };
    RegisteredConsumer { arn: ConsumerArn(arn), status }
}
