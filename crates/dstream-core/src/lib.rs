//! Micro-batches: streams of records, cut into batches, computed in partitions, on time.
//!
//! A program makes a [`StreamingContext`], makes streams with it, says what is to happen with each batch, and starts it.
//! Sources of records are [`Receiver`]s. A receiver hears, through [`Positions`], when every output operation of the batch
//! that holds a record has succeeded; that is what makes at-least-once delivery of it. This crate has never heard of
//! Kinesis.
//!
//! ```
//! use std::sync::Arc;
//! use std::time::Duration;
//! use dstream_core::{ManualClock, StopMode, StreamingContext, Time};
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), dstream_core::BoxError> {
//! // Programs leave the clock out; then batches come by the wall clock.
//! let clock = Arc::new(ManualClock::new(Time::from_millis(0)));
//! let ctx = StreamingContext::builder("word count")
//!     .master("local[2]")
//!     .batch_interval(Duration::from_secs(2))
//!     .clock(clock.clone())
//!     .build()?;
//! let lines = ctx.queue_stream([vec!["to be or not to be"]]);
//! lines.flat_map(|line| line.split(' ')).map(|word| (word.to_owned(), 1)).reduce_by_key(|m, n| m + n).print();
//!
//! ctx.start().await?;
//! clock.advance(Duration::from_secs(2));
//! ctx.stop(StopMode::Graceful).await?;
//! # Ok(()) }
//! ```
//!
//! # Words
//! A *receiver* stores *pages* of raw *records*, each with the *range* it came from. Every *block interval* what a stream has
//! stored is cut into a *block*. Every *batch interval* the blocks that no *batch* holds are allocated to one; its *batch
//! time* is a multiple of the interval. A batch is computed in *partitions*, one for each block. An *output operation* of a
//! batch is a *job*; it runs a *task* for each partition, on the *task pool*.
//!
//! # What is promised
//! - Batches run in order, one at a time, and so do the output operations of a batch, unless
//!   [`concurrent_jobs`](StreamingContextBuilder::concurrent_jobs) says otherwise; they are completed in order in any case.
//! - A record is reported as processed only after all outputs of its batch succeeded, and no later record of its stream
//!   before it. A failed batch is tried again with the same records, then the context stops with its error, unless
//!   [`on_batch_failure`](StreamingContextBuilder::on_batch_failure) says otherwise. With [`OnFailedRecord`], the records that it
//!   fails on are found, and set aside or skipped.
//! - What is in memory, stored and not processed, stays within the memory budget; when it is full, blocks go to disk if their
//!   storage level allows it, and storing waits.
//! - After [`stop`](StreamingContext::stop) has returned, no user code runs.

// The map, in reading order. Values and pure rules first.
mod batch;
mod batch_lines;
mod batch_report;
mod batch_timer;
mod block;
mod block_builder;
mod error;
mod failed_records;
mod fair_shares;
mod graph_error;
mod history;
mod left_out;
mod master;
mod metrics;
mod operator;
mod output_info;
mod page_slices;
mod plain_records;
mod poison_search;
mod range_replay;
mod rate;
mod retry;
mod scheduling;
mod statistics;
mod storage_level;
mod text_table;
mod time;
mod time_text;
mod tracker;

// Seams, and what stands right behind them.
mod block_store;
mod clock;
mod deposit;
mod disk_block_store;
mod event;
mod exchange;
mod listeners;
mod receiver;
mod receiver_store;
mod room;
mod store_gate;

// Datasets, and the engine that computes them.
mod actions;
mod cached;
mod cached_on_disk;
mod codec;
mod data;
mod dataset;
mod grouping;
mod job;
mod key_hash;
mod narrow;
mod rdd;
mod row_table;
mod rows;
mod shuffle;
mod slices;
mod suspects;
mod task_pool;
mod text_output;
mod wide;

// Keyed state, checkpoints, blocks on disk.
mod checkpoint;
mod fresh_dir;
mod spill;
#[cfg_attr(not(test), expect(dead_code, reason = "checkpoints of what changed will use the rest"))]
mod state;
mod stateful;
mod windowed;

// Streams.
mod dstream;
mod graph;
mod held_blocks;
mod input;
mod inputs;
mod joining;
mod kept;
mod ops;
mod replay_desk;
mod scope;
mod stream_node;

// The context and its one task.
mod active;
mod aftermath;
mod batch_maker;
mod batch_queue;
mod batch_run;
mod config;
mod config_error;
mod context;
mod control;
mod inside;
mod life;
mod lock;
mod memory_budget;
mod output_run;
mod poison_run;
mod receivers;
mod rerun;
mod running_batches;
mod scheduler;
mod settling;
mod shared;
mod signals;
mod stop_deadline;
mod supervisor;

pub mod testing;

#[cfg(test)]
mod stepper;

pub use batch::{BatchInfo, BatchOrigin, InputInfo};
pub use batch_lines::BatchLines;
pub use batch_report::{BatchReport, BatchStage, ReceiverReport, ReceiverStage};
pub use block::{Block, BlockId, BlockRange, BlockRecord, Records, StreamId};
pub use block_store::{BlockStore, BlockStoreError, MemoryBlockStore};
pub use checkpoint::{
    CheckpointSettingError, GraphChange, Recovery, RecoveryError, SnapshotLookupError, snapshot_exists,
};
pub use clock::{Clock, ManualClock, SystemClock};
pub use codec::CodecError;
pub use config::StreamingContextBuilder;
pub use config_error::ConfigError;
pub use context::StreamingContext;
pub use control::StopMode;
pub use data::{Data, Key};
pub use dataset::TaskError;
pub use deposit::Deposit;
pub use disk_block_store::DiskBlockStore;
pub use dstream::DStream;
pub use error::{BoxError, StartError, StreamingError, error_chain};
pub use event::{Event, Listener};
pub use exchange::ExchangeError;
pub use failed_records::{DeadLetter, DeadLetters, LeftOutRecords, OnFailedRecord, ReceiverOptions, RecordFate};
pub use graph_error::GraphError;
pub use inputs::file_options::FileStreamOptions;
pub use inputs::queue_stream::QueueOptions;
pub use inputs::socket_text::{SocketLines, SocketTextReceiver};
pub use job::JobError;
pub use life::ContextState;
pub use master::{Master, ParseMasterError};
pub use metrics::Metrics;
pub use operator::OperatorName;
pub use ops::{MapWithState, Printable, SliceError};
pub use output_info::{OutputId, OutputInfo};
pub use plain_records::{decode_data, encode_data};
pub use range_replay::{Claim, Leftover, RangeReplay};
pub use rate::{PidSettingError, PidSettings, RateSettingError, RecordsPerSecond, UnknownEstimator};
pub use rdd::Rdd;
pub use receiver::{Positions, Receiver, ReceiverError};
pub use receiver_store::{ReceiverStore, StoreClosed};
pub use room::Room;
pub use scheduling::BatchFailure;
pub use state::State;
pub use stateful::{StateSpec, UpdateSpec};
pub use statistics::Statistics;
pub use stop_deadline::CutShort;
pub use storage_level::{ParseStorageLevelError, StorageLevel};
pub use task_pool::PoolError;
pub use text_output::SaveError;
pub use time::Time;
