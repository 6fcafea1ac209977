//! Pure: the producer's whole state as one machine. Records and answers in, requests and fates out; `now` is an argument.

use std::sync::Arc;
use std::time::Duration;

use kinesis_endpoint::ServiceError;
use rand::SeedableRng;
use rand::rngs::StdRng;
use tokio::time::Instant;

use crate::api::{EntryResult, Receipt};
use crate::backoff::Backoff;
use crate::collector::{Collector, Outgoing, RequestLimits};
use crate::config::ProducerConfig;
use crate::counts::Counts;
use crate::delivery::{FailedDelivery, FailureCause};
use crate::flushes::Flushes;
use crate::outcome::{self, Outcome};
use crate::record::Record;
use crate::retry_queue::RetryQueue;

/// Everything the producer knows. `T` answers a record, `F` answers a flush.
#[derive(Debug)]
pub(crate) struct Core<T, F> {
    collector: Collector<T>,
    retries: RetryQueue<T>,
    flushes: Flushes<F>,
    backoff: Backoff,
    rng: StdRng,
    ttl: Option<Duration>,
    accepted: u64,
    unanswered: usize,
    /// Whether the service has ever answered.
    reached: bool,
    counts: Counts,
}

/// A record's fate, and what answers it.
#[derive(Debug)]
pub(crate) struct Answered<T> {
    pub(crate) ticket: T,
    pub(crate) fate: Result<Receipt, FailedDelivery>,
}

/// What an answer of the service settled.
#[derive(Debug)]
pub(crate) struct Settled<T, F> {
    pub(crate) records: Vec<Answered<T>>,
    pub(crate) flushes: Vec<F>,
}

impl<T, F> Core<T, F> {
    pub(crate) fn new(config: &ProducerConfig, seed: u64) -> Self {
        let limits = RequestLimits { records: config.max_request_records, bytes: config.max_request_bytes };
        Self {
            collector: Collector::new(limits, config.linger),
            retries: RetryQueue::new(),
            flushes: Flushes::new(),
            backoff: Backoff { base: config.retry_base, cap: config.retry_cap },
            rng: StdRng::seed_from_u64(seed),
            ttl: config.record_ttl,
            accepted: 0,
            unanswered: 0,
            reached: false,
            counts: Counts::default(),
        }
    }

    /// Takes a new record.
    pub(crate) fn accept(&mut self, now: Instant, record: Record, ticket: T) {
        self.collector.push(Outgoing { record, number: self.accepted, accepted: now, attempts: 0, ticket });
        self.accepted += 1;
        self.unanswered += 1;
    }

    /// Lets everything accepted so far go without lingering. The ticket comes back when all of it is answered: at once if
    /// it already is, else with [`settle`](Self::settle).
    pub(crate) fn flush(&mut self, ticket: F) -> Option<F> {
        self.hurry();
        self.flushes.begin(self.accepted, self.unanswered, ticket)
    }

    /// Lets everything accepted so far go without lingering.
    pub(crate) fn hurry(&mut self) {
        self.collector.hurry(self.accepted);
    }

    /// The records of the next request, if one is full or due.
    pub(crate) fn next_request(&mut self, now: Instant) -> Option<Vec<Outgoing<T>>> {
        let again = self.retries.take_due(now);
        self.collector.push_again(now, again);
        let mut request = self.collector.next_request(now)?;
        for outgoing in &mut request {
            outgoing.attempts = outgoing.attempts.saturating_add(1);
        }
        Some(request)
    }

    /// When [`next_request`](Self::next_request) will have something without any more input.
    pub(crate) fn wake_at(&self) -> Option<Instant> {
        [self.collector.due(), self.retries.next_due()].into_iter().flatten().min()
    }

    /// Whether every accepted record is answered.
    pub(crate) fn is_idle(&self) -> bool {
        self.unanswered == 0
    }

    /// The counters.
    pub(crate) fn counts(&self) -> Counts {
        self.counts
    }

    /// Takes the service's answer to a request.
    pub(crate) fn settle(
        &mut self,
        now: Instant,
        request: Vec<Outgoing<T>>,
        answer: Result<Vec<EntryResult>, ServiceError>,
    ) -> Settled<T, F> {
        self.counts.requests += 1;
        let mut settled = Settled { records: Vec::with_capacity(request.len()), flushes: Vec::new() };
        let answer = answer.and_then(|results| same_length(results, request.len()));
        match answer {
            Ok(results) => {
                self.reached = true;
                self.settle_entries(now, request, results, &mut settled);
            }
            Err(error) => self.settle_call(now, request, error, &mut settled),
        }
        settled
    }

    fn settle_entries(
        &mut self,
        now: Instant,
        request: Vec<Outgoing<T>>,
        results: Vec<EntryResult>,
        settled: &mut Settled<T, F>,
    ) {
        for (outgoing, result) in request.into_iter().zip(results) {
            match outcome::of_entry(result) {
                Outcome::Delivered(receipt) => self.deliver(outgoing, receipt, settled),
                Outcome::GiveUp(error) => self.give_up(outgoing, FailureCause::Entry(error), settled),
                Outcome::Again(error) => self.again(now, outgoing, FailureCause::Entry(error), settled),
            }
        }
    }

    fn settle_call(
        &mut self,
        now: Instant,
        request: Vec<Outgoing<T>>,
        error: ServiceError,
        settled: &mut Settled<T, F>,
    ) {
        let again = outcome::is_worth_repeating(&error, self.reached);
        let cause = FailureCause::Call(Arc::new(error));
        for outgoing in request {
            if again {
                self.again(now, outgoing, cause.clone(), settled);
            } else {
                self.give_up(outgoing, cause.clone(), settled);
            }
        }
    }

    fn again(&mut self, now: Instant, outgoing: Outgoing<T>, cause: FailureCause, settled: &mut Settled<T, F>) {
        let at = now + self.backoff.delay(outgoing.attempts, &mut self.rng);
        match self.ttl {
            Some(ttl) if at > outgoing.accepted + ttl => {
                self.give_up(outgoing, FailureCause::Expired { ttl, last: Box::new(cause) }, settled);
            }
            _ => {
                self.counts.retried += 1;
                self.retries.push(at, outgoing);
            }
        }
    }

    fn deliver(&mut self, outgoing: Outgoing<T>, receipt: Receipt, settled: &mut Settled<T, F>) {
        self.counts.delivered += 1;
        self.answered(outgoing.number, settled);
        settled.records.push(Answered { ticket: outgoing.ticket, fate: Ok(receipt) });
    }

    fn give_up(&mut self, outgoing: Outgoing<T>, cause: FailureCause, settled: &mut Settled<T, F>) {
        self.counts.failed += 1;
        self.answered(outgoing.number, settled);
        let failed = FailedDelivery { record: outgoing.record, attempts: outgoing.attempts, cause };
        settled.records.push(Answered { ticket: outgoing.ticket, fate: Err(failed) });
    }

    fn answered(&mut self, number: u64, settled: &mut Settled<T, F>) {
        self.unanswered -= 1;
        settled.flushes.extend(self.flushes.answered(number));
    }
}

/// An answer with too few or too many results cannot be told apart record by record.
fn same_length(results: Vec<EntryResult>, records: usize) -> Result<Vec<EntryResult>, ServiceError> {
    if results.len() == records {
        return Ok(results);
    }
    let reason = format!("{} results for {records} records", results.len());
    Err(ServiceError::invalid_response("PutRecords", "the stream", reason))
}

#[cfg(test)]
mod tests;
