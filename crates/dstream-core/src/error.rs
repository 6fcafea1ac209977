//! Why a context did not start, why it stopped, and how to read an error with all its causes.

use std::error::Error;
use std::sync::Arc;

use thiserror::Error;

use crate::block::{BlockId, StreamId};
use crate::block_store::BlockStoreError;
use crate::checkpoint::RecoveryError;
use crate::graph_error::GraphError;
use crate::operator::OperatorName;
use crate::receiver::ReceiverError;
use crate::stop_deadline::CutShort;
use crate::time::Time;

/// Any error of user code.
pub type BoxError = Box<dyn Error + Send + Sync + 'static>;

/// Why a context stopped although nobody asked it to. The first error wins; it is shared by all who wait.
///
/// The text of a variant does not repeat its source: print it with [`error_chain`].
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum StreamingError {
    /// A receiver could not start, or could not go on.
    #[error("receiver {stream} ({name}) failed")]
    Receiver {
        /// The stream of the receiver.
        stream: StreamId,
        /// The name it was given.
        name: Arc<str>,
        /// What failed, on what, and what to do.
        #[source]
        source: Arc<ReceiverError>,
    },
    /// A receiver was stopped but could not write its last positions or release what it held.
    #[error("receiver {stream} ({name}) could not be closed; what it had not written yet will be delivered again")]
    ReceiverClose {
        /// The stream of the receiver.
        stream: StreamId,
        /// The name it was given.
        name: Arc<str>,
        /// What failed, on what, and what to do.
        #[source]
        source: Arc<ReceiverError>,
    },
    /// A batch failed as often as it may. The positions of its records, and of later ones, were not reported as
    /// processed: they are delivered again at the next start.
    #[error("batch {batch} failed in {output} after {attempts} attempts; its records will be delivered again")]
    Batch {
        /// The batch that failed.
        batch: Time,
        /// The output operation that failed.
        output: OperatorName,
        /// How often the output operation was tried.
        attempts: u32,
        /// The last failure.
        #[source]
        source: Arc<dyn Error + Send + Sync>,
    },
    /// A record on which the program fails could not be handed over to the [`DeadLetters`](crate::DeadLetters) of its stream. No
    /// position moved over it: it is delivered again at the next start.
    #[error(
        "{record}, on which batch {batch} fails, could not be handed to the dead letters; it will be delivered again"
    )]
    DeadLetter {
        /// The record: where it came from.
        record: Arc<str>,
        /// Its batch.
        batch: Time,
        /// What failed, on what, and what to do.
        #[source]
        source: Arc<dyn Error + Send + Sync>,
    },
    /// A block whose level is `DISK_ONLY` could not be written.
    #[error("block {block} could not be stored")]
    BlockStore {
        /// The block.
        block: BlockId,
        /// Why.
        #[source]
        source: Arc<BlockStoreError>,
    },
    /// A checkpoint could not be written. The positions of the batches in it were not reported as processed: they are
    /// delivered again at the next start.
    #[error(
        "the checkpoint of batch {batch} could not be written; records since the one before will be delivered again"
    )]
    Checkpoint {
        /// The batch.
        batch: Time,
        /// What failed, on what, and what to do.
        #[source]
        source: Arc<dyn Error + Send + Sync>,
    },
    /// The ranges of a batch could not be written down before it runs, or runs again. This run processed nothing of the batch; its
    /// records are delivered again at the next start.
    #[error("the batch log could not be written for batch {batch}; its records will be delivered again")]
    BatchLog {
        /// The batch.
        batch: Time,
        /// What failed, on what, and what to do.
        #[source]
        source: Arc<dyn Error + Send + Sync>,
    },
    /// All outputs of a batch succeeded, and the mark that says so could not be written to the batch log; only programs without
    /// windows and state have it. Its positions were not reported as processed, nor were those of done batches that waited for the
    /// same mark or a later one. Whether the last attempt wrote the mark all the same is not known: if it did not, these batches run
    /// again at the next start, with the same records.
    #[error(
        "batch {batch} is done, but that could not be noted in the batch log: unless the mark was written all the same, it runs again at the next start; put right what stood in the way before that"
    )]
    BatchMark {
        /// The newest batch that the mark was to name.
        batch: Time,
        /// What failed, on what, and what to do.
        #[source]
        source: Arc<dyn Error + Send + Sync>,
    },
    /// A receiver could not read what a batch had that an earlier run left unfinished. The batch stays in the log, and is tried
    /// again at the next start.
    #[error(
        "receiver {stream} ({name}) could not read the records of unfinished batches again; they are tried again at the next start"
    )]
    Replay {
        /// The stream of the receiver.
        stream: StreamId,
        /// The name it was given.
        name: Arc<str>,
        /// What failed, on what, and what to do.
        #[source]
        source: Arc<ReceiverError>,
    },
    /// The program changed the graph of a context that already runs.
    #[error("{what} was added after the context was started: add inputs and outputs before start()")]
    ChangedAfterStart {
        /// What was added.
        what: String,
    },
    /// The program changed the graph of a context that has ended.
    #[error("{what} was added after the context was stopped: build a new context for it")]
    ChangedAfterStop {
        /// What was added.
        what: String,
    },
    /// Code of the context waited for the context's own end, which would never have come. The context goes on.
    #[error("{call} was called in {place} of the same context, and would wait for itself: call request_stop(..) there")]
    WaitsForItself {
        /// The call.
        call: &'static str,
        /// Where it was made.
        place: String,
    },
    /// Something that the program handed to the context panicked when it was dropped.
    #[error("user code panicked when the context dropped it: {message}; the context ended in order otherwise")]
    PanickedInDrop {
        /// What the panic said.
        message: String,
    },
    /// A graceful stop was cut short. What was stored and not processed is delivered again at the next start; nothing is
    /// lost.
    #[error("the graceful stop was cut short {reason}; records that were not processed will be delivered again")]
    StopCutShort {
        /// By what.
        reason: CutShort,
    },
    /// The signals that should stop the context cannot be listened for.
    #[error("cannot listen for Ctrl-C and SIGTERM: call stop() when the program is to end")]
    Signals {
        /// Why.
        #[source]
        source: Arc<std::io::Error>,
    },
    /// The task that schedules batches panicked; this is a defect of this library or of a `Positions` implementation.
    #[error("the scheduler panicked: {message}; please report this")]
    Scheduler {
        /// What the panic said.
        message: String,
    },
}

/// Why a context did not start.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StartError {
    /// Streams were put together in a way that cannot run.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// No batch would have anything to do.
    #[error("no output operations registered: call print() or foreach_rdd(..) on a stream before start()")]
    NoOutputs,
    /// It runs already.
    #[error("the context was already started: call start() once")]
    AlreadyStarted,
    /// It has ended; a context lives once.
    #[error("the context has already been stopped: build a new one")]
    AlreadyStopped,
    /// The program does not run on tokio.
    #[error("there is no tokio runtime: call start() from a tokio task, for example under #[tokio::main]")]
    NoRuntime,
    /// Another context is active in this process.
    #[error(
        "another StreamingContext, {app:?}, is active in this process: stop it first, or build this one with allow_multiple()"
    )]
    AnotherActive {
        /// The application of the other one.
        app: Arc<str>,
    },
    /// It cannot go on from its checkpoints.
    #[error(transparent)]
    Recovery(#[from] RecoveryError),
    /// It was stopped before all receivers had started. Those that had were stopped and closed, and nothing was processed.
    #[error("the context was stopped while it was starting: build a new one")]
    StoppedWhileStarting,
    /// A receiver did not start, or something else failed before all of them had.
    #[error(transparent)]
    Failed(StreamingError),
}

/// The text of an error with those of all its causes, joined by ": ". A cause that was told already is left out.
///
/// ```
/// use dstream_core::{ReceiverError, error_chain};
/// assert_eq!(error_chain(&ReceiverError::new("no such stream")), "no such stream");
/// ```
pub fn error_chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let said = error.to_string();
        if !text.contains(&said) {
            text.push_str(": ");
            text.push_str(&said);
        }
        cause = error.source();
    }
    text
}

/// What a caught panic said.
pub(crate) fn panic_message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("(no message)").to_owned()
}
