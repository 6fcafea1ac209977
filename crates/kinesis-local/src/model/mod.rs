//! A pure, deterministic model of Kinesis.
//!
//! One state machine ([`Model`]) with one method per operation, typed requests and replies, and `now` as an argument of
//! each. It knows no clock, no network, no task: the HTTP face drives it by the system clock, the simulator by a virtual
//! one, and both see the same Kinesis.
//!
//! It promises what consumers rely on: open shards that always cover the ring, sequence numbers that grow within a shard
//! and from parent to child, honest lag, the end of a shard with its children, filters and pages, iterators that expire,
//! retention, enhanced fan-out with resume, take-over and heartbeats; and, by a switch, the rates at which AWS throttles.
//!
//! ```
//! use kinesis_local::model::{
//!     CreateStream, GetRecords, GetShardIterator, ListShards, Millis, Model, Settings, StartingPosition,
//! };
//!
//! let mut model = Model::new(Settings { status_delay: std::time::Duration::ZERO, ..Settings::default() }, 1);
//! let now = Millis::new(1_700_000_000_000);
//! model.create_stream(now, &CreateStream::provisioned("words", 1))?;
//! let shard_id = model.list_shards(now, &ListShards::of("words"))?.shards[0].id;
//! let position = StartingPosition::TrimHorizon;
//! let iterator = model.get_shard_iterator(now, &GetShardIterator { stream: "words".into(), shard_id, position })?;
//! let reply = model.get_records(now, &GetRecords { iterator, limit: None })?;
//! assert!(reply.records.is_empty() && reply.next_iterator.is_some());
//! # Ok::<(), kinesis_local::model::KinesisError>(())
//! ```

mod birth;
mod error;
mod hash_key;
mod limits;
mod millis;
mod payload;
mod rate;
mod sequence;
mod settings;
mod snapshot;
mod token;

mod call_rates;
mod rescale;
mod shard;
mod shard_rates;
mod stream;
mod stream_ref;

mod consumer;
mod consumer_ref;
mod fan_out_rate;
mod wakeups;

mod machine;

mod account;
mod consumers;
mod describe;
mod list_shards;
mod monitoring;
mod named;
mod put;
mod read;
mod record_size;
mod reshard;
mod retention;
mod stream_mode;
mod streams;
mod subscription;
mod tags;
mod update_shard_count;

#[cfg(test)]
mod tests;

pub use account::AccountLimits;
pub use consumer::{ConsumerDescription, ConsumerStatus};
pub use consumer_ref::ConsumerRef;
pub use consumers::{ListStreamConsumers, ListStreamConsumersReply, RegisterStreamConsumer};
pub use describe::{DescribeStream, ShardDescription, StreamDescription, StreamSummary};
pub use error::{ErrorKind, KinesisError};
pub use hash_key::{HashKey, HashKeyRange, NotAHashKey};
pub use limits::Limits;
pub use list_shards::{ListShards, ListShardsReply, ShardFilter};
pub use machine::Model;
pub use millis::Millis;
pub use monitoring::{ChangeMonitoring, MonitoringReply, ShardMetrics};
pub use payload::{NotBase64, Payload};
pub use put::{PutEntry, PutOutcome, PutRecord, PutRecords, PutRecordsReply, StoredAt};
pub use read::{ChildShard, GetRecords, GetRecordsReply, GetShardIterator, StartingPosition};
pub use record_size::UpdateMaxRecordSize;
pub use reshard::{MergeShards, SplitShard};
pub use sequence::{NotASequenceNumber, SequenceNumber};
pub use settings::Settings;
pub use shard::{NotAShardId, Record, ShardId};
pub use stream::{StreamMode, StreamStatus};
pub use stream_mode::UpdateStreamMode;
pub use stream_ref::StreamRef;
pub use streams::{CreateStream, ListStreams, ListStreamsReply};
pub use subscription::{Polled, SubscribeToShard, Subscription, SubscriptionEvent, SubscriptionId};
pub use tags::{AddTags, ListTags, ListTagsReply, RemoveTags};
pub use update_shard_count::{UpdateShardCount, UpdateShardCountReply};
