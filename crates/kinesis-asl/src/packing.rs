//! Small payloads of a page, packed into a few buffers.
//!
//! The SDK gives each record two or three allocations of its own. Copied together, which costs less than freeing them one by one later,
//! they come and go in pieces of one size, from a [pool](BufferPool). A payload that is kept for long holds its buffer, so buffers are
//! small; a large payload keeps its own allocation.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use bytestring::ByteString;

use crate::api::RawRecord;
use crate::buffer_pool::{BufferPool, PIECE, Piece};
use crate::position::Timestamp;
use crate::sequence::SequenceNumber;

/// From here on bytes are left alone, so that at most a quarter of a buffer stays empty.
const ALONE: usize = PIECE / 8;

/// The records of a page, as far as they are known.
#[derive(Debug)]
pub(crate) struct Packing<'a> {
    pool: &'a Arc<BufferPool>,
    /// What has more bytes is left alone.
    most: usize,
    open: Option<Piece>,
    /// Those whose bytes are in the open buffer.
    waiting: Vec<Waiting>,
    done: Vec<RawRecord>,
}

/// A record whose buffer is not full yet.
#[derive(Debug)]
struct Waiting {
    sequence: SequenceNumber,
    arrival: Option<Timestamp>,
    key: Place,
    data: Place,
}

#[derive(Debug)]
enum Place {
    Within(Range<usize>),
    Alone(Bytes),
}

impl<'a> Packing<'a> {
    /// Nothing yet, of a page of so many records and bytes. A page that is small itself needs no buffer.
    pub(crate) fn new(pool: &'a Arc<BufferPool>, records: usize, bytes: usize) -> Self {
        let most = if bytes > ALONE { ALONE } else { 0 };
        Self { pool, most, open: None, waiting: Vec::new(), done: Vec::with_capacity(records) }
    }

    /// Adds the next record.
    pub(crate) fn add(&mut self, sequence: SequenceNumber, arrival: Option<Timestamp>, key: &str, data: Vec<u8>) {
        let small = |bytes: &[u8]| if bytes.len() > self.most { 0 } else { bytes.len() };
        if self.open.as_ref().is_some_and(|open| open.room() < small(key.as_bytes()) + small(&data)) {
            self.close();
        }
        let key = self.packed(key.as_bytes()).unwrap_or_else(|| Place::Alone(Bytes::copy_from_slice(key.as_bytes())));
        // Boxed, a large buffer with room to spare needs no second allocation.
        let data = self.packed(&data).unwrap_or_else(|| Place::Alone(Bytes::from(data.into_boxed_slice())));
        self.waiting.push(Waiting { sequence, arrival, key, data });
    }

    /// Copies bytes into the open buffer, which has room, if they are few.
    fn packed(&mut self, bytes: &[u8]) -> Option<Place> {
        if bytes.is_empty() || bytes.len() > self.most {
            return None;
        }
        let open = self.open.get_or_insert_with(|| self.pool.take());
        let from = open.len();
        open.extend(bytes);
        Some(Place::Within(from..open.len()))
    }

    /// All records that were added, in order.
    pub(crate) fn finish(mut self) -> Vec<RawRecord> {
        self.close();
        self.done
    }

    fn close(&mut self) {
        let buffer = self.open.take().map(Piece::freeze).unwrap_or_default();
        let bytes = |place: Place| match place {
            Place::Within(range) => buffer.slice(range),
            Place::Alone(bytes) => bytes,
        };
        self.done.extend(self.waiting.drain(..).map(|Waiting { sequence, arrival, key, data }| RawRecord {
            sequence,
            // What was text is text.
            partition_key: ByteString::try_from(bytes(key)).unwrap_or_default(),
            data: bytes(data),
            arrival,
        }));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Packs payloads under keys as long as they say.
    fn packed(pool: &Arc<BufferPool>, payloads: &[(usize, Vec<u8>)]) -> Vec<RawRecord> {
        let bytes = payloads.iter().map(|(_, payload)| payload.len()).sum();
        let mut packing = Packing::new(pool, payloads.len(), bytes);
        for (number, (key, payload)) in (1..).zip(payloads) {
            packing.add(SequenceNumber::from_limbs([0, 0, number]), None, &"k".repeat(*key), payload.clone());
        }
        packing.finish()
    }

    #[test]
    fn small_neighbours_share_a_buffer() {
        let records = packed(&Arc::default(), &[(3, vec![1; 10]), (5, vec![2; 20]), (5, vec![0; ALONE])]);
        let [one, other, _] = records.as_slice() else { panic!("{records:?}") };
        let place = |bytes: &[u8]| bytes.as_ptr().addr();
        assert_eq!(place(one.data.as_ref()), place(one.partition_key.as_bytes()) + 3);
        assert_eq!(place(other.partition_key.as_bytes()), place(one.data.as_ref()) + 10);
        assert_eq!(place(other.data.as_ref()), place(other.partition_key.as_bytes()) + 5);
    }

    #[test]
    fn a_small_page_takes_no_buffer() {
        let pool = Arc::default();
        let records = packed(&pool, &[(3, vec![1; 10]), (0, Vec::new())]);
        assert_eq!((&*records[0].partition_key, records[0].data.as_ref()), ("kkk", &[1; 10][..]));
        assert!(pool.is_unused());
    }

    #[test]
    fn a_large_payload_keeps_its_allocation() {
        let (pool, payload) = (Arc::default(), vec![7; ALONE + 1]);
        let (place, mut packing) = (payload.as_ptr(), Packing::new(&pool, 1, ALONE + 1));
        packing.add(SequenceNumber::from_limbs([0, 0, 1]), None, "key", payload);
        assert_eq!(packing.finish()[0].data.as_ptr(), place);
    }

    proptest! {
        #[test]
        fn what_is_packed_is_what_it_was_in_order(
            payloads in prop::collection::vec((0..300_usize, prop::collection::vec(any::<u8>(), 0..ALONE + 500)), 0..60)
        ) {
            let records = packed(&Arc::default(), &payloads);
            let seen: Vec<_> = records.iter().map(|raw| (raw.partition_key.len(), raw.data.to_vec())).collect();
            prop_assert_eq!(seen, payloads);
            prop_assert!(records.iter().all(|raw| raw.partition_key.bytes().all(|byte| byte == b'k')));
            prop_assert!(records.is_sorted_by_key(|raw| raw.sequence));
        }
    }
}
