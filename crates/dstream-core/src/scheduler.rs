//! The one task that owns a running context: it cuts blocks, fills batches, runs them, and stops in order.
//!
//! # The order of a start that goes on from a checkpoint directory
//! 1. What the program carries from batch to batch is read from the newest sound snapshot; the batch log is read.
//! 2. Each receiver hears what is accounted for and what is unfinished. The gate of its store is shut: pages wait.
//! 3. All receivers start, in parallel. From here on it is the scheduler's:
//! 4. Each receiver says which unfinished ranges are its own.
//! 5. In the order of their times, unfinished batches are read again and run, each while the next one is read; they end, and
//!    are settled, as any other. Batches by time that come between them are made up for in their turn.
//! 6. When the last of them is settled, the gates open, and the batches of this run begin, after the newest time in the log and
//!    after now.
//!
//! A graceful stop before 6 reads no further batch, refuses pages, and goes on with 2 below; what was not run stays in the log. An
//! immediate stop or a failure is as ever.
//!
//! # The order of a graceful stop
//! 1. The ticks that are due already are made.
//! 2. All receivers stop fetching, in parallel. Batches go on meanwhile, so that a page that waits for memory gets it.
//! 3. Stores are refused. The last blocks are cut. The batch timer stops.
//! 4. If any block has no batch yet, one last batch is made of them at once, under the next batch time.
//! 5. The batches in the queue run, up to the last one.
//! 6. With a checkpoint directory, a last checkpoint is written, the positions that waited for it are reported, and the batch
//!    log is emptied.
//! 7. All receivers close, in parallel; the task pool ends.
//!
//! If 1 to 6 take longer than the stop deadline, it goes on as an immediate stop.
//!
//! # The order of an immediate stop, and after a failure
//! 1. Stores are refused, also those that wait for memory. Running tasks end at their next record; the batch they belong
//!    to is done only if all its outputs were. No further batch runs.
//! 2. All receivers stop fetching, in parallel; the running jobs are waited for, and so is a checkpoint that is being written.
//! 3. As 7 above. Blocks that were not processed are dropped; their positions were never reported.

use std::sync::Arc;

use futures::FutureExt;
use futures::future::{BoxFuture, OptionFuture};
use tokio::sync::Semaphore;

use crate::aftermath::Aftermath;
use crate::batch_maker::BatchMaker;
use crate::batch_queue::{BatchQueue, Submitted};
use crate::batch_run::EndedBatch;
use crate::checkpoint::{Checkpointer, Recovered};
use crate::clock::Clock;
use crate::error::StreamingError;
use crate::event::Event;
use crate::job::Engine;
use crate::output_run::OutputRunner;
use crate::receivers::Receivers;
use crate::rerun::{Reloaded, Rerun};
use crate::running_batches::RunningBatches;
use crate::settling::Settling;
use crate::stop_deadline::{CutShort, StopDeadline};
use crate::stream_node::fed_by_receivers;
use crate::supervisor::Parts;
use crate::time::Time;

mod recovering;

pub(crate) struct Scheduler {
    clock: Arc<dyn Clock>,
    engine: Arc<Engine>,
    receivers: Receivers,
    maker: BatchMaker,
    queue: BatchQueue,
    running: RunningBatches,
    settling: Settling,
    phase: Phase,
    deadline: StopDeadline,
}

enum Phase {
    /// Unfinished batches of an earlier run are run again; receivers run, and what they store waits.
    Recovering(Rerun),
    /// Stopped while it was recovering: receivers are stopping to fetch, and no batches are made.
    Leaving(BoxFuture<'static, ()>),
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
    TookTooLong(CutShort),
    Quiet,
    BatchEnded(Box<EndedBatch>),
    /// A batch was read again; or there is no further one.
    Reloaded(Option<Result<Reloaded, StreamingError>>),
    Written,
    Tick,
}

impl Scheduler {
    /// Batches begin with the first batch time after now, or after those of an earlier run.
    pub(crate) fn new(parts: Parts, recovered: Option<Recovered>) -> Self {
        let Parts { settings, clock, engine, receivers, plan } = parts;
        let point = recovered.as_ref().and_then(|recovered| recovered.point.as_ref());
        let left = recovered.as_ref().and_then(|recovered| recovered.log.as_ref());
        let maker = BatchMaker::start(clock.now(), &settings, (point, left), &plan.nodes);
        let (zero, desks) = (maker.zero(), receivers.desks().to_vec());
        let rewriting = recovered.as_ref().and_then(Recovered::rewriting);
        let rerun = rewriting.map(|log| Rerun::of(log, desks.clone()));
        let control = Arc::clone(&engine.control);
        let log = recovered.as_ref().and_then(|recovered| recovered.begin_log(control));
        let checkpoints = recovered
            .map(|recovered| Checkpointer::new(Arc::clone(&engine), &settings, &plan.nodes, zero, recovered, desks));
        let runner = OutputRunner {
            engine: Arc::clone(&engine),
            clock: Arc::clone(&clock),
            retry: settings.retry,
            permits: Semaphore::new(settings.scheduling.concurrent_jobs.get()),
            inputs: receivers.inputs().to_vec(),
            fed: fed_by_receivers(plan.nodes.clone()),
        };
        let settling = Settling {
            on_batch_failure: settings.scheduling.on_batch_failure,
            control: Arc::clone(&engine.control),
            checkpoints,
            log,
            aftermath: Aftermath::new(plan.nodes, plan.remember),
            rates: settings.rates.controller,
            broken_off: false,
        };
        Self {
            maker,
            clock,
            engine,
            receivers,
            queue: BatchQueue::default(),
            running: RunningBatches::new(settings.scheduling, plan.outputs, runner),
            settling,
            phase: rerun.map_or(Phase::Streaming, Phase::Recovering),
            deadline: StopDeadline::new(settings.stop_deadline),
        }
    }

    /// Until everything is processed, or something is urgent.
    pub(crate) async fn run(&mut self) {
        loop {
            self.settling.begin_checkpoint(self.has_run_all());
            if self.is_drained() {
                return;
            }
            match self.next().await {
                Wake::Urgent => return,
                Wake::StopRequested => self.quiesce(),
                // Urgent from now on.
                Wake::TookTooLong(reason) => {
                    tracing::warn!(%reason, "the graceful stop is cut short");
                    self.engine.control.fail(StreamingError::StopCutShort { reason });
                }
                Wake::Quiet => self.make_last_batch(),
                Wake::BatchEnded(ended) => {
                    self.settling.settle(*ended, &self.receivers);
                    self.run_next();
                    self.run_again();
                }
                Wake::Reloaded(reloaded) => self.note_reloaded(reloaded),
                // A batch may have waited for it. The loop begins the next checkpoint, if it is due.
                Wake::Written => self.run_next(),
                Wake::Tick => self.tick(),
            }
        }
    }

    fn quiesce(&mut self) {
        self.deadline.begin();
        if matches!(self.phase, Phase::Recovering(_)) {
            // A page that waits at the gate would wait for ever.
            self.receivers.refuse_pages();
            self.phase = Phase::Leaving(self.receivers.stop_fetching());
            return;
        }
        if self.clock.now() >= self.maker.timer.wake_at() {
            self.tick();
        }
        self.phase = Phase::Quiescing(self.receivers.stop_fetching());
    }

    fn is_drained(&self) -> bool {
        self.has_run_all() && self.settling.is_settled()
    }

    fn has_run_all(&self) -> bool {
        matches!(self.phase, Phase::Draining) && self.running.is_empty() && self.queue.is_empty()
    }

    async fn next(&mut self) -> Wake {
        let control = &self.engine.control;
        let stoppable = matches!(self.phase, Phase::Streaming | Phase::Recovering(_));
        // What is made up for waits for room; what is due by the clock has it, or is skipped.
        let waits = self.maker.is_replaying() && self.queue.room() == 0;
        let ticking = matches!(self.phase, Phase::Streaming | Phase::Quiescing(_)) && !waits;
        let (quiescing, rerun) = match &mut self.phase {
            Phase::Quiescing(quiet) | Phase::Leaving(quiet) => (Some(quiet), None),
            // One is read ahead, no more: its records are in memory.
            Phase::Recovering(rerun) if rerun.wants_more() && self.queue.is_empty() => (None, Some(rerun.read())),
            Phase::Recovering(_) | Phase::Streaming | Phase::Draining => (None, None),
        };
        tokio::select! {
            biased;
            () = control.urgent() => Wake::Urgent,
            Some(ended) = self.running.next_ended() => Wake::BatchEnded(Box::new(ended)),
            () = control.stop_requested(), if stoppable => Wake::StopRequested,
            reason = self.deadline.over(), if !stoppable => Wake::TookTooLong(reason),
            Some(()) = OptionFuture::from(quiescing) => Wake::Quiet,
            () = self.settling.progress() => Wake::Written,
            Some(reloaded) = OptionFuture::from(rerun) => Wake::Reloaded(reloaded),
            () = self.clock.sleep_until(self.maker.timer.wake_at()), if ticking => Wake::Tick,
            // Unreachable while `is_drained` is false; it keeps the task from panicking if that ever changes.
            else => Wake::Urgent,
        }
    }

    /// Cuts blocks, and makes the batches that are due, as far as there is room for them.
    fn tick(&mut self) {
        let now = self.clock.now();
        self.cut(now);
        while self.maker.is_replaying() && self.queue.room() > 0 {
            let batch = self.maker.timer.take_next();
            self.submit(batch);
        }
        if self.maker.is_replaying() {
            self.maker.replay_until(now);
            return;
        }
        let skipped = self.maker.timer.skip_beyond(self.queue.room(), now);
        if skipped > 0 {
            tracing::warn!(skipped, %now, "too many batches are due; some are not made, the next one has their blocks");
            self.engine.control.emit(&Event::BatchesSkipped { skipped, time: now });
        }
        while let Some(batch) = self.maker.timer.poll_batch(now) {
            self.submit(batch);
        }
    }

    fn cut(&mut self, now: Time) {
        self.maker.cut(&self.receivers, &self.engine.control, now);
    }

    fn make_last_batch(&mut self) {
        self.phase = Phase::Draining;
        // A receiver that stores on against its contract is told so, rather than that its pages are lost.
        self.receivers.refuse_pages();
        self.cut(self.clock.now());
        if self.maker.has_waiting() {
            let batch = self.maker.timer.take_next();
            self.submit(batch);
        }
    }

    fn submit(&mut self, time: Time) {
        let Some(submitted) = self.maker.make(time, self.running.outputs(), self.clock.now()) else { return };
        self.settling.submitted(&submitted.batch, &self.receivers);
        self.enqueue(submitted);
    }

    fn enqueue(&mut self, submitted: Submitted) {
        self.engine.control.emit(&Event::BatchSubmitted(submitted.info.clone()));
        self.queue.push(submitted);
        self.run_next();
    }

    /// Starts the next batches, as many as may run, unless nothing is to be begun any more.
    fn run_next(&mut self) {
        while self.running.has_room() && !self.engine.control.is_urgent() {
            let Some(submitted) = self.queue.pop_if(|batch| self.settling.allows(batch)) else { return };
            self.running.start(submitted);
        }
    }

    /// Receivers stop fetching, and the batches that run end, however `run` ended. To be followed by `close`.
    pub(crate) async fn finish(&mut self) {
        if !self.is_drained() {
            self.engine.control.cancel();
            self.receivers.refuse_pages();
        }
        let quiet = match std::mem::replace(&mut self.phase, Phase::Draining) {
            Phase::Streaming | Phase::Recovering(_) => self.receivers.stop_fetching(),
            Phase::Quiescing(quiet) | Phase::Leaving(quiet) => quiet,
            Phase::Draining => futures::future::ready(()).boxed(),
        };
        let ((), ended) = tokio::join!(quiet, self.running.all_ended());
        ended.into_iter().for_each(|batch| self.settling.settle(batch, &self.receivers));
        self.settling.finish().await;
    }

    /// Receivers close, even if `finish` panicked.
    pub(crate) async fn close(&mut self) {
        self.receivers.close().await;
        self.receivers.inputs().iter().for_each(|input| input.release_all());
    }
}
