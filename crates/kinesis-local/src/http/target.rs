//! Which stream and which shards a call is about, for the faults.
//!
//! Promises: looked at only when a fault wants to know, so its cost is no call's but the faulted one's; a body that is no
//! request is about nothing, and its operation will say so.

use std::borrow::Cow;

use serde::Deserialize;

use super::face::Face;
use crate::faults::Wants;
use crate::model::HashKey;

/// What a call is about.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Target {
    /// The stream's name.
    pub(super) stream: Option<String>,
    /// The shards, as they are written; for PutRecords, one for each record.
    pub(super) shards: Vec<Option<String>>,
}

type Text<'a> = Option<Cow<'a, str>>;

/// The members by which requests say it, all operations together.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Named<'a> {
    #[serde(borrow)]
    stream_name: Text<'a>,
    #[serde(borrow, rename = "StreamARN")]
    stream_arn: Text<'a>,
    #[serde(borrow, rename = "ConsumerARN")]
    consumer_arn: Text<'a>,
    #[serde(borrow, rename = "ResourceARN")]
    resource_arn: Text<'a>,
    #[serde(borrow)]
    shard_iterator: Text<'a>,
    #[serde(borrow)]
    shard_id: Text<'a>,
    #[serde(borrow)]
    shard_to_split: Text<'a>,
    #[serde(borrow)]
    shard_to_merge: Text<'a>,
    #[serde(borrow)]
    adjacent_shard_to_merge: Text<'a>,
    #[serde(borrow)]
    partition_key: Text<'a>,
    #[serde(borrow)]
    explicit_hash_key: Text<'a>,
    #[serde(borrow)]
    records: Option<Vec<Keys<'a>>>,
}

/// What of a record says where it goes.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Keys<'a> {
    #[serde(borrow)]
    partition_key: Text<'a>,
    #[serde(borrow)]
    explicit_hash_key: Text<'a>,
}

impl Target {
    pub(super) fn of(face: &Face, body: &[u8], wants: Wants) -> Self {
        let Ok(named) = serde_json::from_slice::<Named<'_>>(body) else { return Self::default() };
        let place = named.shard_iterator.as_deref().and_then(|iterator| {
            face.with_model(|model, _| model.iterator_place(iterator))
                .map(|(stream, shard)| (stream, shard.to_string()))
        });
        let (iterator_stream, iterator_shard) = place.unzip();
        let stream = named.stream().or(iterator_stream);
        let mut shards: Vec<_> =
            [named.shard_id, named.shard_to_split, named.shard_to_merge, named.adjacent_shard_to_merge]
                .into_iter()
                .flatten()
                .map(Cow::into_owned)
                .chain(iterator_shard)
                .map(Some)
                .collect();
        if let (Wants::Shards, Some(stream)) = (wants, stream.as_deref()) {
            let single = Keys { partition_key: named.partition_key, explicit_hash_key: named.explicit_hash_key };
            let records =
                named.records.unwrap_or_else(|| Vec::from_iter(single.partition_key.is_some().then_some(single)));
            shards.extend(shards_of(face, stream, &records));
        }
        Self { stream, shards }
    }
}

impl Named<'_> {
    fn stream(&self) -> Option<String> {
        let from_arn = || {
            let arn = self.stream_arn.as_ref().or(self.consumer_arn.as_ref()).or(self.resource_arn.as_ref())?;
            // Of a consumer's ARN too, which goes on with a slash.
            arn.split_once(":stream/")?.1.split('/').next()
        };
        self.stream_name.as_deref().or_else(from_arn).map(str::to_owned)
    }
}

fn shards_of(face: &Face, stream: &str, records: &[Keys<'_>]) -> Vec<Option<String>> {
    let point = |record: &Keys<'_>| {
        let explicit = record.explicit_hash_key.as_deref().and_then(|key| key.parse().ok());
        explicit.unwrap_or_else(|| HashKey::of_partition_key(record.partition_key.as_deref().unwrap_or_default()))
    };
    let points: Vec<_> = records.iter().map(point).collect();
    let shards = face.with_model(|model, _| model.shards_at(stream, &points));
    shards.into_iter().map(|shard| shard.map(|shard| shard.to_string())).collect()
}
