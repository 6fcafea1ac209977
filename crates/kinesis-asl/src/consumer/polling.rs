//! Reading a shard by `GetRecords`. A shell around [`Cursor`], [`PollPace`], [`Troubles`] and the shard's budget.
//!
//! Promises: an iterator that has expired, or is about to, is replaced at the same place; a failed call is made again with the
//! same iterator as long as that lives.

use std::sync::Arc;
use std::time::Duration;

use kinesis_endpoint::{ServiceError, ServiceErrorKind};
use rand::{SeedableRng, rngs::StdRng};
use tokio::time::Instant;

use crate::api::{KinesisApi, NextPage, Page, RawRecord, ShardIterator};
use crate::consumer::budget::SharedBudget;
use crate::consumer::cursor::Cursor;
use crate::consumer::page_size::PageSize;
use crate::consumer::poll::{PollPace, Read};
use crate::consumer::source::{Delivery, Got};
use crate::consumer::start::Start;
use crate::consumer::trouble::{Trouble, Troubles};
use crate::limits::ITERATOR_RENEWAL;
use crate::sequence::SequenceNumber;
use crate::shard::ShardId;

/// The reads of one shard.
pub(crate) struct Polling {
    shard: ShardId,
    cursor: Cursor,
    iterator: Option<(ShardIterator, Instant)>,
    budget: Arc<SharedBudget>,
    pace: PollPace,
    page_size: PageSize,
    troubles: Troubles,
    rng: StdRng,
    not_before: Instant,
}

impl Polling {
    pub(crate) fn new(shard: ShardId, start: Start, idle: Duration, budget: Arc<SharedBudget>, seed: u64) -> Self {
        Self {
            shard,
            cursor: Cursor::new(start),
            iterator: None,
            budget,
            pace: PollPace::new(idle),
            page_size: PageSize::FULL,
            troubles: Troubles::default(),
            rng: StdRng::seed_from_u64(seed),
            not_before: Instant::now(),
        }
    }

    pub(crate) async fn next<A: KinesisApi + ?Sized>(&mut self, api: &A) -> Result<Got, ServiceError> {
        tokio::time::sleep_until(self.not_before).await;
        let young = |(_, since): &(ShardIterator, Instant)| since.elapsed() < ITERATOR_RENEWAL;
        match self.iterator.take().filter(young) {
            // Iterators have a limit of their own, and there is at most one for each read.
            None => self.open(api).await,
            Some((iterator, since)) => {
                self.budget.take_call().await;
                self.read(api, iterator, since).await
            }
        }
    }

    async fn open<A: KinesisApi + ?Sized>(&mut self, api: &A) -> Result<Got, ServiceError> {
        let iterator = api.shard_iterator(&self.shard, self.cursor.place()).await?;
        self.iterator = Some((iterator, Instant::now()));
        Ok(Got::Opened)
    }

    async fn read<A: KinesisApi + ?Sized>(
        &mut self,
        api: &A,
        iterator: ShardIterator,
        since: Instant,
    ) -> Result<Got, ServiceError> {
        let asked = Instant::now();
        match api.next_page(&self.shard, &iterator, self.page_size.limit()).await {
            Ok(page) => Ok(self.on_page(page, asked)),
            Err(error) if error.kind == ServiceErrorKind::ExpiredIterator => Ok(Got::Renewed),
            Err(error) => {
                self.iterator = Some((iterator, since));
                Err(error)
            }
        }
    }

    fn on_page(&mut self, page: Page, asked: Instant) -> Got {
        self.budget.spend(page.records.iter().map(size_of).sum());
        self.troubles.on_success();
        let read = Read::of(page.records.len(), page.millis_behind_latest);
        self.not_before = asked + self.pace.pause(read);
        let gap = self.cursor.on_records(&page.records, page.millis_behind_latest).err();
        let end = match page.next {
            NextPage::Iterator(next) => {
                self.iterator = Some((next, Instant::now()));
                None
            }
            NextPage::ShardEnd(children) => Some(children),
        };
        let Page { records, millis_behind_latest, .. } = page;
        Got::Page(Delivery { records, millis_behind_latest, gap, end })
    }

    pub(crate) fn wait_after(&mut self, trouble: Trouble) {
        self.not_before = Instant::now() + self.troubles.pause(trouble, &mut self.rng);
    }

    /// The size of the next page, from what the one before was like.
    pub(crate) fn set_page_size(&mut self, size: impl FnOnce(PageSize) -> PageSize) {
        self.page_size = size(self.page_size);
    }

    pub(crate) fn is_open(&self) -> bool {
        self.iterator.is_some()
    }

    pub(crate) fn skip_to_oldest(&mut self) -> Option<SequenceNumber> {
        self.iterator = None;
        self.cursor.skip_to_oldest()
    }
}

/// What a record counts against the shard's bytes a second.
fn size_of(record: &RawRecord) -> usize {
    record.data.len() + record.partition_key.len()
}

#[cfg(test)]
mod tests;
