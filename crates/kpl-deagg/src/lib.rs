//! The aggregated record format of the Kinesis Producer Library (KPL): bytes in, user records out, and back.
//!
//! A producer that aggregates packs many *user records* into the data of one Kinesis record:
//!
//! ```text
//! byte 0        4                                                          n-16            n
//!      ┌────────┬──────────────────────────────────────────────────────────┬───────────────┐
//!      │ magic  │ protobuf message AggregatedRecord                        │ MD5 of the    │
//!      │F3899AC2│ key table · hash key table · records                     │ message       │
//!      └────────┴──────────────────────────────────────────────────────────┴───────────────┘
//!                 0A len "user-1"       partition key 0  ◀───────────┐
//!                 0A len "user-2"       partition key 1              │ index
//!                 12 len "170141…"      explicit hash key 0  ◀────┐  │
//!                 1A len ┌ 08 00        partition key index ──────┼──┘
//!                        │ 10 00        explicit hash key index ──┘     (optional)
//!                        └ 1A len data  payload
//!                 1A len …              the next user record
//! ```
//!
//! * [`deaggregate`] takes such data apart by the rules of the Java Kinesis Client Library (KCL) 3.5, [`deaggregate_all`] a
//!   page of them with their digests computed side by side (see [`Lanes`]). The outcome says what was done: data that is no
//!   aggregate stays plain and names the [reason](PlainReason); a [`Batch`] says where it had to [stop](Batch::stopped) and
//!   how much was [lost](Batch::lost) thereby, and what a [`RangePolicy`] left [out](Batch::discarded). Nothing is lost without a
//!   trace, no input panics, and memory is bounded by a small multiple of the input's size.
//! * A [`Batch`] owns handles of the input and a compact index, and hands out borrowed [`UserRecord`]s. There is no allocation
//!   per user record and no copy of payloads or keys, except that keys which are not UTF-8 are decoded.
//! * [`Aggregator`] builds the same format in its canonical form and knows its exact size beforehand.
//! * [`HashKey`] and [`HashKeyRange`] tell which shard a record belongs to.
//!
//! The crate knows bytes only: no async runtime, no AWS SDK, no I/O.
//!
//! ```
//! use bytes::Bytes;
//! use kpl_deagg::{Aggregator, Deaggregated, RangePolicy, TryAdd, deaggregate};
//!
//! let mut aggregator = Aggregator::new(51_200);
//! assert_eq!(aggregator.try_add("user-1", None, b"hello"), TryAdd::Added);
//! assert_eq!(aggregator.try_add("user-2", None, b"world"), TryAdd::Added);
//! let aggregate = aggregator.finish().ok_or("nothing was added")?;
//!
//! let Deaggregated::Expanded(batch) = deaggregate(&aggregate.data, None, RangePolicy::KeepAll) else {
//!     return Err("not taken for an aggregate".into());
//! };
//! let words: Vec<&[u8]> = batch.iter().map(|record| record.data).collect();
//! assert_eq!(words, [b"hello", b"world"]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Where it differs from the KCL
//!
//! With [`RangePolicy::DiscardAggregate`] the output is the KCL's for every vector in `tests/vectors`, the 8 marked as quirks
//! included: of those that differ, there are none. The default, [`RangePolicy::KeepAll`], differs on purpose where a user record
//! lies outside the shard's range: it is kept. Two more differences, which no vector and no record in Kinesis can show:
//!
//! * Data above 1 GiB stays plain, so that offsets fit into 32 bits. Kinesis carries at most 10 MiB.
//! * Explicit hash keys are read as Java's `BigInteger` reads them, digits of other scripts in Unicode's basic plane included;
//!   a script that a later version of Unicode adds to it is not known here.

mod aggregate;
mod batch;
mod deaggregate;
mod decimal;
mod digest;
mod format;
mod hash_key;
mod hash_key_range;
mod lanes;
mod message;
mod resolve;
mod table;
mod wire;

pub use aggregate::{Aggregate, Aggregator, TryAdd};
pub use batch::{Batch, Iter, OwnedUserRecord, StopReason, UserRecord};
pub use deaggregate::{Deaggregated, Deaggregator, PlainReason, deaggregate, deaggregate_all};
pub use format::OVERHEAD_BYTES;
pub use hash_key::{HashKey, HashKeyError};
pub use hash_key_range::{HashKeyRange, HashKeyRangeError};
pub use lanes::Lanes;
pub use resolve::RangePolicy;

/// The README's example is compiled with the doc tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
