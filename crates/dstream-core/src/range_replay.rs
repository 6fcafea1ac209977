//! The seam through which batches that an earlier run left unfinished are run again with the records that they had.
//!
//! With a checkpoint directory the ranges of each batch are written down before it runs (the *batch log*). A receiver that
//! can read its ranges again offers a [`RangeReplay`]; a start then goes like this:
//! [`resume`](RangeReplay::resume) → [`Receiver::start`](crate::Receiver::start) (pages that the receiver stores meanwhile wait) →
//! [`claim`](RangeReplay::claim) → [`read`](RangeReplay::read) for each range of each unfinished batch, which runs under its old
//! batch time → live batches begin.

use async_trait::async_trait;
use bytes::Bytes;

use crate::error::BoxError;
use crate::receiver::ReceiverError;

/// What a receiver that can read its ranges again has to do.
#[async_trait]
pub trait RangeReplay<R, M: Sync>: Send + Sync + 'static {
    /// The part of the source that the range is of, within which ranges follow one another; for Kinesis the shard.
    fn source(&self, range: &M) -> String;

    /// Writes a range for the batch log, and for the positions in a snapshot.
    fn encode(&self, range: &M) -> Bytes;

    /// Reads what [`encode`](Self::encode) wrote, maybe by an earlier version.
    ///
    /// # Errors
    /// When the bytes are no such range; the start then fails.
    fn decode(&self, bytes: Bytes) -> Result<M, BoxError>;

    /// What an earlier run left. Called once, before [`Receiver::start`](crate::Receiver::start), if the program goes on from a
    /// checkpoint directory. The receiver must not deliver any of these records again through its store, as long as it may
    /// claim them.
    fn resume(&self, left: Leftover<M>);

    /// Says of each unfinished range, in their order, whether it is this receiver's to process. Called once, after the start.
    /// Ranges that are answered with [`Claim::Ours`] will be reported as processed through
    /// [`Positions`](crate::Positions) as if they had been stored.
    ///
    /// # Errors
    /// An error stops the application.
    async fn claim(&self, unfinished: Vec<M>) -> Result<Vec<Claim<M>>, ReceiverError>;

    /// Reads the records of a range that was claimed: all of them, in order, and no others.
    ///
    /// # Errors
    /// When that is not possible, for good; the error names the range, and stops the application.
    async fn read(&self, range: &M) -> Result<Vec<R>, ReceiverError>;

    /// A snapshot that covers these ranges, the last one of each source, is about to be published under this name. When it is,
    /// the ranges are reported as processed. Failing here loses nothing: it is logged and waited out by the receiver, briefly.
    async fn prepare(&self, snapshot: &str, through: &[M]) {
        let _ = (snapshot, through);
    }
}

/// What an earlier run left to a receiver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leftover<M> {
    /// Ranges whose records are in the snapshot that the program goes on from, or in batches that are done. They, and all before
    /// them, must not be delivered again. There may be several of a source, in any order: the furthest counts.
    pub accounted: Vec<M>,
    /// The ranges of batches that were begun, or were to be, and are in no snapshot; in the order of storing.
    pub unfinished: Vec<M>,
}

/// Whose an unfinished range is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim<M> {
    /// This receiver's: as it was, or without the part at its beginning that was processed meanwhile.
    Ours(M),
    /// It was processed before, all of it.
    Processed,
    /// Another process has the source now, and delivers it.
    Elsewhere,
}
