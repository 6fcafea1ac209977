//! A batching producer for Amazon Kinesis, and the word producer of the examples.
//!
//! ```text
//! send ─▶ bounded by records and bytes ─▶ collector ─▶ requests of ≤ 500 records ─▶ PutRecords (a few in flight)
//!              (send waits)                  ▲   linger                                  │ one answer per record
//!                                            └── back-off ◀── throttled, server trouble ─┤
//!                      Delivery ◀── shard and sequence number, or the record given back ─┘
//! ```
//!
//! One task owns all state; a [`Producer`] is its handle. Every record that [`Producer::send`] takes is answered through
//! its [`Delivery`]: with its place in the stream, or with the reason and the record itself. Records of one request that
//! Kinesis refuses for lack of throughput are sent again on their own. Order is not promised: a record that is sent again
//! falls behind others.
//!
//! Records are put as they are. Aggregating several user records into one Kinesis record (`kpl_deagg::Aggregator`) belongs
//! before the collector and is not there yet.
//!
//! ```no_run
//! use std::sync::Arc;
//!
//! use bytes::Bytes;
//! use kinesis_endpoint::{Credentials, Region, ServiceAccess};
//! use kinesis_producer::{KinesisPutRecords, Producer, ProducerConfig, Record, StreamName};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let access = ServiceAccess {
//!     region: Region::parse("eu-central-1")?,
//!     endpoint: None,
//!     credentials: Credentials::from_env()?,
//! };
//! let api = KinesisPutRecords::connect(&access, StreamName::parse("orders")?).await;
//! let producer = Producer::start(&ProducerConfig::default(), Arc::new(api));
//! let delivery = producer.send(Record::new("customer-17", Bytes::from_static(b"an order"))?).await?;
//! println!("stored in {}", delivery.await?.shard_id);
//! producer.close().await;
//! # Ok(())
//! # }
//! ```
//!
//! | module | holds |
//! |---|---|
//! | `config`, `limits` | settings, and the limits of the service that bound them |
//! | `record`, `delivery` | a record on its way in, its fate on the way out |
//! | `collector`, `retry_queue`, `flushes`, `core` | pure: what to send and when |
//! | `backoff`, `connection`, `lifetime`, `outcome` | pure: what an answer means, how long to pause, how long to try |
//! | `api`, `aws_api`, `memory_api` | the seam to Kinesis, the real one and one in memory |
//! | `producer`, `task` | the handle and the one task |
//! | `pace`, `words`, `totals`, `word_run`, `word_producer` | the word producer |

mod api;
mod aws_api;
mod backoff;
mod collector;
mod config;
mod connection;
mod core;
mod counts;
mod delivery;
mod flushes;
mod lifetime;
mod limits;
mod memory_api;
mod outcome;
mod pace;
mod producer;
mod record;
mod retry_queue;
mod stream_name;
mod task;
mod totals;
mod word_producer;
mod word_run;
mod words;

pub use api::{EntryError, EntryResult, PutRecordsApi, Receipt, SequenceNumber, ShardId};
pub use aws_api::KinesisPutRecords;
pub use config::{ConfigError, ProducerConfig, ProducerConfigBuilder};
pub use counts::Counts;
pub use delivery::{Delivery, DeliveryError, FailedDelivery, FailureCause};
pub use memory_api::{MemoryPutRecords, Scripted};
pub use producer::{Producer, SendError};
pub use record::{Record, RecordError};
pub use stream_name::{StreamName, StreamNameError};
pub use totals::Totals;
pub use word_producer::{Progress, WordProducer, WordProducerError, WordSettings};

/// The README's example is compiled with the doc tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
