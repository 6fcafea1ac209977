//! A context at a glance: its figures, its receivers and its last batches, as values and as a page of text.

use std::fmt;
use std::time::Duration;

use crate::batch_report::{BatchReport, BatchStage, ReceiverReport, ReceiverStage};
use crate::context::StreamingContext;
use crate::metrics::Metrics;
use crate::text_table::TextTable;
use crate::time::Time;
use crate::time_text::{batch_time, duration_text};

/// A context at one moment. Its text is a page like that of Spark's user interface, with times in UTC.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Statistics {
    /// The time between two batches.
    pub batch_interval: Duration,
    /// When the batches began; `None` before the start.
    pub started: Option<Time>,
    /// The moment, by the context's clock.
    pub now: Time,
    /// The figures.
    pub metrics: Metrics,
    /// The receivers, in the order of their streams.
    pub receivers: Vec<ReceiverReport>,
    /// The batches that have ended, as many as are retained, and those that have not; the oldest first.
    pub batches: Vec<BatchReport>,
}

impl StreamingContext {
    /// The context at a glance. How many of the batches that have ended are shown is a matter of
    /// [`retained_batches`](crate::StreamingContextBuilder::retained_batches). Costs in proportion to them.
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use std::time::Duration;
    /// # use dstream_core::{ManualClock, StopMode, StreamingContext, Time};
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), dstream_core::BoxError> {
    /// # let clock = Arc::new(ManualClock::new(Time::from_millis(0)));
    /// # let builder = StreamingContext::builder("glance").batch_interval(Duration::from_secs(1));
    /// # let ctx = builder.clock(clock.clone()).allow_multiple().build()?;
    /// ctx.queue_stream([vec![1, 2, 3]]).foreach_rdd(|_, _| Ok(()));
    /// # ctx.start().await?;
    /// # clock.advance(Duration::from_secs(1));
    /// # ctx.stop(StopMode::Graceful).await?;
    /// // After the first batch:
    /// let page = ctx.statistics().to_string();
    /// assert!(page.contains("Completed Batches (last 1 out of 1)"));
    /// # Ok(()) }
    /// ```
    pub fn statistics(&self) -> Statistics {
        let now = self.clock().now();
        let history = self.control().listeners().history();
        Statistics {
            batch_interval: self.batch_interval(),
            started: history.started(),
            now,
            metrics: history.metrics(),
            receivers: history.receivers(),
            batches: history.batches(),
        }
    }
}

impl Statistics {
    fn batch_rows(&self, active: bool) -> impl Iterator<Item = &BatchReport> {
        let is_active = |batch: &&BatchReport| matches!(batch.stage, BatchStage::Waiting | BatchStage::Running);
        self.batches.iter().rev().filter(move |batch| is_active(batch) == active)
    }

    /// What both tables of batches begin with.
    fn row(&self, batch: &BatchReport) -> Vec<String> {
        let delay = |delay: Option<Duration>| delay.map_or_else(|| "-".to_owned(), duration_text);
        let info = &batch.info;
        let (succeeded, all) = batch.succeeded_outputs();
        vec![
            batch_time(info.batch, self.batch_interval),
            info.records().to_string(),
            delay(info.scheduling_delay()),
            delay(info.processing_delay()),
            delay(info.total_delay()),
            format!("{succeeded}/{all}"),
        ]
    }

    fn active_batches(&self) -> TextTable {
        let mut table = TextTable::new(&BATCH_HEADERS, "Status");
        for batch in self.batch_rows(true) {
            let status = if batch.stage == BatchStage::Waiting { "queued" } else { "processing" };
            table.add(self.row(batch), status.to_owned());
        }
        table
    }

    fn ended_batches(&self) -> TextTable {
        let mut table = TextTable::new(&BATCH_HEADERS, "Error");
        for batch in self.batch_rows(false) {
            let failed = if batch.stage == BatchStage::Failed { "failed" } else { "" };
            let error = batch.failure().map_or(failed, |reason| reason.lines().next().unwrap_or_default());
            table.add(self.row(batch), error.chars().take(LONGEST_ERROR).collect());
        }
        table
    }

    fn receiver_table(&self) -> TextTable {
        let mut table = TextTable::new(&["Stream", "Receiver", "Status"], "Last Error");
        for receiver in &self.receivers {
            let status = match receiver.stage {
                ReceiverStage::Active => "ACTIVE",
                ReceiverStage::Failed => "FAILED",
                ReceiverStage::Stopped => "STOPPED",
            };
            let error = receiver.error.as_ref().map(|error| error.to_string()).unwrap_or_default();
            let row = vec![receiver.stream.to_string(), receiver.name.to_string(), status.to_owned()];
            table.add(row, error.chars().take(LONGEST_ERROR).collect());
        }
        table
    }
}

impl fmt::Display for Statistics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Metrics { receivers, completed_batches, failed_batches, received_records, retained_batches, .. } =
            self.metrics;
        writeln!(f, "Streaming Statistics")?;
        match self.started {
            Some(started) => writeln!(
                f,
                "Running batches of {} for {} since {} ({completed_batches} completed batches, {received_records} records)",
                duration_text(self.batch_interval),
                duration_text(self.now.since(started)),
                batch_time(started, self.batch_interval),
            )?,
            None => writeln!(f, "Not started; batches of {}", duration_text(self.batch_interval))?,
        }
        let (set_aside, skipped) = (self.metrics.dead_lettered_records, self.metrics.skipped_records);
        if set_aside.max(skipped) > 0 {
            writeln!(f, "Records left out: {set_aside} dead-lettered, {skipped} skipped")?;
        }
        if !self.receivers.is_empty() {
            write!(f, "\nReceivers: {receivers} / {} active\n{}", self.receivers.len(), self.receiver_table())?;
        }
        let active = self.metrics.unprocessed_batches();
        write!(f, "\nActive Batches ({active})\n{}", self.active_batches())?;
        let ended = completed_batches.saturating_add(failed_batches);
        write!(f, "\nCompleted Batches (last {retained_batches} out of {ended})\n{}", self.ended_batches())
    }
}

const BATCH_HEADERS: [&str; 6] =
    ["Batch Time", "Records", "Scheduling Delay", "Processing Time", "Total Delay", "Output Ops: Succeeded/Total"];

/// As much as fits beside the other columns.
const LONGEST_ERROR: usize = 100;
