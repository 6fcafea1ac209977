//! Records as text files: one file for each partition of a directory, and a mark once all of them are there.
//!
//! A directory that is written again holds what was written last, and no part of what was there before; files of other names
//! stay. While it is being written, its mark is not there. Each file appears whole or not at all. So after a crash a directory with its mark is what its
//! batch wrote, and one without it is written again with its batch.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::ops::ControlFlow;

use bytes::Bytes;
use object_store::ObjectStoreExt;
use object_store::path::Path;
use thiserror::Error;
use tokio::sync::OnceCell;

use crate::checkpoint::Location;
use crate::error::BoxError;
use crate::job::JobError;
use crate::ops::{Line, Printable};
use crate::rdd::Rdd;
use crate::time::Time;

/// The name of a directory of text files, and the place in which it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TextDirectory {
    home: String,
    name: String,
}

impl TextDirectory {
    /// `<prefix>-<milliseconds>[.<suffix>]`; see [`DStream::save_as_text_files`](crate::DStream::save_as_text_files).
    pub(crate) fn of_batch(prefix: &str, suffix: &str, batch: Time) -> Self {
        let dash = if prefix.is_empty() || prefix.ends_with('/') { "" } else { "-" };
        let dot = if suffix.is_empty() { "" } else { "." };
        Self::at(&format!("{prefix}{dash}{}{dot}{suffix}", batch.as_millis()))
    }

    /// The directory `path`.
    pub(crate) fn at(path: &str) -> Self {
        let trimmed = path.trim_end_matches('/');
        let (home, name) = match trimmed.rsplit_once('/') {
            // The root of the file system is a home as well.
            Some(("", name)) => ("/", name),
            Some(split) => split,
            None if path.starts_with('/') => ("/", ""),
            None => (".", trimmed),
        };
        Self { home: home.to_owned(), name: name.to_owned() }
    }

    /// Replaces the parts that the directory holds by `parts`.
    ///
    /// # Cancellation
    /// A dropped call may have written some of the files; the mark is missing then.
    pub(crate) async fn write(&self, home: &Location, parts: Vec<Bytes>) -> Result<(), SaveError> {
        let failed = |file: &str| {
            let file = home.show(&format!("{}/{file}", self.name));
            move |source: object_store::Error| SaveError::Write { file, source: source.into() }
        };
        let directory = home.path(&self.name);
        let mark = directory.clone().join(MARK);
        home.delete(&mark).await.map_err(failed(MARK))?;
        let mut ours = BTreeSet::new();
        for (number, text) in parts.into_iter().enumerate() {
            let file = format!("part-{number:05}");
            let path = directory.clone().join(file.as_str());
            home.store.put(&path, text.into()).await.map_err(failed(&file))?;
            ours.insert(path);
        }
        // A batch of an earlier run may have had more partitions.
        let there = home.store.list_with_delimiter(Some(&directory)).await.map_err(failed(""))?.objects;
        let is_old = |path: &Path| path.filename().is_some_and(is_part) && !ours.contains(path);
        for old in there.into_iter().map(|meta| meta.location).filter(is_old) {
            home.delete(&old).await.map_err(failed(old.filename().unwrap_or_default()))?;
        }
        // Its path, not its name: some characters of that are written in another way.
        home.sweep(directory.as_ref(), |file| is_part(file) || file == MARK).await;
        home.store.put(&mark, Bytes::new().into()).await.map_err(failed(MARK))?;
        Ok(())
    }
}

/// Whether a file is named as one of ours. Others are somebody else's, and stay.
fn is_part(file: &str) -> bool {
    let number = file.strip_prefix("part-").unwrap_or_default();
    !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
}

/// The place in which the directories of an output are, opened by the first of them.
#[derive(Default)]
pub(crate) struct Home {
    location: OnceCell<Location>,
}

impl Home {
    /// # Cancellation
    /// Safe; the next call tries again.
    pub(crate) async fn open(&self, directory: &TextDirectory) -> Result<&Location, SaveError> {
        let opened = self.location.get_or_try_init(|| Location::open(&directory.home)).await;
        opened.map_err(|source| SaveError::Place { directory: directory.home.clone(), source: source.into() })
    }
}

impl<T: Printable + Send + 'static> Rdd<T> {
    /// The text of each partition: a line for each record.
    pub(crate) fn text_parts(&self) -> Result<Vec<Bytes>, JobError> {
        self.prepare()?;
        self.run(0..self.num_partitions(), &|partition, task| {
            let mut text = String::new();
            self.dataset().run(partition, task, &mut |record| {
                task.enter(self.job().output);
                // Writing to a `String` cannot fail.
                let _ = writeln!(text, "{}", Line(&record));
                ControlFlow::Continue(())
            })?;
            Ok(Bytes::from(text))
        })
    }
}

/// Says that all files of a directory are there.
const MARK: &str = "_SUCCESS";

/// Why records could not be saved.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SaveError {
    /// The records could not be computed.
    #[error(transparent)]
    Job(#[from] JobError),
    /// The directory for the directories cannot be used.
    #[error("no directory can be written in {directory:?}")]
    Place {
        /// What was given.
        directory: String,
        /// Why, and what to give instead.
        source: BoxError,
    },
    /// A file could not be written, or one of before not be removed.
    #[error("{file} could not be written: check permissions and free space")]
    Write {
        /// The file.
        file: String,
        /// Why.
        source: BoxError,
    },
    /// The call would block the runtime that is to do its work.
    #[error("save_as_text_file blocks: call it in the closure of an output operation, not in async code")]
    InAsync,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_named_by_prefix_milliseconds_and_suffix_and_what_is_empty_is_left_out() {
        let name = |prefix: &str, suffix: &str| {
            let TextDirectory { home, name } = TextDirectory::of_batch(prefix, suffix, Time::from_millis(2_000));
            format!("{home} {name}")
        };
        assert_eq!(name("/out/words", "txt"), "/out words-2000.txt");
        assert_eq!(name("/out/words", ""), "/out words-2000");
        assert_eq!(name("words", "txt"), ". words-2000.txt");
        assert_eq!(name("", ""), ". 2000");
        assert_eq!(name("out/", "txt"), "out 2000.txt");
        assert_eq!(name("s3://bucket/dir/words", "txt"), "s3://bucket/dir words-2000.txt");
        assert_eq!(name("/words", ""), "/ words-2000");
    }

    #[test]
    fn slashes_at_the_end_of_a_path_are_no_part_of_the_name() {
        let at = |path: &str| {
            let TextDirectory { home, name } = TextDirectory::at(path);
            format!("{home} {name}")
        };
        assert_eq!([at("out"), at("out/"), at("out//")], [". out", ". out", ". out"]);
        assert_eq!([at("/out/"), at("a/out/"), at("/")], ["/ out", "a out", "/ "]);
    }
}
