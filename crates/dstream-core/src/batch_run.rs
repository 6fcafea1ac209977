//! Runs one batch: its output operations in the order in which the program made them, with retries.
//!
//! A failed attempt is repeated from the output operation that failed; those before it succeeded and are not done twice.
//! Operations see the same blocks, and the same datasets, in every attempt.

use std::ops::ControlFlow;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures::FutureExt;

use crate::batch::Batch;
use crate::clock::Clock;
use crate::error::{BoxError, StreamingError, error_chain, panic_message};
use crate::event::Event;
use crate::graph::{Output, Role};
use crate::job::{Engine, Job, JobError};
use crate::retry::{RetryPolicy, Verdict};
use crate::task_pool::PoolFailure;

pub(crate) struct BatchRun {
    pub(crate) batch: Arc<Batch>,
    pub(crate) outputs: Vec<Arc<Output>>,
    pub(crate) engine: Arc<Engine>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) retry: RetryPolicy,
}

/// How a batch ended, after how many failed attempts.
#[derive(Debug)]
pub(crate) enum BatchEnd {
    /// Every output operation succeeded.
    Succeeded { failed_attempts: u32 },
    /// The context stops; the batch was given up before it was done.
    GivenUp,
    /// It failed as often as it may, or so that it cannot be tried again.
    Failed { failed_attempts: u32, error: StreamingError },
}

impl BatchRun {
    /// Never panics: user code that runs outside of the task pool, such as the text of an error, may panic as well, and that
    /// fails the batch for good.
    ///
    /// # Cancellation
    /// Not to be dropped: a job that runs would go on without anybody waiting for it. To end it early, cancel the control.
    pub(crate) async fn run(self) -> BatchEnd {
        let mut failed_attempts = 0;
        for output in self.outputs.iter().filter(|output| self.batch.is_due(output.node.slide())) {
            let tried = AssertUnwindSafe(self.try_output(output, &mut failed_attempts)).catch_unwind().await;
            match tried {
                Ok(ControlFlow::Continue(())) => {}
                Ok(ControlFlow::Break(end)) => return end,
                Err(panic) => return self.panicked(output, failed_attempts, panic_message(&*panic)),
            }
        }
        BatchEnd::Succeeded { failed_attempts }
    }

    /// Runs one output operation until it succeeds, or the batch has ended.
    async fn try_output(&self, output: &Arc<Output>, failed_attempts: &mut u32) -> ControlFlow<BatchEnd> {
        while let Err(error) = self.run_output(output).await {
            if self.engine.control.is_cancelled() {
                return ControlFlow::Break(BatchEnd::GivenUp);
            }
            *failed_attempts = failed_attempts.saturating_add(1);
            let verdict = self.retry.judge(*failed_attempts);
            self.report_failure(output, &error, verdict);
            let Verdict::RetryIn(wait) = verdict else {
                return ControlFlow::Break(self.failed(output, *failed_attempts, error));
            };
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = self.engine.control.urgent() => return ControlFlow::Break(BatchEnd::GivenUp),
            }
        }
        ControlFlow::Continue(())
    }

    async fn run_output(&self, output: &Arc<Output>) -> Result<(), BoxError> {
        let job = Job { engine: Arc::clone(&self.engine), batch: Arc::clone(&self.batch), output: output.name };
        let run = Arc::clone(output);
        let begun = self.clock.now();
        let result = self.engine.pool.run_job(move || (run.run)(&job)).await;
        result.unwrap_or_else(|failure| {
            Err(BoxError::from(match failure {
                PoolFailure::Ended => JobError::Stopped,
                PoolFailure::Panicked(message) => {
                    JobError::Panicked { output: output.name, batch: self.batch.time, message }
                }
            }))
        })?;
        if output.role == Role::Program {
            let (batch, output, took) = (self.batch.time, output.name, self.clock.now().since(begun));
            self.engine.control.emit(&Event::OutputCompleted { batch, output, took });
        }
        Ok(())
    }

    fn report_failure(&self, output: &Output, error: &BoxError, verdict: Verdict) {
        let retry_in = match verdict {
            Verdict::RetryIn(wait) => Some(wait),
            Verdict::GiveUp => None,
        };
        let (batch, output, reason) = (self.batch.time, output.name, error_chain(&**error));
        tracing::warn!(%batch, %output, reason, ?retry_in, "an output operation failed");
        self.engine.control.emit(&Event::OutputFailed { batch, output, reason, retry_in });
    }

    fn failed(&self, output: &Output, failed_attempts: u32, error: BoxError) -> BatchEnd {
        let (batch, output, attempts, source) = (self.batch.time, output.name, failed_attempts, Arc::from(error));
        BatchEnd::Failed { failed_attempts, error: StreamingError::Batch { batch, output, attempts, source } }
    }

    fn panicked(&self, output: &Output, failed_attempts: u32, message: String) -> BatchEnd {
        let error = JobError::Panicked { output: output.name, batch: self.batch.time, message };
        // The attempt may have been counted before it panicked, or not.
        self.failed(output, failed_attempts.max(1), error.into())
    }
}
