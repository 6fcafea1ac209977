//! A job: one output operation of one batch, and the tasks it runs, one for each partition of a dataset.

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, OnceLock};

use rayon::iter::{IntoParallelIterator, ParallelIterator};
use thiserror::Error;
use tokio::runtime::Handle;

use crate::batch::Batch;
use crate::block_store::BlockStore;
use crate::control::Control;
use crate::dataset::{Task, TaskError};
use crate::error::{BoxError, panic_message};
use crate::exchange::{Exchange, ExchangeError};
use crate::inside::{self, Place};
use crate::operator::OperatorName;
use crate::suspects::Suspects;
use crate::task_pool::TaskPool;
use crate::time::Time;

/// What the jobs of a context share.
pub(crate) struct Engine {
    pub(crate) pool: TaskPool,
    pub(crate) exchange: Arc<dyn Exchange>,
    /// Where rows go that are kept on disk.
    pub(crate) blocks: Arc<dyn BlockStore>,
    pub(crate) control: Arc<Control>,
    /// Where the context runs; set when it starts.
    pub(crate) runtime: OnceLock<Handle>,
    /// Partitions of a dataset that nothing else decides: one for each thread.
    pub(crate) parallelism: usize,
}

#[derive(Clone)]
pub(crate) struct Job {
    pub(crate) engine: Arc<Engine>,
    pub(crate) batch: Arc<Batch>,
    pub(crate) output: OperatorName,
    /// The records at which its tasks failed.
    pub(crate) suspects: Arc<Suspects>,
}

impl Job {
    pub(crate) fn new(engine: &Arc<Engine>, batch: &Arc<Batch>, output: OperatorName) -> Self {
        Self { engine: Arc::clone(engine), batch: Arc::clone(batch), output, suspects: Arc::default() }
    }

    /// Runs `work` for each of `partitions`, in parallel, and returns the results in the order of the partitions. After a
    /// failure no further task is begun; tasks that run already run to their end.
    pub(crate) fn run_tasks<R: Send>(
        &self,
        partitions: Range<usize>,
        origin: &(dyn Fn(usize) -> Option<String> + Sync),
        work: &(dyn Fn(usize, &Task<'_>) -> Result<R, TaskError> + Sync),
    ) -> Result<Vec<R>, JobError> {
        let one = |partition| self.run_task(partition, work).map_err(|failed| self.explain(partition, failed, origin));
        self.engine.pool.install(|| partitions.into_par_iter().map(one).collect()).ok_or(JobError::Stopped)?
    }

    fn run_task<R>(
        &self,
        partition: usize,
        work: &(dyn Fn(usize, &Task<'_>) -> Result<R, TaskError> + Sync),
    ) -> Result<R, (OperatorName, TaskError)> {
        let _inside = inside::enter(&self.engine.control, Place::Output);
        let task = Task::new(self.output, &self.engine.control);
        let result = task.check().and_then(|()| {
            catch_unwind(AssertUnwindSafe(|| work(partition, &task)))
                .unwrap_or_else(|panic| Err(TaskError::Panicked(panic_message(&*panic))))
        });
        result.map_err(|error| {
            if let Some(record) = task.record()
                && !matches!(error, TaskError::Cancelled)
            {
                self.suspects.add(record);
            }
            (task.at(), error)
        })
    }

    fn explain(
        &self,
        partition: usize,
        (operator, source): (OperatorName, TaskError),
        origin: &(dyn Fn(usize) -> Option<String> + Sync),
    ) -> JobError {
        if matches!(source, TaskError::Cancelled) {
            return JobError::Stopped;
        }
        let origin = origin(partition).map(|from| format!(", on {from}")).unwrap_or_default();
        JobError::Task { operator, batch: self.batch.time, partition, origin, source }
    }
}

/// Why an action on a dataset failed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum JobError {
    /// A task failed.
    #[error("{operator} failed in batch {batch}, partition {partition}{origin}")]
    Task {
        /// The operator whose code ran.
        operator: OperatorName,
        /// The batch.
        batch: Time,
        /// The partition, from 0.
        partition: usize,
        /// Where its records came from, if known: a phrase that begins with a comma, or nothing.
        origin: String,
        /// What happened.
        source: TaskError,
    },
    /// The function of an output operation, or the text of its error, panicked outside of its tasks.
    #[error("{output} panicked in batch {batch}: {message}")]
    Panicked {
        /// The output operation.
        output: OperatorName,
        /// The batch.
        batch: Time,
        /// What the panic said.
        message: String,
    },
    /// The function of a transform failed or panicked outside of its tasks.
    #[error("{operator} failed in batch {batch}")]
    Transform {
        /// The operator.
        operator: OperatorName,
        /// The batch.
        batch: Time,
        /// The error of the function.
        source: BoxError,
    },
    /// An input could not tell what belongs to the batch.
    #[error("{operator} found no answer to what belongs to batch {batch}")]
    Input {
        /// The input.
        operator: OperatorName,
        /// The batch.
        batch: Time,
        /// What happened, and where.
        source: BoxError,
    },
    /// Blocks of a wide operator could not be exchanged.
    #[error("the shuffle of {operator} failed in batch {batch}")]
    Exchange {
        /// The wide operator.
        operator: OperatorName,
        /// The batch.
        batch: Time,
        /// What happened.
        source: ExchangeError,
    },
    /// The context is stopping, or has stopped.
    #[error("the context has stopped: use its datasets before stop()")]
    Stopped,
}
