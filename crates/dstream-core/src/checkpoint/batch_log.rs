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
use crate::checkpoint::done_mark::{DoneBy, DoneMark};
use crate::checkpoint::files::Files;
use crate::checkpoint::log_entry::{BatchName, LogEntry, LoggedBlocks};
use crate::checkpoint::log_schedule::{LogSchedule, NextEntry};
use crate::control::Control;
use crate::error::StreamingError;
use crate::input::Report;
use crate::time::Time;

pub(crate) struct BatchLog {
    files: Files,
    control: Arc<Control>,
    schedule: LogSchedule,
    /// What is to be written of the batches in the schedule's queue, but for the first one if that is being written.
    contents: VecDeque<Vec<(StreamId, LoggedBlocks)>>,
    write: Option<BoxFuture<'static, Result<(), LogFailure>>>,
    removal: Option<BoxFuture<'static, Vec<Time>>>,
    /// There is a snapshot of this batch, and what it made needless was not begun to be removed.
    removable: Option<Time>,
    /// Of a program that carries nothing from batch to batch.
    done: Option<DoneMark>,
    /// An entry could not be written; no further one is begun.
    failed: bool,
}

/// What could not be written, and why.
type LogFailure = (Time, Arc<dyn Error + Send + Sync>);

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
            Some(done) if done.has_waiting() || self.schedule.has(batch) => {
                done.push(batch, report);
                done.begin(&self.files);
            }
            Some(_) | None => report(),
        }
    }

    /// Whether nothing is logged any more.
    pub(crate) const fn is_held(&self) -> bool {
        self.schedule.is_held()
    }

    /// The batch failed for good and is passed over: from now on nothing is logged, until the program is started again.
    pub(crate) fn hold_at(&mut self, batch: Time) {
        self.schedule.hold_at(batch);
        self.contents.clear();
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
            let files = self.files.clone();
            self.removal = (!batches.is_empty()).then(|| async move { remove(&files, batches).await }.boxed());
        }
    }

    fn begin(&mut self) {
        if self.failed {
            return;
        }
        if let Some(NextEntry { batch, previous }) = self.schedule.begin() {
            let streams = self.contents.pop_front().unwrap_or_default();
            self.write = Some(write(self.files.clone(), LogEntry { batch, previous, streams }).boxed());
        }
    }

    /// Whether everything is written, and removed, that is to be.
    pub(crate) fn is_settled(&self) -> bool {
        self.schedule.is_settled() && self.done_is_settled() && self.removal.is_none()
    }

    fn done_is_settled(&self) -> bool {
        self.done.as_ref().is_none_or(DoneMark::is_settled)
    }

    /// Waits until something that is being written or removed is so, and begins what follows; for ever if nothing is.
    ///
    /// # Cancellation
    /// Safe.
    pub(crate) async fn progress(&mut self) {
        let Self { write, removal, done, .. } = self;
        tokio::select! {
            Some(written) = OptionFuture::from(write.as_mut()) => {
                self.write = None;
                match written {
                    Ok(()) => self.schedule.note_written(),
                    Err((batch, source)) => {
                        self.failed = true;
                        self.control.fail(StreamingError::BatchLog { batch, source });
                    }
                }
                self.begin();
            }
            Some(marked) = OptionFuture::from(done.as_mut().map(DoneMark::written)) => match marked {
                Ok(()) => if let Some(done) = &mut self.done { done.begin(&self.files) },
                Err((batch, error)) => self.control.fail(StreamingError::BatchMark { batch, source: Arc::new(error) }),
            },
            Some(removed) = OptionFuture::from(removal.as_mut()) => {
                self.removal = None;
                self.schedule.note_removed(&removed);
                self.begin_removal();
            }
            else => std::future::pending().await,
        }
    }

    /// Waits for the marks of the batches that are done, unless one could not be written: those need not be run again.
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

/// Removes entries; returns those that are gone. For each of the others there is a warning.
pub(super) async fn remove(files: &Files, batches: impl IntoIterator<Item = Time, IntoIter: Send>) -> Vec<Time> {
    let removals = batches
        .into_iter()
        .map(|batch| async move { files.removed(&BatchName(batch).to_string()).await.then_some(batch) });
    stream::iter(removals).buffer_unordered(REMOVALS_AT_ONCE).filter_map(std::future::ready).collect().await
}

/// Enough for a distant store; entries are as many as batches between two snapshots.
const REMOVALS_AT_ONCE: usize = 8;

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::checkpoint::done_mark;
    use crate::checkpoint::location::Location;
    use crate::error::error_chain;
    use crate::fresh_dir::FreshDir;
    use crate::lock::lock;

    const fn at(millis: i64) -> Time {
        Time::from_millis(millis)
    }

    /// A program that carries nothing, with entries of the batches 4 and 5.
    struct Rig {
        dir: FreshDir,
        files: Files,
        control: Arc<Control>,
        log: BatchLog,
        reported: Arc<Mutex<Vec<i64>>>,
    }

    impl Rig {
        async fn new() -> Self {
            let dir = FreshDir::below(&std::env::temp_dir(), "dstream-test").unwrap();
            let files = Files::new(Location::open(dir.path().to_str().unwrap()).await.unwrap());
            let control = Arc::<Control>::default();
            let kept = [at(4), at(5)].into();
            let log = BatchLog::new(files.clone(), Arc::clone(&control), kept, true, DoneBy::Mark);
            Self { dir, files, control, log, reported: Arc::default() }
        }

        fn completed(&mut self, millis: i64) {
            let reported = Arc::clone(&self.reported);
            self.log.completed(at(millis), Box::new(move || lock(&reported).push(millis)));
        }

        fn reported(&self) -> Vec<i64> {
            lock(&self.reported).clone()
        }
    }

    #[tokio::test]
    async fn the_mark_stays_before_a_batch_that_was_passed_over_while_an_earlier_mark_was_being_written() {
        let mut rig = Rig::new().await;
        rig.completed(4);
        rig.log.hold_at(at(5));
        rig.completed(6);
        assert_eq!(rig.reported(), [0_i64; 0], "the mark of the first one is not there yet");
        rig.log.finish().await;
        assert_eq!((rig.reported(), done_mark::read(&rig.files).await.unwrap()), (vec![4, 6], Some(at(4))));
        rig.completed(7);
        assert_eq!((rig.reported(), rig.log.is_settled()), (vec![4, 6, 7], true));
    }

    #[tokio::test]
    async fn an_entry_that_cannot_be_written_keeps_no_mark_of_an_earlier_batch_from_being_written() {
        let mut rig = Rig::new().await;
        std::fs::write(rig.dir.path().join("batch-6"), "of somebody else").unwrap();
        rig.log.submit(at(6), vec![(StreamId::new(0), vec![vec!["a range".into()]])]);
        rig.log.progress().await;
        let error = rig.control.failure().unwrap();
        assert!(matches!(error, StreamingError::BatchLog { batch, .. } if batch == at(6)), "{error:?}");
        rig.completed(4);
        rig.log.finish().await;
        assert_eq!((rig.reported(), done_mark::read(&rig.files).await.unwrap()), (vec![4], Some(at(4))));
        assert!(!rig.log.allows(at(6)));
    }

    #[tokio::test(start_paused = true)]
    async fn of_a_mark_that_cannot_be_written_it_is_said_that_the_batch_is_done_and_nothing_is_reported_after_it() {
        let mut rig = Rig::new().await;
        // Not to be replaced by a file.
        std::fs::create_dir(rig.dir.path().join(done_mark::FILE)).unwrap();
        rig.completed(4);
        rig.log.finish().await;
        let error = rig.control.failure().unwrap();
        assert!(matches!(error, StreamingError::BatchMark { batch, .. } if batch == at(4)), "{error:?}");
        assert!(error.to_string().starts_with("batch 4 ms is done, but that could not be noted"), "{error}");
        assert!(error_chain(&error).contains("after 3 attempts: check space"), "{}", error_chain(&error));
        // One without an entry in the log.
        rig.completed(6);
        assert_eq!((rig.reported(), rig.log.is_settled()), (vec![], true));
    }
}
