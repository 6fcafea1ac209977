//! Beginning a log anew, with a snapshot of the model instead of the commands that led to it.
//!
//! Promises: at every moment the directory holds one whole log under the log's name; the new one takes the old one's place
//! when it has everything, in one step.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use super::directory::Directory;
use super::entry::{Entry, MAGIC, SNAPSHOT, VERSION};
use crate::model::{Millis, Model};

/// Begins the log of a directory that has none.
pub(super) fn begin(directory: &Directory, model: &Model) -> io::Result<()> {
    write_snapshot(&directory.new_log(), model, Wanted::default())?;
    fs::rename(directory.new_log(), directory.log())?;
    directory.sync()
}

/// A new log that is being written on a thread of its own, while the old one goes on.
#[derive(Debug)]
pub(super) struct Rewrite {
    /// Up to where the old log is in the snapshot.
    from: u64,
    path: PathBuf,
    /// Set when nobody wants it any more.
    given_up: Arc<AtomicBool>,
    /// Taken by whoever waits for it.
    thread: Option<JoinHandle<io::Result<File>>>,
}

impl Rewrite {
    /// Begins with the model as it is after `from` bytes of the old log.
    pub(super) fn start(directory: &Directory, model: Model, from: u64) -> io::Result<Self> {
        let path = directory.new_log();
        let target = path.clone();
        let given_up = Arc::new(AtomicBool::new(false));
        let wanted = Wanted { given_up: Arc::clone(&given_up), snapshot: Vec::new() };
        let write = move || write_snapshot(&target, &model, wanted);
        let thread = thread::Builder::new().name("kinesis-local-log".to_owned()).spawn(write)?;
        Ok(Self { from, path, given_up, thread: Some(thread) })
    }

    /// Whether the snapshot is written, so that nobody has to wait for it.
    pub(super) fn is_written(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// Adds what came to the old log since, and puts the new one in its place. Returns its file and the bytes of its snapshot.
    pub(super) fn finish(mut self, directory: &Directory, old: &mut File, length: u64) -> io::Result<(File, u64)> {
        let thread = self.thread.take().ok_or_else(|| io::Error::other("the rewrite has ended before"))?;
        let mut new = thread.join().map_err(|_| io::Error::other("the thread of the rewrite panicked"))??;
        let base = new.stream_position()?;
        old.seek(SeekFrom::Start(self.from))?;
        io::copy(&mut old.take(length.saturating_sub(self.from)), &mut new)?;
        // Whole before it has the name; after a loss of power there would be neither log otherwise. Most of it is by now.
        new.sync_data()?;
        fs::rename(&self.path, directory.log())?;
        // The new log has its name: whatever happens now, going on in the old one would lose changes.
        if let Err(error) = directory.sync() {
            tracing::warn!(%error, "the name of the new log could not be made durable");
        }
        Ok((new, base))
    }
}

impl Drop for Rewrite {
    fn drop(&mut self) {
        if let Some(thread) = self.thread.take() {
            // Given up: the old log has everything. The directory must not be left while the thread writes there, which it
            // does not do for long now.
            self.given_up.store(true, Ordering::Relaxed);
            let _ = thread.join();
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// A snapshot in the making, which ends early when it is not wanted any more.
#[derive(Debug, Default)]
struct Wanted {
    given_up: Arc<AtomicBool>,
    snapshot: Vec<u8>,
}

impl Write for Wanted {
    fn write(&mut self, part: &[u8]) -> io::Result<usize> {
        if self.given_up.load(Ordering::Relaxed) {
            return Err(io::Error::other("the rewrite was given up"));
        }
        self.snapshot.write(part)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn write_snapshot(path: &Path, model: &Model, wanted: Wanted) -> io::Result<File> {
    let mut writer = BufWriter::new(wanted);
    model.write_snapshot(&mut writer)?;
    let snapshot = writer.into_inner().map_err(io::IntoInnerError::into_error)?.snapshot;
    let mut bytes = [MAGIC, &[VERSION]].concat();
    Entry { at: Millis::default(), operation: SNAPSHOT, body: &snapshot }.encode(&mut bytes);
    let mut file = OpenOptions::new().create(true).truncate(true).read(true).write(true).open(path)?;
    file.write_all(&bytes)?;
    file.sync_all()?;
    Ok(file)
}

/// A log smaller than this is not worth the work. Bytes.
pub(crate) const SMALLEST_REWRITE: u64 = 64 << 20;
