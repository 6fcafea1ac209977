//! What a context tells the outside, and the seam through which it tells it.
//!
//! Logs, progress displays, metrics and tests all live on these events.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::batch::BatchInfo;
use crate::block::StreamId;
use crate::error::panic_message;
use crate::lock::lock;
use crate::operator::OperatorName;
use crate::receiver::ReceiverError;
use crate::time::Time;

/// Something that happened in a context. The events of one batch come in order: submitted, started, those of its
/// output operations, completed or failed.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event {
    /// All receivers run; the first batch will have a time after this.
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
    /// An output operation succeeded.
    OutputCompleted {
        /// Its batch.
        batch: Time,
        /// The output operation.
        output: OperatorName,
        /// How long the successful run took.
        took: Duration,
    },
    /// An output operation failed.
    OutputFailed {
        /// Its batch.
        batch: Time,
        /// The output operation.
        output: OperatorName,
        /// The text of the error, with its causes.
        reason: String,
        /// How long until the batch is tried again; `None` when it is not.
        retry_in: Option<Duration>,
    },
    /// All output operations of a batch succeeded, and its positions were reported as processed.
    BatchCompleted(BatchInfo),
    /// A batch failed for good; the context stops.
    BatchFailed(BatchInfo),
}

/// Hears of events. Calls come from the tasks of the context, one at a time for batches: return quickly, do not block.
/// A panic in a listener is logged and otherwise ignored. After the context has stopped no event is delivered.
pub trait Listener: Send + Sync + 'static {
    /// Called for each event.
    fn on_event(&self, event: &Event);
}

impl<F: Fn(&Event) + Send + Sync + 'static> Listener for F {
    fn on_event(&self, event: &Event) {
        self(event);
    }
}

/// The listeners of a context.
#[derive(Default)]
pub(crate) struct Listeners {
    // Held while the list is copied, never while a listener runs.
    list: Mutex<Vec<Arc<dyn Listener>>>,
}

impl Listeners {
    pub(crate) fn add(&self, listener: Arc<dyn Listener>) {
        lock(&self.list).push(listener);
    }

    pub(crate) fn emit(&self, event: &Event) {
        let listeners = lock(&self.list).clone();
        for listener in listeners {
            if let Err(panic) = catch_unwind(AssertUnwindSafe(|| listener.on_event(event))) {
                tracing::error!(message = panic_message(&*panic), "a listener panicked");
            }
        }
    }

    /// Nobody hears anything any more.
    pub(crate) fn clear(&self) {
        lock(&self.list).clear();
    }
}

impl fmt::Debug for Listeners {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listeners").finish_non_exhaustive()
    }
}
