//! The producer's handle: takes records within the bounds, flushes, closes.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use tokio::sync::{Semaphore, mpsc, oneshot, watch};
use tokio::task::JoinHandle;

use crate::api::PutRecordsApi;
use crate::config::ProducerConfig;
use crate::core::Core;
use crate::counts::Counts;
use crate::delivery::Delivery;
use crate::record::Record;
use crate::task::{COMMANDS, Command, Task, Ticket};

/// Puts records into one stream, batched. See the [crate](crate) for what it promises.
///
/// [`close`](Self::close) it: a producer that is dropped gives up what it has not delivered.
///
/// ```
/// use std::sync::Arc;
/// use kinesis_producer::{MemoryPutRecords, Producer, ProducerConfig, Record};
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let stream = Arc::new(MemoryPutRecords::new());
/// let producer = Producer::start(&ProducerConfig::default(), stream.clone());
/// let delivery = producer.send(Record::new("key", "data")?).await?;
/// assert_eq!(delivery.await?.sequence_number.as_str(), "1");
/// assert_eq!(producer.close().await.delivered, 1);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Producer {
    commands: mpsc::Sender<Command>,
    max_record_bytes: usize,
    records: Arc<Semaphore>,
    bytes: Arc<Semaphore>,
    counts: watch::Receiver<Counts>,
    /// Taken by `close`.
    task: Option<JoinHandle<()>>,
}

/// A record that the producer did not take. It is in the error.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// Data and partition key together are larger than a record may be.
    #[error(
        "the record has {size} bytes of data and key; at most {limit} are taken, split it or raise max_record_bytes"
    )]
    TooLarge {
        /// The record.
        record: Record,
        /// Its bytes of data and partition key.
        size: usize,
        /// The setting `max_record_bytes`.
        limit: usize,
    },
    /// The producer's task has ended by a panic of the API.
    #[error("the producer has ended; start another one")]
    Closed {
        /// The record.
        record: Record,
    },
}

impl Producer {
    /// Starts a producer. Must be called within a tokio runtime.
    pub fn start(config: &ProducerConfig, api: Arc<dyn PutRecordsApi>) -> Self {
        let (commands, receiver) = mpsc::channel(COMMANDS);
        let (counts_sender, counts) = watch::channel(Counts::default());
        // The standard library's own seed for hash tables: different for each producer, and good enough for jitter.
        let seed = config.seed.unwrap_or_else(|| RandomState::new().hash_one(0));
        let task = Task::new(Core::new(config, seed), api, receiver, counts_sender);
        Self {
            commands,
            max_record_bytes: config.max_record_bytes,
            records: Arc::new(Semaphore::new(config.max_buffered_records)),
            bytes: Arc::new(Semaphore::new(config.max_buffered_bytes)),
            counts,
            task: Some(tokio::spawn(task.run())),
        }
    }

    /// Hands a record over. Waits while as many records or bytes as the settings allow are unanswered.
    ///
    /// The [`Delivery`] is the record's fate; await it, or collect deliveries and await them later.
    ///
    /// # Errors
    ///
    /// [`SendError`] with the record if it is too large or the producer has ended.
    ///
    /// # Cancellation
    ///
    /// A cancelled `send` has not handed the record over.
    pub async fn send(&self, record: Record) -> Result<Delivery, SendError> {
        let size = record.size();
        let limit = self.max_record_bytes;
        let permits = match u32::try_from(size) {
            Ok(permits) if size <= limit => permits,
            _ => return Err(SendError::TooLarge { record, size, limit }),
        };
        let share = async {
            let one = Arc::clone(&self.records).acquire_owned().await.ok()?;
            let bytes = Arc::clone(&self.bytes).acquire_many_owned(permits).await.ok()?;
            Some((one, bytes, self.commands.reserve().await.ok()?))
        };
        let Some((one, bytes, slot)) = share.await else {
            return Err(SendError::Closed { record });
        };
        let (answer, delivery) = Delivery::channel();
        slot.send(Command::Put(record, Ticket { answer, _record: one, _bytes: bytes }));
        Ok(delivery)
    }

    /// Sends everything handed over so far without lingering and waits until all of it is answered, well or badly.
    ///
    /// # Cancellation
    ///
    /// The records are sent nevertheless.
    pub async fn flush(&self) {
        let (done, answered) = oneshot::channel();
        if self.commands.send(Command::Flush(done)).await.is_ok() {
            // An error means that the task ended, and then there is nothing left to wait for.
            answered.await.unwrap_or_default();
        }
    }

    /// Begins to [`close`](Self::close), and does not wait for the end. Nothing can be sent any more.
    pub(crate) async fn begin_close(&self) {
        // An error means that the task has ended already.
        drop(self.commands.send(Command::Close).await);
    }

    /// What was done so far. A record that has been answered is counted.
    #[must_use]
    pub fn counts(&self) -> Counts {
        *self.counts.borrow()
    }

    /// Delivers everything handed over so far, then ends the producer. What Kinesis refuses, or cannot be reached for, is
    /// tried for about 5 s more, if `record_ttl` leaves it that long, and then given up; a call in flight is waited for as
    /// long. [`flush`](Self::flush) first to let every record have its full `record_ttl`.
    ///
    /// # Panics
    ///
    /// If the API panicked, with its panic.
    ///
    /// # Cancellation
    ///
    /// As dropping the producer: what is not delivered yet is given up.
    pub async fn close(mut self) -> Counts {
        self.begin_close().await;
        if let Some(task) = self.task.as_mut() {
            // Awaited in place: if this future is dropped, `Drop` still finds the task and ends it.
            let ended = task.await;
            self.task = None;
            if let Err(Ok(panic)) = ended.map_err(tokio::task::JoinError::try_into_panic) {
                std::panic::resume_unwind(panic);
            }
        }
        self.counts()
    }
}

impl Drop for Producer {
    fn drop(&mut self) {
        if let Some(task) = self.task.take() {
            tracing::warn!("a producer was dropped without close; what it has not delivered is given up");
            task.abort();
        }
    }
}
