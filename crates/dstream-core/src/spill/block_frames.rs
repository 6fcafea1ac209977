//! A block as bytes: its records, each behind its length.
//!
//! For the same process only. What is damaged is found by the store; what is checked here is that lengths add up.

use bytes::{Buf, Bytes};

use crate::block::BlockRecord;
use crate::error::BoxError;

/// The records of a block, one after the other; they take about `size` bytes.
///
/// # Errors
/// That of the first record that cannot be written.
pub(crate) fn encode_block<'a, R: BlockRecord>(
    records: impl Iterator<Item = &'a R>,
    size: usize,
) -> Result<Bytes, BoxError> {
    // In one piece from the start: growing would hold the block twice for a moment.
    let mut bytes = Vec::with_capacity(size);
    let mut record = Vec::new();
    for (number, raw) in records.enumerate() {
        record.clear();
        raw.encode(&mut record).map_err(|error| format!("record {number} cannot be written: {error}"))?;
        bytes.extend_from_slice(&u64::try_from(record.len())?.to_le_bytes());
        bytes.extend_from_slice(&record);
    }
    Ok(bytes.into())
}

/// Takes a block apart again, record by record.
pub(crate) struct BlockFrames(Bytes);

impl BlockFrames {
    pub(crate) const fn of(block: Bytes) -> Self {
        Self(block)
    }

    fn frame(&mut self) -> Result<Bytes, BoxError> {
        let length = usize::try_from(self.0.try_get_u64_le()?)?;
        if length > self.0.len() {
            return Err("the block ends within a record; please report this".into());
        }
        Ok(self.0.split_to(length))
    }
}

/// The bytes of each record; they share the memory of the block.
impl Iterator for BlockFrames {
    type Item = Result<Bytes, BoxError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let frame = self.frame();
        if frame.is_err() {
            // What follows an error is no record.
            self.0.clear();
        }
        Some(frame)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_block_that_ends_early_is_an_error_and_the_end() {
        let block = encode_block([Bytes::from_static(b"hello")].iter(), 0).unwrap();
        for cut in [1, 8, 12] {
            let mut frames = BlockFrames::of(block.slice(..cut));
            assert!(frames.next().unwrap().is_err(), "{cut}");
            assert!(frames.next().is_none());
        }
    }

    proptest! {
        #[test]
        fn records_come_back_as_they_were(records in proptest::collection::vec(".{0,20}", 0..20)) {
            let block = encode_block(records.iter(), 0).unwrap();
            let back: Vec<_> = BlockFrames::of(block).map(|frame| String::decode(frame.unwrap()).unwrap()).collect();
            prop_assert_eq!(back, records);
        }
    }
}
