//! An application that notes every record that it processes, with short intervals.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use dstream_core::{DStream, StopMode, StreamingContext, StreamingContextBuilder};
use kinesis_asl::{
    Aggregation, Credentials, InitialPosition, KinesisInputDStream, KinesisInputDStreamBuilder, KinesisRecord,
    LeaseKeys, OnExpired, Position, ReadingBoard, Retrieval, SubscriptionTiming,
};
use tokio::time::Instant;

use super::wait::{PATIENCE, eventually};
use super::world::{APP, STREAM, World};

/// How an application is set up.
#[derive(Debug, Clone)]
pub(crate) struct Setup {
    pub(crate) stream: String,
    /// Further streams, each with one input stream.
    pub(crate) others: Vec<(&'static str, InitialPosition)>,
    pub(crate) keys: LeaseKeys,
    pub(crate) kinesis_url: String,
    pub(crate) dynamodb_url: String,
    pub(crate) inputs: usize,
    pub(crate) checkpoint_interval: Duration,
    pub(crate) failover: Duration,
    pub(crate) give_up_after: Duration,
    pub(crate) position: InitialPosition,
    pub(crate) retrieval: Retrieval,
    pub(crate) timing: SubscriptionTiming,
    pub(crate) on_expired: OnExpired,
    pub(crate) idle: Duration,
}

/// A record as the application's outputs saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Noted {
    /// Which input stream brought it.
    pub(crate) input: usize,
    pub(crate) stream: String,
    pub(crate) shard: String,
    pub(crate) position: Position,
    pub(crate) key: String,
    pub(crate) text: String,
    pub(crate) aggregation: Aggregation,
}

/// Everything that an application's outputs saw, in that order.
#[derive(Debug, Clone, Default)]
pub(crate) struct Notes(Arc<Mutex<Vec<Noted>>>);

/// An application that runs.
#[derive(Debug)]
pub(crate) struct Consumer {
    pub(crate) ctx: StreamingContext,
    pub(crate) notes: Notes,
}

impl Setup {
    /// One input stream from LATEST on, failover after 1 s, on these endpoints.
    pub(crate) fn at(kinesis_url: String, dynamodb_url: String) -> Self {
        Self {
            stream: STREAM.to_owned(),
            others: Vec::new(),
            keys: LeaseKeys::OneStream,
            kinesis_url,
            dynamodb_url,
            inputs: 1,
            checkpoint_interval: Duration::from_millis(200),
            failover: Duration::from_secs(1),
            give_up_after: Duration::from_secs(60),
            position: InitialPosition::Latest,
            retrieval: Retrieval::Polling,
            timing: SubscriptionTiming::default(),
            on_expired: OnExpired::default(),
            idle: Duration::from_millis(200),
        }
    }

    pub(crate) fn of(world: &World) -> Self {
        Self::at(world.kinesis_url(), world.dynamodb_url())
    }

    pub(crate) fn context() -> StreamingContext {
        Self::builder().build().unwrap()
    }

    /// The builder of that context.
    pub(crate) fn builder() -> StreamingContextBuilder {
        StreamingContext::builder("test")
            .master("local[2]")
            .batch_interval(Duration::from_millis(200))
            .block_interval(Duration::from_millis(50))
            .batch_attempts(3)
            .batch_retry_backoff(Duration::from_millis(10))
            .allow_multiple()
    }

    /// The builder of one input stream.
    pub(crate) fn input(&self, ctx: &StreamingContext) -> KinesisInputDStreamBuilder {
        let builder = match self.keys {
            LeaseKeys::OneStream => KinesisInputDStream::builder(),
            LeaseKeys::SeveralStreams => KinesisInputDStream::builder().multi_stream(),
        };
        builder
            .streaming_context(ctx)
            .stream_name(&self.stream)
            .checkpoint_app_name(APP)
            .endpoint_url(&self.kinesis_url)
            .dynamodb_endpoint_url(&self.dynamodb_url)
            .kinesis_credentials(Credentials::basic("any", "any"))
            .initial_position(self.position)
            .checkpoint_interval(self.checkpoint_interval)
            .failover(self.failover)
            .idle_between_reads(self.idle)
            .give_up_after(self.give_up_after)
            .retrieval(self.retrieval.clone())
            .subscription_timing(self.timing)
            .on_expired(self.on_expired)
    }

    /// One input stream of an application, ready to be noted.
    pub(crate) fn lines(&self, ctx: &StreamingContext, input: usize) -> DStream<Noted> {
        self.input(ctx).build_with_message_handler(move |record| Noted::new(input, record)).unwrap()
    }

    /// An application that was not started yet.
    pub(crate) fn build(&self) -> Consumer {
        let consumer = Consumer { ctx: Self::context(), notes: Notes::default() };
        let own = (0..self.inputs).map(|_| self.clone());
        let others = self.others.iter().map(|(stream, position)| {
            let (stream, position) = ((*stream).to_owned(), *position);
            Self { stream, position, ..self.clone() }
        });
        for (input, setup) in own.chain(others).enumerate() {
            let notes = consumer.notes.clone();
            setup.lines(&consumer.ctx, input).foreach_rdd(move |rdd, _| {
                notes.append(rdd.collect()?);
                Ok(())
            });
        }
        consumer
    }

    /// An application that misses nothing from now on.
    pub(crate) async fn start(&self) -> Consumer {
        let consumer = self.build();
        consumer.ctx.start().await.unwrap();
        let ready = tokio::time::timeout(PATIENCE, consumer.ctx.ready());
        tokio::select! {
            ready = ready => assert!(ready.is_ok(), "not ready: {:?}", consumer.readings().shards()),
            error = consumer.fails() => panic!("{error}"),
        }
        consumer
    }
}

impl Noted {
    pub(crate) fn new(input: usize, record: &KinesisRecord) -> Self {
        Self {
            input,
            stream: record.stream().to_owned(),
            shard: record.shard().to_string(),
            position: record.position(),
            key: record.partition_key().to_owned(),
            text: String::from_utf8(record.data().to_vec()).unwrap(),
            aggregation: record.aggregation(),
        }
    }

    pub(crate) fn number(&self) -> u64 {
        self.text.parse().unwrap()
    }
}

impl Notes {
    fn lock(&self) -> MutexGuard<'_, Vec<Noted>> {
        self.0.lock().unwrap()
    }

    pub(crate) fn append(&self, mut batch: Vec<Noted>) {
        self.lock().append(&mut batch);
    }

    pub(crate) fn all(&self) -> Vec<Noted> {
        self.lock().clone()
    }

    pub(crate) fn len(&self) -> usize {
        self.lock().len()
    }

    /// The numbers that were seen, in ascending order, each as often as it was seen.
    pub(crate) fn numbers(&self) -> Vec<u64> {
        let mut numbers: Vec<u64> = self.lock().iter().map(Noted::number).collect();
        numbers.sort_unstable();
        numbers
    }

    /// The last position that was seen of each shard.
    pub(crate) fn last_positions(&self) -> BTreeMap<String, Position> {
        self.lock().iter().map(|noted| (noted.shard.clone(), noted.position)).collect()
    }

    /// Waits until at least so many records were seen.
    pub(crate) async fn reach(&self, count: usize) {
        let enough = async || if self.len() >= count { Ok(()) } else { Err(self.len().to_string()) };
        eventually(&format!("{count} records processed"), enough).await;
    }
}

/// Waits until all of these together have seen every number below `count`.
pub(crate) async fn all_seen(notes: &[&Notes], count: u64) {
    eventually(&format!("every number below {count} processed"), async || {
        let seen: BTreeSet<u64> = notes.iter().flat_map(|notes| notes.numbers()).collect();
        let missing: Vec<u64> = (0..count).filter(|number| !seen.contains(number)).take(5).collect();
        if missing.is_empty() { Ok(()) } else { Err(format!("{} seen, {missing:?}.. missing", seen.len())) }
    })
    .await;
}

impl Consumer {
    /// What its readers do.
    pub(crate) fn readings(&self) -> Arc<ReadingBoard> {
        KinesisInputDStream::readings(&self.ctx, APP)
    }

    /// Stops gracefully and returns what was seen.
    pub(crate) async fn stop(self) -> Notes {
        let stopped = tokio::time::timeout(PATIENCE, self.ctx.stop(StopMode::Graceful)).await;
        stopped.unwrap().unwrap();
        self.notes
    }

    /// Waits until the application has stopped by itself; the answer is its error with all causes.
    pub(crate) async fn fails(&self) -> String {
        let begun = Instant::now();
        let ended = tokio::time::timeout(PATIENCE, self.ctx.await_termination()).await;
        match ended {
            Ok(Err(error)) => dstream_core::error_chain(&error),
            Ok(Ok(())) => panic!("it ended without an error"),
            Err(_) => panic!("it still runs after {:?}", begun.elapsed()),
        }
    }
}
