//! From the data of Kinesis records to their user records, or to the reason why they are plain records.
//!
//! Magic and size are looked at first; only what passes is hashed, side by side where there are several; only what has the
//! right digest is walked.

use bytes::Bytes;

use crate::batch::{Batch, Parts};
use crate::digest::{Digest, md5};
use crate::format::{MAGIC, MAX_INPUT_BYTES, OVERHEAD_BYTES};
use crate::hash_key_range::HashKeyRange;
use crate::lanes::Lanes;
use crate::message::Message;
use crate::resolve::{RangePolicy, Rule, place_keys, resolve};

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

/// Takes Kinesis records apart, one by one or a page at a time. [`deaggregate`] and [`deaggregate_all`] are its short
/// forms.
///
/// ```
/// use bytes::Bytes;
/// use kpl_deagg::{Deaggregator, HashKeyRange, Lanes, RangePolicy};
///
/// let lower_half = HashKeyRange::parse("0", "170141183460469231731687303715884105727")?;
/// let deaggregator = Deaggregator::new(Some(&lower_half), RangePolicy::DiscardRecord).with_lanes(Lanes::ONE);
/// let page = [Bytes::from_static(b"one record"), Bytes::from_static(b"another")];
/// assert_eq!(deaggregator.all(&page).len(), 2);
/// # Ok::<(), kpl_deagg::HashKeyRangeError>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Deaggregator {
    rule: Rule,
    lanes: Lanes,
}

impl Deaggregator {
    /// `range` is the hash key range of the shard the records were read from, if known; `policy` says what becomes of
    /// user records outside it.
    #[must_use]
    pub fn new(range: Option<&HashKeyRange>, policy: RangePolicy) -> Self {
        Self { rule: Rule::new(range, policy), lanes: Lanes::fastest() }
    }

    /// Hashes with these lanes. Default: the fastest the processor has. The outcomes are the same with any.
    #[must_use]
    pub fn with_lanes(self, lanes: Lanes) -> Self {
        Self { lanes, ..self }
    }

    /// Takes the data of one Kinesis record apart. User records are not expanded again, tags are dropped. Never panics,
    /// whatever the data.
    pub fn one(&self, data: &Bytes) -> Deaggregated {
        let mut read = Sealed::open(data).and_then(|sealed| sealed.read(md5(sealed.message)));
        place_keys(read.iter_mut().map(AsMut::as_mut), self.rule, self.lanes);
        self.outcome(read)
    }

    /// Takes the data of many Kinesis records apart, as [`one`](Self::one) does each, but hashes them side by side: several
    /// times faster for a page of aggregates. One outcome for each record, in order.
    pub fn all<'a>(&self, records: impl IntoIterator<Item = &'a Bytes>) -> Vec<Deaggregated> {
        let sealed: Vec<_> = records.into_iter().map(Sealed::open).collect();
        let messages: Vec<&[u8]> = sealed.iter().flatten().map(|sealed| sealed.message).collect();
        let mut digests = self.lanes.md5_all(&messages).into_iter();
        // There are as many digests as sealed messages, in the same order.
        let mut read = |sealed: Sealed<'a>| sealed.read(digests.next().unwrap_or_default());
        let mut read: Vec<_> = sealed.into_iter().map(|sealed| sealed.and_then(&mut read)).collect();
        place_keys(read.iter_mut().flatten().map(AsMut::as_mut), self.rule, self.lanes);
        read.into_iter().map(|read| self.outcome(read)).collect()
    }

    fn outcome(&self, read: Result<Box<Parts>, PlainReason>) -> Deaggregated {
        match read {
            Ok(mut parts) => {
                resolve(&mut parts, self.rule);
                Deaggregated::Expanded(parts.into())
            }
            Err(reason) => Deaggregated::Plain(reason),
        }
    }
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
    Deaggregator::new(range, policy).one(data)
}

/// Takes the data of many Kinesis records apart, hashing them side by side: what to use for an answer of `GetRecords`.
///
/// The outcomes are those of [`deaggregate`], one for each record, in order.
///
/// ```
/// use bytes::Bytes;
/// use kpl_deagg::{Deaggregated, RangePolicy, deaggregate_all};
///
/// struct Record {
///     sequence_number: &'static str,
///     data: Bytes,
/// }
///
/// let page = [Record { sequence_number: "49590338271490256608559692538361571095", data: "a plain record".into() }];
/// let outcomes = deaggregate_all(page.iter().map(|record| &record.data), None, RangePolicy::KeepAll);
/// for (record, outcome) in page.iter().zip(outcomes) {
///     assert!(matches!(outcome, Deaggregated::Plain(_)), "{} is no aggregate", record.sequence_number);
/// }
/// ```
#[must_use = "plain records are to be handed on, and a batch says what was left out"]
pub fn deaggregate_all<'a>(
    records: impl IntoIterator<Item = &'a Bytes>,
    range: Option<&HashKeyRange>,
    policy: RangePolicy,
) -> Vec<Deaggregated> {
    Deaggregator::new(range, policy).all(records)
}

/// Data that looks like an aggregate, its digest not compared yet.
#[derive(Clone, Copy)]
struct Sealed<'a> {
    data: &'a Bytes,
    message: &'a [u8],
    digest: Digest,
}

impl<'a> Sealed<'a> {
    fn open(data: &'a Bytes) -> Result<Self, PlainReason> {
        if data.len() <= OVERHEAD_BYTES {
            return Err(PlainReason::TooShort);
        }
        let sealed = data.strip_prefix(&MAGIC).ok_or(PlainReason::NoMagic)?;
        if data.len() > MAX_INPUT_BYTES {
            return Err(PlainReason::TooLong);
        }
        let (message, digest) = sealed.split_last_chunk().ok_or(PlainReason::TooShort)?;
        Ok(Self { data, message, digest: *digest })
    }

    /// Walks the message if `digest` is its MD5 indeed.
    fn read(self, digest: Digest) -> Result<Box<Parts>, PlainReason> {
        if digest != self.digest {
            return Err(PlainReason::BadDigest);
        }
        let range = MAGIC.len()..MAGIC.len() + self.message.len();
        let message = Message::parse(self.data, range).map_err(|_| PlainReason::BadMessage)?;
        Ok(Box::new(Parts::new(self.data, message)))
    }
}
