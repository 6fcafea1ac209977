//! Small payloads of a page, packed into a few buffers.
//!
//! The SDK gives each record two or three allocations of its own. Kept until they are processed, millions of them lie among what is
//! freed sooner, in heaps of several threads, and the process grows far over its memory budget. Copied together, which costs less than
//! freeing them one by one later, they come and go in pieces of one size. A payload that is kept for long holds its buffer, so buffers
//! are small; a large payload keeps its own allocation.

use bytes::{Bytes, BytesMut};
use bytestring::ByteString;

/// The buffers of one page.
#[derive(Debug, Default)]
pub(crate) struct Packing {
    open: BytesMut,
}

impl Packing {
    /// The same bytes, packed if they are few.
    pub(crate) fn bytes(&mut self, bytes: Vec<u8>) -> Bytes {
        // Boxed, a large buffer with room to spare needs no second allocation.
        if bytes.len() > ALONE { Bytes::from(bytes.into_boxed_slice()) } else { self.pack(&bytes) }
    }

    /// The same text, packed.
    pub(crate) fn text(&mut self, text: &str) -> ByteString {
        // What was text is text.
        ByteString::try_from(self.pack(text.as_bytes())).unwrap_or_else(|_| text.into())
    }

    fn pack(&mut self, bytes: &[u8]) -> Bytes {
        if self.open.capacity() < bytes.len() {
            self.open = BytesMut::with_capacity(BUFFER.max(bytes.len()));
        }
        self.open.extend_from_slice(bytes);
        self.open.split().freeze()
    }
}

/// As much as a KPL aggregate has, whose user records share one buffer as well.
const BUFFER: usize = 64 << 10;
/// From here on a payload is left alone, so that at most an eighth of a buffer stays empty.
const ALONE: usize = BUFFER / 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_is_what_it_was_and_small_neighbours_share_a_buffer() {
        let mut packing = Packing::default();
        let payloads: Vec<Vec<u8>> = (0..300_usize).map(|n| vec![u8::try_from(n % 251).unwrap(); n * 40]).collect();
        let packed: Vec<Bytes> = payloads.iter().map(|payload| packing.bytes(payload.clone())).collect();
        assert_eq!(packed, payloads);
        let (one, other) = (packing.bytes(vec![1; 10]), packing.text("key"));
        assert_eq!((other.as_ref(), one.as_ptr().addr() + 10), ("key", other.as_ptr().addr()));
    }

    #[test]
    fn a_large_payload_keeps_its_allocation() {
        let payload = vec![7; ALONE + 1];
        let place = payload.as_ptr();
        assert_eq!(Packing::default().bytes(payload).as_ptr(), place);
    }
}
