//! The stream of the run: its shards, puts, splits and merges.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::chaos::aws_call::{CallError, Service};
use crate::chaos::record::{Sequence, Shard};
use crate::endpoints::STREAM;

/// A shard that takes records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OpenShard {
    pub(crate) shard: Shard,
    /// The first and the last hash key.
    pub(crate) range: (u128, u128),
}

/// The stream.
#[derive(Debug, Clone)]
pub(crate) struct Stream {
    service: Service,
}

impl Stream {
    pub(crate) fn new(kinesis_url: &str) -> Result<Self, String> {
        Service::kinesis(kinesis_url).map(|service| Self { service })
    }

    /// The shards that take records, in the order of their hash keys.
    pub(crate) fn open_shards(&self) -> Result<Vec<OpenShard>, String> {
        let answer = self.service.call("ListShards", &json!({"StreamName": STREAM})).map_err(CallError::message)?;
        open_shards(&answer).ok_or_else(|| format!("ListShards: cannot read {answer}"))
    }

    /// Puts data under keys, and says for each where it is; nothing for one that was not taken.
    pub(crate) fn put(&self, records: &[(String, Vec<u8>)]) -> Result<Vec<Option<(Shard, Sequence)>>, CallError> {
        let entry = |(key, data): &(String, Vec<u8>)| json!({"PartitionKey": key, "Data": STANDARD.encode(data)});
        let entries: Vec<Value> = records.iter().map(entry).collect();
        let answer = self.service.call("PutRecords", &json!({"StreamName": STREAM, "Records": entries}))?;
        match answer.get("Records").and_then(Value::as_array) {
            Some(results) if results.len() == records.len() => Ok(results.iter().map(place).collect()),
            _ => Err(CallError::Unanswered(format!("PutRecords: cannot read {answer}"))),
        }
    }

    /// Splits a shard in the middle.
    pub(crate) fn split(&self, shard: &OpenShard) -> Result<(), String> {
        let Some(middle) = middle(shard.range) else {
            return Err(format!("shard {} has a single hash key and cannot be split", shard.shard));
        };
        let middle = middle.to_string();
        let body = json!({"StreamName": STREAM, "ShardToSplit": shard.shard.0, "NewStartingHashKey": middle});
        self.service.call("SplitShard", &body).map(|_| ()).map_err(CallError::message)
    }

    /// Merges two shards whose hash keys adjoin.
    pub(crate) fn merge(&self, one: &Shard, other: &Shard) -> Result<(), String> {
        let body = json!({"StreamName": STREAM, "ShardToMerge": one.0, "AdjacentShardToMerge": other.0});
        self.service.call("MergeShards", &body).map(|_| ()).map_err(CallError::message)
    }
}

fn open_shards(answer: &Value) -> Option<Vec<OpenShard>> {
    let mut open = Vec::new();
    for shard in answer.get("Shards")?.as_array()? {
        let text = |path: &str| shard.pointer(path).and_then(Value::as_str);
        if text("/SequenceNumberRange/EndingSequenceNumber").is_none() {
            let bound = |name: &str| text(&format!("/HashKeyRange/{name}HashKey"))?.parse().ok();
            open.push(OpenShard {
                shard: Shard(text("/ShardId")?.to_owned()),
                range: (bound("Starting")?, bound("Ending")?),
            });
        }
    }
    open.sort_by_key(|shard| shard.range);
    Some(open)
}

fn place(result: &Value) -> Option<(Shard, Sequence)> {
    let text = |name: &str| result.get(name).and_then(Value::as_str);
    Some((Shard(text("ShardId")?.to_owned()), Sequence::parse(text("SequenceNumber")?)?))
}

/// Where the second half of a range begins.
fn middle((first, last): (u128, u128)) -> Option<u128> {
    (first < last).then(|| last.saturating_sub(last.saturating_sub(first) / 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_shards_without_an_end_are_open() {
        let shard = |name: &str, first: &str, last: &str, end: Option<&str>| {
            json!({"ShardId": name, "HashKeyRange": {"StartingHashKey": first, "EndingHashKey": last},
                   "SequenceNumberRange": {"StartingSequenceNumber": "1", "EndingSequenceNumber": end}})
        };
        let answer = json!({"Shards": [
            shard("shardId-2", "6", "9", None), shard("shardId-0", "0", "9", Some("7")), shard("shardId-1", "0", "5", None)
        ]});
        let open = open_shards(&answer).expect("shards");
        assert_eq!(open.iter().map(|open| open.shard.0.as_str()).collect::<Vec<_>>(), ["shardId-1", "shardId-2"]);
        assert_eq!(open[1].range, (6, 9));
        assert_eq!(open_shards(&json!({"Shards": [{}]})), None);
    }

    #[test]
    fn both_halves_of_a_range_hold_at_least_one_key() {
        assert_eq!(middle((0, 1)), Some(1));
        assert_eq!(middle((0, u128::MAX)), Some(1 << 127));
        assert_eq!(middle((5, 5)), None);
    }

    #[test]
    fn a_record_that_was_not_taken_has_no_place() {
        assert_eq!(place(&json!({"ErrorCode": "ProvisionedThroughputExceededException"})), None);
        assert!(place(&json!({"ShardId": "shardId-1", "SequenceNumber": "49"})).is_some());
    }
}
