//! A dataset: records in partitions, computed on demand and pushed, one after the other, into a sink.
//!
//! Narrow operators fuse: a chain of them is one loop over the source, and no record is kept between two of them. Records
//! are pushed rather than pulled, so that a failing source ends the loop with an error: no consumer can mistake a
//! partition that broke off for one that was complete.

use std::cell::Cell;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;

use thiserror::Error;

use crate::block::BlockId;
use crate::block_store::BlockStoreError;
use crate::control::Control;
use crate::error::BoxError;
use crate::job::{Job, JobError};
use crate::left_out::RecordId;
use crate::operator::OperatorName;
use crate::state::VersionError;

/// Takes the records of a partition; says when it has enough.
pub(crate) type Sink<'a, T> = dyn FnMut(T) -> ControlFlow<()> + 'a;

/// A dataset as operators hand it on.
pub(crate) type SharedDataset<T> = Arc<dyn Dataset<T>>;

pub(crate) trait Dataset<T>: Send + Sync {
    fn partitions(&self) -> usize;

    /// Runs the wide operators that this dataset depends on; to be called before its tasks run, never from a task.
    fn prepare(&self, job: &Job) -> Result<(), JobError>;

    /// Pushes the records of `partition` into `sink` until they end or the sink breaks; both are `Ok`.
    fn run(&self, partition: usize, task: &Task<'_>, sink: &mut Sink<'_, T>) -> Result<(), TaskError>;

    /// Where the records of `partition` came from, for errors.
    fn origin(&self, partition: usize) -> Option<String>;

    /// The records of `partition` where they lie, one piece after the other, if they all lie in memory; after `prepare`. Who
    /// asks for them spares the copies that [`run`](Self::run) would have to make.
    fn in_memory(&self, _partition: usize) -> Option<Vec<SharedRows<T>>> {
        None
    }

    /// `Some(n)` if the rows of all processes are cut into `n` buckets by key, and the partitions are those buckets, in order,
    /// that this process owns: rows of equal keys need not be brought together any more.
    fn buckets(&self) -> Option<usize> {
        None
    }
}

/// Rows that lie in memory.
pub(crate) type SharedRows<T> = Arc<Vec<T>>;

// What runs for each record is inlined: operators are generic, so compiled in the program's crate.

/// A run over one partition: which operator's code runs right now, on which record, and whether to go on.
#[derive(Debug)]
pub(crate) struct Task<'a> {
    // One store for each call of user code; it is what lets an error name the operator.
    at: Cell<OperatorName>,
    // One store for each raw record; it is what lets a failure be laid to it.
    record: Cell<Option<RecordId>>,
    control: &'a Control,
}

impl<'a> Task<'a> {
    pub(crate) const fn new(output: OperatorName, control: &'a Control) -> Self {
        Self { at: Cell::new(output), record: Cell::new(None), control }
    }

    /// Code of `operator` is about to run.
    #[inline]
    pub(crate) fn enter(&self, operator: OperatorName) {
        self.at.set(operator);
    }

    pub(crate) const fn at(&self) -> OperatorName {
        self.at.get()
    }

    /// What runs from now on runs for this raw record, or for none in particular.
    #[inline]
    pub(crate) fn at_record(&self, record: Option<RecordId>) {
        self.record.set(record);
    }

    /// The raw record that code runs for.
    pub(crate) const fn record(&self) -> Option<RecordId> {
        self.record.get()
    }

    /// Pushes copies of rows that lie in memory. Copying is user code of the operator that keeps them.
    #[inline]
    pub(crate) fn push_copies<T: Clone>(
        &self,
        operator: OperatorName,
        rows: &[T],
        sink: &mut Sink<'_, T>,
    ) -> Result<(), TaskError> {
        for row in rows {
            self.check()?;
            self.enter(operator);
            if let ControlFlow::Break(()) = sink(row.clone()) {
                break;
            }
        }
        Ok(())
    }

    /// Sources ask before each record.
    #[inline]
    pub(crate) fn check(&self) -> Result<(), TaskError> {
        if self.control.is_cancelled() { Err(TaskError::Cancelled) } else { Ok(()) }
    }
}

/// Why a task did not finish.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TaskError {
    /// The message handler refused a record.
    #[error("the message handler failed on record {record} of block {block}")]
    Handler {
        /// The block.
        block: BlockId,
        /// The place of the record in the block, from 0.
        record: usize,
        /// The error of the handler.
        source: BoxError,
    },
    /// User code panicked.
    #[error("panicked: {0}")]
    Panicked(String),
    /// The block was dropped, since its batch is done.
    #[error("block {0} is gone: use a dataset only while its batch runs, or collect it")]
    BlockGone(BlockId),
    /// The block could not be read.
    #[error("block {block} could not be read")]
    BlockStore {
        /// The block.
        block: BlockId,
        /// Why.
        source: BlockStoreError,
    },
    /// A record of a block that was on disk cannot be read.
    #[error("record {record} of block {block} cannot be decoded: look at how its type is encoded")]
    Undecodable {
        /// The block.
        block: BlockId,
        /// The place of the record in the block, from 0.
        record: usize,
        /// Why.
        source: BoxError,
    },
    /// Rows that are kept on disk could not be written, or not be read back.
    #[error("rows that are kept on disk could not be written, or not be read back: look at the disk")]
    Persisted {
        /// Why.
        source: BoxError,
    },
    /// A file of the stream could not be read.
    #[error("{} could not be read: leave files in place until their batch is done", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The context is stopping.
    #[error("the context is stopping")]
    Cancelled,
    /// A wide operator was not run before the tasks; this is a defect of this library.
    #[error("the result of {0} is missing; please report this")]
    NotPrepared(OperatorName),
    /// A value leaves a window that it never was in, as far as the running result knows.
    #[error(
        "neither previous window has value for key, nor do new batches, but one leaves the window (key type {key}): \
         let the filter drop only keys that are no longer in the window, and let equal keys have equal hashes"
    )]
    NoPreviousValue {
        /// The type of the keys.
        key: &'static str,
    },
    /// The states of an earlier batch are not to be had; this is a defect of this library.
    #[error("the state that the batch goes on from is missing; please report this")]
    StateMissing {
        /// Which versions there are.
        source: BoxError,
    },
}

impl TaskError {
    pub(crate) fn persisting(source: impl Into<BoxError>) -> Self {
        Self::Persisted { source: source.into() }
    }

    pub(crate) fn of_state(source: VersionError) -> Self {
        Self::StateMissing { source: source.into() }
    }
}
