//! Requests as they come over the wire, and their way into the model's types: those about streams and shards here, those
//! about records in `put_request` and `read_request`.
//!
//! Promises: every member is optional here, so that what is missing becomes the `ValidationException` that AWS answers
//! with instead of a parse error; members that we do not know are ignored.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::administration_request::tags;
use super::member::{count, hash_key, moment, not_in_set, required, shard_id};
use super::named_shard::{self, Named};
use crate::model::{
    CreateStream, DescribeStream, KinesisError, ListShards, ListStreams, MergeShards, ShardFilter, SplitShard,
    StreamMode, StreamRef,
};

/// The wire form of a request of the model.
pub(super) trait Wire {
    /// The request.
    type Request;
    /// Checks and converts.
    fn into_request(self) -> Result<Self::Request, KinesisError>;
}

/// Defines the struct of one request: all members optional, named as on the wire.
macro_rules! wire {
    ($name:ident { $($member:ident: $type:ty),* $(,)? }) => {
        #[derive(Debug, Default, Deserialize)]
        #[serde(rename_all = "PascalCase", default)]
        pub(super) struct $name {
            $($member: Option<$type>,)*
            stream_name: Option<String>,
            #[serde(rename = "StreamARN")]
            stream_arn: Option<String>,
        }

        impl $name {
            #[allow(dead_code, reason = "not every operation is about a stream that exists")]
            fn stream(&mut self) -> StreamRef {
                StreamRef { name: self.stream_name.take(), arn: self.stream_arn.take() }
            }
        }
    };
}

pub(super) use wire;

wire!(CreateStreamWire {
    shard_count: i64,
    stream_mode_details: ModeWire,
    tags: BTreeMap<String, Option<String>>,
    max_record_size_in_ki_b: i64,
});
wire!(StreamWire {});
wire!(RetentionWire { retention_period_hours: i64 });
wire!(DescribeStreamWire { limit: i64, exclusive_start_shard_id: String });
wire!(ListStreamsWire { limit: i64, exclusive_start_stream_name: String, next_token: String });
wire!(ListShardsWire {
    next_token: String,
    max_results: i64,
    exclusive_start_shard_id: String,
    shard_filter: FilterWire
});
wire!(SplitShardWire { shard_to_split: String, new_starting_hash_key: String });
wire!(MergeShardsWire { shard_to_merge: String, adjacent_shard_to_merge: String });

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct ModeWire {
    stream_mode: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct FilterWire {
    r#type: Option<String>,
    shard_id: Option<String>,
    timestamp: Option<f64>,
}

impl Wire for StreamWire {
    type Request = StreamRef;

    fn into_request(mut self) -> Result<StreamRef, KinesisError> {
        Ok(self.stream())
    }
}

impl Wire for CreateStreamWire {
    type Request = CreateStream;

    fn into_request(self) -> Result<CreateStream, KinesisError> {
        let mode = self.stream_mode_details.map_or(Ok(None), |details| details.mode())?.unwrap_or_default();
        Ok(CreateStream {
            name: required(self.stream_name, "streamName")?,
            shards: count(self.shard_count),
            mode,
            tags: self.tags.map(tags).unwrap_or_default(),
            max_record_size_kib: count(self.max_record_size_in_ki_b),
        })
    }
}

impl ModeWire {
    /// The mode, if one is given.
    pub(super) fn mode(&self) -> Result<Option<StreamMode>, KinesisError> {
        match self.stream_mode.as_deref() {
            None => Ok(None),
            Some("PROVISIONED") => Ok(Some(StreamMode::Provisioned)),
            Some("ON_DEMAND") => Ok(Some(StreamMode::OnDemand)),
            Some(other) => Err(not_in_set(other, "streamModeDetails.streamMode", "PROVISIONED, ON_DEMAND")),
        }
    }
}

impl Wire for RetentionWire {
    type Request = (StreamRef, u32);

    fn into_request(mut self) -> Result<(StreamRef, u32), KinesisError> {
        let hours = required(count(self.retention_period_hours), "retentionPeriodHours")?;
        Ok((self.stream(), hours))
    }
}

impl Wire for DescribeStreamWire {
    type Request = DescribeStream;

    fn into_request(mut self) -> Result<DescribeStream, KinesisError> {
        let exclusive_start = self.exclusive_start_shard_id.as_deref().map(shard_id).transpose()?;
        Ok(DescribeStream { limit: count(self.limit), exclusive_start, stream: self.stream() })
    }
}

impl Wire for ListStreamsWire {
    type Request = ListStreams;

    fn into_request(self) -> Result<ListStreams, KinesisError> {
        let (exclusive_start, next_token) = (self.exclusive_start_stream_name, self.next_token);
        Ok(ListStreams { exclusive_start, next_token, limit: count(self.limit) })
    }
}

impl Wire for ListShardsWire {
    type Request = ListShards;

    fn into_request(mut self) -> Result<ListShards, KinesisError> {
        let max_results = count(self.max_results);
        let stream = self.stream();
        match (self.next_token, stream == StreamRef::default()) {
            (Some(token), true) => Ok(ListShards::Next { token, max_results }),
            (Some(_), false) => {
                Err(KinesisError::invalid_argument("NextToken and StreamName cannot be provided together."))
            }
            (None, true) => Err(KinesisError::invalid_argument("Either NextToken or StreamName should be provided.")),
            (None, false) => {
                let exclusive_start = self.exclusive_start_shard_id.as_deref().map(shard_id).transpose()?;
                let filter = self.shard_filter.map(FilterWire::into_filter).transpose()?.unwrap_or_default();
                Ok(ListShards::First { stream, filter, exclusive_start, max_results })
            }
        }
    }
}

impl FilterWire {
    fn into_filter(self) -> Result<ShardFilter, KinesisError> {
        let kind = required(self.r#type, "shardFilter.type")?;
        let time = |timestamp: Option<f64>| {
            timestamp.map(moment).ok_or_else(|| {
                KinesisError::invalid_argument(format!("Timestamp must be provided with a ShardFilter of type {kind}."))
            })
        };
        match kind.as_str() {
            "FROM_TRIM_HORIZON" => Ok(ShardFilter::FromTrimHorizon),
            "AT_TRIM_HORIZON" => Ok(ShardFilter::AtTrimHorizon),
            "AT_LATEST" => Ok(ShardFilter::AtLatest),
            "AT_TIMESTAMP" => time(self.timestamp).map(ShardFilter::AtTimestamp),
            "FROM_TIMESTAMP" => time(self.timestamp).map(ShardFilter::FromTimestamp),
            "AFTER_SHARD_ID" => {
                let id = self.shard_id.ok_or_else(|| {
                    KinesisError::invalid_argument(
                        "ShardId must be provided with a ShardFilter of type AFTER_SHARD_ID.",
                    )
                })?;
                shard_id(&id).map(ShardFilter::AfterShardId)
            }
            other => Err(not_in_set(
                other,
                "shardFilter.type",
                "AFTER_SHARD_ID, AT_TRIM_HORIZON, FROM_TRIM_HORIZON, AT_LATEST, AT_TIMESTAMP, FROM_TIMESTAMP",
            )),
        }
    }
}

impl Wire for SplitShardWire {
    type Request = Named<SplitShard>;

    fn into_request(mut self) -> Result<Named<SplitShard>, KinesisError> {
        let stream = self.stream();
        let shard = required(self.shard_to_split, "shardToSplit")?;
        let parsed = named_shard::parse(&shard, "shardToSplit")?;
        let new_starting_hash_key =
            hash_key(&required(self.new_starting_hash_key, "newStartingHashKey")?, "NewStartingHashKey")?;
        Ok(match parsed {
            Some(shard) => Named::Known(SplitShard { stream, shard, new_starting_hash_key }),
            None => Named::Unknown { stream, shard },
        })
    }
}

impl Wire for MergeShardsWire {
    type Request = Named<MergeShards>;

    fn into_request(mut self) -> Result<Named<MergeShards>, KinesisError> {
        let stream = self.stream();
        let first = required(self.shard_to_merge, "shardToMerge")?;
        let second = required(self.adjacent_shard_to_merge, "adjacentShardToMerge")?;
        let parsed =
            (named_shard::parse(&first, "shardToMerge")?, named_shard::parse(&second, "adjacentShardToMerge")?);
        Ok(match parsed {
            (Some(shard), Some(adjacent)) => Named::Known(MergeShards { stream, shard, adjacent }),
            (None, _) => Named::Unknown { stream, shard: first },
            (_, None) => Named::Unknown { stream, shard: second },
        })
    }
}
