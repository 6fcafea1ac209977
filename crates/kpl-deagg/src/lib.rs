//! The aggregated record format of the Kinesis Producer Library (KPL): bytes in, user records out, and back.
//!
//! A producer that aggregates packs many *user records* into the data of one Kinesis record:
//!
//! ```text
//! F3 89 9A C2 │ protobuf message: key table, hash key table, records │ MD5 of the message
//!   4 bytes   │                        n bytes                       │     16 bytes
//! ```
//!
//! [`deaggregate`] takes such data apart by the rules of the Java Kinesis Client Library (KCL) 3.5 and says what it did:
//! data that is no aggregate stays plain and names the reason, a batch says where it had to stop and what a
//! [`RangePolicy`] left out. Nothing is lost without a trace, no input panics, and memory is bounded by the input's size.
//! [`Aggregator`] builds the same format. The payload of a user record is never copied: a [`Batch`] owns one handle of the
//! input and hands out borrowed [`UserRecord`]s.
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
//! # Where it may differ from the KCL
//!
//! With [`RangePolicy::DiscardAggregate`] and a known range the output is the KCL's for every vector in `tests/vectors`.
//! Data above 1 GiB, which Kinesis cannot carry, stays plain. Explicit hash keys are read as Java's `BigInteger` reads
//! them, digits of other scripts in the basic plane included.

mod aggregate;
mod batch;
mod deaggregate;
mod decimal;
mod digest;
mod format;
mod hash_key;
mod hash_key_range;
mod message;
mod resolve;
mod table;
mod wire;

pub use aggregate::{Aggregate, Aggregator, TryAdd};
pub use batch::{Batch, Iter, StopReason, UserRecord};
pub use deaggregate::{Deaggregated, PlainReason, deaggregate};
pub use format::OVERHEAD_BYTES;
pub use hash_key::{HashKey, HashKeyError};
pub use hash_key_range::{HashKeyRange, HashKeyRangeError};
pub use resolve::RangePolicy;

/// The README's example is compiled with the doc tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
