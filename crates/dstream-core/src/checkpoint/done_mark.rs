//! Which batches of the log are done, for a program that carries nothing from batch to batch: no snapshot tells.
//!
//! One small file says up to which batch. It is written before the positions of that batch are reported. So after a crash a batch
//! is either done as a whole, or nobody has heard of any of it: what one receiver made safe and another one did not is not
//! taken for half a batch.

use std::collections::VecDeque;

use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;

use crate::checkpoint::envelope;
use crate::checkpoint::error::CheckpointError;
use crate::checkpoint::files::Files;
use crate::input::Report;
use crate::time::Time;

/// What waits for the mark, and the mark that is being written.
#[derive(Default)]
pub(super) struct DoneMark {
    /// The earliest batch first.
    waiting: VecDeque<(Time, Report)>,
    writing: Option<(Time, MarkWrite)>,
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

    pub(super) fn is_settled(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Begins to write the mark of the newest batch that waits, unless one is being written.
    pub(super) fn begin(&mut self, files: &Files) {
        if let (None, Some((batch, _))) = (&self.writing, self.waiting.back()) {
            self.writing = Some((*batch, write(files.clone(), *batch).boxed()));
        }
    }

    /// Waits until the mark that is being written is there, and reports what waited for it; for ever if there is none.
    ///
    /// # Cancellation
    /// Safe.
    pub(super) async fn written(&mut self) -> Result<(), (Time, CheckpointError)> {
        let Some((batch, write)) = &mut self.writing else { return std::future::pending().await };
        let batch = *batch;
        let written = write.await;
        self.writing = None;
        written.map_err(|error| (batch, error))?;
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
