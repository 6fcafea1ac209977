//! One batch of a stateful operator: computed once, applied to the states once, however many outputs and attempts ask.
//!
//! All partitions are computed first, by user code, on the states of the batch before; nothing has changed if one fails.
//! Then the changes of all of them are made, which runs no user code and takes short locks only.

use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, OnceLock};

use crate::batch::Batch;
use crate::data::{Data, Key};
use crate::dataset::{Dataset, SharedDataset, SharedRows, Sink, Task, TaskError};
use crate::job::{Job, JobError};
use crate::lock::lock;
use crate::operator::OperatorName;
use crate::stateful::keyed_states::{Changes, KeyedStates};

/// What a stateful operator does with a partition.
pub(crate) trait StateWork<K, S, T>: Send + Sync {
    /// Prepares the datasets that [`compute`](Self::compute) will read.
    fn prepare(&self, job: &Job) -> Result<(), JobError>;

    /// Reads states and changes none.
    fn compute(&self, partition: usize, task: &Task<'_>) -> Result<Outcome<K, S, T>, TaskError>;
}

/// What came of a partition.
pub(crate) struct Outcome<K, S, T> {
    pub(crate) changes: Changes<K, S>,
    pub(crate) rows: Vec<T>,
}

impl<K, S, T> Default for Outcome<K, S, T> {
    fn default() -> Self {
        Self { changes: Vec::new(), rows: Vec::new() }
    }
}

/// The dataset of the rows that the operator gives besides its states.
pub(crate) struct StateStep<K, S, T> {
    operator: OperatorName,
    batch: Arc<Batch>,
    states: Arc<KeyedStates<K, S>>,
    work: Box<dyn StateWork<K, S, T>>,
    // Set before the first change is made, so whoever finds the states changed finds the rows here.
    computed: OnceLock<Vec<Computed<K, S, T>>>,
    applied: OnceLock<()>,
}

struct Computed<K, S, T> {
    // Taken by the one who makes the changes; held meanwhile.
    changes: Mutex<Option<Changes<K, S>>>,
    rows: SharedRows<T>,
}

impl<K: Key, S: Data, T: Send + Sync> StateStep<K, S, T> {
    pub(crate) fn new(
        operator: OperatorName,
        batch: &Arc<Batch>,
        states: &Arc<KeyedStates<K, S>>,
        work: impl StateWork<K, S, T> + 'static,
    ) -> Self {
        let (batch, states) = (Arc::clone(batch), Arc::clone(states));
        Self { operator, batch, states, work: Box::new(work), computed: OnceLock::new(), applied: OnceLock::new() }
    }

    fn compute(&self, job: &Job) -> Result<(), JobError> {
        self.work.prepare(job)?;
        let computed = job.run_tasks(0..self.states.partitions(), &|_| None, &|partition, task| {
            task.enter(self.operator);
            if self.computed.get().is_some() {
                return Ok(Computed { changes: Mutex::new(None), rows: Arc::default() });
            }
            self.states.be_born(partition, &self.batch).map_err(TaskError::of_state)?;
            let Outcome { changes, rows } = self.work.compute(partition, task)?;
            Ok(Computed { changes: Mutex::new(Some(changes)), rows: Arc::new(rows) })
        })?;
        // Another output of the batch may have been faster, on the same rows and states.
        let _ = self.computed.set(computed);
        Ok(())
    }

    fn apply(&self, job: &Job, computed: &[Computed<K, S, T>]) -> Result<(), JobError> {
        job.run_tasks(0..computed.len(), &|_| None, &|partition, task| {
            task.enter(self.operator);
            let Some(computed) = computed.get(partition) else { return Ok(()) };
            let mut changes = lock(&computed.changes);
            if let Some(changes) = changes.take() {
                return self.states.commit(partition, self.batch.time, changes).map_err(TaskError::of_state);
            }
            // Whoever took the changes has made them, unless a key's own code panicked meanwhile.
            let made = self.states.has_version(partition, self.batch.time);
            if made { Ok(()) } else { Err(TaskError::NotPrepared(self.operator)) }
        })?;
        Ok(())
    }
}

impl<K: Key, S: Data, T: Clone + Send + Sync> Dataset<T> for StateStep<K, S, T> {
    fn partitions(&self) -> usize {
        self.states.partitions()
    }

    fn prepare(&self, job: &Job) -> Result<(), JobError> {
        if self.applied.get().is_some() {
            return Ok(());
        }
        if self.computed.get().is_none() {
            self.compute(job)?;
        }
        if let Some(computed) = self.computed.get() {
            self.apply(job, computed)?;
        }
        let _ = self.applied.set(());
        Ok(())
    }

    fn run(&self, partition: usize, task: &Task<'_>, sink: &mut Sink<'_, T>) -> Result<(), TaskError> {
        let computed = self.computed.get().ok_or(TaskError::NotPrepared(self.operator))?;
        task.push_copies(
            self.operator,
            computed.get(partition).map_or(&[][..], |computed| computed.rows.as_slice()),
            sink,
        )
    }

    fn origin(&self, _partition: usize) -> Option<String> {
        None
    }

    fn in_memory(&self, partition: usize) -> Option<Vec<SharedRows<T>>> {
        Some(vec![Arc::clone(&self.computed.get()?.get(partition)?.rows)])
    }
}

/// The dataset of all states as of the end of a batch.
pub(crate) struct StateRows<K, S, T> {
    pub(crate) batch: Arc<Batch>,
    pub(crate) states: Arc<KeyedStates<K, S>>,
    /// What makes the states of the batch.
    pub(crate) step: SharedDataset<T>,
}

impl<K: Key, S: Data, T> Dataset<(K, S)> for StateRows<K, S, T> {
    fn partitions(&self) -> usize {
        self.states.partitions()
    }

    fn prepare(&self, job: &Job) -> Result<(), JobError> {
        self.step.prepare(job)
    }

    fn run(&self, partition: usize, task: &Task<'_>, sink: &mut Sink<'_, (K, S)>) -> Result<(), TaskError> {
        let rows = self.states.rows(partition, self.batch.time).map_err(TaskError::of_state)?;
        for (key, state) in rows {
            task.check()?;
            if let ControlFlow::Break(()) = sink((key, state.to_state())) {
                break;
            }
        }
        Ok(())
    }

    fn origin(&self, _partition: usize) -> Option<String> {
        None
    }

    fn buckets(&self) -> Option<usize> {
        Some(self.states.partitions())
    }
}
