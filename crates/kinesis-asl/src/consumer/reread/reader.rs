//! The calls that read a range again. A shell around [`Attempts`] and [`Collected`].
//!
//! Promises: an empty page is followed like any other, and so is the iterator of a closed shard; an iterator that has expired is
//! replaced behind the last record received; each call waits for the shard's allowance, which the shard's live reader draws from too.

use std::sync::Arc;

use kinesis_endpoint::{ServiceError, ServiceErrorKind};
use kpl_deagg::HashKeyRange;
use tokio::time::Instant;
use tracing::{debug, warn};

use crate::api::{KinesisApi, NextPage, Page, Place, ShardFilter, ShardIterator};
use crate::consumer::budget::SharedBudget;
use crate::consumer::expand::Expander;
use crate::consumer::reread::attempts::{Attempts, Verdict};
use crate::consumer::reread::cut::{Collected, OtherCount, Reached};
use crate::consumer::reread::error::RereadError;
use crate::consumer::retrieval::RereadRetry;
use crate::lease::store::LeaseStore;
use crate::limits::RECORDS_PER_READ;
use crate::range::SequenceRange;
use crate::record::KinesisRecord;

/// Empty pages in a row that say that the tip of the shard is reached: then the range's records are there no more. One alone is not
/// believed.
const LOOKS_AT_THE_TIP: u32 = 3;

/// Reads one range.
pub(crate) struct RangeReader<'a> {
    pub(crate) api: &'a dyn KinesisApi,
    pub(crate) range: &'a SequenceRange,
    /// How aggregates were taken apart at the first read.
    pub(crate) expander: Expander,
    pub(crate) budget: Arc<SharedBudget>,
    pub(crate) retry: RereadRetry,
}

impl RangeReader<'_> {
    /// The records of the range.
    ///
    /// # Errors
    /// The first call that failed for good; expired records; another number of records than at the first read.
    ///
    /// # Cancellation
    /// Safe: nothing is changed.
    pub(crate) async fn read(&self) -> Result<Vec<KinesisRecord>, RereadError> {
        if self.range.records == 0 {
            return Ok(Vec::new());
        }
        let collected = self.collect().await?;
        let records = collected
            .user_records(&self.expander)
            .map_err(|OtherCount(found)| RereadError::OtherCount { range: self.range.clone(), found })?;
        debug!(range = %self.range, "read a range again");
        Ok(records)
    }

    /// The shard's part of the hash key space as its lease says it, by which aggregates were taken apart at the first read. Without it
    /// records would be counted that are not the shard's.
    ///
    /// # Errors
    /// When the lease cannot be read; what may pass is tried again.
    ///
    /// # Cancellation
    /// Safe: nothing is changed.
    pub(crate) async fn hash_range(&self, leases: &dyn LeaseStore) -> Result<Option<HashKeyRange>, RereadError> {
        let mut attempts = Attempts::new(self.retry);
        loop {
            let asked = Instant::now();
            match leases.get(&self.range.shard).await {
                Ok(lease) => return Ok(lease.and_then(|lease| lease.hash_range)),
                Err(error) if error.kind.is_transient() => self.again(&mut attempts, error, asked).await?,
                Err(error) => return Err(self.refused(error)),
            }
        }
    }

    async fn collect(&self) -> Result<Collected<'_>, RereadError> {
        let mut collected = Collected::new(self.range);
        let mut place = Place::At(self.range.from.sequence);
        let mut iterator = self.open(place).await?;
        let (mut looks_at_the_tip, mut expirations) = (0, Attempts::new(self.retry));
        loop {
            let page = match self.page(&iterator).await {
                Ok(page) => page,
                Err(Failed::ForGood(error)) => return Err(error),
                Err(Failed::Expired(error, asked)) => {
                    self.again(&mut expirations, error, asked).await?;
                    iterator = self.open(place).await?;
                    continue;
                }
            };
            expirations = Attempts::new(self.retry);
            let at_the_tip = page.records.is_empty() && page.millis_behind_latest.is_some_and(|behind| behind <= 0);
            looks_at_the_tip = if at_the_tip { looks_at_the_tip + 1 } else { 0 };
            if let Some(last) = page.records.last() {
                place = Place::After(last.sequence);
            }
            match collected.add(page.records) {
                Reached::End => return Ok(collected),
                Reached::Gap => return Err(self.expired(None)),
                Reached::Within if looks_at_the_tip >= LOOKS_AT_THE_TIP => return Err(self.expired(None)),
                Reached::Within => {}
            }
            iterator = match page.next {
                NextPage::Iterator(next) => next,
                NextPage::ShardEnd(_) => return Err(RereadError::EndsEarly { range: self.range.clone() }),
            };
        }
    }

    /// An iterator. A number that the service does not know, or a shard that is not listed any more, has expired.
    async fn open(&self, place: Place) -> Result<ShardIterator, RereadError> {
        let mut attempts = Attempts::new(self.retry);
        loop {
            let asked = Instant::now();
            let error = match self.api.shard_iterator(&self.range.shard, place).await {
                Ok(iterator) => return Ok(iterator),
                Err(error) => error,
            };
            match error.kind {
                ServiceErrorKind::InvalidRequest => return Err(self.expired(Some(error))),
                ServiceErrorKind::NotFound => return Err(self.missing(error).await),
                kind if kind.is_transient() => self.again(&mut attempts, error, asked).await?,
                _ => return Err(self.refused(error)),
            }
        }
    }

    async fn page(&self, iterator: &ShardIterator) -> Result<Page, Failed> {
        let mut attempts = Attempts::new(self.retry);
        // Each Kinesis record has at least one user record, as a rule: more than these need not be asked for.
        let limit = u16::try_from(self.range.records).unwrap_or(RECORDS_PER_READ).clamp(1, RECORDS_PER_READ);
        loop {
            self.budget.take_call().await;
            let asked = Instant::now();
            let error = match self.api.next_page(&self.range.shard, iterator, limit).await {
                Ok(page) => {
                    self.budget.spend(page.records.iter().map(|raw| raw.data.len() + raw.partition_key.len()).sum());
                    return Ok(page);
                }
                Err(error) => error,
            };
            match error.kind {
                ServiceErrorKind::ExpiredIterator => return Err(Failed::Expired(error, asked)),
                ServiceErrorKind::NotFound => return Err(Failed::ForGood(self.missing(error).await)),
                kind if kind.is_transient() => {
                    self.again(&mut attempts, error, asked).await.map_err(Failed::ForGood)?;
                }
                _ => return Err(Failed::ForGood(self.refused(error))),
            }
        }
    }

    /// Waits before the next attempt of a call that was made at `asked`.
    async fn again(&self, attempts: &mut Attempts, source: ServiceError, asked: Instant) -> Result<(), RereadError> {
        let range = || self.range.clone();
        match attempts.on_failure(asked.elapsed()) {
            Verdict::Again(pause) => {
                warn!(range = %self.range, error = %source, ?pause, "a range cannot be read again yet; trying once more");
                tokio::time::sleep(pause).await;
                Ok(())
            }
            Verdict::TimedOut(after) => Err(RereadError::TimedOut { range: range(), after, source }),
            Verdict::GaveUp(attempts) => Err(RereadError::GaveUp { range: range(), attempts, source }),
        }
    }

    /// The stream is gone, or only the shard: a closed shard expires with its last record.
    async fn missing(&self, error: ServiceError) -> RereadError {
        match self.api.list_shards(ShardFilter::All).await {
            Ok(shards) if shards.iter().all(|listed| listed.id != self.range.shard) => self.expired(Some(error)),
            Ok(_) => self.refused(error),
            // That the stream is gone is said in the words of the call that asked for it by name.
            Err(error) => self.refused(error),
        }
    }

    fn refused(&self, source: ServiceError) -> RereadError {
        RereadError::Refused { range: self.range.clone(), source }
    }

    fn expired(&self, source: Option<ServiceError>) -> RereadError {
        RereadError::Expired { range: self.range.clone(), source }
    }
}

/// Why there is no page.
enum Failed {
    /// The iterator is too old: a new one is needed. With the moment of the call that said so, after all waiting.
    Expired(ServiceError, Instant),
    ForGood(RereadError),
}

#[cfg(test)]
mod tests;
