//! The job done plainly with `prost` and `md-5`: what one would write without this crate. Payloads are slices already.

use bytes::Bytes;
use kpl_deagg::{HashKey, HashKeyRange};
use md5::{Digest as _, Md5};
use prost::Message as _;

#[derive(Clone, PartialEq, prost::Message)]
struct AggregatedRecord {
    #[prost(string, repeated, tag = "1")]
    partition_key_table: Vec<String>,
    #[prost(string, repeated, tag = "2")]
    explicit_hash_key_table: Vec<String>,
    #[prost(message, repeated, tag = "3")]
    records: Vec<Record>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Record {
    #[prost(uint64, required, tag = "1")]
    partition_key_index: u64,
    #[prost(uint64, optional, tag = "2")]
    explicit_hash_key_index: Option<u64>,
    #[prost(bytes = "bytes", required, tag = "3")]
    data: Bytes,
}

struct UserRecord {
    partition_key: String,
    data: Bytes,
}

/// What is hashed to compare with the shard's range.
#[derive(Clone, Copy)]
pub(crate) enum Hash {
    /// Each entry of the key table, once: the best a plain version can do.
    Entries,
    /// The key of each record, as the Java Kinesis Client Library does.
    Records,
}

pub(crate) fn expand(data: &Bytes, range: Option<&HashKeyRange>, hash: Hash) -> u64 {
    let message = data.slice(4..data.len() - 16);
    assert!(data.starts_with(&[0xF3, 0x89, 0x9A, 0xC2]) && Md5::digest(&message)[..] == data[data.len() - 16..]);
    let aggregated = AggregatedRecord::decode(message).expect("a message");
    let inside = |key: &str, range: &HashKeyRange| {
        range.contains(HashKey::new(u128::from_be_bytes(Md5::digest(key.as_bytes()).into())))
    };
    let keys = &aggregated.partition_key_table;
    let entries: Vec<bool> = match (range, hash) {
        (Some(range), Hash::Entries) => keys.iter().map(|key| inside(key, range)).collect(),
        _ => Vec::new(),
    };
    let mut records = Vec::with_capacity(aggregated.records.len());
    for record in aggregated.records {
        let index = usize::try_from(record.partition_key_index).expect("an index");
        let kept = match (range, hash) {
            (Some(_), Hash::Entries) => entries[index],
            (Some(range), Hash::Records) => inside(&keys[index], range),
            (None, _) => true,
        };
        assert!(kept, "everything is in the range");
        records.push(UserRecord { partition_key: keys[index].clone(), data: record.data });
    }
    records.iter().map(|record| crate::look(&record.partition_key, &record.data)).sum()
}
