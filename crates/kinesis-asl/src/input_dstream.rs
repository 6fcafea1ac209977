//! `KinesisInputDStream`: the input stream of a program, and its builder.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use dstream_core::{BoxError, DStream, ReceiverOptions, StorageLevel, StreamingContext};
use kinesis_endpoint::Credentials;
use kpl_deagg::RangePolicy;

use crate::checkpoint::progress::CheckpointAfter;
use crate::config::{LeaseKeys, RawConfig, Tuning};
use crate::consumer::board::ReadingBoard;
use crate::consumer::retrieval::{OnExpired, ReadLimits, RereadRetry, Retrieval, SubscriptionTiming};
use crate::dead_letters::{OnFailedRecord, core_policy};
use crate::error::{ConfigError, HandlerError};
use crate::lease::cleanup::LeaseCleanup;
use crate::lease::table_options::TableOptions;
use crate::position::InitialPosition;
use crate::receiver::KinesisReceiver;
use crate::record::KinesisRecord;
use crate::worker::hub::WorkerHub;

/// An input stream that reads a Kinesis stream, or a share of it: streams of one application divide its shards.
///
/// ```
/// use std::time::Duration;
/// use dstream_core::{StorageLevel, StreamingContext};
/// use kinesis_asl::{InitialPosition, KinesisInputDStream};
///
/// let ssc = StreamingContext::builder("word count").master("local[2]").batch_interval(Duration::from_secs(2)).build()?;
/// let lines = KinesisInputDStream::builder()
///     .streaming_context(&ssc)
///     .stream_name("words")
///     .checkpoint_app_name("word-count")
///     .endpoint_url("https://kinesis.eu-central-1.amazonaws.com")
///     .initial_position(InitialPosition::Latest)
///     .storage_level(StorageLevel::MemoryAndDisk2)
///     .build()?;
/// lines.count().print();
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct KinesisInputDStream(());

impl KinesisInputDStream {
    /// Begins to describe an input stream.
    pub fn builder() -> KinesisInputDStreamBuilder {
        KinesisInputDStreamBuilder::default()
    }

    /// What each shard's reader in this process is doing and how far it is behind, for one application of a context.
    #[must_use]
    pub fn readings(context: &StreamingContext, application: &str) -> Arc<ReadingBoard> {
        context.shared(application, ReadingBoard::default)
    }
}

/// Settings of an input stream. Setters may come in any order; everything is checked at the end.
#[derive(Debug, Clone, Default)]
#[must_use = "a builder does nothing until build() is called"]
pub struct KinesisInputDStreamBuilder {
    context: Option<StreamingContext>,
    raw: RawConfig,
    storage_level: Option<StorageLevel>,
    checkpoint_interval: Option<Duration>,
    checkpoint_after: Option<CheckpointAfter>,
    range_policy: Option<RangePolicy>,
    failover: Option<Duration>,
    max_leases: Option<usize>,
    idle_between_reads: Option<Duration>,
    give_up_after: Option<Duration>,
    retrieval: Option<Retrieval>,
    read_limits: Option<ReadLimits>,
    subscription_timing: Option<SubscriptionTiming>,
    on_expired: Option<OnExpired>,
    retry_wait_time: Option<Duration>,
    retry_max_attempts: Option<u32>,
    stuck_after: Option<Duration>,
    lease_cleanup: LeaseCleanup,
    lease_table: TableOptions,
    on_failed_record: OnFailedRecord,
    most_failed_records: Option<usize>,
}

impl KinesisInputDStreamBuilder {
    /// The context that the stream belongs to. Required.
    pub fn streaming_context(mut self, context: &StreamingContext) -> Self {
        self.context = Some(context.clone());
        self
    }

    /// The Kinesis stream: 1 to 128 letters, digits, `_`, `-`, `.`. Required.
    pub fn stream_name(mut self, name: impl Into<String>) -> Self {
        self.raw.stream = Some(name.into());
        self
    }

    /// Lets input streams of the application read different streams: call it on each of them. One worker then reads all, shards
    /// are balanced over all streams together, and the lease table has the KCL's multi-stream keys, `account:stream:epoch:shardId`.
    /// A table of the one kind cannot be used for the other. Each stream may have an initial position of its own. Needs
    /// `kinesis:DescribeStreamSummary`. Default: one stream.
    pub fn multi_stream(mut self) -> Self {
        self.raw.keys = LeaseKeys::SeveralStreams;
        self
    }

    /// The application: also the name of the DynamoDB table with its leases and checkpoints, so it must be unique in the
    /// account and region, 3 to 255 letters, digits, `_`, `-`, `.`. Required. The table is created if it is missing.
    pub fn checkpoint_app_name(mut self, name: impl Into<String>) -> Self {
        self.raw.application = Some(name.into());
        self
    }

    /// The Kinesis endpoint. Default: that of the region. For an endpoint that is not AWS's own give
    /// [`dynamodb_endpoint_url`](Self::dynamodb_endpoint_url) too.
    pub fn endpoint_url(mut self, url: impl Into<String>) -> Self {
        self.raw.endpoint = Some(url.into());
        self
    }

    /// The region of Kinesis and of the lease table. Default: the one in the endpoint's host, else `us-east-1`.
    pub fn region_name(mut self, name: impl Into<String>) -> Self {
        self.raw.region = Some(name.into());
        self
    }

    /// The DynamoDB endpoint. Default: that of the region.
    pub fn dynamodb_endpoint_url(mut self, url: impl Into<String>) -> Self {
        self.raw.dynamodb_endpoint = Some(url.into());
        self
    }

    /// Where to begin a shard that has no checkpoint. Default: [`InitialPosition::Latest`].
    pub fn initial_position(mut self, position: InitialPosition) -> Self {
        self.raw.initial_position = position;
        self
    }

    /// Time between two checkpoints of a shard. Default: the batch interval of the context.
    pub fn checkpoint_interval(mut self, interval: Duration) -> Self {
        self.checkpoint_interval = Some(interval);
        self
    }

    /// What a record must have gone through before its position is checkpointed. Default:
    /// [`CheckpointAfter::Outputs`].
    pub fn checkpoint_after(mut self, rule: CheckpointAfter) -> Self {
        self.checkpoint_after = Some(rule);
        self
    }

    /// Where blocks are kept. Default: [`StorageLevel::MemoryAndDisk2`], Spark's.
    pub fn storage_level(mut self, level: StorageLevel) -> Self {
        self.storage_level = Some(level);
        self
    }

    /// Who reads Kinesis. Default: the SDK's chain.
    pub fn kinesis_credentials(mut self, credentials: Credentials) -> Self {
        self.raw.kinesis_credentials = Some(credentials);
        self
    }

    /// Who writes the lease table. Default: the same as for Kinesis.
    pub fn dynamodb_credentials(mut self, credentials: Credentials) -> Self {
        self.raw.dynamodb_credentials = Some(credentials);
        self
    }

    /// What becomes of user records of a KPL aggregate whose hash key belongs to another shard. Default:
    /// [`RangePolicy::KeepAll`], which loses nothing; the KCL's rule is [`RangePolicy::DiscardAggregate`].
    pub fn range_policy(mut self, policy: RangePolicy) -> Self {
        self.range_policy = Some(policy);
        self
    }

    /// After which time without a renewal other processes take a shard over. Default 10 s, at least 1 s.
    pub fn failover(mut self, time: Duration) -> Self {
        self.failover = Some(time);
        self
    }

    /// The most shards that this process reads at a time. Default: no limit.
    pub fn max_leases_per_worker(mut self, most: usize) -> Self {
        self.max_leases = Some(most);
        self
    }

    /// Time between two reads of a shard in which nothing arrives. Default 500 ms, at least 200 ms.
    pub fn idle_between_reads(mut self, pause: Duration) -> Self {
        self.idle_between_reads = Some(pause);
        self
    }

    /// How long Kinesis or DynamoDB may fail without a success before the application stops. Default 5 minutes.
    pub fn give_up_after(mut self, time: Duration) -> Self {
        self.give_up_after = Some(time);
        self
    }

    /// How records are fetched. Default [`Retrieval::Polling`]; [`Retrieval::FanOut`] is enhanced fan-out.
    pub fn retrieval(mut self, retrieval: Retrieval) -> Self {
        self.retrieval = Some(retrieval);
        self
    }

    /// How fast a shard is polled. Default [`ReadLimits::Service`]: five calls and 2 MB a second.
    pub fn read_limits(mut self, limits: ReadLimits) -> Self {
        self.read_limits = Some(limits);
        self
    }

    /// When a subscription of enhanced fan-out is replaced. The default suits AWS; tests shorten it.
    pub fn subscription_timing(mut self, timing: SubscriptionTiming) -> Self {
        self.subscription_timing = Some(timing);
        self
    }

    /// What to do when records have expired with the stream's retention time before they were read. Default [`OnExpired::Fail`].
    pub fn on_expired(mut self, policy: OnExpired) -> Self {
        self.on_expired = Some(policy);
        self
    }

    /// The pause before a call that failed is made again, while the records of unfinished batches are read again after a restart; it
    /// doubles with each further attempt. Default 100 ms. Spark's `spark.streaming.kinesis.retry.waitTime`.
    pub fn retry_wait_time(mut self, pause: Duration) -> Self {
        self.retry_wait_time = Some(pause);
        self
    }

    /// How often such a call is tried, within the batch interval. Default 3. Spark's `spark.streaming.kinesis.retry.maxAttempts`.
    pub fn retry_max_attempts(mut self, most: u32) -> Self {
        self.retry_max_attempts = Some(most);
        self
    }

    /// After which time without a page, or a slice of one, a shard is named in the log, with the reason. Default 1 minute.
    pub fn stuck_after(mut self, time: Duration) -> Self {
        self.stuck_after = Some(time);
        self
    }

    /// What becomes of leases of shards that have ended. Default: [`LeaseCleanup::Completed`], they are deleted when the
    /// shards that follow have started; the leader of the application's workers looks every five minutes.
    pub fn lease_cleanup(mut self, rule: LeaseCleanup) -> Self {
        self.lease_cleanup = rule;
        self
    }

    /// Options of the lease table: point-in-time recovery, protection against deletion, tags. Default: none.
    pub fn lease_table(mut self, options: TableOptions) -> Self {
        self.lease_table = options;
        self
    }

    /// What becomes of a record on which the message handler, an operator or an output operation fails again and again. Default:
    /// [`OnFailedRecord::Stop`], no record is skipped, and the application stops. The same for all input streams of the application
    /// that read this stream.
    pub fn on_failed_record(mut self, policy: OnFailedRecord) -> Self {
        self.on_failed_record = policy;
        self
    }

    /// The most records of a batch that may be set aside or skipped. Default: 100. When more fail, the program, or a service that it
    /// needs, is likelier to be at fault than the records, and the application stops.
    pub fn most_failed_records(mut self, most: usize) -> Self {
        self.most_failed_records = Some(most);
        self
    }

    /// A stream of the records' bytes.
    ///
    /// # Errors
    /// [`ConfigError`] names the value and the fix; nothing was started or sent.
    pub fn build(self) -> Result<DStream<Bytes>, ConfigError> {
        self.build_with_message_handler(|record| record.data().clone())
    }

    /// A stream of what `handler` makes of each record. It runs when a batch is computed, on the task pool.
    ///
    /// # Errors
    /// [`ConfigError`] names the value and the fix; nothing was started or sent.
    pub fn build_with_message_handler<T, F>(self, handler: F) -> Result<DStream<T>, ConfigError>
    where
        T: Send + Sync + 'static,
        F: Fn(&KinesisRecord) -> T + Send + Sync + 'static,
    {
        self.build_with_try_message_handler(move |record| Ok(handler(record)))
    }

    /// Like [`build_with_message_handler`](Self::build_with_message_handler), for a handler that can fail. A failure fails
    /// the batch, which is tried again and then stops the application with the record's shard and position (a
    /// [`HandlerError`]); no record is skipped, unless [`on_failed_record`](Self::on_failed_record) says so.
    ///
    /// # Errors
    /// [`ConfigError`] names the value and the fix; nothing was started or sent.
    pub fn build_with_try_message_handler<T, F>(self, handler: F) -> Result<DStream<T>, ConfigError>
    where
        T: Send + Sync + 'static,
        F: Fn(&KinesisRecord) -> Result<T, BoxError> + Send + Sync + 'static,
    {
        let Some(context) = self.context else {
            let mut names = vec!["streaming_context"];
            names.extend(self.raw.missing());
            return Err(ConfigError::Missing { names });
        };
        let defaults = Tuning::new(context.batch_interval());
        let tuning = Tuning {
            checkpoint_interval: self.checkpoint_interval.unwrap_or(defaults.checkpoint_interval),
            checkpoint_after: self.checkpoint_after.unwrap_or(defaults.checkpoint_after),
            range_policy: self.range_policy.unwrap_or(defaults.range_policy),
            failover: self.failover.unwrap_or(defaults.failover),
            max_leases: self.max_leases.unwrap_or(defaults.max_leases),
            idle_between_reads: self.idle_between_reads.unwrap_or(defaults.idle_between_reads),
            give_up_after: self.give_up_after.unwrap_or(defaults.give_up_after),
            retrieval: self.retrieval.unwrap_or(defaults.retrieval),
            read_limits: self.read_limits.unwrap_or(defaults.read_limits),
            subscription_timing: self.subscription_timing.unwrap_or(defaults.subscription_timing),
            on_expired: self.on_expired.unwrap_or(defaults.on_expired),
            reread: RereadRetry {
                wait_time: self.retry_wait_time.unwrap_or(defaults.reread.wait_time),
                max_attempts: self.retry_max_attempts.unwrap_or(defaults.reread.max_attempts),
                ..defaults.reread
            },
            stuck_after: self.stuck_after.unwrap_or(defaults.stuck_after),
            lease_cleanup: self.lease_cleanup,
            lease_table: self.lease_table,
        };
        let config = self.raw.parse(tuning)?;
        let on_failed_record = core_policy(self.on_failed_record.clone(), &config)?;
        let board = KinesisInputDStream::readings(&context, &config.application);
        let hub = context.shared(&config.application, || WorkerHub::new(config.clone()).with_board(board));
        let seat = hub.register_with_policy(&config, &self.on_failed_record)?;
        let level = self.storage_level.unwrap_or(StorageLevel::MemoryAndDisk2);
        let mut options = ReceiverOptions::new(level).on_failed_record(on_failed_record);
        if let Some(most) = self.most_failed_records {
            options = options.most_failed_records(most);
        }
        let name = format!("Kinesis stream '{}' [{}]", config.stream, seat.0);
        let handler = move |record: &KinesisRecord| {
            handler(record).map_err(|source| {
                let (stream, shard) = (record.stream().to_owned(), record.shard().clone());
                HandlerError { stream, shard, position: record.position(), source }.into()
            })
        };
        Ok(context.receiver_stream(&name, options, KinesisReceiver::new(hub, seat), handler))
    }
}
