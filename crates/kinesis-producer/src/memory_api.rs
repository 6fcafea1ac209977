//! [`PutRecordsApi`] in memory, with answers to order: for tests of programs that produce, and of this crate.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use kinesis_endpoint::{ServiceError, ServiceErrorKind};

use crate::api::{EntryError, EntryResult, PutRecordsApi, Receipt, SequenceNumber, ShardId};
use crate::record::Record;

/// A stream of one shard in memory. Without a script it stores everything.
///
/// ```
/// use kinesis_producer::{MemoryPutRecords, Scripted};
///
/// let api = MemoryPutRecords::new().script([Scripted::Refuse { code: "InternalFailure".into(), every: 2 }]);
/// assert!(api.stored().is_empty());
/// ```
#[derive(Debug, Default)]
pub struct MemoryPutRecords {
    latency: Duration,
    /// Locked for moments only, never across an await: the calls of a producer overlap.
    state: Mutex<State>,
}

/// What one call answers.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Scripted {
    /// Every record is stored.
    Store,
    /// Of every so many records the last is refused with this code, the others are stored; 1 refuses all, 0 none.
    Refuse {
        /// Kinesis' error code.
        code: String,
        /// One of how many records.
        every: usize,
    },
    /// The whole call fails and nothing is stored.
    Fail(ServiceErrorKind),
    /// Every record is stored, but the answer is lost: the call fails with a time-out.
    StoreThenTimeout,
    /// As `Fail`, for this call and every later one.
    FailAlways(ServiceErrorKind),
}

#[derive(Debug, Default)]
struct State {
    script: VecDeque<Scripted>,
    stored: Vec<Record>,
    requests: Vec<usize>,
    open: usize,
    most_open: usize,
}

impl MemoryPutRecords {
    /// An empty stream that answers at once.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The same, each call taking `latency` of tokio's time.
    #[must_use]
    pub fn latency(self, latency: Duration) -> Self {
        Self { latency, ..self }
    }

    /// The same, the next calls answering as written; calls after them store everything.
    #[must_use]
    pub fn script(self, script: impl IntoIterator<Item = Scripted>) -> Self {
        self.state().script.extend(script);
        self
    }

    /// The records stored so far, in order.
    #[must_use]
    pub fn stored(&self) -> Vec<Record> {
        self.state().stored.clone()
    }

    /// How many records each call so far had, in order.
    #[must_use]
    pub fn requests(&self) -> Vec<usize> {
        self.state().requests.clone()
    }

    /// The most calls that were open at a time.
    #[must_use]
    pub fn most_open(&self) -> usize {
        self.state().most_open
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl PutRecordsApi for MemoryPutRecords {
    async fn put_records(&self, records: &[Record]) -> Result<Vec<EntryResult>, ServiceError> {
        let step = self.state().enter(records.len());
        if !self.latency.is_zero() {
            tokio::time::sleep(self.latency).await;
        }
        self.state().answer(step, records)
    }
}

impl State {
    fn enter(&mut self, records: usize) -> Scripted {
        self.requests.push(records);
        self.open += 1;
        self.most_open = self.most_open.max(self.open);
        let step = self.script.pop_front().unwrap_or(Scripted::Store);
        if let Scripted::FailAlways(_) = step {
            self.script.push_front(step.clone());
        }
        step
    }

    fn answer(&mut self, step: Scripted, records: &[Record]) -> Result<Vec<EntryResult>, ServiceError> {
        self.open -= 1;
        match step {
            Scripted::Store => Ok(records.iter().map(|record| self.store(record)).collect()),
            Scripted::Refuse { code, every } => Ok((1..)
                .zip(records)
                .map(|(number, record): (usize, _)| match number.checked_rem(every) {
                    Some(0) => EntryResult::Refused(EntryError { code: code.clone(), message: "as scripted".into() }),
                    _ => self.store(record),
                })
                .collect()),
            Scripted::Fail(kind) | Scripted::FailAlways(kind) => Err(failure(kind)),
            Scripted::StoreThenTimeout => {
                self.stored.extend_from_slice(records);
                Err(failure(ServiceErrorKind::Timeout))
            }
        }
    }

    fn store(&mut self, record: &Record) -> EntryResult {
        self.stored.push(record.clone());
        EntryResult::Stored(Receipt {
            shard_id: ShardId::new("shardId-000000000000"),
            sequence_number: SequenceNumber::new(&self.stored.len().to_string()),
        })
    }
}

fn failure(kind: ServiceErrorKind) -> ServiceError {
    ServiceError {
        call: "PutRecords",
        subject: "the stream in memory".to_owned(),
        kind,
        reason: "as scripted".to_owned(),
        source: None,
    }
}
