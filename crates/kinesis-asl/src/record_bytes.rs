//! A record as bytes, for blocks that leave the memory. Read by the same process only, so there is no version.

use std::sync::Arc;

use bytes::{Buf, BufMut, Bytes, TryGetError};
use bytestring::ByteString;
use dstream_core::BoxError;
use thiserror::Error;

use crate::api::RawRecord;
use crate::origin::Origin;
use crate::position::Timestamp;
use crate::record::{Aggregation, KinesisRecord};
use crate::record_group::{Part, RecordGroup, Said};
use crate::sequence::SequenceNumber;
use crate::shard::ShardId;

/// Bytes that are no record; a defect of this library, since what a disk damages is found before.
#[derive(Debug, Error)]
pub(crate) enum RecordBytesError {
    #[error("the record ends early; please report this")]
    Short,
    #[error("the record has a text that is no UTF-8; please report this")]
    Text(#[from] std::str::Utf8Error),
}

impl From<TryGetError> for RecordBytesError {
    fn from(_: TryGetError) -> Self {
        Self::Short
    }
}

/// Which of the optional parts there are.
mod part {
    pub(super) const AGGREGATED: u8 = 1;
    pub(super) const HASH_KEY: u8 = 2;
    pub(super) const ARRIVAL: u8 = 4;
}

/// Writes the record behind what `into` holds; the data comes last and needs no length.
pub(crate) fn encode(record: &KinesisRecord, into: &mut Vec<u8>) -> Result<(), BoxError> {
    let Said { data, partition_key, explicit_hash_key, position, arrival, aggregation } = record.said();
    let flag = |is: bool, part: u8| if is { part } else { 0 };
    into.put_u8(
        flag(aggregation == Aggregation::Aggregated, part::AGGREGATED)
            | flag(explicit_hash_key.is_some(), part::HASH_KEY)
            | flag(arrival.is_some(), part::ARRIVAL),
    );
    position.sequence.limbs().into_iter().for_each(|limb| into.put_u64_le(limb));
    into.put_u64_le(position.sub_sequence);
    if let Some(arrival) = arrival {
        into.put_i64_le(arrival.as_millis());
    }
    put_text(record.stream(), into)?;
    put_text(record.shard().as_str(), into)?;
    put_text(partition_key, into)?;
    if let Some(key) = explicit_hash_key {
        put_text(key, into)?;
    }
    into.put_slice(data);
    Ok(())
}

/// Reads what [`encode`] wrote; data and keys share the memory of `bytes`.
pub(crate) fn decode(mut bytes: Bytes) -> Result<KinesisRecord, RecordBytesError> {
    let parts = bytes.try_get_u8()?;
    let has = |part: u8| parts & part != 0;
    let limbs = [bytes.try_get_u64_le()?, bytes.try_get_u64_le()?, bytes.try_get_u64_le()?];
    let (sequence, sub_sequence) = (SequenceNumber::from_limbs(limbs), bytes.try_get_u64_le()?);
    let arrival = if has(part::ARRIVAL) { Some(Timestamp::from_millis(bytes.try_get_i64_le()?)) } else { None };
    let stream = Arc::from(&*take_text(&mut bytes)?);
    let shard = ShardId::from(&*take_text(&mut bytes)?);
    let origin = Arc::new(Origin { stream, shard });
    let partition_key = take_text(&mut bytes)?;
    let explicit_hash_key = if has(part::HASH_KEY) { Some(take_text(&mut bytes)?.to_string()) } else { None };
    let raw = RawRecord { sequence, partition_key, data: bytes, arrival };
    let part = has(part::AGGREGATED).then_some(Part { sub_sequence, explicit_hash_key });
    Ok(RecordGroup::lone(&origin, raw, part))
}

fn put_text(text: &str, into: &mut Vec<u8>) -> Result<(), BoxError> {
    into.put_u32_le(u32::try_from(text.len())?);
    into.put_slice(text.as_bytes());
    Ok(())
}

fn take_text(bytes: &mut Bytes) -> Result<ByteString, RecordBytesError> {
    let length = usize::try_from(bytes.try_get_u32_le()?).map_err(|_| RecordBytesError::Short)?;
    if length > bytes.len() {
        return Err(RecordBytesError::Short);
    }
    let text = bytes.split_to(length);
    // Checked first: the error of the conversion has no text of its own.
    std::str::from_utf8(&text)?;
    ByteString::try_from(text).map_err(|_| RecordBytesError::Short)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn record() -> impl Strategy<Value = KinesisRecord> {
        let keys = (".{0,20}", proptest::option::of("[0-9]{1,39}"), "[a-z.]{1,20}", "shardId-[0-9]{12}");
        let place = (any::<[u64; 3]>(), any::<u64>(), proptest::option::of(any::<i64>()), any::<bool>());
        let data = proptest::collection::vec(any::<u8>(), 0..100);
        (keys, place, data).prop_map(|((key, hash_key, stream, shard), (limbs, sub, arrival, aggregated), data)| {
            let raw = RawRecord {
                sequence: SequenceNumber::from_limbs(limbs),
                partition_key: key.into(),
                data: data.into(),
                arrival: arrival.map(Timestamp::from_millis),
            };
            let origin = Arc::new(Origin { stream: stream.into(), shard: ShardId::from(&*shard) });
            let part = aggregated.then_some(Part { sub_sequence: sub, explicit_hash_key: hash_key });
            RecordGroup::lone(&origin, raw, part)
        })
    }

    proptest! {
        #[test]
        fn a_record_comes_back_as_it_was(record in record()) {
            let mut bytes = b"before".to_vec();
            encode(&record, &mut bytes).unwrap();
            prop_assert_eq!(decode(Bytes::from(bytes).slice(6..)).unwrap(), record);
        }

        #[test]
        fn bytes_that_end_before_the_data_are_refused(record in record()) {
            let mut bytes = Vec::new();
            encode(&record, &mut bytes).unwrap();
            let head = bytes.len() - record.data().len();
            for length in 0..head {
                prop_assert!(decode(Bytes::copy_from_slice(&bytes[..length])).is_err());
            }
        }
    }
}
