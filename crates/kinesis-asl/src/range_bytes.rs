//! A range as bytes, for what outlives the process: the log of batches, and the positions in a snapshot.
//!
//! Promises: what one version wrote, this and later ones read; bytes that are no range are refused, and never taken for another.

use bytes::{Buf, BufMut, Bytes, TryGetError};
use thiserror::Error;

use crate::lease::lease::WorkerId;
use crate::range::{Holding, SequenceRange};
use crate::sequence::{Position, SequenceNumber};
use crate::shard::ShardId;

/// The layout that is written. A later one gets a number of its own, and this one stays readable.
const VERSION: u8 = 1;

/// Bytes that are no range.
#[derive(Debug, Error)]
pub(crate) enum RangeBytesError {
    #[error("a range of records ends early: the checkpoint directory is damaged")]
    Short,
    #[error("a range of records has {0} bytes too many: the checkpoint directory is damaged")]
    Long(usize),
    #[error(
        "a range of records has layout {0}, this program knows {VERSION}: start it with the version that wrote it, or a later one"
    )]
    Version(u8),
    #[error("a range of records has a text that is no UTF-8: the checkpoint directory is damaged")]
    Text(#[from] std::str::Utf8Error),
    #[error("a range of records {0}: the checkpoint directory is damaged")]
    Nonsense(&'static str),
}

impl From<TryGetError> for RangeBytesError {
    fn from(_: TryGetError) -> Self {
        Self::Short
    }
}

/// Writes a range and the worker that read or claimed it.
pub(crate) fn encode(range: &SequenceRange, worker: &WorkerId) -> Bytes {
    let mut bytes = Vec::with_capacity(128 + range.shard.as_str().len() + worker.as_str().len());
    bytes.put_u8(VERSION);
    put_position(range.from, &mut bytes);
    put_position(range.to, &mut bytes);
    bytes.put_u64(u64::try_from(range.records).unwrap_or(u64::MAX));
    bytes.put_u8(u8::from(range.processed.is_some()));
    range.processed.into_iter().for_each(|processed| put_position(processed, &mut bytes));
    put_text(range.shard.as_str(), &mut bytes);
    put_text(worker.as_str(), &mut bytes);
    bytes.into()
}

/// Reads what [`encode`] wrote. The range is of no holding yet.
pub(crate) fn decode(mut bytes: Bytes) -> Result<SequenceRange, RangeBytesError> {
    match bytes.try_get_u8()? {
        VERSION => {}
        other => return Err(RangeBytesError::Version(other)),
    }
    let (from, to) = (take_position(&mut bytes)?, take_position(&mut bytes)?);
    let records =
        usize::try_from(bytes.try_get_u64()?).map_err(|_| RangeBytesError::Nonsense("has too many records"))?;
    let processed = match bytes.try_get_u8()? {
        0 => None,
        1 => Some(take_position(&mut bytes)?),
        _ => return Err(RangeBytesError::Nonsense("has an unknown mark")),
    };
    let shard = ShardId::from(&*take_text(&mut bytes)?);
    let reader = Some(WorkerId::from(&*take_text(&mut bytes)?));
    if !bytes.is_empty() {
        return Err(RangeBytesError::Long(bytes.len()));
    }
    if from > to {
        return Err(RangeBytesError::Nonsense("ends before it begins"));
    }
    Ok(SequenceRange { shard, holding: Holding::OF_AN_EARLIER_RUN, from, to, records, processed, reader })
}

fn put_position(position: Position, into: &mut Vec<u8>) {
    position.sequence.limbs().into_iter().for_each(|limb| into.put_u64(limb));
    into.put_u64(position.sub_sequence);
}

fn take_position(bytes: &mut Bytes) -> Result<Position, RangeBytesError> {
    let limbs = [bytes.try_get_u64()?, bytes.try_get_u64()?, bytes.try_get_u64()?];
    Ok(Position::new(SequenceNumber::from_limbs(limbs), bytes.try_get_u64()?))
}

/// Names of shards and workers are far shorter than what 32 bits count; a longer one would be cut and then refused when it is read.
fn put_text(text: &str, into: &mut Vec<u8>) {
    into.put_u32(u32::try_from(text.len()).unwrap_or(u32::MAX));
    into.put_slice(text.as_bytes());
}

fn take_text(bytes: &mut Bytes) -> Result<String, RangeBytesError> {
    let length = usize::try_from(bytes.try_get_u32()?).map_err(|_| RangeBytesError::Short)?;
    if length > bytes.len() {
        return Err(RangeBytesError::Short);
    }
    Ok(std::str::from_utf8(&bytes.split_to(length))?.to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn position() -> impl Strategy<Value = Position> {
        (any::<[u64; 3]>(), any::<u64>()).prop_map(|(limbs, sub)| Position::new(SequenceNumber::from_limbs(limbs), sub))
    }

    fn range() -> impl Strategy<Value = SequenceRange> {
        let ends = (position(), position(), proptest::option::of(position()));
        (ends, any::<u32>(), ".{0,30}", ".{0,60}").prop_map(|((one, other, processed), records, shard, reader)| {
            SequenceRange {
                shard: ShardId::from(&*shard),
                holding: Holding::OF_AN_EARLIER_RUN,
                from: one.min(other),
                to: one.max(other),
                records: records.try_into().unwrap(),
                processed,
                reader: Some(WorkerId::from(&*reader)),
            }
        })
    }

    fn written(range: &SequenceRange) -> Bytes {
        encode(range, range.reader.as_ref().unwrap())
    }

    proptest! {
        #[test]
        fn a_range_comes_back_as_it_was_with_the_worker_that_wrote_it(range in range()) {
            prop_assert_eq!(decode(written(&range)).unwrap(), range);
        }

        #[test]
        fn a_range_that_was_cut_short_or_has_more_behind_it_is_refused(range in range(), more in 1_usize..9) {
            let bytes = written(&range);
            for length in 0..bytes.len() {
                prop_assert!(decode(bytes.slice(..length)).is_err());
            }
            prop_assert!(decode([&bytes[..], &vec![0; more]].concat().into()).is_err());
        }

        #[test]
        fn bytes_of_any_kind_never_make_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            if let Ok(range) = decode(bytes.clone().into()) {
                prop_assert_eq!(written(&range), Bytes::from(bytes), "what is read is what was written");
            }
        }
    }

    #[test]
    fn a_layout_of_a_later_version_is_refused_with_its_number() {
        let error = decode(Bytes::from_static(&[9, 1, 2])).unwrap_err().to_string();
        assert!(error.contains("layout 9"), "{error}");
    }

    #[test]
    fn a_range_that_ends_before_it_begins_is_refused() {
        let at = |number: &str| Position::new(number.parse().unwrap(), 0);
        let backwards = SequenceRange::new("s".into(), Holding(1), at("10"), at("9"), 1);
        assert!(decode(encode(&backwards, &"w".into())).is_err(), "ten is more than nine, as texts it would be less");
    }
}
