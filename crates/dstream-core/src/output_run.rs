//! Runs one output operation of a batch, with retries, and tells of it.

use std::collections::BTreeSet;
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
use crate::input::{FailedRecord, Input};
use crate::inside::{self, Place};
use crate::job::{Engine, Job, JobError};
use crate::left_out::RecordId;
use crate::output_info::{OutputId, OutputInfo};
use crate::retry::{RetryPolicy, Verdict};
use crate::stream_node::StreamNode;
use crate::suspects::FailedAt;
use crate::task_pool::PoolFailure;

/// What the output operations of a context run with.
pub(crate) struct OutputRunner {
    pub(crate) engine: Arc<Engine>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) retry: RetryPolicy,
    /// One for each output operation that may run at once.
    pub(crate) permits: Semaphore,
    pub(crate) inputs: Vec<Arc<dyn Input>>,
    /// The streams that records of receivers reach.
    pub(crate) fed: Vec<Arc<dyn StreamNode>>,
}

impl OutputRunner {
    pub(crate) fn control(&self) -> &Control {
        &self.engine.control
    }

    /// Whether a record of any stream may be left out.
    pub(crate) fn may_leave_out(&self) -> bool {
        self.inputs.iter().any(|input| input.may_leave_out() > 0)
    }

    /// Runs asynchronous code of the program as a task of its own: should it block, the scheduler goes on. It is given up only
    /// when nothing more is to be begun, and then waited for all the same.
    pub(crate) async fn aside(
        &self,
        mut code: BoxFuture<'static, Result<(), BoxError>>,
    ) -> Result<Result<(), BoxError>, PoolFailure> {
        let control = Arc::clone(&self.engine.control);
        let mut task = tokio::spawn(std::future::poll_fn(move |context| {
            let _inside = inside::enter(&control, Place::Output);
            code.poll_unpin(context)
        }));
        let joined = tokio::select! {
            joined = &mut task => joined,
            () = self.control().urgent() => {
                task.abort();
                task.await
            }
        };
        joined.map_err(|error| match error.try_into_panic() {
            Ok(panic) => PoolFailure::Panicked(panic_message(&*panic)),
            Err(_) => PoolFailure::Ended,
        })
    }

    /// Looks a record up, on the task pool: it may have to be read from disk.
    pub(crate) async fn look_up(&self, id: RecordId) -> Result<Result<FailedRecord, BoxError>, PoolFailure> {
        let Some(input) = self.inputs.iter().find(|input| input.stream() == id.block.stream()).map(Arc::clone) else {
            return Ok(Err(format!("{id} is of no stream; please report this").into()));
        };
        self.engine.pool.run_job(move || input.failed_record(id)).await
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
    pub(crate) batch: Arc<Batch>,
    pub(crate) output: &'a Arc<Output>,
    pub(crate) info: OutputInfo,
    /// What of it was tried last, and the records at which tasks of that attempt failed.
    pub(crate) tried: Work,
    pub(crate) suspects: BTreeSet<RecordId>,
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

/// How a single attempt without some records ended.
pub(crate) enum Probed {
    Passed,
    /// With this, and tasks failed at [`OutputRun::suspects`].
    Failed(Arc<str>),
    GivenUp,
}

impl<'a> OutputRun<'a> {
    pub(crate) fn new(runner: &'a OutputRunner, batch: &Arc<Batch>, (id, output): (OutputId, &'a Arc<Output>)) -> Self {
        let info = OutputInfo::waiting(id, output.name, batch.time);
        let (tried, suspects) = (Work::Output, BTreeSet::new());
        Self { runner, batch: Arc::clone(batch), output, info, tried, suspects }
    }
    /// Until it succeeds, or is not tried again. Never panics: user code that runs outside of the task pool, such as the text
    /// of an error, may panic as well, and that is a failure for good.
    ///
    /// # Cancellation
    /// Not to be dropped: a job that runs would go on without anybody waiting for it. To end it early, cancel the control.
    pub(crate) async fn run(&mut self, work: Work) -> OutputEnd {
        let tried = AssertUnwindSafe(self.try_until_done(work)).catch_unwind().await;
        tried.unwrap_or_else(|panic| self.panicked(panic_message(&*panic)))
    }

    /// Tries once more what was tried last, with these records; neither counted nor told of. Never panics.
    ///
    /// # Cancellation
    /// As [`run`](Self::run).
    pub(crate) async fn probe(&mut self, batch: Arc<Batch>) -> Probed {
        self.batch = batch;
        let work = self.tried;
        let told = async {
            let ended = self.attempt(work).await;
            ended.map_err(|error| Arc::from(error_chain(&*error)))
        };
        let probed = AssertUnwindSafe(told).catch_unwind().await;
        let probed: Result<(), Arc<str>> =
            probed.unwrap_or_else(|panic| Err(self.panic(panic_message(&*panic)).to_string().into()));
        match probed {
            Ok(()) => Probed::Passed,
            Err(_) if self.is_given_up() => Probed::GivenUp,
            Err(reason) => Probed::Failed(reason),
        }
    }

    /// What failed before has succeeded in a probe with the records that the batch keeps.
    pub(crate) fn mended(&mut self) {
        if self.tried == Work::Output {
            self.succeeded();
        }
    }

    pub(crate) fn is_of_program(&self) -> bool {
        self.output.role == Role::Program
    }

    async fn try_until_done(&mut self, work: Work) -> OutputEnd {
        self.tried = work;
        let mut failed = 0_u32;
        while let Err(error) = self.attempt(work).await {
            if self.is_given_up() {
                return OutputEnd::GivenUp;
            }
            failed = failed.saturating_add(1);
            self.info.failed_attempts = self.info.failed_attempts.saturating_add(1);
            let verdict = self.runner.retry.judge(failed);
            self.note_failure(error_chain(&*error), verdict);
            let Verdict::RetryIn(wait) = verdict else { return self.failed(self.named(error).await) };
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = self.runner.control().urgent() => return OutputEnd::GivenUp,
            }
        }
        if work == Work::Output {
            self.succeeded();
        }
        OutputEnd::Succeeded
    }

    fn succeeded(&mut self) {
        self.info.ended = Some(self.runner.clock.now());
        self.info.failure = None;
        self.emit(|info| Event::OutputCompleted(info.clone()));
    }

    fn is_given_up(&self) -> bool {
        let control = self.runner.control();
        // What waited on the runtime is given up a little before the tasks are.
        control.is_cancelled() || control.is_urgent()
    }

    async fn attempt(&mut self, work: Work) -> Result<(), BoxError> {
        // Never closed; whoever waits to try again holds none.
        let runner = self.runner;
        let _permit = runner.permits.acquire().await?;
        if work == Work::Output {
            self.note_started();
        }
        let engine = &runner.engine;
        let job = Job::new(engine, &self.batch, self.output.name);
        let suspects = Arc::clone(&job.suspects);
        let run = Arc::clone(self.output);
        let result = engine.pool.run_job(move || {
            let _inside = inside::enter(&job.engine.control, Place::Output);
            match work {
                Work::Materialise => Ok(run.node.materialise(&job).map(|()| Ending::Done)?),
                Work::Output => (run.run)(&job),
            }
        });
        let ending = result.await.unwrap_or_else(|failure| Err(self.broken_off(failure)));
        let ended = match ending {
            Ok(Ending::Done) => Ok(()),
            Ok(Ending::Awaiting(rest)) => {
                runner.aside(rest).await.unwrap_or_else(|failure| Err(self.broken_off(failure)))
            }
            Err(error) => Err(error),
        };
        self.suspects = suspects.take();
        ended
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

    /// Says which record the tasks failed at, if they know.
    async fn named(&self, error: BoxError) -> BoxError {
        let Some(id) = self.suspects.first() else { return error };
        let record = match self.runner.look_up(*id).await {
            Ok(Ok(record)) => record.place,
            // What cannot be read back has a place all the same.
            Ok(Err(_)) | Err(PoolFailure::Panicked(_) | PoolFailure::Ended) => id.to_string(),
        };
        FailedAt::name(error, record)
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

    fn broken_off(&self, failure: PoolFailure) -> BoxError {
        BoxError::from(match failure {
            PoolFailure::Ended => JobError::Stopped,
            PoolFailure::Panicked(message) => self.panic(message),
        })
    }

    fn panic(&self, message: String) -> JobError {
        JobError::Panicked { output: self.output.name, batch: self.batch.time, message }
    }
}
