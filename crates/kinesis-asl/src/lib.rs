//! Micro-batches over Amazon Kinesis, without a JVM: the input stream of `dstream-core` for Kinesis.
//!
//! A program makes a [`KinesisInputDStream`]; its shards are shared between all input streams and processes of the
//! application through leases in a DynamoDB table laid out as the Java Kinesis Client Library lays it out.
//!
//! | module | what it is |
//! |---|---|
//! | [`input_dstream`](KinesisInputDStream) | the builder that programs use |
//! | [`sequence`], [`position`], [`shard`], [`record`](KinesisRecord), [`range`](SequenceRange), [`origin`], [`stream_identity`], [`stream_key`] | values |
//! | [`lease`] | who reads which shard: pure rules, the table, writes that recognise themselves |
//! | [`consumer`] | reading one shard |
//! | [`checkpoint`] | how far a shard may be checkpointed |
//! | [`dead_letters`] | what becomes of records on which the program fails |
//! | [`worker`] | the one task of a process that owns leases and readers |
//! | [`api`], [`subscription`], [`lease::store`] | the seams to Kinesis and to the lease table |
//!
//! # What one may rely on
//!
//! * Each record is processed at least once; records of a shard in order.
//! * A position is checkpointed only after every output of the batch that holds the record has succeeded.
//! * A graceful stop hands over: what was read is processed, checkpointed, and released, and nothing comes twice.
//! * KPL aggregates are taken apart; positions are exact to the user record within an aggregate.
//!
//! # Words
//!
//! *Lease*: the right to read a shard. *Holding*: one uninterrupted time of having it. *Worker*: a lease participant,
//! one for each process and application. *Seat*: a receiver at its worker. *User record*: what a producer wrote;
//! an *aggregate* carries many in one Kinesis record.

pub mod api;
mod aws_api;
mod aws_subscription;
mod backoff;
mod buffer_pool;
pub mod checkpoint;
mod config;
pub mod consumer;
pub mod dead_letters;
mod error;
mod input_dstream;
pub mod lease;
mod limits;
pub mod origin;
mod packing;
mod patience;
pub mod position;
mod range;
mod range_bytes;
mod receiver;
mod record;
mod record_bytes;
mod record_group;
mod replay;
mod scoped_stream;
pub mod sequence;
pub mod shard;
pub mod stream_identity;
pub mod stream_key;
pub mod subscription;
pub mod worker;

pub use aws_api::AwsKinesis;
pub use checkpoint::progress::CheckpointAfter;
pub use config::{KinesisConfig, LeaseKeys, Tuning};
pub use consumer::board::{Doing, ReadingBoard, ShardReading};
pub use consumer::reread::error::RereadError;
pub use consumer::retrieval::{Lifecycle, OnExpired, ReadLimits, RereadRetry, Retrieval, SubscriptionTiming};
pub use dead_letters::{DeadLetterFile, DeadLetterStream, DeadLetterTarget, DeadLetters, Letter, OnFailedRecord};
pub use error::{ConfigError, HandlerError, KinesisError};
pub use input_dstream::{KinesisInputDStream, KinesisInputDStreamBuilder};
pub use kinesis_endpoint::{Credentials, ServiceError, ServiceErrorKind};
pub use kpl_deagg::RangePolicy;
pub use lease::cleanup::LeaseCleanup;
pub use lease::table_options::TableOptions;
pub use position::{InitialPosition, Timestamp};
pub use range::{Holding, SequenceRange};
pub use receiver::KinesisReceiver;
pub use record::{Aggregation, KinesisRecord};
pub use sequence::{Position, SequenceNumber, SequenceNumberError};
pub use shard::ShardId;
pub use stream_identity::StreamIdentity;
pub use stream_key::StreamKey;
