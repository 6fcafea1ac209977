//! The consumer operations, SubscribeToShard and DeleteStream as they come over the wire.
//!
//! Promises: those of `request`.

use serde::Deserialize;

use super::member::{count, moment, required};
use super::named_shard::{self, Named};
use super::position::Position;
use super::request::{Wire, wire};
use crate::model::{
    ConsumerRef, KinesisError, ListStreamConsumers, RegisterStreamConsumer, StreamRef, SubscribeToShard,
};

wire!(DeleteStreamWire { enforce_consumer_deletion: bool });
wire!(RegisterConsumerWire { consumer_name: String });
wire!(ListConsumersWire { next_token: String, max_results: i64, stream_creation_timestamp: f64 });

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct ConsumerWire {
    consumer_name: Option<String>,
    #[serde(rename = "ConsumerARN")]
    consumer_arn: Option<String>,
    #[serde(rename = "StreamARN")]
    stream_arn: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct SubscribeToShardWire {
    #[serde(rename = "ConsumerARN")]
    consumer_arn: Option<String>,
    shard_id: Option<String>,
    starting_position: Option<PositionWire>,
    dry_run: Option<bool>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct PositionWire {
    r#type: Option<String>,
    sequence_number: Option<String>,
    timestamp: Option<f64>,
}

impl Wire for DeleteStreamWire {
    /// The stream, and whether its consumers go with it.
    type Request = (StreamRef, bool);

    fn into_request(mut self) -> Result<Self::Request, KinesisError> {
        Ok((self.stream(), self.enforce_consumer_deletion.unwrap_or(false)))
    }
}

impl Wire for RegisterConsumerWire {
    type Request = RegisterStreamConsumer;

    fn into_request(mut self) -> Result<RegisterStreamConsumer, KinesisError> {
        let name = required(self.consumer_name.take(), "consumerName")?;
        Ok(RegisterStreamConsumer { stream: by_arn(self.stream_arn)?, name })
    }
}

impl Wire for ConsumerWire {
    type Request = ConsumerRef;

    fn into_request(self) -> Result<ConsumerRef, KinesisError> {
        Ok(ConsumerRef { stream_arn: self.stream_arn, name: self.consumer_name, arn: self.consumer_arn })
    }
}

impl Wire for ListConsumersWire {
    type Request = ListStreamConsumers;

    fn into_request(self) -> Result<ListStreamConsumers, KinesisError> {
        Ok(ListStreamConsumers {
            stream: by_arn(self.stream_arn)?,
            stream_created: self.stream_creation_timestamp.map(moment),
            next_token: self.next_token,
            max_results: count(self.max_results),
        })
    }
}

impl Wire for SubscribeToShardWire {
    type Request = Named<SubscribeToShard>;

    fn into_request(self) -> Result<Named<SubscribeToShard>, KinesisError> {
        let consumer_arn = required(self.consumer_arn, "consumerARN")?;
        let stream = ConsumerRef::by_arn(&consumer_arn).stream_in_arn()?;
        let shard = required(self.shard_id, "shardId")?;
        let shard_id = named_shard::parse(&shard, "shardId")?;
        let PositionWire { r#type, sequence_number, timestamp } = required(self.starting_position, "startingPosition")?;
        let position = Position { kind: r#type, sequence_number, timestamp }.into_position("startingPosition.type")?;
        Ok(match shard_id {
            Some(shard_id) => Named::Known(SubscribeToShard {
                consumer_arn,
                shard_id,
                position,
                dry_run: self.dry_run.unwrap_or(false),
            }),
            None => Named::Unknown { stream, shard },
        })
    }
}

/// These operations know streams by their ARN only.
fn by_arn(arn: Option<String>) -> Result<StreamRef, KinesisError> {
    Ok(StreamRef { name: None, arn: Some(required(arn, "streamARN")?) })
}
