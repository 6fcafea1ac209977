//! From the data of one Kinesis record to its user records, or to the reason why it is a plain record.

use bytes::Bytes;

use crate::batch::Batch;
use crate::digest::md5;
use crate::format::{DIGEST_BYTES, MAGIC, MAX_INPUT_BYTES, OVERHEAD_BYTES};
use crate::hash_key_range::HashKeyRange;
use crate::message::Message;
use crate::resolve::{RangePolicy, resolve};

/// What the data of a Kinesis record turned out to be.
#[derive(Clone, Debug)]
#[must_use = "plain records are to be handed on, and a batch says what was left out"]
pub enum Deaggregated {
    /// No aggregate: hand the record on unchanged, as one record with sub-sequence number 0.
    Plain(PlainReason),
    /// An aggregate. The batch may be empty; [`Batch::stopped`], [`Batch::lost`] and [`Batch::discarded`] say why.
    Expanded(Batch),
}

/// Why data is no aggregate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PlainReason {
    /// 20 bytes or fewer: no room for a message between magic and digest.
    TooShort,
    /// The data does not start with the format's magic. Ordinary records end here, after a look at 4 bytes.
    NoMagic,
    /// More than 1 GiB, a hundred times what Kinesis can carry.
    TooLong,
    /// The MD5 at the end is not that of the message.
    BadDigest,
    /// The MD5 is right but the message does not parse, or lacks a required field.
    BadMessage,
}

/// Takes the data of one Kinesis record apart.
///
/// `range` is the hash key range of the shard the record was read from, if known; `policy` says what becomes of user
/// records outside it. User records are not expanded again, tags are dropped. Never panics, whatever the data.
///
/// ```
/// use bytes::Bytes;
/// use kpl_deagg::{Deaggregated, PlainReason, RangePolicy, deaggregate};
///
/// let data = Bytes::from_static(b"an ordinary record, longer than twenty bytes");
/// let outcome = deaggregate(&data, None, RangePolicy::KeepAll);
/// assert!(matches!(outcome, Deaggregated::Plain(PlainReason::NoMagic)));
/// ```
pub fn deaggregate(data: &Bytes, range: Option<&HashKeyRange>, policy: RangePolicy) -> Deaggregated {
    match read(data) {
        Ok(message) => Deaggregated::Expanded(resolve(data, message, range, policy)),
        Err(reason) => Deaggregated::Plain(reason),
    }
}

fn read(data: &[u8]) -> Result<Message, PlainReason> {
    if data.len() <= OVERHEAD_BYTES {
        return Err(PlainReason::TooShort);
    }
    let sealed = data.strip_prefix(&MAGIC).ok_or(PlainReason::NoMagic)?;
    if data.len() > MAX_INPUT_BYTES {
        return Err(PlainReason::TooLong);
    }
    let (message, digest) = sealed.split_last_chunk::<DIGEST_BYTES>().ok_or(PlainReason::TooShort)?;
    if md5(message) != *digest {
        return Err(PlainReason::BadDigest);
    }
    let range = MAGIC.len()..MAGIC.len() + message.len();
    Message::parse(data, range).map_err(|_| PlainReason::BadMessage)
}
