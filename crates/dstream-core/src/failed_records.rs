//! What becomes of a record on which the program fails, as a program sets it.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use crate::block::{BlockRecord, StreamId};
use crate::error::BoxError;
use crate::storage_level::StorageLevel;
use crate::time::Time;

/// What becomes of a record on which the message handler, an operator or an output operation fails, by an error or by a panic,
/// as often as [`batch_attempts`](crate::StreamingContextBuilder::batch_attempts) allows.
///
/// With another one than `Stop`, batches run one after the other, and a batch that has failed as often as it may is searched for
/// the records that it fails on: the output operation that failed runs again, without some of them, until it is clear which they
/// are. Such a run is a *probe*. It leaves nothing behind in windows, states or shared datasets; what the output operation does to the
/// outside world, it does again, with some of the batch's records. Where a task knows at which record it failed, few probes are
/// needed, and those that take in a bad record fail where that is; otherwise about `log₂ n` for each bad record of `n`. Then the
/// batch is computed without the bad ones. Output operations that had succeeded before are not run again, so they may have seen a
/// record that is left out in the end.
///
/// Every record that is blamed has failed once more after the output operation succeeded without it, so a sink that was down for a
/// moment costs no record.
///
/// If the output operation fails without any record as well, or with each one of the batch, or with more than
/// [`most_failed_records`](ReceiverOptions::most_failed_records), no record is to blame, none is left out, and the batch has failed: a
/// sink that is down looks like that. So `Skip` never skips all records of a batch, be it a batch of one. With `DeadLetter` for all
/// streams of the batch, all its records are blamed if there is only one, or if a task failed at each: letters can be put back.
pub enum OnFailedRecord<R> {
    /// Nothing: the batch has failed, and what follows is a matter of
    /// [`BatchFailure`](crate::BatchFailure). The default.
    Stop,
    /// It is handed over, before the batch counts as processed. If it cannot be, in as many attempts as a batch has, the batch has
    /// failed; nothing is lost then.
    DeadLetter(Arc<dyn DeadLetters<R>>),
    /// It is left out and counted; an event and a warning name it.
    Skip,
}

/// Takes records on which the program fails.
#[async_trait]
pub trait DeadLetters<R: BlockRecord>: Send + Sync + 'static {
    /// Takes a record. When this returns `Ok`, the record is safe: its position moves next. It may come more than once: with each
    /// attempt, and again after a crash.
    ///
    /// # Errors
    /// When the record may not be safe; the error says what failed, on what, and what to do.
    ///
    /// # Cancellation
    /// Dropped when the context is stopped at once; the record counts as not taken then.
    async fn put(&self, letter: DeadLetter<'_, R>) -> Result<(), BoxError>;
}

/// A record on which the program fails.
#[derive(Debug)]
#[non_exhaustive]
pub struct DeadLetter<'a, R> {
    /// The raw record.
    pub record: &'a R,
    /// Its input stream.
    pub stream: StreamId,
    /// The name of that.
    pub name: &'a str,
    /// Its batch.
    pub batch: Time,
    /// How often the batch's output operation was tried with the record before it was looked for.
    pub attempts: u32,
    /// What the program failed with, with all causes.
    pub error: &'a str,
}

/// What became of a record that was left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordFate {
    /// It was handed to [`DeadLetters`].
    DeadLettered,
    /// It was skipped.
    Skipped,
}

/// How many records of a batch were left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LeftOutRecords {
    /// Records that were handed to [`DeadLetters`].
    pub dead_lettered: usize,
    /// Records that were skipped.
    pub skipped: usize,
}

impl LeftOutRecords {
    pub(crate) const fn count(&mut self, fate: RecordFate) {
        match fate {
            RecordFate::DeadLettered => self.dead_lettered = self.dead_lettered.saturating_add(1),
            RecordFate::Skipped => self.skipped = self.skipped.saturating_add(1),
        }
    }
}

/// How a receiver stream keeps its records, and what becomes of those that fail. A [`StorageLevel`] alone says the former.
///
/// ```
/// use dstream_core::{OnFailedRecord, Receiver, ReceiverOptions, StorageLevel, StreamingContext};
///
/// fn numbers<R: Receiver<Record = String>>(ctx: &StreamingContext, receiver: R) {
///     let options = ReceiverOptions::new(StorageLevel::MemoryAndDisk).on_failed_record(OnFailedRecord::Skip);
///     ctx.receiver_stream("numbers", options, receiver, |line: &String| Ok(line.parse::<u64>()?)).print();
/// }
/// ```
#[derive(Debug)]
#[must_use]
pub struct ReceiverOptions<R> {
    pub(crate) level: StorageLevel,
    pub(crate) on_failed_record: OnFailedRecord<R>,
    pub(crate) most_failed_records: usize,
}

impl<R> ReceiverOptions<R> {
    /// Blocks are kept at `level`; a record that fails stops the context.
    pub const fn new(level: StorageLevel) -> Self {
        Self { level, on_failed_record: OnFailedRecord::Stop, most_failed_records: DEFAULT_MOST_FAILED_RECORDS }
    }

    /// What becomes of records that fail. Default: [`OnFailedRecord::Stop`].
    pub fn on_failed_record(mut self, policy: OnFailedRecord<R>) -> Self {
        self.on_failed_record = policy;
        self
    }

    /// The most records of a batch that may be left out, of all streams together; the lowest such number of them counts. Default:
    /// 100. When more fail, the program, or a service that it needs, is likelier to be at fault than the records, and the batch
    /// has failed. Each costs the batch at least three runs, so a high number can hold batches up for long. With 0, none is
    /// ever left out.
    pub const fn most_failed_records(mut self, most: usize) -> Self {
        self.most_failed_records = most;
        self
    }

    /// How many records may be left out.
    pub(crate) const fn may_leave_out(&self) -> usize {
        match self.on_failed_record {
            OnFailedRecord::Stop => 0,
            OnFailedRecord::DeadLetter(_) | OnFailedRecord::Skip => self.most_failed_records,
        }
    }
}

impl<R> From<StorageLevel> for ReceiverOptions<R> {
    fn from(level: StorageLevel) -> Self {
        Self::new(level)
    }
}

// By hand: derived ones would ask for `R: Clone` and `R: Debug`.
impl<R> Clone for OnFailedRecord<R> {
    fn clone(&self) -> Self {
        match self {
            Self::Stop => Self::Stop,
            Self::DeadLetter(letters) => Self::DeadLetter(Arc::clone(letters)),
            Self::Skip => Self::Skip,
        }
    }
}

impl<R> fmt::Debug for OnFailedRecord<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Stop => "Stop",
            Self::DeadLetter(_) => "DeadLetter(..)",
            Self::Skip => "Skip",
        })
    }
}

/// Few enough that a service which is down does not divert a stream, enough for a handful of bad producers.
const DEFAULT_MOST_FAILED_RECORDS: usize = 100;
