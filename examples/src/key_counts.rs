//! Counts by key that survive a restart, and the files that show them.
//!
//! Each batch's counts are in a file `counts-<batch time>.tsv` of their own, a line `<key><tab><count>` for each key in the
//! order of the keys. A file is there as a whole or not at all. The newest three are kept.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use dstream_core::{DStream, State, StateSpec, Time};

/// How many files are kept.
const KEPT: usize = 3;

/// The counts of all keys so far, in each batch.
#[must_use]
pub fn counts(keys: &DStream<(String, ())>) -> DStream<(String, u64)> {
    let count = |_: &String, one: Option<()>, count: &mut State<'_, u64>| {
        let so_far = count.get_option().copied().unwrap_or(0);
        count.update(so_far.saturating_add(u64::from(one.is_some())));
    };
    keys.map_with_state(StateSpec::function(count)).state_snapshots()
}

/// Writes the counts of a batch to its file, and removes the oldest ones.
///
/// # Errors
/// The directory cannot be made, or the file cannot be written.
pub fn write(directory: &Path, time: Time, mut counts: Vec<(String, u64)>) -> io::Result<()> {
    fs::create_dir_all(directory)?;
    counts.sort();
    let text: String =
        counts.iter().map(|(key, count)| format!("{}\t{count}\n", key.as_bytes().escape_ascii())).collect();
    let begun = directory.join(format!("counts-{}.new", std::process::id()));
    let mut file = fs::File::create(&begun)?;
    file.write_all(text.as_bytes())?;
    drop(file);
    fs::rename(&begun, directory.join(name(time.as_millis())))?;
    for old in files(directory)?.iter().rev().skip(KEPT) {
        // Nobody reads it any more, and the next batch tries again.
        let _ = fs::remove_file(&old.1);
    }
    Ok(())
}

fn name(time: impl std::fmt::Display) -> String {
    format!("counts-{time}.tsv")
}

/// The files with their batch times, in ascending order.
fn files(directory: &Path) -> io::Result<Vec<(i64, PathBuf)>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let time = name.strip_prefix("counts-").and_then(|rest| rest.strip_suffix(".tsv"));
        if let Some(time) = time.and_then(|time| time.parse().ok()) {
            files.push((time, path));
        }
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use dstream_core::testing::batches_of;

    use super::*;

    fn row(key: &str, count: u64) -> (String, u64) {
        (key.to_owned(), count)
    }

    #[tokio::test]
    async fn counts_go_on_from_batch_to_batch_and_every_key_is_in_each() {
        let batch = |keys: &[&str]| keys.iter().map(|key| ((*key).to_owned(), ())).collect::<Vec<_>>();
        let input = [batch(&["a", "b", "a"]), batch(&["b"])];
        let mut batches =
            batches_of(2, move |ctx| Ok(counts(&ctx.queue_stream(input.clone())))).await.expect("two batches");
        batches.iter_mut().for_each(|batch| batch.sort());
        assert_eq!(batches, [[row("a", 2), row("b", 1)], [row("a", 2), row("b", 2)]]);
    }

    #[test]
    fn only_the_newest_files_are_kept_and_each_is_whole() {
        let directory = std::env::temp_dir().join(format!("key-counts-{}", std::process::id()));
        for time in [9, 10, 11, 12] {
            write(&directory, Time::from_millis(time), vec![row("b", 1), row("a\t", 2)]).expect("written");
        }
        let files = files(&directory).expect("a directory");
        assert_eq!(files.iter().map(|(time, _)| *time).collect::<Vec<_>>(), [10, 11, 12]);
        assert_eq!(fs::read_to_string(&files[2].1).expect("a file"), "a\\t\t2\nb\t1\n");
        assert_eq!(fs::read_dir(&directory).expect("a directory").count(), 3, "nothing half done is left");
        fs::remove_dir_all(&directory).expect("removed");
    }
}
