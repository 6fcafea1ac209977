//! Replies as they go over the wire.
//!
//! Promises: names, order of magnitude and absent members as AWS has them; data is copied once, from the model's text
//! into the reply.

use super::administration_reply::metrics;
use super::json::Json;
use crate::model::{
    ChildShard, GetRecordsReply, HashKeyRange, KinesisError, ListShardsReply, ListStreamsReply, PutOutcome,
    PutRecordsReply, Record, ShardDescription, ShardId, StoredAt, StreamDescription, StreamSummary,
};

/// What can be written as the body of a reply.
pub(super) trait Reply {
    /// The whole body.
    fn body(&self) -> String;

    /// The places of what was asked for and not done, while the rest was.
    fn failed_places(&self) -> Vec<usize> {
        Vec::new()
    }
}

impl Reply for () {
    /// Operations without a result answer with an empty body.
    fn body(&self) -> String {
        String::new()
    }
}

impl Reply for KinesisError {
    fn body(&self) -> String {
        object(|json| {
            json.key("__type").plain(self.kind.name());
            json.key("message").string(&self.message);
        })
    }
}

impl Reply for StoredAt {
    fn body(&self) -> String {
        object(|json| stored(json, self))
    }
}

impl Reply for PutRecordsReply {
    fn body(&self) -> String {
        let mut json = Json::with_capacity(64 + self.outcomes.len() * 130);
        json.object(|json| {
            json.key("FailedRecordCount").bare(self.failed_count());
            json.key("Records").array(&self.outcomes, |json, outcome| {
                json.object(|json| match outcome {
                    PutOutcome::Stored(at) => stored(json, at),
                    PutOutcome::Failed(error) => {
                        json.key("ErrorCode").plain(error.kind.name());
                        json.key("ErrorMessage").string(&error.message);
                    }
                });
            });
        });
        json.into_text()
    }

    fn failed_places(&self) -> Vec<usize> {
        let failed = |(place, outcome)| matches!(outcome, &PutOutcome::Failed(_)).then_some(place);
        self.outcomes.iter().enumerate().filter_map(failed).collect()
    }
}

impl Reply for GetRecordsReply {
    fn body(&self) -> String {
        let mut json = Json::with_capacity(400 + size_of_records(&self.records));
        json.object(|json| {
            json.key("MillisBehindLatest").bare(self.millis_behind_latest);
            if let Some(iterator) = &self.next_iterator {
                json.key("NextShardIterator").plain(iterator);
            }
            if !self.child_shards.is_empty() {
                json.key("ChildShards").array(&self.child_shards, child);
            }
            json.key("Records").array(&self.records, record);
        });
        json.into_text()
    }
}

/// The reply to GetShardIterator.
impl Reply for String {
    fn body(&self) -> String {
        object(|json| json.key("ShardIterator").plain(self))
    }
}

impl Reply for ListShardsReply {
    fn body(&self) -> String {
        object(|json| {
            token(json, self.next_token.as_deref());
            json.key("Shards").array(&self.shards, shard);
        })
    }
}

impl Reply for ListStreamsReply {
    fn body(&self) -> String {
        object(|json| {
            json.key("HasMoreStreams").bare(self.next_token.is_some());
            token(json, self.next_token.as_deref());
            json.key("StreamNames").array(&self.streams, |json, stream| json.plain(&stream.name));
            json.key("StreamSummaries").array(&self.streams, |json, stream| json.object(|json| summary(json, stream)));
        })
    }
}

impl Reply for StreamDescription {
    fn body(&self) -> String {
        object(|json| {
            json.key("StreamDescription").object(|json| {
                summary(json, &self.summary);
                details(json, &self.summary);
                json.key("HasMoreShards").bare(self.has_more_shards);
                json.key("Shards").array(&self.shards, shard);
            });
        })
    }
}

impl Reply for StreamSummary {
    fn body(&self) -> String {
        object(|json| {
            json.key("StreamDescriptionSummary").object(|json| {
                summary(json, self);
                details(json, self);
                json.key("OpenShardCount").bare(self.open_shards);
                json.key("MaxRecordSizeInKiB").bare(self.max_record_size / 1_024);
                json.key("ConsumerCount").bare(self.consumers);
            });
        })
    }
}

pub(super) fn object(members: impl FnOnce(&mut Json)) -> String {
    let mut json = Json::default();
    json.object(members);
    json.into_text()
}

pub(super) fn token(json: &mut Json, token: Option<&str>) {
    if let Some(token) = token {
        json.key("NextToken").plain(token);
    }
}

fn stored(json: &mut Json, at: &StoredAt) {
    json.key("SequenceNumber").quoted(at.sequence_number);
    json.key("ShardId").quoted(at.shard_id);
}

/// About how many bytes [`record`] writes for all of them.
pub(super) fn size_of_records(records: &[Record]) -> usize {
    records.iter().map(|record| record.data.as_base64().len() + record.partition_key.len() + 180).sum()
}

pub(super) fn record(json: &mut Json, record: &Record) {
    json.object(|json| {
        json.key("ApproximateArrivalTimestamp").bare(record.arrival);
        json.key("Data").plain(record.data.as_base64());
        json.key("PartitionKey").string(&record.partition_key);
        json.key("SequenceNumber").quoted(record.sequence_number);
    });
}

fn range(json: &mut Json, range: &HashKeyRange) {
    json.key("HashKeyRange").object(|json| {
        json.key("StartingHashKey").quoted(range.start);
        json.key("EndingHashKey").quoted(range.end);
    });
}

pub(super) fn child(json: &mut Json, child: &ChildShard) {
    json.object(|json| {
        json.key("ShardId").quoted(child.id);
        json.key("ParentShards").array(&child.parents, |json, parent: &ShardId| json.quoted(parent));
        range(json, &child.range);
    });
}

fn shard(json: &mut Json, shard: &ShardDescription) {
    json.object(|json| {
        json.key("ShardId").quoted(shard.id);
        if let Some(parent) = shard.parent {
            json.key("ParentShardId").quoted(parent);
        }
        if let Some(parent) = shard.adjacent_parent {
            json.key("AdjacentParentShardId").quoted(parent);
        }
        range(json, &shard.range);
        json.key("SequenceNumberRange").object(|json| {
            json.key("StartingSequenceNumber").quoted(shard.starting);
            if let Some(ending) = shard.ending {
                json.key("EndingSequenceNumber").quoted(ending);
            }
        });
    });
}

fn summary(json: &mut Json, stream: &StreamSummary) {
    json.key("StreamName").plain(&stream.name);
    json.key("StreamARN").string(&stream.arn);
    json.key("StreamStatus").plain(stream.status.name());
    json.key("StreamModeDetails").object(|json| json.key("StreamMode").plain(stream.mode.name()));
    json.key("StreamCreationTimestamp").bare(stream.created);
}

fn details(json: &mut Json, stream: &StreamSummary) {
    json.key("RetentionPeriodHours").bare(stream.retention_hours);
    json.key("EncryptionType").plain("NONE");
    json.key("EnhancedMonitoring").array([()], |json, ()| {
        json.object(|json| metrics(json.key("ShardLevelMetrics"), stream.metrics));
    });
}
