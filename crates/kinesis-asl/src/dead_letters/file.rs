//! A file of letters, one line of JSON each.
//!
//! Promises: a letter that was taken is on the disk, at the path, and on a line of its own, whatever happened to one before it. The
//! file is opened for each letter, so it may be moved or removed at any time.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use dstream_core::BoxError;
use thiserror::Error;

use crate::dead_letters::letter::{DeadLetters, Letter};

/// A file that letters are appended to; it is opened for each, and made if it is not there, so it may be rotated. One process may
/// write to it at a time.
#[derive(Debug, Clone)]
pub struct DeadLetterFile {
    open: Arc<Open>,
}

#[derive(Debug)]
struct Open {
    path: PathBuf,
    // Held while a letter is written: each has a line of its own.
    writing: Mutex<()>,
}

/// A letter could not be written.
#[derive(Debug, Error)]
#[error("the dead letter file {} cannot be written: look at its folder, its permissions and the space on the disk", path.display())]
struct FileError {
    path: PathBuf,
    source: io::Error,
}

impl DeadLetterFile {
    /// The file at `path`. Its folder must exist when the first letter comes.
    #[must_use]
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self { open: Arc::new(Open { path: path.into(), writing: Mutex::new(()) }) }
    }
}

#[async_trait]
impl DeadLetters for DeadLetterFile {
    async fn put(&self, letter: &Letter<'_>) -> Result<(), BoxError> {
        let line = letter.to_json()? + "\n";
        let open = Arc::clone(&self.open);
        // A disk may take its time. If nobody waits any more, the letter is written all the same, and comes again.
        tokio::task::spawn_blocking(move || open.append(line.as_bytes())).await??;
        Ok(())
    }
}

impl Open {
    fn append(&self, line: &[u8]) -> Result<(), FileError> {
        let _alone = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        // Opened each time: what was opened before may have been moved or removed since.
        let written = open_at_line_start(&self.path).and_then(|mut file| {
            file.write_all(line)?;
            file.sync_data()
        });
        written.map_err(|source| FileError { path: self.path.clone(), source })
    }
}

/// Opens the file, and ends a line that a crash or a full disk broke off.
fn open_at_line_start(path: &Path) -> io::Result<File> {
    let mut file = OpenOptions::new().read(true).append(true).create(true).open(path)?;
    if file.seek(SeekFrom::End(0))? > 0 {
        let mut last = [0];
        file.seek(SeekFrom::End(-1))?;
        file.read_exact(&mut last)?;
        if last != *b"\n" {
            file.write_all(b"\n")?;
        }
        return Ok(file);
    }
    // It may have just been made, and is safe only when its folder is.
    if let Some(folder) = path.parent() {
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        File::open(folder)?.sync_all()?;
    }
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_letter_has_a_line_of_its_own_even_behind_one_that_broke_off() {
        let path = std::env::temp_dir().join(format!("dead-letters-{}-{}", std::process::id(), uuid::Uuid::new_v4()));
        for torn in ["", "{\"half\":"] {
            std::fs::write(&path, torn).unwrap();
            let file = DeadLetterFile::at(&path);
            file.open.append(b"one\n").unwrap();
            file.open.append(b"two\n").unwrap();
            let text = std::fs::read_to_string(&path).unwrap();
            let lines: Vec<_> = text.lines().filter(|line| *line != torn).collect();
            assert_eq!(lines, ["one", "two"]);
        }
        std::fs::remove_file(&path).unwrap();
    }

    #[test]
    fn a_letter_is_at_the_path_even_if_the_file_of_the_one_before_was_removed_or_moved() {
        let path = std::env::temp_dir().join(format!("dead-letters-{}", uuid::Uuid::new_v4()));
        let (file, moved) = (DeadLetterFile::at(&path), path.with_extension("1"));
        file.open.append(b"one\n").unwrap();
        std::fs::remove_file(&path).unwrap();
        file.open.append(b"two\n").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "two\n");
        std::fs::rename(&path, &moved).unwrap();
        file.open.append(b"three\n").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "three\n");
        std::fs::remove_file(&path).unwrap();
        std::fs::remove_file(&moved).unwrap();
    }

    #[test]
    fn a_file_that_cannot_be_written_is_named() {
        let path = std::env::temp_dir().join(format!("no-such-folder-{}/letters", uuid::Uuid::new_v4()));
        let error = DeadLetterFile::at(&path).open.append(b"one\n").unwrap_err();
        assert!(error.to_string().contains(&path.display().to_string()), "{error}");
    }
}
