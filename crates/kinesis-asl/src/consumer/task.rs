//! The task that reads one shard under one holding of its lease, until it is told to stop or the shard ends.
//!
//! It keeps no position of its own that matters: what it stored carries its ranges, and the checkpoint follows from
//! what was processed. So it may be stopped at any await.

use std::sync::Arc;

use dstream_core::{ReceiverStore, StoreClosed};
use futures::future::{FutureExt as _, try_join};
use kinesis_endpoint::{ServiceError, ServiceErrorKind};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use tracing::{info, warn};

use crate::api::{KinesisApi, Place, ShardFilter};
use crate::checkpoint::tracker::ProgressTracker;
use crate::consumer::arrival_lag;
use crate::consumer::board::Doing;
use crate::consumer::expand::Expander;
use crate::consumer::page_size::PageSize;
use crate::consumer::retrieval::OnExpired;
use crate::consumer::settings::ReaderSettings;
use crate::consumer::source::{Delivery, Got, Source};
use crate::consumer::start::Start;
use crate::consumer::storing::Storing;
use crate::consumer::trouble::Trouble;
use crate::error::KinesisError;
use crate::patience::{Advice, Patience};
use crate::range::{Holding, SequenceRange};
use crate::record::KinesisRecord;
use crate::record_group::cost_of;
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
    /// A call failed in a way that trying again does not mend, or records had expired.
    Failed(KinesisError),
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
    /// What all readers of the worker have in common.
    pub settings: ReaderSettings,
    /// For jitter.
    pub seed: u64,
}

/// The state of a running reader.
struct Reader {
    source: Source,
    expander: Expander,
    patience: Patience,
    beginning: Beginning,
    /// What came while the page before was stored.
    ahead: Option<Answer>,
}

/// What a source answered.
type Answer = Result<Got, ServiceError>;

/// Whether anything was received.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Beginning {
    /// No iterator or subscription yet.
    Unopened,
    /// No page yet.
    Unread,
    Over,
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
        info!(shard = %self.shard(), end = %end.name(), "stopped reading a shard");
        end
    }

    fn shard(&self) -> &ShardId {
        &self.expander.shard
    }

    async fn read(&self) -> ConsumerEnd {
        let mut reader = Reader {
            source: self.settings.source(self.shard().clone(), self.start, self.seed),
            expander: self.expander.clone(),
            patience: Patience::new(self.settings.give_up_after),
            beginning: Beginning::Unopened,
            ahead: None,
        };
        self.settings.board.set(self.shard(), Doing::Opening);
        loop {
            let answer = match reader.ahead.take() {
                Some(answer) => answer,
                None => reader.source.next(&*self.api).await,
            };
            let end = match answer {
                Ok(Got::Opened) => self.on_opened(&mut reader).await,
                Ok(Got::Page(page)) => self.on_page(&mut reader, page).await,
                Ok(Got::Renewed) => None,
                Err(error) => self.on_error(&mut reader, error).await,
            };
            if let Some(end) = end {
                return end;
            }
        }
    }

    async fn on_opened(&self, reader: &mut Reader) -> Option<ConsumerEnd> {
        if reader.beginning == Beginning::Unopened {
            reader.beginning = Beginning::Unread;
            self.settings.board.set(self.shard(), Doing::Reading);
            // The worker may be gone already; then this task is about to be stopped.
            let _ = self.started.send(Started(self.shard().clone(), self.holding)).await;
        }
        None
    }

    async fn on_page(&self, reader: &mut Reader, page: Delivery) -> Option<ConsumerEnd> {
        // An iterator alone proves nothing: only a page ends a time of failures.
        if reader.patience.is_failing() {
            info!(shard = %self.shard(), "reading goes on");
        }
        reader.patience.on_success();
        reader.beginning = Beginning::Over;
        if let Some(end) = page.gap.and_then(|gap| self.lost_after(Some(gap.checkpoint), None)) {
            return Some(end);
        }
        let (end, stored) = (page.end.clone(), self.store(reader, page).await);
        if stored.is_err() { Some(ConsumerEnd::Stopped) } else { end.map(ConsumerEnd::ShardEnd) }
    }

    /// Stores a page whole. If the budget has its memory, the next one is fetched meanwhile: so no more than one page is outside of
    /// the budget. `Err` when nothing more can be stored.
    async fn store(&self, reader: &mut Reader, page: Delivery) -> Result<(), StoreClosed> {
        self.settings.board.set(self.shard(), Doing::WaitingForMemory);
        let cost = page.records.iter().map(|raw| cost_of(&raw.data, &raw.partition_key)).fold(0, usize::saturating_add);
        let deposit = self.sink.deposit(cost);
        let goes_on = page.end.is_none() && deposit.bytes() >= cost;
        let Reader { source, expander, ahead, .. } = reader;
        let (records, scarce) = (page.records.len(), self.sink.is_memory_scarce());
        source.set_page_size(|size| if scarce { size.small(records, cost) } else { PageSize::FULL });
        let (sink, tracker, board) = (&self.sink, &self.tracker, &*self.settings.board);
        let storing = Storing { sink, tracker, board, shard: self.shard(), holding: self.holding };
        let (expanding, newest) = (expander.clone(), page.records.last().and_then(|raw| raw.arrival));
        let stored = async {
            storing.store(expanding.expand_aside(page.records).await, deposit).await?;
            let behind = page.millis_behind_latest;
            board.on_page(self.shard(), behind, Instant::now().into_std());
            board.on_lag(self.shard(), arrival_lag::after_page(newest, behind, self.settings.clock.now()));
            Ok(())
        };
        if goes_on {
            // The request is under way before the page is taken apart.
            let next = source.next(&*self.api).map(Ok);
            *ahead = Some(try_join(next, stored).await?.0);
            return Ok(());
        }
        stored.await
    }

    async fn on_error(&self, reader: &mut Reader, error: ServiceError) -> Option<ConsumerEnd> {
        if error.kind == ServiceErrorKind::NotFound {
            return self.on_missing(reader, error).await;
        }
        if error.kind == ServiceErrorKind::InvalidRequest && !reader.source.is_open() {
            if self.is_ahead_of_the_service(reader) {
                return self.try_again(reader, error, true);
            }
            // A number that the service does not know (any more) is refused with the iterator or the subscription.
            if let Some(unknown) = reader.source.skip_to_oldest() {
                // It says nothing about what is there: better twice than not at all.
                reader.expander.processed = None;
                return self.lost_after(Some(unknown), Some(error));
            }
        }
        let may_pass = error.kind.is_transient();
        self.try_again(reader, error, may_pass)
    }

    /// Whether the service refuses the moment at which to begin because it lies in its future: our clock runs ahead of
    /// the service's, and the refusal ends by itself.
    fn is_ahead_of_the_service(&self, reader: &Reader) -> bool {
        reader.beginning != Beginning::Over && matches!(self.start.place, Place::AtTimestamp(_))
    }

    fn try_again(&self, reader: &mut Reader, error: ServiceError, may_pass: bool) -> Option<ConsumerEnd> {
        let trouble = Trouble::of(&error);
        self.settings.board.set(self.shard(), Doing::Troubled(trouble));
        if !reader.patience.is_failing() {
            warn!(shard = %self.shard(), %trouble, %error, "reading fails");
        }
        match reader.patience.on_failure_that(may_pass, Instant::now().into_std()) {
            Advice::TryAgain => {
                reader.source.wait_after(trouble);
                None
            }
            Advice::GiveUp => Some(ConsumerEnd::Failed(error.into())),
        }
    }

    /// The stream is gone, or the consumer of fan-out, or only the shard: a closed shard expires with its last record.
    async fn on_missing(&self, reader: &mut Reader, error: ServiceError) -> Option<ConsumerEnd> {
        let shard = self.shard();
        match self.api.list_shards(ShardFilter::All).await {
            Ok(shards) if shards.iter().any(|listed| listed.id == *shard) => {
                let may_pass = reader.source.mends_what_is_missing();
                self.try_again(reader, error, may_pass)
            }
            Ok(shards) => {
                let after = self.start.processed.map(|position| position.sequence);
                let end = || ConsumerEnd::ShardEnd(children_of(shard, &shards));
                Some(self.lost_after(after, Some(error)).unwrap_or_else(end))
            }
            // That the stream is gone is said in the words of the call that asked for it by name.
            Err(error) => {
                let may_pass = error.kind.is_transient();
                self.try_again(reader, error, may_pass)
            }
        }
    }

    /// Records have expired, or may have, before they were read. `None` when reading is to go on all the same.
    fn lost_after(&self, after: Option<SequenceNumber>, source: Option<ServiceError>) -> Option<ConsumerEnd> {
        self.settings.board.on_loss(self.shard());
        let error = KinesisError::Expired { shard: self.shard().clone(), after, source };
        match self.settings.on_expired {
            OnExpired::Fail => Some(ConsumerEnd::Failed(error)),
            OnExpired::Continue => {
                warn!(%error, "going on at the oldest record that is kept");
                None
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

#[cfg(test)]
mod tests;
