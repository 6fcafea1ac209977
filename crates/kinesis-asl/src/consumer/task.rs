//! The task that reads one shard under one holding of its lease, until it is told to stop or the shard ends.
//!
//! It keeps no position of its own that matters: what it stored carries its ranges, and the checkpoint follows from
//! what was processed. So it may be stopped at any await.

use std::sync::Arc;
use std::time::Duration;

use dstream_core::ReceiverStore;
use kinesis_endpoint::{ServiceError, ServiceErrorKind};
use rand::{SeedableRng, rngs::StdRng};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use tracing::{debug, info, warn};

use crate::api::{KinesisApi, NextPage, Page, Place, ShardFilter, ShardIterator};
use crate::checkpoint::tracker::ProgressTracker;
use crate::consumer::expand::{Expanded, Expander};
use crate::consumer::poll::{PollPace, Read};
use crate::consumer::start::Start;
use crate::limits::RECORDS_PER_READ;
use crate::patience::{Advice, Patience};
use crate::range::{Holding, SequenceRange};
use crate::record::KinesisRecord;
use crate::sequence::SequenceNumber;
use crate::shard::{ChildShard, ShardId, children_of};

/// Where user records go.
pub type RecordSink = ReceiverStore<KinesisRecord, SequenceRange>;

/// How a consumer came to its end.
#[derive(Debug)]
pub enum ConsumerEnd {
    /// It was told to stop, or nothing more can be stored.
    Stopped,
    /// Every record of the shard has been stored; these shards follow.
    ShardEnd(Vec<ChildShard>),
    /// A call failed in a way that trying again does not mend.
    Failed(ServiceError),
}

/// A consumer has its first iterator: no record from its start on can be missed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Started(pub ShardId, pub Holding);

/// One shard's reader.
#[derive(Debug)]
pub struct ShardConsumer<A: ?Sized> {
    /// The stream.
    pub api: Arc<A>,
    /// The shard, and how its records are taken apart.
    pub expander: Expander,
    /// Under which holding it reads.
    pub holding: Holding,
    /// Where it begins.
    pub start: Start,
    /// Where the records go.
    pub sink: RecordSink,
    /// Who hears of received positions.
    pub tracker: Arc<ProgressTracker>,
    /// Who hears that reading has begun.
    pub started: mpsc::Sender<Started>,
    /// The pause between reads while nothing comes.
    pub idle: Duration,
    /// How long calls may fail in a row before the application is stopped.
    pub give_up_after: Duration,
    /// For jitter.
    pub seed: u64,
}

/// The state of a running reader.
struct Reader {
    iterator: Option<ShardIterator>,
    last_seen: Option<SequenceNumber>,
    pace: PollPace,
    rng: StdRng,
    patience: Patience,
}

/// What one step of reading led to.
enum Step {
    Again(Read),
    End(ConsumerEnd),
}

impl<A: KinesisApi + ?Sized> ShardConsumer<A> {
    /// Reads until the end; `stop` fires when its sender is dropped.
    ///
    /// # Cancellation
    /// Safe: what was stored is complete, what was not comes again to whoever reads next.
    pub async fn run(self, mut stop: watch::Receiver<()>) -> ConsumerEnd {
        let end = tokio::select! {
            // A page that is there when the lease is lost must not be stored any more.
            biased;
            _ = stop.changed() => ConsumerEnd::Stopped,
            end = self.read() => end,
        };
        info!(shard = %self.expander.shard, end = %end.name(), "stopped reading a shard");
        end
    }

    async fn read(&self) -> ConsumerEnd {
        let mut reader = Reader {
            iterator: None,
            last_seen: None,
            pace: PollPace::new(self.idle),
            rng: StdRng::seed_from_u64(self.seed),
            patience: Patience::new(self.give_up_after),
        };
        loop {
            let asked = Instant::now();
            match self.step(&mut reader).await {
                Step::End(end) => return end,
                Step::Again(read) => {
                    tokio::time::sleep_until(asked + reader.pace.pause(read, &mut reader.rng)).await;
                }
            }
        }
    }

    async fn step(&self, reader: &mut Reader) -> Step {
        let answer = match reader.iterator.take() {
            None => self.open_iterator(reader).await,
            Some(iterator) => self.next_page(reader, iterator).await,
        };
        match answer {
            Ok(step) => step,
            Err(error) => self.on_error(reader, error).await,
        }
    }

    async fn open_iterator(&self, reader: &mut Reader) -> Result<Step, ServiceError> {
        let place = reader.last_seen.map_or(self.start.place, Place::After);
        reader.iterator = Some(self.api.shard_iterator(&self.expander.shard, place).await?);
        if reader.last_seen.is_none() {
            // The worker may be gone already; then this task is about to be stopped.
            let _ = self.started.send(Started(self.expander.shard.clone(), self.holding)).await;
        }
        Ok(Step::Again(Read::MoreToCome))
    }

    async fn next_page(&self, reader: &mut Reader, iterator: ShardIterator) -> Result<Step, ServiceError> {
        let page = match self.api.next_page(&self.expander.shard, &iterator, RECORDS_PER_READ).await {
            Ok(page) => page,
            // After the last record seen a new iterator is at the same place, so nothing is lost or read twice.
            Err(error) if error.kind == ServiceErrorKind::ExpiredIterator => return Ok(Step::Again(Read::MoreToCome)),
            Err(error) => {
                reader.iterator = Some(iterator);
                return Err(error);
            }
        };
        // An iterator alone proves nothing: only a page ends a time of failures.
        if reader.patience.is_failing() {
            info!(shard = %self.expander.shard, "reading goes on");
        }
        reader.patience.on_success();
        reader.last_seen = page.records.last().map(|record| record.sequence).or(reader.last_seen);
        let read = how_far(&page);
        if self.store(self.expander.expand(&page.records)).await.is_err() {
            return Ok(Step::End(ConsumerEnd::Stopped));
        }
        Ok(match page.next {
            NextPage::Iterator(next) => {
                reader.iterator = Some(next);
                Step::Again(read)
            }
            NextPage::ShardEnd(children) => Step::End(ConsumerEnd::ShardEnd(children)),
        })
    }

    /// Stores a page whole. `Err` when nothing more can be stored.
    async fn store(&self, page: Expanded) -> Result<(), dstream_core::StoreClosed> {
        let Some((from, to)) = page.span else { return Ok(()) };
        if page.counts.out_of_range + page.counts.damaged > 0 {
            warn!(
                shard = %self.expander.shard, %from, %to, out_of_range = page.counts.out_of_range,
                damaged = page.counts.damaged, "user records of aggregates were left out"
            );
        }
        let shard = self.expander.shard.clone();
        let range = SequenceRange { shard, holding: self.holding, from, to, records: page.records.len() };
        debug!(%range, "storing a page");
        self.sink.store(page.records, range.clone()).await?;
        // Nothing is awaited in between: a page is received if and only if it was stored.
        self.tracker.with(|progress| progress.on_received(&range));
        Ok(())
    }

    async fn on_error(&self, reader: &mut Reader, error: ServiceError) -> Step {
        if error.kind == ServiceErrorKind::NotFound {
            return self.on_missing(reader, error).await;
        }
        let may_pass = error.kind.is_transient() || self.is_ahead_of_the_service(reader, &error);
        self.try_again(reader, error, may_pass)
    }

    /// Whether the service refuses the moment at which to begin because it lies in its future: our clock runs ahead of
    /// the service's, and the refusal ends by itself.
    fn is_ahead_of_the_service(&self, reader: &Reader, error: &ServiceError) -> bool {
        error.kind == ServiceErrorKind::InvalidRequest
            && reader.iterator.is_none()
            && reader.last_seen.is_none()
            && matches!(self.start.place, Place::AtTimestamp(_))
    }

    fn try_again(&self, reader: &mut Reader, error: ServiceError, may_pass: bool) -> Step {
        if !reader.patience.is_failing() {
            warn!(shard = %self.expander.shard, %error, "reading fails");
        }
        match reader.patience.on_failure_that(may_pass, Instant::now().into_std()) {
            Advice::TryAgain => Step::Again(Read::Failed),
            Advice::GiveUp => Step::End(ConsumerEnd::Failed(error)),
        }
    }

    /// The stream is gone, or only the shard: a closed shard expires with its last record.
    async fn on_missing(&self, reader: &mut Reader, error: ServiceError) -> Step {
        let shard = &self.expander.shard;
        match self.api.list_shards(ShardFilter::All).await {
            Ok(shards) if shards.iter().any(|listed| listed.id == *shard) => Step::End(ConsumerEnd::Failed(error)),
            Ok(shards) => {
                warn!(%shard, "the shard has expired with the retention time: its unread records are lost");
                Step::End(ConsumerEnd::ShardEnd(children_of(shard, &shards)))
            }
            Err(error) => {
                let may_pass = error.kind.is_transient();
                self.try_again(reader, error, may_pass)
            }
        }
    }
}

impl ConsumerEnd {
    fn name(&self) -> &'static str {
        match self {
            Self::Stopped => "stopped",
            Self::ShardEnd(_) => "end of the shard",
            Self::Failed(_) => "failed",
        }
    }
}

fn how_far(page: &Page) -> Read {
    if page.records.is_empty() && page.millis_behind_latest.unwrap_or(0) == 0 { Read::Idle } else { Read::MoreToCome }
}
