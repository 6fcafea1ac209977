//! The files of counts by key that workers write, and what they come to together.
//!
//! A worker counts what it has processed, in state that outlives it. So the counts of all slots, added up, are the records
//! of each key: one that is in a state twice makes them too many, one that was forgotten too few.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use crate::chaos::listing::entries;
use crate::chaos::record::{Numbered, Processed};

/// Examples that are kept.
const EXAMPLES: usize = 3;

/// Records of each key.
pub(crate) type Counts = BTreeMap<u64, u64>;

/// The counts of one slot as of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CountsFile {
    /// The time of the batch, in milliseconds since 1970.
    pub(crate) batch: u64,
    pub(crate) counts: Counts,
}

/// The newest counts in a directory; nothing if there are none, or no directory.
pub(crate) fn newest(directory: &Path) -> Result<Option<CountsFile>, String> {
    let failed = |path: &Path, why: &dyn std::fmt::Display| format!("cannot read {}: {why}", path.display());
    // The writer removes old files at any time; what is then the newest one is there for longer.
    for _ in 0..ATTEMPTS {
        let listed = entries(directory).map_err(|error| failed(directory, &error))?;
        let named = |name: &str| name.strip_prefix("counts-")?.strip_suffix(".tsv")?.parse::<u64>().ok();
        let batches = listed.iter().filter_map(|path| named(path.file_name()?.to_str()?));
        let Some(batch) = batches.max() else { return Ok(None) };
        let path = directory.join(format!("counts-{batch}.tsv"));
        match fs::read_to_string(&path) {
            Ok(text) => {
                let counts = parse(&text).ok_or_else(|| failed(&path, &"not a file of counts"))?;
                return Ok(Some(CountsFile { batch, counts }));
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(failed(&path, &error)),
        }
    }
    Err(failed(directory, &"its files go faster than they can be read"))
}

const ATTEMPTS: u32 = 10;

fn parse(text: &str) -> Option<Counts> {
    let row = |line: &str| {
        let (key, count) = line.split_once('\t')?;
        Some((Numbered::parse_key(key)?, count.parse().ok()?))
    };
    text.lines().map(row).collect()
}

/// What the counts of all slots have shown.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct StateVerdict {
    /// Keys that were compared.
    pub(crate) keys: u64,
    /// Records that are in some state more often than once.
    pub(crate) doubled: u64,
    /// Records that are in no state.
    pub(crate) missing: u64,
    /// Keys whose counts are wrong.
    pub(crate) wrong_keys: u64,
    /// A few of them, for the eye.
    pub(crate) examples: Vec<String>,
}

/// Compares the counts of all slots with the records that were processed, each of which is to be counted once.
pub(crate) fn compare(processed: &[Processed], slots: &[Counts]) -> StateVerdict {
    let mut seen = BTreeSet::new();
    let mut expected = Counts::new();
    for record in processed.iter().map(|processed| processed.record) {
        if seen.insert(record.number) {
            *expected.entry(record.key).or_default() += 1;
        }
    }
    let mut counted = Counts::new();
    for (key, count) in slots.iter().flatten() {
        *counted.entry(*key).or_default() += count;
    }
    let keys: BTreeSet<u64> = expected.keys().chain(counted.keys()).copied().collect();
    let mut verdict = StateVerdict { keys: u64::try_from(keys.len()).unwrap_or(u64::MAX), ..StateVerdict::default() };
    for key in keys {
        let of = |counts: &Counts| counts.get(&key).copied().unwrap_or(0);
        let (is, should) = (of(&counted), of(&expected));
        verdict.doubled += is.saturating_sub(should);
        verdict.missing += should.saturating_sub(is);
        if is != should {
            verdict.wrong_keys += 1;
            if verdict.examples.len() < EXAMPLES {
                verdict.examples.push(format!("state: key {key} has {should} records and was counted {is} times"));
            }
        }
    }
    verdict
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chaos::journal::tests::processed;

    fn counts(rows: &[(u64, u64)]) -> Counts {
        rows.iter().copied().collect()
    }

    #[test]
    fn counts_of_all_slots_together_are_the_records_and_a_record_that_comes_again_is_still_one() {
        let records = [processed(1, 1, "a", 1), processed(2, 2, "a", 2), processed(3, 2, "a", 1)];
        let verdict = compare(&records, &[counts(&[(0, 1)]), counts(&[(0, 1)]), Counts::new()]);
        assert_eq!(verdict, StateVerdict { keys: 1, ..StateVerdict::default() });
    }

    #[test]
    fn records_that_are_counted_twice_or_never_are_found_also_of_a_key_that_nobody_put() {
        let records = [processed(1, 1, "a", 1), processed(2, 1, "a", 2)];
        let of = |rows: &[(u64, u64)]| {
            let verdict = compare(&records, &[counts(rows)]);
            (verdict.doubled, verdict.missing, verdict.wrong_keys, verdict.examples.len())
        };
        assert_eq!(of(&[(0, 3)]), (1, 0, 1, 1));
        assert_eq!(of(&[(0, 1)]), (0, 1, 1, 1));
        assert_eq!(of(&[(0, 2), (9, 4)]), (4, 0, 1, 1));
        assert_eq!(of(&[]), (0, 2, 1, 1));
    }

    #[test]
    fn the_newest_file_of_a_slot_counts_and_what_is_no_count_is_an_error() {
        let directory = std::env::temp_dir().join(format!("counts-{}", std::process::id()));
        assert_eq!(newest(&directory), Ok(None));
        fs::create_dir_all(directory.join("checkpoints")).expect("a directory");
        assert_eq!(newest(&directory), Ok(None));
        for (batch, text) in [(999, "key-1\t5\n"), (1_000, "key-1\t6\nkey-2\t1\n")] {
            fs::write(directory.join(format!("counts-{batch}.tsv")), text).expect("written");
        }
        let found = CountsFile { batch: 1_000, counts: counts(&[(1, 6), (2, 1)]) };
        assert_eq!(newest(&directory), Ok(Some(found)));
        fs::write(directory.join("counts-2000.tsv"), "nonsense\n").expect("written");
        assert!(newest(&directory).expect_err("no counts").ends_with("not a file of counts"));
        fs::remove_dir_all(&directory).expect("removed");
    }
}
