//! Settles the batches that have ended, one by one: completed or failed, positions moved or held back, states snapshotted,
//! rates estimated.
//!
//! Promises: batches are settled in the order of their times. Once a batch was not processed, no position moves over it, and no
//! checkpoint goes over it either, so that what is delivered again after a restart meets states that have not seen it.

use std::sync::Arc;

use futures::future::OptionFuture;

use crate::aftermath::Aftermath;
use crate::batch::{Batch, BatchInfo};
use crate::batch_run::{BatchEnd, EndedBatch};
use crate::checkpoint::{BatchLog, Checkpointer};
use crate::control::Control;
use crate::event::Event;
use crate::rate::RateController;
use crate::receivers::Receivers;
use crate::scheduling::BatchFailure;
use crate::time::Time;

pub(crate) struct Settling {
    pub(crate) on_batch_failure: BatchFailure,
    pub(crate) control: Arc<Control>,
    pub(crate) checkpoints: Option<Checkpointer>,
    pub(crate) log: Option<BatchLog>,
    pub(crate) aftermath: Aftermath,
    pub(crate) rates: Option<RateController>,
    /// A batch was not processed, and the context stops: positions must not move over it.
    pub(crate) broken_off: bool,
}

impl Settling {
    /// All earlier batches have been settled before.
    pub(crate) fn settle(&mut self, EndedBatch { batch, info, end }: EndedBatch, receivers: &Receivers) {
        match end {
            BatchEnd::Succeeded if !self.broken_off => self.complete(batch, info, receivers),
            BatchEnd::Succeeded | BatchEnd::GivenUp => self.broken_off = true,
            BatchEnd::Failed(error) => {
                self.control.emit(&Event::BatchFailed(info));
                match self.on_batch_failure {
                    BatchFailure::Stop => {
                        self.broken_off = true;
                        self.control.fail(error);
                    }
                    BatchFailure::Continue => {
                        self.pass_over(batch, receivers);
                        self.control.report(error);
                    }
                }
            }
        }
    }

    fn complete(&mut self, batch: Arc<Batch>, info: BatchInfo, receivers: &Receivers) {
        let time = batch.time;
        let completed = self.aftermath.of_processed(batch, receivers);
        let report = match &mut self.checkpoints {
            Some(checkpoints) => checkpoints.completed(completed),
            None => Some(completed.report),
        };
        match (report, &mut self.log) {
            (Some(report), Some(log)) => log.completed(time, report),
            (Some(report), None) => report(),
            (None, _) => {}
        }
        let rates = self.rates.as_mut().map(|rates| rates.on_completed(&info)).unwrap_or_default();
        self.control.emit(&Event::BatchCompleted(info));
        for (stream, rate) in rates {
            receivers.limit_rate(stream, rate);
            if let Some(checkpoints) = &mut self.checkpoints {
                checkpoints.note_rate(stream, rate);
            }
        }
    }

    fn pass_over(&mut self, batch: Arc<Batch>, receivers: &Receivers) {
        if batch.has_blocks() {
            if let Some(checkpoints) = &mut self.checkpoints {
                checkpoints.stay_before(batch.time);
                // What the memories hold as of the batch before is still to be written.
                self.aftermath.pin(checkpoints.pinned());
            }
            if let Some(log) = &mut self.log {
                log.hold_at(batch.time);
            }
        }
        self.aftermath.of_failed(batch, receivers);
    }

    /// Begins a checkpoint if one is due, or if this is the `last` chance for what is in none yet.
    pub(crate) fn begin_checkpoint(&mut self, last: bool) {
        if let Some(checkpoints) = &mut self.checkpoints {
            checkpoints.begin_if_due(last);
            self.aftermath.pin(checkpoints.pinned());
        }
    }

    /// A batch was made, and is to be written down before it runs.
    pub(crate) fn submitted(&mut self, batch: &Batch, receivers: &Receivers) {
        if let Some(log) = &mut self.log
            && !log.is_held()
        {
            log.submit(batch.time, receivers.logged(batch));
        }
    }

    /// Whether a batch may run, as far as the log is concerned.
    pub(crate) fn allows(&self, batch: Time) -> bool {
        self.log.as_ref().is_none_or(|log| log.allows(batch))
    }

    /// Whether everything that is to be in a checkpoint is in one that is safe, and the log is in order.
    pub(crate) fn is_settled(&self) -> bool {
        self.checkpoints.as_ref().is_none_or(Checkpointer::is_settled)
            && self.log.as_ref().is_none_or(BatchLog::is_settled)
    }

    /// Resolves when something that is being written to the checkpoint directory is; never, if there is nothing.
    ///
    /// # Cancellation
    /// Safe.
    pub(crate) async fn progress(&mut self) {
        let Self { checkpoints, log, .. } = self;
        let written = tokio::select! {
            Some(written) = OptionFuture::from(checkpoints.as_mut().map(Checkpointer::written)) => written,
            Some(()) = OptionFuture::from(log.as_mut().map(BatchLog::progress)) => None,
            else => std::future::pending().await,
        };
        if let (Some(through), Some(log)) = (written, log) {
            log.note_snapshot(through);
        }
    }

    /// A checkpoint that is nearly there is worth the wait: its batches need not be delivered again.
    pub(crate) async fn finish(&mut self) {
        if let Some(checkpoints) = &mut self.checkpoints {
            checkpoints.finish().await;
        }
        if let Some(log) = &mut self.log {
            log.finish().await;
        }
    }
}
