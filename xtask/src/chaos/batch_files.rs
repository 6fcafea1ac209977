//! The text files that workers write of their batches, and what they come to together.
//!
//! A worker saves each batch as a directory, in its slot. The lines of all directories that are complete are the records, each
//! once: a batch that runs again after a crash replaces its own directory, since it has the same time. A directory without its
//! mark was broken off; whoever had its records afterwards has written them elsewhere.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use crate::chaos::listing::entries;
use crate::chaos::record::{Acknowledged, Numbered, Processed, Slot};

/// Says that all files of a directory are there.
const MARK: &str = "_SUCCESS";
/// Examples of each kind that are kept.
const EXAMPLES: u64 = 3;

/// A complete directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Batch {
    slot: Slot,
    /// Its time, in milliseconds since 1970.
    time: u64,
}

impl fmt::Display for Batch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "batch {} of {}", self.time, self.slot)
    }
}

/// What was saved.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Saved {
    /// Complete directories.
    batches: u64,
    /// Where each record stands, a batch for each line.
    places: BTreeMap<u64, Vec<Batch>>,
}

impl Saved {
    /// Adds all complete directories of a slot; there are none if `directory` is missing.
    pub(crate) fn read(&mut self, directory: &Path, slot: Slot) -> Result<(), String> {
        for path in listed(directory)?.into_iter().filter(|path| path.join(MARK).exists()) {
            let Some(time) = number_after("batch-", &path) else { continue };
            self.batches += 1;
            for part in listed(&path)?.iter().filter(|file| number_after("part-", file).is_some()) {
                self.read_part(part, Batch { slot, time })?;
            }
        }
        Ok(())
    }

    fn read_part(&mut self, part: &Path, batch: Batch) -> Result<(), String> {
        let failed = |why: &dyn fmt::Display| format!("cannot read {}: {why}", part.display());
        let text = fs::read_to_string(part).map_err(|error| failed(&error))?;
        for line in text.lines() {
            let record = line.rsplit('\t').next().and_then(Numbered::parse).ok_or_else(|| failed(&line))?;
            self.places.entry(record.number).or_default().push(batch);
        }
        Ok(())
    }
}

/// The number in the name of a file, if nothing else stands behind this.
fn number_after(prefix: &str, path: &Path) -> Option<u64> {
    let digits = path.file_name()?.to_str()?.strip_prefix(prefix)?;
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
}

fn listed(directory: &Path) -> Result<Vec<PathBuf>, String> {
    entries(directory).map_err(|error| format!("cannot read {}: {error}", directory.display()))
}

/// What the files of all slots have shown.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct FilesVerdict {
    /// Complete directories that were read.
    pub(crate) batches: u64,
    /// Lines of records that stand there already.
    pub(crate) doubled: u64,
    /// Records that were confirmed or processed, and stand nowhere.
    pub(crate) missing: u64,
    /// Records that stand there, and were neither confirmed nor processed.
    pub(crate) strange: u64,
    /// A few of each kind, for the eye.
    pub(crate) examples: Vec<String>,
}

/// Compares the files of all slots with the records that Kinesis has confirmed, and with those that were processed although
/// nobody has confirmed them: each is to stand there once.
pub(crate) fn compare(acknowledged: &[Acknowledged], processed: &[Processed], saved: &Saved) -> FilesVerdict {
    let confirmed = acknowledged.iter().map(|record| record.record.number);
    let expected: BTreeSet<u64> = confirmed.chain(processed.iter().map(|record| record.record.number)).collect();
    let mut verdict = FilesVerdict { batches: saved.batches, ..FilesVerdict::default() };
    let FilesVerdict { doubled, missing, strange, examples, .. } = &mut verdict;
    let mut note = |count: u64, example: String| {
        if count <= EXAMPLES {
            examples.push(example);
        }
    };
    for (number, places) in &saved.places {
        let places_in_words = || places.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        if places.len() > 1 {
            *doubled += u64::try_from(places.len()).unwrap_or(u64::MAX) - 1;
            note(*doubled, format!("files: number {number} stands in {}", places_in_words()));
        }
        if !expected.contains(number) {
            *strange += 1;
            note(*strange, format!("files: number {number}, which nobody put, stands in {}", places_in_words()));
        }
    }
    for number in expected.iter().filter(|number| !saved.places.contains_key(number)) {
        *missing += 1;
        note(*missing, format!("files: number {number} stands in none"));
    }
    verdict
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chaos::journal::tests::processed;

    fn verdict(numbers: &[u64], saved: &Saved) -> (u64, u64, u64, usize) {
        let records: Vec<Processed> = numbers.iter().map(|number| processed(1, 1, "a", *number)).collect();
        let verdict = compare(&[], &records, saved);
        (verdict.doubled, verdict.missing, verdict.strange, verdict.examples.len())
    }

    fn saved(lines: &[u64]) -> Saved {
        let mut saved = Saved::default();
        for number in lines {
            saved.places.entry(*number).or_default().push(Batch { slot: Slot(1), time: 1_000 });
        }
        saved
    }

    #[test]
    fn each_record_stands_in_the_files_once_however_often_it_was_processed() {
        assert_eq!(verdict(&[1, 2, 1], &saved(&[1, 2])), (0, 0, 0, 0));
    }

    #[test]
    fn records_that_stand_there_twice_or_never_or_that_nobody_put_are_found() {
        assert_eq!(verdict(&[1, 2], &saved(&[1, 2, 2, 2])), (2, 0, 0, 1));
        assert_eq!(verdict(&[1, 2], &saved(&[2])), (0, 1, 0, 1));
        assert_eq!(verdict(&[1], &saved(&[1, 5])), (0, 0, 1, 1));
    }

    #[test]
    fn a_confirmed_record_is_missed_even_if_nobody_processed_it() {
        let Processed { at, record, place, .. } = processed(1, 1, "a", 7);
        let verdict = compare(&[Acknowledged { at, record, place }], &[], &Saved::default());
        assert_eq!((verdict.missing, verdict.examples), (1, vec!["files: number 7 stands in none".to_owned()]));
    }

    #[test]
    fn only_directories_with_their_mark_count_and_garbage_in_one_is_an_error() {
        let directory = std::env::temp_dir().join(format!("batch-files-{}", std::process::id()));
        let all = || {
            let mut saved = Saved::default();
            saved.read(&directory, Slot(3)).map(|()| saved)
        };
        assert_eq!(all(), Ok(Saved::default()), "nothing was saved yet");
        for (file, text) in [
            ("batch-1000/part-00000", "shardId-1\t7\t0\t1 key-0\n"),
            ("batch-1000/part-00001", "shardId-2\t8\t4\t2 key-1\n"),
            ("batch-1000/part-00001#1", "shardId-2\t8\t4\t2 ke"),
            ("batch-1000/_SUCCESS", ""),
            ("batch-2000/part-00000", "shardId-1\t9\t0\t3 key-0\n"),
        ] {
            let path = directory.join(file);
            fs::create_dir_all(path.parent().expect("a batch")).expect("a directory");
            fs::write(path, text).expect("written");
        }
        let places = vec![Batch { slot: Slot(3), time: 1_000 }];
        assert_eq!(all(), Ok(Saved { batches: 1, places: [(1, places.clone()), (2, places)].into() }));
        fs::write(directory.join("batch-2000/_SUCCESS"), "").expect("written");
        fs::write(directory.join("batch-2000/part-00001"), "nonsense\n").expect("written");
        assert!(all().expect_err("no record").ends_with("part-00001: nonsense"));
        fs::remove_dir_all(&directory).expect("removed");
    }
}
