//! Runs one output operation of a batch, with retries, and tells of it.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::sync::Semaphore;

use crate::batch::Batch;
use crate::clock::Clock;
use crate::control::Control;
use crate::error::{BoxError, StreamingError, error_chain, panic_message};
use crate::event::Event;
use crate::graph::{Ending, Output, Role};
use crate::inside::{self, Place};
use crate::job::{Engine, Job, JobError};
use crate::output_info::OutputInfo;
use crate::retry::{RetryPolicy, Verdict};
use crate::task_pool::PoolFailure;

/// What the output operations of a context run with.
pub(crate) struct OutputRunner {
    pub(crate) engine: Arc<Engine>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) retry: RetryPolicy,
    /// One for each output operation that may run at once.
    pub(crate) permits: Semaphore,
}

impl OutputRunner {
    pub(crate) fn control(&self) -> &Control {
        &self.engine.control
    }
}

/// What of an output operation is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Work {
    /// Its dataset is made, and the wide operators in it run.
    Materialise,
    /// All of it.
    Output,
}

/// One output operation of one batch.
pub(crate) struct OutputRun<'a> {
    pub(crate) runner: &'a OutputRunner,
    pub(crate) batch: &'a Arc<Batch>,
    pub(crate) output: &'a Arc<Output>,
    pub(crate) info: OutputInfo,
}

/// How an output operation ended.
#[derive(Debug)]
pub(crate) enum OutputEnd {
    Succeeded,
    /// The context stops; it was given up.
    GivenUp,
    /// It failed as often as it may, or so that it cannot be tried again.
    Failed(StreamingError),
}

impl OutputRun<'_> {
    /// Until it succeeds, or is not tried again. Never panics: user code that runs outside of the task pool, such as the text
    /// of an error, may panic as well, and that is a failure for good.
    ///
    /// # Cancellation
    /// Not to be dropped: a job that runs would go on without anybody waiting for it. To end it early, cancel the control.
    pub(crate) async fn run(&mut self, work: Work) -> OutputEnd {
        let tried = AssertUnwindSafe(self.try_until_done(work)).catch_unwind().await;
        tried.unwrap_or_else(|panic| self.panicked(panic_message(&*panic)))
    }

    pub(crate) fn is_of_program(&self) -> bool {
        self.output.role == Role::Program
    }

    async fn try_until_done(&mut self, work: Work) -> OutputEnd {
        while let Err(error) = self.attempt(work).await {
            let control = &self.runner.engine.control;
            // What waited on the runtime is given up a little before the tasks are.
            if control.is_cancelled() || control.is_urgent() {
                return OutputEnd::GivenUp;
            }
            self.info.failed_attempts = self.info.failed_attempts.saturating_add(1);
            let verdict = self.runner.retry.judge(self.info.failed_attempts);
            self.note_failure(error_chain(&*error), verdict);
            let Verdict::RetryIn(wait) = verdict else { return self.failed(error) };
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = control.urgent() => return OutputEnd::GivenUp,
            }
        }
        if work == Work::Output {
            self.info.ended = Some(self.runner.clock.now());
            self.info.failure = None;
            self.emit(|info| Event::OutputCompleted(info.clone()));
        }
        OutputEnd::Succeeded
    }

    async fn attempt(&mut self, work: Work) -> Result<(), BoxError> {
        // Never closed; whoever waits to try again holds none.
        let runner = self.runner;
        let _permit = runner.permits.acquire().await?;
        if work == Work::Output {
            self.note_started();
        }
        let engine = &runner.engine;
        let job = Job { engine: Arc::clone(engine), batch: Arc::clone(self.batch), output: self.output.name };
        let run = Arc::clone(self.output);
        let result = engine.pool.run_job(move || {
            let _inside = inside::enter(&job.engine.control, Place::Output);
            match work {
                Work::Materialise => Ok(run.node.materialise(&job).map(|()| Ending::Done)?),
                Work::Output => (run.run)(&job),
            }
        });
        let ending = result.await.unwrap_or_else(|failure| {
            Err(BoxError::from(match failure {
                PoolFailure::Ended => JobError::Stopped,
                PoolFailure::Panicked(message) => self.panic(message),
            }))
        })?;
        match ending {
            Ending::Done => Ok(()),
            Ending::Awaiting(rest) => self.finish(rest).await,
        }
    }

    /// Runs what is left of an output operation as a task of its own: should it block, the scheduler goes on. It is given up
    /// only when nothing more is to be begun, and then waited for all the same.
    async fn finish(&self, mut rest: BoxFuture<'static, Result<(), BoxError>>) -> Result<(), BoxError> {
        let control = Arc::clone(&self.runner.engine.control);
        let mut task = tokio::spawn(std::future::poll_fn(move |context| {
            let _inside = inside::enter(&control, Place::Output);
            rest.poll_unpin(context)
        }));
        let joined = tokio::select! {
            joined = &mut task => joined,
            () = self.runner.control().urgent() => {
                task.abort();
                task.await
            }
        };
        joined.unwrap_or_else(|error| {
            Err(BoxError::from(match error.try_into_panic() {
                Ok(panic) => self.panic(panic_message(&*panic)),
                Err(_) => JobError::Stopped,
            }))
        })
    }

    fn note_started(&mut self) {
        if self.info.started.is_none() {
            self.info.started = Some(self.runner.clock.now());
            self.emit(|info| Event::OutputStarted(info.clone()));
        }
    }

    fn note_failure(&mut self, reason: String, verdict: Verdict) {
        self.note_started();
        let retry_in = match verdict {
            Verdict::RetryIn(wait) => Some(wait),
            Verdict::GiveUp => {
                self.info.ended = Some(self.runner.clock.now());
                None
            }
        };
        tracing::warn!(batch = %self.batch.time, output = %self.output.name, reason, ?retry_in, "an output operation failed");
        self.info.failure = Some(reason.into());
        self.emit(|info| Event::OutputFailed { output: info.clone(), retry_in });
    }

    /// Events tell of the program's own output operations only.
    fn emit(&self, event: impl FnOnce(&OutputInfo) -> Event) {
        if self.is_of_program() {
            self.runner.engine.control.emit(&event(&self.info));
        }
    }

    fn failed(&self, error: BoxError) -> OutputEnd {
        OutputEnd::Failed(StreamingError::Batch {
            batch: self.batch.time,
            output: self.output.name,
            attempts: self.info.failed_attempts,
            source: Arc::from(error),
        })
    }

    fn panicked(&mut self, message: String) -> OutputEnd {
        let error = self.panic(message);
        // The attempt may have been counted before it panicked, or not.
        self.info.failed_attempts = self.info.failed_attempts.max(1);
        self.note_failure(error.to_string(), Verdict::GiveUp);
        self.failed(error.into())
    }

    fn panic(&self, message: String) -> JobError {
        JobError::Panicked { output: self.output.name, batch: self.batch.time, message }
    }
}
