//! Which batches of the log are done, for a program that carries nothing from batch to batch: no snapshot tells.
//!
//! One small file says up to which batch. It is written before the positions of that batch are reported. So after a crash a batch
//! is either done as a whole, or nobody has heard of any of it: what one receiver made safe and another one did not is not
//! taken for half a batch.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;

use crate::checkpoint::envelope;
use crate::checkpoint::error::CheckpointError;
use crate::checkpoint::files::Files;
use crate::input::Report;
use crate::stream_node::StreamNode;
use crate::time::Time;

/// Who says that a batch is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DoneBy {
    /// The snapshot that has it, for the program carries something from batch to batch.
    Snapshot,
    /// A mark of the log.
    Mark,
}

impl DoneBy {
    /// Of a program with these streams.
    pub(super) fn of(nodes: &[Arc<dyn StreamNode>]) -> Self {
        if nodes.iter().any(|node| node.memory().is_some()) { Self::Snapshot } else { Self::Mark }
    }
}

/// What waits for the mark, and the mark that is being written.
#[derive(Default)]
pub(super) struct DoneMark {
    /// The earliest batch first.
    waiting: VecDeque<(Time, Report)>,
    writing: Writing,
}

#[derive(Default)]
enum Writing {
    #[default]
    Nothing,
    Mark(Time, MarkWrite),
    /// A mark could not be written. The context stops, and no other one is begun.
    Failed,
}

type MarkWrite = BoxFuture<'static, Result<(), CheckpointError>>;

impl DoneMark {
    /// Reports once the mark is at `batch`, and after all that wait already. Batches come in the order of their times.
    pub(super) fn push(&mut self, batch: Time, report: Report) {
        self.waiting.push_back((batch, report));
    }

    /// Reports after all that wait already, whose marks are not moved by it; at once if nothing waits.
    pub(super) fn push_unmarked(&mut self, report: Report) {
        match self.waiting.pop_back() {
            Some((batch, before)) => {
                let both = move || {
                    before();
                    report();
                };
                self.waiting.push_back((batch, Box::new(both)));
            }
            None => report(),
        }
    }

    /// Whether a batch is done and not reported.
    pub(super) fn has_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Whether all is marked that will be.
    pub(super) fn is_settled(&self) -> bool {
        self.waiting.is_empty() || matches!(self.writing, Writing::Failed)
    }

    /// Begins to write the mark of the newest batch that waits, unless one is being written, or could not be.
    pub(super) fn begin(&mut self, files: &Files) {
        if let (Writing::Nothing, Some((batch, _))) = (&self.writing, self.waiting.back()) {
            self.writing = Writing::Mark(*batch, write(files.clone(), *batch).boxed());
        }
    }

    /// Waits until the mark that is being written is there, and reports what waited for it; for ever if there is none.
    ///
    /// # Cancellation
    /// Safe.
    pub(super) async fn written(&mut self) -> Result<(), (Time, CheckpointError)> {
        let Writing::Mark(batch, write) = &mut self.writing else { return std::future::pending().await };
        let batch = *batch;
        if let Err(error) = write.await {
            self.writing = Writing::Failed;
            return Err((batch, error));
        }
        self.writing = Writing::Nothing;
        while let Some((_, report)) = self.waiting.pop_front_if(|(time, _)| *time <= batch) {
            report();
        }
        Ok(())
    }
}

async fn write(files: Files, batch: Time) -> Result<(), CheckpointError> {
    files.replace(FILE, &[Bytes::copy_from_slice(&batch.as_millis().to_le_bytes())]).await
}

/// Up to which batch all is done; `None` if nothing says so. A mark that is damaged says nothing, with a warning: then the receivers
/// know how far they are, each for itself.
pub(super) async fn read(files: &Files) -> Result<Option<Time>, CheckpointError> {
    let Some(bytes) = files.fetch(FILE).await? else { return Ok(None) };
    let payload = envelope::open(bytes).ok().map(|(_, payload)| payload);
    let millis = payload.and_then(|payload| Some(i64::from_le_bytes(payload.as_ref().try_into().ok()?)));
    if millis.is_none() {
        tracing::warn!(file = files.show(FILE), "the mark of the batches that are done cannot be read");
    }
    Ok(millis.map(Time::from_millis))
}

pub(super) const FILE: &str = "batches-done";
