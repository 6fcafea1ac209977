//! What a user may know of a batch or a receiver at any time: how it stands, and what was last heard of it.

use std::sync::Arc;

use crate::batch::BatchInfo;
use crate::block::StreamId;
use crate::receiver::ReceiverError;

/// How a batch stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BatchStage {
    /// It has its blocks and waits for its turn.
    Waiting,
    /// Its output operations run.
    Running,
    /// All its output operations succeeded.
    Completed,
    /// One of its output operations failed for good.
    Failed,
}

/// A batch: how it stands, and what is known about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchReport {
    /// How it stands.
    pub stage: BatchStage,
    /// What is known about it; its output operations are those that it was submitted with, as far as they are.
    pub info: Arc<BatchInfo>,
}

impl BatchReport {
    /// Output operations that succeeded, and all that the batch has.
    pub fn succeeded_outputs(&self) -> (usize, usize) {
        let outputs = &self.info.outputs;
        (outputs.iter().filter(|output| output.has_succeeded()).count(), outputs.len())
    }

    /// Why it failed, or why an attempt of it did: the failure of its first output operation that has one.
    pub fn failure(&self) -> Option<&Arc<str>> {
        self.info.outputs.iter().find_map(|output| output.failure.as_ref())
    }
}

/// How a receiver stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReceiverStage {
    /// Its tasks run.
    Active,
    /// It cannot go on; the context stops.
    Failed,
    /// It was stopped and closed.
    Stopped,
}

/// A receiver: how it stands.
#[derive(Clone, Debug)]
pub struct ReceiverReport {
    /// Its stream.
    pub stream: StreamId,
    /// Its name.
    pub name: Arc<str>,
    /// How it stands.
    pub stage: ReceiverStage,
    /// The error that it failed with, if it did.
    pub error: Option<Arc<ReceiverError>>,
}
