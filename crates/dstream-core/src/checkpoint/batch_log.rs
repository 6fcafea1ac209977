//! The batch log of a running context: written beside the batches, ahead of them, and removed behind the snapshots.
//!
//! Promises: a batch with records of a receiver that can read its ranges again runs only once its entry is safe; if the program
//! carries nothing from batch to batch, its positions are reported once the log says that it is done. The schedule is pure; this
//! is its shell.

use std::collections::{BTreeSet, VecDeque};
use std::error::Error;
use std::sync::Arc;

use futures::future::{BoxFuture, FutureExt, OptionFuture};
use futures::stream::{self, StreamExt};

use crate::block::StreamId;
use crate::checkpoint::done_mark::DoneMark;
use crate::checkpoint::files::Files;
use crate::checkpoint::log_entry::{BatchName, LogEntry, LoggedBlocks};
use crate::checkpoint::log_schedule::{LogSchedule, NextEntry};
use crate::control::Control;
use crate::error::StreamingError;
use crate::input::Report;
use crate::stream_node::StreamNode;
use crate::time::Time;

pub(crate) struct BatchLog {
    files: Files,
    control: Arc<Control>,
    schedule: LogSchedule,
    /// What is to be written of the batches in the schedule's queue.
    contents: VecDeque<Vec<(StreamId, LoggedBlocks)>>,
    write: Option<BoxFuture<'static, Result<(), LogFailure>>>,
    removal: Option<BoxFuture<'static, Vec<Time>>>,
    /// There is a snapshot of this batch, and what it made needless was not begun to be removed.
    removable: Option<Time>,
    /// Of a program that carries nothing from batch to batch.
    done: Option<DoneMark>,
    failed: bool,
}

/// What could not be written, and why.
type LogFailure = (Time, Arc<dyn Error + Send + Sync>);

impl DoneBy {
    /// Of a program with these streams.
    pub(super) fn of(nodes: &[Arc<dyn StreamNode>]) -> Self {
        if nodes.iter().any(|node| node.memory().is_some()) { Self::Snapshot } else { Self::Mark }
    }
}

/// Who says that a batch is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DoneBy {
    /// The snapshot that has it, for the program carries something from batch to batch.
    Snapshot,
    /// A mark of the log.
    Mark,
}

impl BatchLog {
    pub(super) fn new(files: Files, control: Arc<Control>, kept: BTreeSet<Time>, snapshot: bool, done: DoneBy) -> Self {
        Self {
            files,
            control,
            schedule: LogSchedule::new(kept, snapshot),
            contents: VecDeque::new(),
            write: None,
            removal: None,
            removable: None,
            done: (done == DoneBy::Mark).then(DoneMark::default),
            failed: false,
        }
    }

    /// A batch was made; batches come in the order of their times.
    pub(crate) fn submit(&mut self, batch: Time, blocks: Vec<(StreamId, LoggedBlocks)>) {
        if !blocks.is_empty() && self.schedule.submit(batch) {
            self.contents.push_back(blocks);
            self.begin();
        }
    }

    /// Whether a batch may run.
    pub(crate) fn allows(&self, batch: Time) -> bool {
        self.schedule.allows(batch)
    }

    /// All outputs of the batch succeeded, and its positions need not wait for a snapshot.
    pub(crate) fn completed(&mut self, batch: Time, report: Report) {
        match &mut self.done {
            // The mark must not pass the batch that was passed over.
            Some(done) if self.schedule.is_held() => done.push_unmarked(report),
            Some(done) if !done.is_settled() || self.schedule.has(batch) => {
                done.push(batch, report);
                done.begin(&self.files);
            }
            Some(_) | None => report(),
        }
    }

    /// The batch failed for good and is passed over: from now on nothing is logged, until the program is started again.
    pub(crate) fn hold_at(&mut self, batch: Time) {
        self.schedule.hold_at(batch);
        self.contents.truncate(usize::from(self.write.is_some()));
    }

    /// There is a snapshot of the batch `through`, and of all before it.
    pub(crate) fn note_snapshot(&mut self, through: Time) {
        self.schedule.note_snapshot();
        self.begin();
        self.removable = Some(through);
        self.begin_removal();
    }

    fn begin_removal(&mut self) {
        if self.removal.is_none()
            && let Some(through) = self.removable.take()
        {
            let batches = self.schedule.removable(through);
            self.removal = (!batches.is_empty()).then(|| remove(self.files.clone(), batches).boxed());
        }
    }

    fn begin(&mut self) {
        if self.failed {
            return;
        }
        if let Some(NextEntry { batch, previous }) = self.schedule.begin() {
            let streams = self.contents.front().cloned().unwrap_or_default();
            self.write = Some(write(self.files.clone(), LogEntry { batch, previous, streams }).boxed());
        }
    }

    /// Whether everything is written, and removed, that is to be.
    pub(crate) fn is_settled(&self) -> bool {
        self.schedule.is_settled() && self.done_is_settled() && self.removal.is_none()
    }

    fn done_is_settled(&self) -> bool {
        self.failed || self.done.as_ref().is_none_or(DoneMark::is_settled)
    }

    /// Waits until something that is being written or removed is so, and begins what follows; for ever if nothing is.
    ///
    /// # Cancellation
    /// Safe.
    pub(crate) async fn progress(&mut self) {
        let Self { write, removal, done, failed, .. } = self;
        let mark = async {
            match done {
                Some(done) if !*failed => done.written().await,
                Some(_) | None => std::future::pending().await,
            }
        };
        tokio::select! {
            Some(written) = OptionFuture::from(write.as_mut()) => {
                self.write = None;
                self.contents.pop_front();
                match written {
                    Ok(()) => self.schedule.note_written(),
                    Err((batch, source)) => self.fail(batch, source),
                }
                self.begin();
            }
            marked = mark => match marked {
                Ok(()) => if let Some(done) = &mut self.done { done.begin(&self.files) },
                Err((batch, error)) => self.fail(batch, Arc::new(error)),
            },
            Some(removed) = OptionFuture::from(removal.as_mut()) => {
                self.removal = None;
                self.schedule.note_removed(&removed);
                self.begin_removal();
            }
        }
    }

    fn fail(&mut self, batch: Time, source: Arc<dyn Error + Send + Sync>) {
        self.failed = true;
        self.control.fail(StreamingError::BatchLog { batch, source });
    }

    /// Waits for the marks of the batches that are done: those need not be run again.
    ///
    /// # Cancellation
    /// Safe.
    pub(crate) async fn finish(&mut self) {
        while !self.done_is_settled() {
            self.progress().await;
        }
    }
}

async fn write(files: Files, entry: LogEntry) -> Result<(), LogFailure> {
    let failed = |source: Arc<dyn Error + Send + Sync>| (entry.batch, source);
    let bytes = entry.encode().map_err(|error| failed(Arc::new(error)))?;
    let written = files.write_new(&BatchName(entry.batch).to_string(), &[bytes]).await;
    written.map_err(|error| failed(Arc::new(error)))
}

/// Removes entries; returns those that are gone. The others are tried again after the next snapshot.
async fn remove(files: Files, batches: Vec<Time>) -> Vec<Time> {
    let files = &files;
    let removals = batches
        .into_iter()
        .map(|batch| async move { files.removed(&BatchName(batch).to_string()).await.then_some(batch) });
    stream::iter(removals).buffer_unordered(REMOVALS_AT_ONCE).filter_map(std::future::ready).collect().await
}

/// Enough for a distant store; entries are as many as batches between two snapshots.
const REMOVALS_AT_ONCE: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint::done_mark;
    use crate::checkpoint::location::Location;
    use crate::fresh_dir::FreshDir;
    use crate::lock::lock;

    #[tokio::test]
    async fn the_mark_stays_before_a_batch_that_was_passed_over_while_an_earlier_mark_was_being_written() {
        let dir = FreshDir::below(&std::env::temp_dir(), "dstream-test").unwrap();
        let files = Files::new(Location::open(dir.path().to_str().unwrap()).await.unwrap());
        let at = Time::from_millis;
        let kept = [at(4), at(5)].into();
        let mut log = BatchLog::new(files.clone(), Arc::default(), kept, true, DoneBy::Mark);
        let reported = Arc::new(std::sync::Mutex::new(Vec::new()));
        let report = |batch| {
            let reported = Arc::clone(&reported);
            Box::new(move || lock(&reported).push(batch))
        };
        log.completed(at(4), report(4));
        log.hold_at(at(5));
        log.completed(at(6), report(6));
        assert_eq!(*lock(&reported), [0_i32; 0], "the mark of the first one is not there yet");
        log.finish().await;
        let marked = done_mark::read(&files).await.unwrap();
        assert_eq!((lock(&reported).clone(), marked), (vec![4, 6], Some(at(4))));
        log.completed(at(7), report(7));
        assert_eq!((lock(&reported).clone(), log.is_settled()), (vec![4, 6, 7], true));
    }
}
