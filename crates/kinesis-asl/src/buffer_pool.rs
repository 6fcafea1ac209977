//! Buffers that payloads lie in until they are processed: taken, given back and taken again.
//!
//! What is kept for seconds must not lie among what is freed at once, in the heaps that each thread of a process has: freed memory of
//! one heap is of no use to a thread with another, and the process grows far over its budget. So buffers are pieces of slabs, which are
//! large enough that an allocator asks the system for each of them, and no part of a slab is in memory before it is used. Slabs stay as
//! long as there is work, since memory that comes anew from the system costs more than filling it, and go when nearly all is free.

use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use bytes::{Bytes, BytesMut};

/// As much as a KPL aggregate has, whose user records share one buffer as well.
pub(crate) const PIECE: usize = 64 << 10;
/// Makes a slab of more than 32 MiB, from where on the allocator of glibc, whatever it has learnt, maps and unmaps.
const PIECES: usize = 513;
/// Slabs that stay in any case: what a few pages and a batch of them take comes and goes several times a second.
const SPARE: usize = 2;
/// The others go when less than this part of their pieces is in use.
const IDLE: usize = 16;

/// Buffers of one size.
#[derive(Debug, Default)]
pub(crate) struct BufferPool {
    // Held for a few instructions, or to ask the system for a slab.
    slabs: Mutex<Slabs>,
}

#[derive(Debug, Default)]
struct Slabs {
    /// By their numbers, ascending.
    slabs: Vec<Slab>,
    next: u64,
    /// Pieces that are in use.
    taken: usize,
}

#[derive(Debug)]
struct Slab {
    number: u64,
    /// The one that came back last is last, and taken first: it may still be in a cache.
    free: Vec<BytesMut>,
}

/// A buffer of [`PIECE`] bytes, empty at first. It goes back when it is dropped.
#[derive(Debug)]
pub(crate) struct Piece {
    bytes: BytesMut,
    slab: u64,
    pool: Arc<BufferPool>,
}

/// Those of the process: what one stream does not need serves another.
static OF_THE_PROCESS: LazyLock<Arc<BufferPool>> = LazyLock::new(Arc::default);

impl BufferPool {
    /// The pool of the process.
    pub(crate) fn shared() -> Arc<Self> {
        Arc::clone(&OF_THE_PROCESS)
    }

    /// A free buffer.
    pub(crate) fn take(self: &Arc<Self>) -> Piece {
        let (slab, bytes) = self.with(Slabs::take);
        Piece { bytes, slab, pool: Arc::clone(self) }
    }

    /// Whether nothing was ever taken.
    #[cfg(test)]
    pub(crate) fn is_unused(&self) -> bool {
        self.with(|slabs| slabs.slabs.is_empty())
    }

    fn with<T>(&self, change: impl FnOnce(&mut Slabs) -> T) -> T {
        change(&mut self.slabs.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Slabs {
    /// From the oldest slab that has one: so younger ones become free as a whole.
    fn take(&mut self) -> (u64, BytesMut) {
        self.taken += 1;
        let free = self.slabs.iter_mut().find_map(|slab| Some((slab.number, slab.free.pop()?)));
        free.unwrap_or_else(|| self.grow())
    }

    fn grow(&mut self) -> (u64, BytesMut) {
        // Zeroed memory of that size comes from the system as it is, and is not touched here.
        let mut rest = BytesMut::zeroed(PIECE * PIECES);
        let number = self.next;
        self.next += 1;
        let mut free: Vec<BytesMut> = (1..PIECES).map(|_| empty(rest.split_to(PIECE))).collect();
        // The first ones first.
        free.reverse();
        self.slabs.push(Slab { number, free });
        (number, empty(rest))
    }

    /// The answer is what goes: it is dropped outside of the lock, since that takes a while.
    fn give_back(&mut self, number: u64, piece: BytesMut) -> Vec<Slab> {
        self.taken = self.taken.saturating_sub(1);
        if let Some(slab) = self.slabs.iter_mut().find(|slab| slab.number == number) {
            slab.free.push(piece);
        }
        if self.taken >= self.slabs.len().saturating_sub(SPARE) * PIECES / IDLE {
            return Vec::new();
        }
        let mut place = 0..;
        let (stay, go) = std::mem::take(&mut self.slabs)
            .into_iter()
            .partition(|slab| place.next() < Some(SPARE) || slab.free.len() < PIECES);
        self.slabs = stay;
        go
    }
}

fn empty(mut bytes: BytesMut) -> BytesMut {
    bytes.clear();
    bytes
}

impl Piece {
    /// How many bytes there is room for.
    pub(crate) fn room(&self) -> usize {
        PIECE.saturating_sub(self.bytes.len())
    }

    /// How many bytes there are.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Appends bytes for which there is room.
    pub(crate) fn extend(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// The bytes, to be shared. The buffer goes back when the last handle is dropped.
    pub(crate) fn freeze(self) -> Bytes {
        Bytes::from_owner(self)
    }
}

impl AsRef<[u8]> for Piece {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Piece {
    fn drop(&mut self) {
        let bytes = empty(std::mem::take(&mut self.bytes));
        let gone = self.pool.with(|slabs| slabs.give_back(self.slab, bytes));
        drop(gone);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pool() -> Arc<BufferPool> {
        Arc::default()
    }

    fn slabs(pool: &BufferPool) -> Vec<(u64, usize)> {
        pool.with(|slabs| slabs.slabs.iter().map(|slab| (slab.number, slab.free.len())).collect())
    }

    #[test]
    fn a_buffer_that_came_back_is_the_next_one_taken_and_is_empty() {
        let pool = pool();
        let mut piece = pool.take();
        piece.extend(b"words");
        let place = piece.as_ref().as_ptr();
        let (bytes, copy) = {
            let bytes = piece.freeze();
            (bytes.clone(), bytes.slice(1..))
        };
        drop(bytes);
        assert_eq!((slabs(&pool), &*copy), (vec![(0, PIECES - 1)], &b"ords"[..]), "a handle keeps it");
        drop(copy);
        assert_eq!(slabs(&pool), [(0, PIECES)]);
        let mut again = pool.take();
        again.extend(b"x");
        assert_eq!((again.as_ref(), again.as_ref().as_ptr(), again.room()), (&b"x"[..], place, PIECE - 1));
    }

    #[test]
    fn pieces_do_not_overlap_and_a_full_one_fills_its_piece() {
        let pool = pool();
        let mut pieces: Vec<Piece> = (0..5).map(|_| pool.take()).collect();
        for (piece, byte) in pieces.iter_mut().zip(1_u8..) {
            piece.extend(&vec![byte; PIECE]);
        }
        let bytes: Vec<Bytes> = pieces.into_iter().map(Piece::freeze).collect();
        for (piece, byte) in bytes.iter().zip(1_u8..) {
            assert!(piece.len() == PIECE && piece.iter().all(|at| *at == byte), "{byte}");
        }
    }

    #[test]
    fn slabs_stay_as_long_as_there_is_work_and_go_when_nearly_all_is_free() {
        let pool = pool();
        let mut pieces: Vec<Piece> = (0..3 * PIECES + 1).map(|_| pool.take()).collect();
        assert_eq!(slabs(&pool), [(0, 0), (1, 0), (2, 0), (3, PIECES - 1)]);
        let kept = pieces.remove(0);
        pieces.truncate(2 * PIECES / IDLE);
        assert_eq!(slabs(&pool).len(), 4, "{:?}", slabs(&pool));
        drop(pieces);
        assert_eq!(slabs(&pool), [(0, PIECES - 1), (1, PIECES)]);
        drop(kept);
        assert_eq!(slabs(&pool), [(0, PIECES), (1, PIECES)], "two stay");
    }
}
