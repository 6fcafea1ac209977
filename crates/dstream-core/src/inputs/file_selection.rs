//! Which files belong to which batch. Pure but for its lock.
//!
//! Promises: a file belongs to one batch; a batch that is asked for again, also after a restart, has the files it had; and a
//! file is found if it was modified after the start and is in place within the time to remember, whatever batches were skipped
//! meanwhile.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;

use crate::codec::{self, CodecError};
use crate::lock::lock;
use crate::stream_node::Memory;
use crate::time::Time;

/// The files of a batch, in the order of their modification.
pub(crate) type BatchFiles = Arc<[PathBuf]>;

/// A file that is there.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct FoundFile {
    pub(crate) modified: Time,
    pub(crate) path: PathBuf,
}

pub(crate) struct FileSelection {
    remember: Duration,
    // Held for one selection; no file is looked at meanwhile.
    chosen: Mutex<Chosen>,
}

struct Chosen {
    /// Files that were modified at this time or before are none of ours.
    start: Time,
    /// Those of the time to remember.
    batches: BTreeMap<Time, BatchFiles>,
}

impl FileSelection {
    /// `remember` is a multiple of the batch interval.
    pub(crate) const fn new(start: Time, remember: Duration) -> Self {
        Self { remember, chosen: Mutex::new(Chosen { start, batches: BTreeMap::new() }) }
    }

    /// The files of a batch that was asked for before.
    pub(crate) fn of_batch(&self, batch: Time) -> Option<BatchFiles> {
        lock(&self.chosen).batches.get(&batch).cloned()
    }

    /// Gives the batch those of the files that are new; if it has some already, it keeps them.
    pub(crate) fn select(&self, batch: Time, mut found: Vec<FoundFile>) -> BatchFiles {
        found.sort_unstable();
        let mut chosen = lock(&self.chosen);
        if let Some(files) = chosen.batches.get(&batch) {
            return Arc::clone(files);
        }
        let after = chosen.looks_back_to(batch, self.remember);
        let new = found.into_iter().filter(|file| file.modified > after && file.modified <= batch);
        let new = new.filter(|file| !chosen.has(file)).map(|file| file.path);
        let files: BatchFiles = new.collect();
        chosen.batches.insert(batch, Arc::clone(&files));
        files
    }
}

impl Chosen {
    /// Files are new to a batch when they were modified after this. That is the time to remember before the last batch rather
    /// than before this one: when batches were skipped, their files are found all the same.
    fn looks_back_to(&self, batch: Time, remember: Duration) -> Time {
        let last = self.batches.range(..batch).next_back().map_or(batch, |(time, _)| *time);
        last.minus(remember).max(self.start)
    }

    fn has(&self, file: &FoundFile) -> bool {
        self.batches.values().any(|files| files.contains(&file.path))
    }
}

impl Memory for FileSelection {
    fn forget_through(&self, batch: Time) {
        // No later batch looks back so far, see `looks_back_to`.
        let oldest = batch.minus(self.remember).plus(Duration::from_millis(1));
        let mut chosen = lock(&self.chosen);
        chosen.batches = chosen.batches.split_off(&oldest);
    }

    fn encode(&self, through: Time) -> Result<Vec<Bytes>, CodecError> {
        let chosen = lock(&self.chosen);
        let batches = chosen.batches.range(..=through).map(|(time, files)| (time.as_millis(), files.to_vec()));
        let saved: Saved = (chosen.start.as_millis(), batches.collect());
        drop(chosen);
        Ok(vec![codec::encode(&saved)?])
    }

    fn decode(&self, _through: Time, parts: &[Bytes]) -> Result<(), CodecError> {
        for part in parts {
            let (start, batches) = codec::decode::<Saved>(part)?;
            let batches = batches.into_iter().map(|(time, files)| (Time::from_millis(time), files.into()));
            *lock(&self.chosen) = Chosen { start: Time::from_millis(start), batches: batches.collect() };
        }
        Ok(())
    }

    #[cfg(test)]
    fn held(&self) -> usize {
        lock(&self.chosen).batches.len()
    }
}

/// The start, and the files of each batch.
type Saved = (i64, Vec<(i64, Vec<PathBuf>)>);

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn at(seconds: i64) -> Time {
        Time::from_millis(seconds * 1_000)
    }

    fn files(found: &[(&str, i64)]) -> Vec<FoundFile> {
        found.iter().map(|(name, modified)| FoundFile { path: name.into(), modified: at(*modified) }).collect()
    }

    fn names(files: &BatchFiles) -> Vec<&str> {
        files.iter().map(|path| path.to_str().unwrap()).collect()
    }

    #[test]
    fn only_files_of_the_window_are_found_each_once_in_the_order_of_modification_t272() {
        let selection = FileSelection::new(at(0), MINUTE);
        let found = files(&[("now", 100), ("future", 101), ("edge", 40), ("in", 41), ("old", 7)]);
        assert_eq!(names(&selection.select(at(100), found.clone())), ["in", "now"]);
        assert_eq!(names(&selection.select(at(101), found)), ["future"]);
    }

    #[test]
    fn a_file_from_before_the_start_is_never_found_t272() {
        let selection = FileSelection::new(at(10), MINUTE);
        assert_eq!(names(&selection.select(at(11), files(&[("before", 10), ("after", 11)]))), ["after"]);
    }

    #[test]
    fn a_batch_that_is_asked_for_again_has_the_files_it_had() {
        let selection = FileSelection::new(at(0), MINUTE);
        selection.select(at(1), files(&[("a", 1)]));
        assert_eq!(names(&selection.select(at(1), files(&[("a", 1), ("late", 1)]))), ["a"]);
        assert_eq!(names(&selection.of_batch(at(1)).unwrap()), ["a"]);
        assert_eq!(names(&selection.select(at(2), files(&[("a", 1), ("late", 1)]))), ["late"]);
    }

    #[test]
    fn files_of_skipped_batches_are_found_by_the_next_one() {
        let selection = FileSelection::new(at(0), MINUTE);
        selection.select(at(1), vec![]);
        selection.forget_through(at(1));
        assert_eq!(names(&selection.select(at(500), files(&[("meanwhile", 9)]))), ["meanwhile"]);
    }

    #[test]
    fn what_is_forgotten_is_not_found_again() {
        let selection = FileSelection::new(at(0), MINUTE);
        let found = files(&[("a", 1), ("b", 30)]);
        for batch in 1..200 {
            let new = selection.select(at(batch), found.clone());
            assert_eq!(names(&new).len(), usize::from(batch == 1 || batch == 30), "batch {batch}");
            selection.forget_through(at(batch));
            assert!(lock(&selection.chosen).batches.len() <= 61);
        }
    }

    #[test]
    fn after_a_restart_batches_have_their_files_and_those_of_the_time_between_are_found_t212() {
        let before = FileSelection::new(at(0), MINUTE);
        let mut found = files(&[("1", 1), ("2", 2)]);
        before.select(at(1), found.clone());
        before.select(at(2), found.clone());
        let saved = before.encode(at(1)).unwrap();
        let after = FileSelection::new(at(500), MINUTE);
        after.decode(at(1), &saved).unwrap();
        assert_eq!(names(&after.of_batch(at(1)).unwrap()), ["1"]);
        assert_eq!(after.of_batch(at(2)), None);
        found.extend(files(&[("3", 100), ("4", 499)]));
        assert_eq!(names(&after.select(at(500), found)), ["2", "3", "4"]);
    }
}
