//! The constants of the format: magic, digest, field tags. The only place that knows their values.
//!
//! The format is described in <https://github.com/awslabs/amazon-kinesis-producer/blob/master/aggregation-format.md>.

/// What an aggregate costs besides its message: the magic before it and the digest after it, in bytes.
pub const OVERHEAD_BYTES: usize = MAGIC.len() + DIGEST_BYTES;

/// The first bytes of every aggregate.
pub(crate) const MAGIC: [u8; 4] = [0xF3, 0x89, 0x9A, 0xC2];

/// Length of the MD5 that ends an aggregate.
pub(crate) const DIGEST_BYTES: usize = 16;

/// The largest input looked at. Kinesis delivers at most 10 MiB; the bound lets offsets be 32 bits wide even where every
/// bad byte of a key becomes a replacement character of three.
pub(crate) const MAX_INPUT_BYTES: usize = 1 << 30;

/// `AggregatedRecord.partition_key_table`.
pub(crate) const KEY_TABLE: u32 = length_delimited(1);
/// `AggregatedRecord.explicit_hash_key_table`.
pub(crate) const HASH_KEY_TABLE: u32 = length_delimited(2);
/// `AggregatedRecord.records`.
pub(crate) const RECORD: u32 = length_delimited(3);
/// `Record.partition_key_index`, required.
pub(crate) const RECORD_KEY: u32 = varint(1);
/// `Record.explicit_hash_key_index`, optional.
pub(crate) const RECORD_HASH_KEY: u32 = varint(2);
/// `Record.data`, required.
pub(crate) const RECORD_DATA: u32 = length_delimited(3);
/// `Record.tags`: read for their validity, then dropped.
pub(crate) const RECORD_TAG: u32 = length_delimited(4);
/// `Tag.key`, required.
pub(crate) const TAG_KEY: u32 = length_delimited(1);

const fn varint(field: u32) -> u32 {
    field << 3
}

const fn length_delimited(field: u32) -> u32 {
    (field << 3) | 2
}
