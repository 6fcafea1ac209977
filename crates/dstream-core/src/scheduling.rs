//! How batches are scheduled, as a program sets it.

use std::num::NonZeroUsize;

use crate::config::StreamingContextBuilder;
use crate::config_error::ConfigError;

/// What happens after an output operation of a batch has failed for good.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BatchFailure {
    /// The context stops with the error. The default: no record is passed over, and what the error says is about the last
    /// batch that ran.
    #[default]
    Stop,
    /// Spark's rule: the other output operations of the batch, and later batches, run all the same, and
    /// [`await_termination`](crate::StreamingContext::await_termination) returns the first error at once, while the context
    /// goes on. For outputs that are worth more late and with gaps than not at all.
    ///
    /// The positions of the failed batch, and of all later batches of the streams that had blocks in it, stay where they are
    /// until the program is started again; then all of that is delivered once more. Windows and state that the failed batch
    /// could not compute go on as if it had been empty. With a checkpoint directory, checkpoints stay before the failed batch as
    /// well, and with windows or state the positions of all streams: what is delivered once more meets states that have not
    /// seen it.
    Continue,
}

/// What a program asked for, unchecked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SchedulingChoices {
    concurrent_jobs: usize,
    on_batch_failure: BatchFailure,
    allow_multiple: bool,
}

impl Default for SchedulingChoices {
    fn default() -> Self {
        Self { concurrent_jobs: 1, on_batch_failure: BatchFailure::Stop, allow_multiple: false }
    }
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Scheduling {
    pub(crate) concurrent_jobs: NonZeroUsize,
    pub(crate) on_batch_failure: BatchFailure,
    pub(crate) allow_multiple: bool,
}

impl SchedulingChoices {
    pub(crate) fn check(self) -> Result<Scheduling, ConfigError> {
        let Self { concurrent_jobs, on_batch_failure, allow_multiple } = self;
        let concurrent_jobs = NonZeroUsize::new(concurrent_jobs.min(MOST_JOBS)).ok_or(ConfigError::NoJobs)?;
        Ok(Scheduling { concurrent_jobs, on_batch_failure, allow_multiple })
    }
}

/// More than any machine has threads; the permits of a semaphore are not without limit.
const MOST_JOBS: usize = 65_536;

impl StreamingContextBuilder {
    /// How many output operations may run at once, of one batch and of those that follow it; Spark's `concurrentJobs`.
    /// Default: 1, which runs batches, and the output operations of a batch, strictly in order. More pay off when outputs
    /// wait for something slow, such as a database; a thread of the task pool is busy with each meanwhile, so more than the
    /// [`master`](Self::master) has threads are of no use.
    ///
    /// With more than 1, output operations of one batch run in no particular order, and those of a later batch may run, and
    /// end, before those of an earlier one. Still each batch is made, and its shuffles run, in the order of batches, and
    /// completions are reported, and positions move, in that order. Batches overlap in this way only if the program keeps no
    /// state; with state, only the output operations of one batch run at once. No more batches than this are begun and not
    /// completed, so a slow one holds up those behind it after a while.
    pub const fn concurrent_jobs(mut self, jobs: usize) -> Self {
        self.scheduling.concurrent_jobs = jobs;
        self
    }

    /// What happens after an output operation has failed as often as
    /// [`batch_attempts`](Self::batch_attempts) allows. Default: [`BatchFailure::Stop`].
    pub const fn on_batch_failure(mut self, policy: BatchFailure) -> Self {
        self.scheduling.on_batch_failure = policy;
        self
    }

    /// Lets this context run beside others in the same process: it starts whatever else is active, hinders no other one, and
    /// is not what [`StreamingContext::active`](crate::StreamingContext::active) finds. Default: not so, and one such context
    /// is active at a time, as in Spark; a second one is usually a mistake that takes twice the leases and threads. Tests
    /// that run in one process want this.
    pub const fn allow_multiple(mut self) -> Self {
        self.scheduling.allow_multiple = true;
        self
    }
}
