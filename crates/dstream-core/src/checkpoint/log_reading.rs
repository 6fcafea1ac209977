//! The batch log as a start finds it: which batches are done, and which are to be run again.

use std::collections::BTreeSet;
use std::ops::RangeBounds;

use bytes::Bytes;
use futures::stream::{self, StreamExt, TryStreamExt};

use crate::block::StreamId;
use crate::checkpoint::batch_log;
use crate::checkpoint::done_mark::{self, DoneBy};
use crate::checkpoint::envelope;
use crate::checkpoint::error::CheckpointError;
use crate::checkpoint::files::Files;
use crate::checkpoint::log_entry::{BatchName, LogEntry, LoggedBlocks, unbroken};
use crate::time::Time;

/// What an earlier run left in the log; the earliest batch first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct LeftEntries {
    /// The batches whose entries are there.
    pub(crate) kept: BTreeSet<Time>,
    /// The newest batch that there was an entry of, relied upon or not: its time is not used again.
    pub(crate) newest: Option<Time>,
    /// All batches up to this one are done; of a program that carries nothing from batch to batch.
    pub(crate) done_through: Option<Time>,
    /// Batches that are done; of a program that carries nothing from batch to batch.
    pub(crate) done: Vec<LogEntry>,
    /// Batches that are not done, or not known to be.
    pub(crate) unfinished: Vec<LogEntry>,
}

impl LeftEntries {
    /// The ranges of a stream in batches of these times that are done, in their order.
    pub(crate) fn done_ranges(&self, stream: StreamId, times: impl RangeBounds<Time>) -> Vec<Bytes> {
        let done = self.done.iter().filter(|entry| times.contains(&entry.batch));
        done.flat_map(|entry| entry.blocks_of(stream).iter().flatten().cloned()).collect()
    }

    /// The blocks of a stream in batches that are not done.
    pub(crate) fn unfinished_blocks(&self, stream: StreamId) -> Vec<(Time, LoggedBlocks)> {
        self.unfinished.iter().map(|entry| (entry.batch, entry.blocks_of(stream).to_vec())).collect()
    }
}

/// Reads the log of a program that goes on from the snapshot of the batch `through`; without one there is nothing to go on from.
/// Entries that cannot be relied upon are removed, with a warning: their records come again as new ones. That is the last that it
/// does, so that an error leaves the log as it was.
///
/// # Errors
/// When something cannot be read, or a mark is there that is of another life of the program, and cannot be removed.
///
/// # Cancellation
/// A dropped call may have removed some of those.
pub(super) async fn read(files: &Files, through: Option<Time>, by: DoneBy) -> Result<LeftEntries, CheckpointError> {
    let names: BTreeSet<Time> =
        files.list().await?.iter().filter_map(|file| BatchName::parse(file)).map(|BatchName(batch)| batch).collect();
    let newest = names.last().copied();
    let Some(through) = through else {
        // It speaks of batches of another life of the program, and would be believed at the next start.
        files.remove(done_mark::FILE).await?;
        remove_useless(files, names.into_iter().collect()).await;
        return Ok(LeftEntries { newest, ..LeftEntries::default() });
    };
    let entries = stream::iter(names.clone()).map(|batch| read_entry(files, batch)).buffered(READS_AT_ONCE);
    let entries = entries.try_collect().await?;
    let mark = if by == DoneBy::Mark { done_mark::read(files).await? } else { None };
    let entries = unbroken(entries, through);
    let sound: BTreeSet<Time> = entries.iter().map(|entry| entry.batch).collect();
    remove_useless(files, names.difference(&sound).copied().collect()).await;
    let is_done = |entry: &LogEntry, mark: Option<Time>| match by {
        DoneBy::Snapshot => entry.batch <= through,
        DoneBy::Mark => mark.is_some_and(|mark| entry.batch <= mark),
    };
    let (mut done, mut unfinished): (Vec<_>, Vec<_>) = entries.into_iter().partition(|entry| is_done(entry, mark));
    // Nothing was left of them when they were to be run again.
    unfinished.retain(|entry| !entry.streams.is_empty());
    if by == DoneBy::Snapshot {
        // The snapshot says it all.
        done.clear();
    }
    Ok(LeftEntries { kept: sound, newest, done_through: mark, done, unfinished })
}

/// `None` when it is not what was written.
async fn read_entry(files: &Files, batch: Time) -> Result<(Time, Option<LogEntry>), CheckpointError> {
    let bytes = files.fetch(&BatchName(batch).to_string()).await?;
    let payload = bytes.and_then(|bytes| envelope::open(bytes).ok()).map(|(_, payload)| payload);
    Ok((batch, payload.and_then(|payload| LogEntry::decode(&payload).ok()).filter(|entry| entry.batch == batch)))
}

async fn remove_useless(files: &Files, batches: Vec<Time>) {
    let Some(first) = batches.first() else { return };
    let (entries, first) = (batches.len(), files.show(&BatchName(*first).to_string()));
    tracing::warn!(
        entries,
        first,
        "entries of the batch log are of no use and go; what was not processed of their records comes again as new ones"
    );
    batch_log::remove(files, batches).await;
}

/// Enough for a distant store.
const READS_AT_ONCE: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint::location::Location;
    use crate::fresh_dir::FreshDir;

    async fn opened() -> (FreshDir, Files) {
        let dir = FreshDir::below(&std::env::temp_dir(), "dstream-test").unwrap();
        let files = Files::new(Location::open(dir.path().to_str().unwrap()).await.unwrap());
        (dir, files)
    }

    async fn log(files: &Files, batches: std::ops::RangeInclusive<i64>) {
        for millis in batches {
            let at = |millis| Time::from_millis(millis);
            let entry = LogEntry { batch: at(millis), previous: Some(at(millis - 1)), streams: vec![] };
            files.write_new(&BatchName(entry.batch).to_string(), &[entry.encode().unwrap()]).await.unwrap();
        }
    }

    async fn logged(files: &Files) -> Vec<String> {
        let mut names = files.list().await.unwrap();
        names.sort();
        names
    }

    #[tokio::test]
    async fn a_program_that_begins_anew_finds_no_mark_of_its_life_before() {
        let (_dir, files) = opened().await;
        files.replace(done_mark::FILE, &[Bytes::copy_from_slice(&9_i64.to_le_bytes())]).await.unwrap();
        assert_eq!(done_mark::read(&files).await.unwrap(), Some(Time::from_millis(9)));
        read(&files, None, DoneBy::Mark).await.unwrap();
        assert_eq!(done_mark::read(&files).await.unwrap(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_mark_of_another_life_that_cannot_be_removed_is_an_error_and_nothing_was_changed() {
        let (dir, files) = opened().await;
        log(&files, 1..=2).await;
        // Not to be removed as a file.
        std::fs::create_dir(dir.path().join(done_mark::FILE)).unwrap();
        let error = read(&files, None, DoneBy::Mark).await.unwrap_err().to_string();
        assert!(error.contains("batches-done") && error.contains("remove it by hand"), "{error}");
        assert_eq!(logged(&files).await, ["batch-1", "batch-2"]);
    }

    #[tokio::test]
    async fn entries_behind_a_damaged_one_are_removed_and_their_times_are_not_used_again() {
        let (dir, files) = opened().await;
        log(&files, 3..=6).await;
        std::fs::write(dir.path().join("batch-5"), "damaged").unwrap();
        let left = read(&files, Some(Time::from_millis(2)), DoneBy::Snapshot).await.unwrap();
        assert_eq!(left.kept, [3, 4].map(Time::from_millis).into());
        assert_eq!(
            (left.newest, logged(&files).await),
            (Some(Time::from_millis(6)), vec!["batch-3".to_owned(), "batch-4".to_owned()])
        );
    }
}
