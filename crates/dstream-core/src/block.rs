//! A block: the records of one input stream that were stored between two cuts, and where they came from.
//!
//! A block is the unit of storage and becomes one partition of a batch. It holds raw records; they are turned into the
//! user's type only when the batch is computed.

use std::fmt;

use bytes::Bytes;

use crate::error::BoxError;

/// A raw record as a receiver stores it.
///
/// Blocks of records leave the memory for the disk, if the storage level of the stream says so, and are read back by the same
/// process; so the encoding needs no version. `Bytes` and `String` are records; what is [`Data`](crate::Data) becomes one like
/// this:
///
/// ```
/// use bytes::Bytes;
/// use dstream_core::{BlockRecord, BoxError, decode_data, encode_data};
///
/// #[derive(Clone, serde::Serialize, serde::Deserialize)]
/// struct Reading {
///     sensor: String,
///     celsius: f32,
/// }
///
/// impl BlockRecord for Reading {
///     fn size_bytes(&self) -> usize {
///         size_of::<Self>() + self.sensor.len()
///     }
///
///     fn encode(&self, into: &mut Vec<u8>) -> Result<(), BoxError> {
///         encode_data(self, into)
///     }
///
///     fn decode(bytes: Bytes) -> Result<Self, BoxError> {
///         decode_data(&bytes)
///     }
/// }
/// ```
pub trait BlockRecord: Sized + Send + Sync + 'static {
    /// What the record costs in memory, in bytes; it is counted against the memory budget.
    fn size_bytes(&self) -> usize;

    /// Writes the record behind what `into` holds already.
    ///
    /// # Errors
    /// When the record cannot be written; its block then stays in memory, or stops the context if its level is `DISK_ONLY`.
    fn encode(&self, into: &mut Vec<u8>) -> Result<(), BoxError>;

    /// Reads exactly what [`encode`](Self::encode) wrote. Parts of `bytes` may be kept: they share its memory.
    ///
    /// # Errors
    /// When the bytes are no such record; the batch attempt that reads them fails.
    fn decode(bytes: Bytes) -> Result<Self, BoxError>;

    /// Where the record came from, in the source's own terms, for errors and warnings about it. `None`, the default: its place in its
    /// block is all that is said.
    fn describe(&self) -> Option<String> {
        None
    }
}

/// Where a page of records came from, in the source's own terms; for Kinesis a shard and two sequence numbers.
///
/// Implemented for every type that fits. Its `Display` text stands in errors about the records it covers.
pub trait BlockRange: Clone + Send + Sync + fmt::Debug + fmt::Display + 'static {}

impl<T: Clone + Send + Sync + fmt::Debug + fmt::Display + 'static> BlockRange for T {}

/// An input stream of a context; numbered from 0 in the order in which the streams were made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId(u32);

impl StreamId {
    /// The stream with this number.
    pub const fn new(number: u32) -> Self {
        Self(number)
    }

    /// The number of the stream.
    pub const fn number(self) -> u32 {
        self.0
    }
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// Names a block: its stream, and its place in the order in which the stream's blocks were cut.
///
/// ```
/// use dstream_core::{BlockId, StreamId};
/// assert_eq!(BlockId::new(StreamId::new(2), 17).to_string(), "input-2-17");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlockId {
    stream: StreamId,
    number: u64,
}

impl BlockId {
    /// The block `number` of `stream`.
    pub const fn new(stream: StreamId, number: u64) -> Self {
        Self { stream, number }
    }

    /// The stream that the block belongs to.
    pub const fn stream(self) -> StreamId {
        self.stream
    }

    /// The place of the block among those of its stream, from 0.
    pub const fn number(self) -> u64 {
        self.number
    }
}

impl fmt::Display for BlockId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "input-{}-{}", self.stream, self.number)
    }
}

/// A sealed block: records of type `R`, with the ranges of type `M` that they came from, both in the order of storing.
#[derive(Debug)]
pub struct Block<R, M> {
    id: BlockId,
    /// As they were stored: nothing is moved to make them one.
    pages: Vec<Vec<R>>,
    ranges: Vec<M>,
    bytes: usize,
}

impl<R, M> Block<R, M> {
    pub(crate) const fn new(id: BlockId, pages: Vec<Vec<R>>, ranges: Vec<M>, bytes: usize) -> Self {
        Self { id, pages, ranges, bytes }
    }

    /// The name of the block.
    pub const fn id(&self) -> BlockId {
        self.id
    }

    /// The records, in the order of storing.
    pub fn records(&self) -> Records<'_, R> {
        Records { pages: &self.pages }
    }

    /// The ranges of the pages in the block, in the order of storing.
    pub fn ranges(&self) -> &[M] {
        &self.ranges
    }

    /// The sum of the records' sizes, in bytes.
    pub const fn size_bytes(&self) -> usize {
        self.bytes
    }
}

/// The records of a block.
#[derive(Debug)]
pub struct Records<'a, R> {
    pages: &'a [Vec<R>],
}

impl<'a, R> Records<'a, R> {
    /// One after the other, in the order of storing.
    pub fn iter(self) -> impl Iterator<Item = &'a R> {
        self.pages.iter().flatten()
    }

    /// The one at this place, counted from 0.
    pub fn get(self, place: usize) -> Option<&'a R> {
        self.iter().nth(place)
    }

    /// How many there are.
    pub fn len(self) -> usize {
        self.pages.iter().map(Vec::len).fold(0, usize::saturating_add)
    }

    /// Whether there is none.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// A copy of them in one piece.
    pub fn to_vec(self) -> Vec<R>
    where
        R: Clone,
    {
        self.iter().cloned().collect()
    }
}

// By hand: a derived `Clone` would ask for `R: Clone`.
impl<R> Clone for Records<'_, R> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<R> Copy for Records<'_, R> {}
