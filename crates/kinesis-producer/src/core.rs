//! Pure: the producer's whole state as one machine. Records and answers in, requests and fates out; `now` is an argument.

use std::sync::Arc;

use kinesis_endpoint::ServiceError;
use rand::SeedableRng;
use rand::rngs::StdRng;
use tokio::time::Instant;

use crate::api::{EntryResult, Receipt};
use crate::backoff::Backoff;
use crate::collector::{Collector, Outgoing, RequestLimits};
use crate::config::ProducerConfig;
use crate::connection::{Change, Connection};
use crate::counts::Counts;
use crate::delivery::{FailedDelivery, FailureCause};
use crate::flushes::Flushes;
use crate::lifetime::Lifetime;
use crate::outcome::{self, Outcome};
use crate::record::Record;
use crate::retry_queue::RetryQueue;

/// Everything the producer knows. `T` answers a record, `F` answers a flush.
#[derive(Debug)]
pub(crate) struct Core<T, F> {
    collector: Collector<T>,
    retries: RetryQueue<T>,
    flushes: Flushes<F>,
    connection: Connection,
    lifetime: Lifetime,
    backoff: Backoff,
    rng: StdRng,
    accepted: u64,
    unanswered: usize,
    counts: Counts,
}

/// A record's fate, and what answers it.
#[derive(Debug)]
pub(crate) struct Answered<T> {
    pub(crate) ticket: T,
    pub(crate) fate: Result<Receipt, FailedDelivery>,
}

/// What an answer of the service, or time, settled.
#[derive(Debug)]
pub(crate) struct Settled<T, F> {
    pub(crate) records: Vec<Answered<T>>,
    pub(crate) flushes: Vec<F>,
    /// What it says about the connection.
    pub(crate) change: Option<Change>,
}

impl<T, F> Core<T, F> {
    pub(crate) fn new(config: &ProducerConfig, seed: u64) -> Self {
        let limits = RequestLimits { records: config.max_request_records, bytes: config.max_request_bytes };
        let backoff = Backoff { base: config.retry_base, cap: config.retry_cap };
        Self {
            collector: Collector::new(limits, config.linger),
            retries: RetryQueue::new(),
            flushes: Flushes::new(),
            connection: Connection::new(backoff),
            lifetime: Lifetime::new(config.record_ttl),
            backoff,
            rng: StdRng::seed_from_u64(seed),
            accepted: 0,
            unanswered: 0,
            counts: Counts::default(),
        }
    }

    /// Takes a new record.
    pub(crate) fn accept(&mut self, now: Instant, record: Record, ticket: T) {
        let number = self.accepted;
        self.collector.push(Outgoing { record, number, accepted: now, attempts: 0, last: None, ticket });
        self.lifetime.watch(now);
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

    /// Lets everything go without lingering, and what is refused not live much longer.
    pub(crate) fn stop(&mut self, now: Instant) {
        self.hurry();
        self.lifetime.stop(now);
    }

    /// The records of the next request, if one is full or due and the connection is ready for it. Each request must be
    /// [settled](Self::settle).
    pub(crate) fn next_request(&mut self, now: Instant) -> Option<Vec<Outgoing<T>>> {
        if self.connection.ready_at(now)? > now {
            return None;
        }
        let again = self.retries.take_due(now);
        self.collector.push_again(now, again);
        let mut request = self.collector.next_request(now)?;
        for outgoing in &mut request {
            outgoing.attempts = outgoing.attempts.saturating_add(1);
        }
        self.connection.start();
        Some(request)
    }

    /// When [`next_request`](Self::next_request) or [`expire`](Self::expire) may have something without any more input.
    pub(crate) fn wake_at(&self, now: Instant) -> Option<Instant> {
        let due = [self.collector.due(), self.retries.next_due()].into_iter().flatten().min()?;
        // With no slot free nothing can be sent: an answer helps, or time for records that end.
        let request_at = self.connection.ready_at(now).map(|ready| ready.max(due));
        [request_at, self.lifetime.look_at()].into_iter().flatten().min()
    }

    /// Gives up the records whose time is over while they wait. One that was never tried stays as long as calls succeed.
    pub(crate) fn expire(&mut self, now: Instant) -> Settled<T, F> {
        let mut settled = Settled { records: Vec::new(), flushes: Vec::new(), change: None };
        if self.lifetime.look_at().is_none_or(|at| at > now) {
            return settled;
        }
        let failure = self.connection.failure().cloned().map(FailureCause::Call);
        let is_over = |outgoing: &Outgoing<T>| {
            let failed = failure.is_some() || outgoing.last.is_some();
            failed && self.lifetime.end(outgoing.accepted).is_some_and(|end| end <= now)
        };
        let over = [self.retries.remove(is_over), self.collector.remove(is_over)];
        for mut outgoing in over.into_iter().flatten() {
            if let Some(last) = failure.clone().or_else(|| outgoing.last.take()) {
                let cause = self.lifetime.cause(outgoing.accepted, last);
                self.give_up(outgoing, cause, &mut settled);
            }
        }
        let oldest = [self.retries.oldest(), self.collector.oldest()].into_iter().flatten().min();
        self.lifetime.looked(now, oldest);
        settled
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
        let mut settled = Settled { records: Vec::with_capacity(request.len()), flushes: Vec::new(), change: None };
        let answer = answer.and_then(|results| outcome::same_length(results, request.len()));
        match answer {
            Ok(results) => {
                settled.change = self.connection.succeed(now);
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
        let again = outcome::is_worth_repeating(&error, self.connection.was_reached());
        let error = Arc::new(error);
        settled.change = self.connection.fail(now, Arc::clone(&error), &mut self.rng);
        let cause = FailureCause::Call(error);
        for outgoing in request {
            if again {
                self.again(now, outgoing, cause.clone(), settled);
            } else {
                self.give_up(outgoing, cause.clone(), settled);
            }
        }
    }

    fn again(&mut self, now: Instant, mut outgoing: Outgoing<T>, cause: FailureCause, settled: &mut Settled<T, F>) {
        let at = now + self.backoff.delay(outgoing.attempts, &mut self.rng);
        if self.lifetime.end(outgoing.accepted).is_some_and(|end| at > end) {
            let cause = self.lifetime.cause(outgoing.accepted, cause);
            return self.give_up(outgoing, cause, settled);
        }
        self.counts.retried += 1;
        self.lifetime.watch(outgoing.accepted);
        outgoing.last = Some(cause);
        self.retries.push(at, outgoing);
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

#[cfg(test)]
mod tests;
