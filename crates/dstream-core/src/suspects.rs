//! The records at which tasks of a job failed, and how errors name them.

use std::collections::BTreeSet;
use std::sync::Mutex;

use thiserror::Error;

use crate::error::{BoxError, error_chain};
use crate::left_out::RecordId;
use crate::lock::lock;

/// Shared by the tasks of one attempt. Kept apart from their errors, since user code may put others in their place.
#[derive(Debug, Default)]
pub(crate) struct Suspects(Mutex<BTreeSet<RecordId>>);

impl Suspects {
    pub(crate) fn add(&self, record: RecordId) {
        lock(&self.0).insert(record);
    }

    pub(crate) fn take(&self) -> BTreeSet<RecordId> {
        std::mem::take(&mut *lock(&self.0))
    }
}

/// A failure, and the record that a task was at.
#[derive(Debug, Error)]
#[error("at {record}")]
pub(crate) struct FailedAt {
    record: String,
    source: BoxError,
}

impl FailedAt {
    /// `error`, with the place of the record if it does not tell it.
    pub(crate) fn name(error: BoxError, record: String) -> BoxError {
        if error_chain(&*error).contains(&record) { error } else { Self { record, source: error }.into() }
    }
}
