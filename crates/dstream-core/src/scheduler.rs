//! The one task that owns a running context: it cuts blocks, fills batches, runs them one at a time, and stops in order.
//!
//! # The order of a graceful stop
//! 1. The ticks that are due already are made.
//! 2. All receivers stop fetching, in parallel. Batches go on meanwhile, so that a page that waits for memory gets it.
//! 3. Stores are refused. The last blocks are cut. The batch timer stops.
//! 4. If any block has no batch yet, one last batch is made of them at once, under the next batch time.
//! 5. The batches in the queue run, up to the last one.
//! 6. All receivers close, in parallel; the task pool ends.
//!
//! # The order of an immediate stop, and after a failure
//! 1. Stores are refused, also those that wait for memory. Running tasks end at their next record; the batch they belong
//!    to is done only if all its outputs were. No further batch runs.
//! 2. All receivers stop fetching, in parallel; the running job is waited for.
//! 3. As 6 above. Blocks that were not processed are dropped; their positions were never reported.

use std::sync::Arc;

use futures::FutureExt;
use futures::future::{BoxFuture, OptionFuture};

use crate::batch::{Batch, BatchInfo};
use crate::batch_queue::{BatchQueue, Submitted};
use crate::batch_run::{BatchEnd, BatchRun};
use crate::batch_timer::BatchTimer;
use crate::clock::Clock;
use crate::config::Settings;
use crate::event::Event;
use crate::graph::Output;
use crate::job::Engine;
use crate::receivers::Receivers;
use crate::stream_node::StreamNode;
use crate::supervisor::Parts;
use crate::time::Time;
use crate::tracker::{Allocated, Tracker};

pub(crate) struct Scheduler {
    settings: Settings,
    clock: Arc<dyn Clock>,
    engine: Arc<Engine>,
    receivers: Receivers,
    outputs: Vec<Arc<Output>>,
    nodes: Vec<Arc<dyn StreamNode>>,
    zero: Time,
    tracker: Tracker,
    timer: BatchTimer,
    queue: BatchQueue,
    running: Option<Running>,
    phase: Phase,
}

struct Running {
    submitted: Submitted,
    end: BoxFuture<'static, BatchEnd>,
}

enum Phase {
    /// Receivers fetch, batches are made.
    Streaming,
    /// Receivers are stopping to fetch, batches are made.
    Quiescing(BoxFuture<'static, ()>),
    /// The last batch was made.
    Draining,
}

/// Why the scheduler woke up.
enum Wake {
    Urgent,
    StopRequested,
    Quiet,
    BatchEnded(BatchEnd),
    Tick,
}

impl Scheduler {
    /// Batches begin with the first batch time after now.
    pub(crate) fn new(parts: Parts) -> Self {
        let Parts { settings, clock, engine, receivers, plan } = parts;
        let timer = BatchTimer::start(clock.now(), settings.batch_interval, settings.block_interval);
        let zero = timer.next_batch().minus(settings.batch_interval);
        Self {
            timer,
            settings,
            clock,
            engine,
            receivers,
            outputs: plan.outputs,
            nodes: plan.nodes,
            zero,
            tracker: Tracker::default(),
            queue: BatchQueue::default(),
            running: None,
            phase: Phase::Streaming,
        }
    }

    /// Until everything is processed, or something is urgent.
    pub(crate) async fn run(&mut self) {
        while !self.is_drained() {
            match self.next().await {
                Wake::Urgent => return,
                Wake::StopRequested => {
                    if self.clock.now() >= self.timer.wake_at() {
                        self.tick();
                    }
                    self.phase = Phase::Quiescing(self.receivers.stop_fetching());
                }
                Wake::Quiet => self.make_last_batch(),
                Wake::BatchEnded(end) => {
                    self.batch_ended(end);
                    self.run_next();
                }
                Wake::Tick => self.tick(),
            }
        }
    }

    fn is_drained(&self) -> bool {
        matches!(self.phase, Phase::Draining) && self.running.is_none() && self.queue.is_empty()
    }

    async fn next(&mut self) -> Wake {
        let control = &self.engine.control;
        let streaming = matches!(self.phase, Phase::Streaming);
        let ticking = !matches!(self.phase, Phase::Draining);
        let quiescing = match &mut self.phase {
            Phase::Quiescing(quiet) => Some(quiet),
            Phase::Streaming | Phase::Draining => None,
        };
        let batch = self.running.as_mut().map(|running| &mut running.end);
        tokio::select! {
            biased;
            () = control.urgent() => Wake::Urgent,
            Some(end) = OptionFuture::from(batch) => Wake::BatchEnded(end),
            () = control.stop_requested(), if streaming => Wake::StopRequested,
            Some(()) = OptionFuture::from(quiescing) => Wake::Quiet,
            () = self.clock.sleep_until(self.timer.wake_at()), if ticking => Wake::Tick,
            // Unreachable while `is_drained` is false; it keeps the task from panicking if that ever changes.
            else => Wake::Urgent,
        }
    }

    /// Cuts blocks, and makes the batches that are due, as far as there is room for them.
    fn tick(&mut self) {
        let now = self.clock.now();
        self.cut(now);
        let skipped = self.timer.skip_beyond(self.queue.room(), now);
        if skipped > 0 {
            tracing::warn!(skipped, %now, "too many batches are due; some are not made, the next one has their blocks");
        }
        while let Some(batch) = self.timer.poll_batch(now) {
            self.submit(batch);
        }
    }

    fn cut(&mut self, now: Time) {
        self.timer.note_cut(now);
        for input in self.receivers.inputs() {
            match input.cut() {
                Ok(Some(block)) => {
                    self.tracker.add(block);
                    input.report_stored(block.id);
                }
                Ok(None) => {}
                Err(error) => self.engine.control.fail(error),
            }
        }
    }

    fn make_last_batch(&mut self) {
        self.phase = Phase::Draining;
        // A receiver that stores on against its contract is told so, rather than that its pages are lost.
        self.receivers.refuse_pages();
        self.cut(self.clock.now());
        if self.tracker.has_waiting() {
            let batch = self.timer.take_next();
            self.submit(batch);
        }
    }

    fn submit(&mut self, time: Time) {
        let Allocated::Batch(blocks) = self.tracker.allocate(time) else { return };
        let batch = Arc::new(Batch { time, zero: self.zero, blocks });
        let info = BatchInfo::submitted(&batch, self.clock.now());
        self.engine.control.emit(&Event::BatchSubmitted(info.clone()));
        self.queue.push(Submitted { batch, info });
        self.run_next();
    }

    /// Starts the next batch, unless one runs or nothing is to be begun any more.
    fn run_next(&mut self) {
        if self.running.is_some() || self.engine.control.is_urgent() {
            return;
        }
        let Some(mut submitted) = self.queue.pop() else { return };
        submitted.info.started = Some(self.clock.now());
        self.engine.control.emit(&Event::BatchStarted(submitted.info.clone()));
        let run = BatchRun {
            batch: Arc::clone(&submitted.batch),
            outputs: self.outputs.clone(),
            engine: Arc::clone(&self.engine),
            clock: Arc::clone(&self.clock),
            retry: self.settings.retry,
        };
        self.running = Some(Running { submitted, end: run.run().boxed() });
    }

    fn batch_ended(&mut self, end: BatchEnd) {
        let Some(Running { submitted: Submitted { batch, mut info }, .. }) = self.running.take() else { return };
        match end {
            BatchEnd::Succeeded { failed_attempts } => {
                info.failed_attempts = failed_attempts;
                info.ended = Some(self.clock.now());
                self.complete(&batch);
                self.engine.control.emit(&Event::BatchCompleted(info));
            }
            BatchEnd::GivenUp => {}
            BatchEnd::Failed { failed_attempts, error } => {
                info.failed_attempts = failed_attempts;
                self.engine.control.emit(&Event::BatchFailed(info));
                self.engine.control.fail(error);
            }
        }
    }

    /// Datasets go before the blocks that they read. That nothing of the batch is needed any more was settled before: its
    /// outputs succeeded.
    fn complete(&self, batch: &Batch) {
        for node in &self.nodes {
            node.forget_through(batch.time);
            if let Some(memory) = node.memory() {
                memory.forget_through(batch.time);
            }
        }
        self.receivers.batch_processed(batch);
    }

    /// Receivers stop fetching, and the batch that runs ends, however `run` ended. To be followed by `close`.
    pub(crate) async fn finish(&mut self) {
        if !self.is_drained() {
            self.engine.control.cancel();
            self.receivers.refuse_pages();
        }
        let quiet = match std::mem::replace(&mut self.phase, Phase::Draining) {
            Phase::Streaming => self.receivers.stop_fetching(),
            Phase::Quiescing(quiet) => quiet,
            Phase::Draining => futures::future::ready(()).boxed(),
        };
        let batch = OptionFuture::from(self.running.as_mut().map(|running| &mut running.end));
        if let ((), Some(end)) = tokio::join!(quiet, batch) {
            self.batch_ended(end);
        }
    }

    /// Receivers close, even if `finish` panicked.
    pub(crate) async fn close(&mut self) {
        self.receivers.close().await;
        self.receivers.inputs().iter().for_each(|input| input.release_all());
    }
}
