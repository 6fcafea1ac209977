//! The file that a worker writes to, read while it grows.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::PathBuf;

use crate::chaos::record::{Millis, Processed, WorkerNumber};

/// Such a file, and how far it was read.
#[derive(Debug)]
pub(crate) struct RecordFile {
    path: PathBuf,
    worker: WorkerNumber,
    file: Option<File>,
    lines: Lines,
}

/// The end of a file that is no whole line yet.
#[derive(Debug, Default)]
struct Lines {
    begun: Vec<u8>,
}

impl RecordFile {
    pub(crate) const fn new(path: PathBuf, worker: WorkerNumber) -> Self {
        Self { path, worker, file: None, lines: Lines { begun: Vec::new() } }
    }

    /// Reads what has been written since the last look. A line that nobody can read is an error; one that was never
    /// finished, because its writer was killed, is left out.
    pub(crate) fn look(&mut self, at: Millis) -> Result<Vec<Processed>, String> {
        let failed = |why: &dyn std::fmt::Display| format!("cannot read {}: {why}", self.path.display());
        if self.file.is_none() {
            self.file = match File::open(&self.path) {
                Ok(file) => Some(file),
                Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
                Err(error) => return Err(failed(&error)),
            };
        }
        let mut new = Vec::new();
        if let Some(file) = &mut self.file {
            file.read_to_end(&mut new).map_err(|error| failed(&error))?;
        }
        let parse = |line: String| Processed::parse(&line, at, self.worker).ok_or_else(|| failed(&line));
        self.lines.take(&new).into_iter().map(parse).collect()
    }
}

impl Lines {
    /// The lines that these bytes finish.
    fn take(&mut self, new: &[u8]) -> Vec<String> {
        self.begun.extend_from_slice(new);
        let Some(end) = self.begun.iter().rposition(|byte| *byte == b'\n') else { return Vec::new() };
        let rest = self.begun.split_off(end.saturating_add(1));
        let whole = std::mem::replace(&mut self.begun, rest);
        String::from_utf8_lossy(&whole).lines().map(str::to_owned).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn a_line_is_taken_once_it_is_whole() {
        let mut lines = Lines::default();
        assert_eq!(lines.take(b"one\ntw"), ["one"]);
        assert_eq!(lines.take(b"o"), [""; 0]);
        assert_eq!(lines.take(b"\nthree\nfour"), ["two", "three"]);
    }

    #[test]
    fn a_file_that_grows_is_read_line_by_line_and_garbage_in_it_is_an_error() {
        let path = std::env::temp_dir().join(format!("record-file-{}", std::process::id()));
        let mut read = RecordFile::new(path.clone(), WorkerNumber(2));
        assert_eq!(read.look(Millis(1)), Ok(Vec::new()), "not there yet");
        let mut file = File::create(&path).expect("a file");
        file.write_all(b"5\tshardId-1\t7\t0\t0 key-0\n5\tshardId-1\t8").expect("written");
        let seen = read.look(Millis(2)).expect("readable");
        assert_eq!((seen.len(), seen[0].at, seen[0].worker), (1, Millis(2), WorkerNumber(2)));
        file.write_all(b"\t0\t1 key-1\nnonsense\n").expect("written");
        assert!(read.look(Millis(3)).expect_err("no line of ours").ends_with("nonsense"));
        std::fs::remove_file(path).expect("removed");
    }
}
