//! One run of the word producer: what is due now, what has been answered, what it came to.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use tokio::time::Instant;

use crate::api::{PutRecordsApi, Receipt};
use crate::config::ProducerConfig;
use crate::delivery::{DeliveryError, FailureCause};
use crate::pace::Pace;
use crate::producer::Producer;
use crate::record::Record;
use crate::totals::Totals;
use crate::word_producer::{Progress, WordProducerError, WordSettings};
use crate::words::{Lines, Tally, Vocabulary};

/// The state of one run.
pub(crate) struct WordRun<P> {
    producer: Producer,
    lines: Lines,
    vocabulary: Vocabulary,
    pace: Pace,
    per_round: u64,
    start: Instant,
    next_report: Instant,
    last_sent_at: Instant,
    planned: u64,
    sent: u64,
    /// Deliveries not looked at yet: at most the producer's bound and one burst.
    open: FuturesUnordered<Counted>,
    acknowledged: Tally,
    fatal: Option<DeliveryError>,
    progress: P,
}

type Counted = Pin<Box<dyn Future<Output = (Tally, Result<Receipt, DeliveryError>)> + Send>>;

impl<P: FnMut(&Progress) + Send> WordRun<P> {
    pub(crate) fn start(settings: &WordSettings, api: Arc<dyn PutRecordsApi>, progress: P) -> Self {
        let start = Instant::now();
        let rate = settings.records_per_sec.get();
        let vocabulary = if settings.numbers { Vocabulary::Numbers } else { Vocabulary::Words };
        Self {
            producer: Producer::start(&ProducerConfig::default(), api),
            lines: Lines::new(vocabulary, settings.words_per_record.get(), settings.seed),
            vocabulary,
            pace: Pace::new(start, rate),
            per_round: rate.into(),
            start,
            next_report: start + REPORT_INTERVAL,
            last_sent_at: start,
            planned: u64::from(rate) * u64::from(settings.seconds.get()),
            sent: 0,
            open: FuturesUnordered::new(),
            acknowledged: Tally::default(),
            fatal: None,
            progress,
        }
    }

    /// Whether everything is sent, or nothing more can be.
    pub(crate) fn is_over(&self) -> bool {
        self.sent >= self.planned || self.fatal.is_some()
    }

    /// Sends what is due, or waits for it, and looks at what was answered. May be cancelled at any await.
    pub(crate) async fn step(&mut self) {
        let now = Instant::now();
        self.look_at_answers();
        if now >= self.next_report {
            self.next_report = now + REPORT_INTERVAL;
            self.report();
        }
        let due = self.pace.due(now, self.sent).min(self.planned - self.sent).min(BURST);
        if due == 0 {
            let at = self.pace.next_at(self.sent).clamp(now + MIN_PAUSE, now + MAX_PAUSE);
            tokio::time::sleep_until(at).await;
        }
        for _ in 0..due {
            // A burst that is held up must not hold up the reports.
            if self.fatal.is_some() || self.last_sent_at >= self.next_report {
                return;
            }
            self.send_one().await;
        }
    }

    async fn send_one(&mut self) {
        let (line, tally) = self.lines.next_line();
        // Spark numbers the records of each second from 1.
        let key = format!("partitionKey-{}", self.sent % self.per_round + 1);
        let sent = match Record::new(key, line) {
            Ok(record) => self.producer.send(record).await,
            // A key of this form is never empty and never long.
            Err(_) => return,
        };
        match sent {
            Ok(delivery) => self.open.push(Box::pin(delivery.map(move |fate| (tally, fate)))),
            Err(_) => self.fatal = Some(DeliveryError::ProducerGone),
        }
        self.sent += 1;
        self.last_sent_at = Instant::now();
    }

    /// Counts every delivery that has been answered, without waiting for any.
    fn look_at_answers(&mut self) {
        // Unconstrained: tokio's fairness budget would end each look after 128 answers, fewer than may be due.
        while let Some(Some(answer)) = tokio::task::unconstrained(self.open.next()).now_or_never() {
            self.count(answer);
        }
    }

    fn count(&mut self, (tally, fate): (Tally, Result<Receipt, DeliveryError>)) {
        match fate {
            Ok(_) => self.acknowledged += tally,
            Err(error) if self.fatal.is_none() && is_fatal(&error) => self.fatal = Some(error),
            Err(_) => {}
        }
    }

    fn report(&mut self) {
        let counts = self.producer.counts();
        (self.progress)(&Progress {
            planned: self.planned,
            sent: self.sent,
            acknowledged: counts.delivered,
            failed: counts.failed,
            retried: counts.retried,
            elapsed: self.start.elapsed(),
        });
    }

    /// Waits until everything sent is answered, in its own time. Nothing to wait for after a failure for good.
    pub(crate) async fn settle(&mut self) {
        if self.fatal.is_none() {
            self.producer.flush().await;
        }
    }

    /// Ends: what is not answered yet has only a little time left.
    pub(crate) async fn finish(mut self) -> Result<Totals, WordProducerError> {
        self.producer.begin_close().await;
        while let Some(answer) = self.open.next().await {
            self.count(answer);
        }
        self.report();
        let elapsed = self.start.elapsed();
        let counts = self.producer.close().await;
        let totals = Totals {
            planned: self.planned,
            sent: self.sent,
            acknowledged: counts.delivered,
            failed: counts.failed,
            retried: counts.retried,
            words: self.acknowledged.by_word(self.vocabulary),
            sending: self.last_sent_at.saturating_duration_since(self.start),
            elapsed,
        };
        match self.fatal {
            None => Ok(totals),
            Some(source) => Err(WordProducerError::Stopped { totals: Box::new(totals), source }),
        }
    }
}

/// Whether going on would only fail again: calls as a whole fail for good or for as long as a record may wait, or there
/// is no producer any more.
fn is_fatal(error: &DeliveryError) -> bool {
    let DeliveryError::Failed(failed) = error else { return true };
    matches!(failed.cause.attempt(), FailureCause::Call(_))
}

/// Between two looks at the clock at a high rate: 20 000 records/s then come in bursts of 100.
const MIN_PAUSE: Duration = Duration::from_millis(5);

/// Between two looks at a low rate, so that a failure shows soon.
const MAX_PAUSE: Duration = Duration::from_millis(100);

/// Records sent between two looks at the answers, when sending lags behind.
const BURST: u64 = 1000;

const REPORT_INTERVAL: Duration = Duration::from_secs(1);
