//! What a context tells the outside, and the seam through which it tells it.
//!
//! Logs, progress displays, metrics and tests all live on these events.

use std::sync::Arc;
use std::time::Duration;

use crate::batch::BatchInfo;
use crate::block::StreamId;
use crate::failed_records::RecordFate;
use crate::output_info::OutputInfo;
use crate::rate::RecordsPerSecond;
use crate::receiver::ReceiverError;
use crate::time::Time;

/// Something that happened in a context.
///
/// The events of one batch come in order: submitted, started, those of its output operations, completed or failed. Those of an
/// output operation come in order as well: started, failed for each attempt that failed, completed. Batches are submitted, and
/// completed or failed, in the order of their times; with
/// [`concurrent_jobs`](crate::StreamingContextBuilder::concurrent_jobs), a batch may be started before an earlier one has
/// ended. A batch that was given up, since the context stopped, is neither completed nor failed.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event {
    /// All receivers run; the first batch will have a time after this, apart from those that an earlier run left unfinished.
    StreamingStarted {
        /// The time of the start.
        time: Time,
    },
    /// The receiver's tasks run.
    ReceiverStarted {
        /// Its stream.
        stream: StreamId,
        /// Its name.
        name: Arc<str>,
    },
    /// The receiver misses nothing that is produced from now on.
    ReceiverReady {
        /// Its stream.
        stream: StreamId,
        /// Its name.
        name: Arc<str>,
    },
    /// The receiver cannot go on; the context stops.
    ReceiverFailed {
        /// Its stream.
        stream: StreamId,
        /// Its name.
        name: Arc<str>,
        /// Why.
        error: Arc<ReceiverError>,
    },
    /// The receiver was stopped and closed.
    ReceiverStopped {
        /// Its stream.
        stream: StreamId,
        /// Its name.
        name: Arc<str>,
    },
    /// A batch has its blocks and waits for its turn.
    BatchSubmitted(BatchInfo),
    /// The first output operation of a batch is about to run.
    BatchStarted(BatchInfo),
    /// The first attempt of an output operation of a batch is about to run.
    OutputStarted(OutputInfo),
    /// An output operation succeeded.
    OutputCompleted(OutputInfo),
    /// An attempt of an output operation failed.
    OutputFailed {
        /// The output operation; its `failure` is the text of the error, with its causes.
        output: OutputInfo,
        /// How long until it is tried again; `None` when it is not. It may be completed all the same, once the records that it
        /// fails on have been left out.
        retry_in: Option<Duration>,
    },
    /// The program fails on a record, as often as the record is tried; it was left out, and set aside or skipped. Its output operations
    /// have succeeded without it; the batch is completed next, unless another record of it cannot be set aside.
    RecordLeftOut {
        /// Its batch.
        batch: Time,
        /// Its input stream.
        stream: StreamId,
        /// The name of that.
        name: Arc<str>,
        /// Where it came from.
        record: Arc<str>,
        /// What became of it.
        fate: RecordFate,
        /// What the program failed with, with all causes.
        error: Arc<str>,
    },
    /// All output operations of a batch succeeded, and its positions were reported as processed; if they wait for a checkpoint,
    /// [`CheckpointWritten`](Self::CheckpointWritten) says when; if they wait for the batch log, it is a matter of milliseconds.
    BatchCompleted(BatchInfo),
    /// An output operation of a batch failed for good; what follows is a matter of
    /// [`BatchFailure`](crate::BatchFailure).
    BatchFailed(BatchInfo),
    /// So many batches are due that some were not made; the next one has the blocks that they would have held.
    BatchesSkipped {
        /// How many.
        skipped: u128,
        /// When they were found to be too many.
        time: Time,
    },
    /// The program goes on from a checkpoint; before its receivers start.
    Recovered {
        /// The last batch that is in the checkpoint.
        batch: Time,
        /// How many newer checkpoints are damaged, and were passed over.
        damaged: usize,
        /// How many batches the earlier run left unfinished. Those of them in which something is left to do are run again
        /// before others; see [`BatchInfo::origin`].
        unfinished: usize,
    },
    /// A checkpoint is safe, and the positions of its batches were reported as processed.
    CheckpointWritten {
        /// The last batch that is in it.
        batch: Time,
    },
    /// Back pressure has found a new limit for a receiver.
    RateUpdated {
        /// Its stream.
        stream: StreamId,
        /// The limit that is in force now: the estimate, or the maximum if that is lower.
        limit: RecordsPerSecond,
    },
}

/// Hears of events. Calls come from the tasks of the context, one at a time for batches: return quickly, do not block, and
/// do not wait for the context's end. A panic in a listener is logged and otherwise ignored. The stop of a context waits for
/// listeners that run; after it no event is delivered.
pub trait Listener: Send + Sync + 'static {
    /// Called for each event.
    fn on_event(&self, event: &Event);
}

impl<F: Fn(&Event) + Send + Sync + 'static> Listener for F {
    fn on_event(&self, event: &Event) {
        self(event);
    }
}
