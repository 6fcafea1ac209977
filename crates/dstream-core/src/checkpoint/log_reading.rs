//! The batch log as a start finds it: which batches are done, and which are to be run again.

use std::collections::BTreeSet;
use std::ops::RangeBounds;

use bytes::Bytes;
use futures::stream::{self, StreamExt, TryStreamExt};

use crate::block::StreamId;
use crate::checkpoint::batch_log::DoneBy;
use crate::checkpoint::done_mark;
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
/// Entries that cannot be relied upon are removed, with a warning: their records come again as new ones.
///
/// # Cancellation
/// A dropped call may have removed some of those.
pub(super) async fn read(files: &Files, through: Option<Time>, by: DoneBy) -> Result<LeftEntries, CheckpointError> {
    let names: BTreeSet<Time> =
        files.list().await?.iter().filter_map(|file| BatchName::parse(file)).map(|BatchName(batch)| batch).collect();
    let newest = names.last().copied();
    let Some(through) = through else {
        remove(files, names.iter()).await;
        // It speaks of batches of another life of the program.
        files.removed(done_mark::FILE).await;
        return Ok(LeftEntries { newest, ..LeftEntries::default() });
    };
    let entries = stream::iter(names.clone()).map(|batch| read_entry(files, batch)).buffered(READS_AT_ONCE);
    let entries = entries.try_collect().await?;
    let entries = unbroken(entries, Some(through));
    let sound: BTreeSet<Time> = entries.iter().map(|entry| entry.batch).collect();
    remove(files, names.difference(&sound)).await;
    let is_done = |entry: &LogEntry, mark: Option<Time>| match by {
        DoneBy::Snapshot => entry.batch <= through,
        DoneBy::Mark => mark.is_some_and(|mark| entry.batch <= mark),
    };
    let mark = if by == DoneBy::Mark { done_mark::read(files).await? } else { None };
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

async fn remove(files: &Files, batches: impl Iterator<Item = &Time>) {
    for batch in batches {
        let file = BatchName(*batch).to_string();
        tracing::warn!(
            file = files.show(&file),
            "an entry of the batch log is of no use; its records come again as new ones"
        );
        files.removed(&file).await;
    }
}

/// Enough for a distant store.
const READS_AT_ONCE: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint::location::Location;
    use crate::fresh_dir::FreshDir;

    #[tokio::test]
    async fn a_program_that_begins_anew_finds_no_mark_of_its_life_before() {
        let dir = FreshDir::below(&std::env::temp_dir(), "dstream-test").unwrap();
        let files = Files::new(Location::open(dir.path().to_str().unwrap()).await.unwrap());
        files.replace(done_mark::FILE, &[Bytes::copy_from_slice(&9_i64.to_le_bytes())]).await.unwrap();
        assert_eq!(done_mark::read(&files).await.unwrap(), Some(Time::from_millis(9)));
        read(&files, None, DoneBy::Mark).await.unwrap();
        assert_eq!(done_mark::read(&files).await.unwrap(), None);
    }
}
