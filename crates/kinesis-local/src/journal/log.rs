//! The log while it is added to.
//!
//! Promises: an entry that `append` confirmed is in the hands of the operating system; one that could not be written leaves
//! no trace, and nothing is accepted after it, because the model is ahead of the log from there on. The order of the
//! entries is the order of the calls; the caller holds the model's lock for them.

use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::mem;
use std::sync::Arc;

use super::directory::Directory;
use super::durability::Durability;
use super::entry::Entry;
use super::rewrite::{Rewrite, SMALLEST_REWRITE};
use crate::model::Model;

/// A log to be added to.
#[derive(Debug)]
pub(crate) struct Log {
    // Before the directory: dropping it waits for its thread, and the directory is ours until then.
    rewrite: Option<Rewrite>,
    file: Arc<File>,
    /// Bytes of the heading and the snapshot.
    base: u64,
    length: u64,
    durability: Durability,
    /// Keeps its room from entry to entry.
    buffer: Vec<u8>,
    broken: bool,
    smallest_rewrite: u64,
    directory: Directory,
}

/// What remains to be done before a change may be confirmed, without the model's lock.
#[derive(Debug)]
#[must_use]
pub(crate) enum Confirm {
    Now,
    AfterSync(Arc<File>),
}

impl Confirm {
    pub(crate) fn wait(self) -> io::Result<()> {
        match self {
            Self::Now => Ok(()),
            Self::AfterSync(file) => file.sync_data(),
        }
    }
}

impl Log {
    pub(super) fn new(directory: Directory, file: File, base: u64, length: u64, durability: Durability) -> Self {
        Self {
            rewrite: None,
            file: Arc::new(file),
            base,
            length,
            durability,
            buffer: Vec::new(),
            broken: false,
            smallest_rewrite: SMALLEST_REWRITE,
            directory,
        }
    }

    /// Whether an entry could not be written, so that no change may be made any more.
    pub(crate) fn is_broken(&self) -> bool {
        self.broken
    }

    /// Accepts nothing any more.
    pub(crate) fn break_off(&mut self) {
        self.broken = true;
    }

    /// Adds an entry. The model is the one that has carried it out.
    pub(crate) fn append(&mut self, entry: &Entry<'_>, model: &Model) -> io::Result<Confirm> {
        self.buffer.clear();
        entry.encode(&mut self.buffer);
        let written = (&*self.file).write_all(&self.buffer);
        if mem::replace(&mut self.broken, true) || written.is_err() {
            // What was written of the entry would end the log for ever after, if it is not cut by this then by the next start.
            let _ = self.file.set_len(self.length);
            return Err(written.err().unwrap_or_else(|| io::Error::other("the log has failed before")));
        }
        self.broken = false;
        self.length = self.length.saturating_add(u64::try_from(self.buffer.len()).unwrap_or(u64::MAX));
        if self.buffer.capacity() > LARGEST_BUFFER {
            self.buffer = Vec::new();
        }
        self.keep_in_proportion(model);
        Ok(match self.durability {
            Durability::Process => Confirm::Now,
            Durability::Machine => Confirm::AfterSync(Arc::clone(&self.file)),
        })
    }

    /// Begins or ends a rewrite when it is time. A rewrite that fails costs room on the disk and nothing else.
    pub(crate) fn keep_in_proportion(&mut self, model: &Model) {
        let outcome = match self.rewrite.take() {
            Some(rewrite) if rewrite.is_written() => self.change_over(rewrite),
            Some(rewrite) => {
                self.rewrite = Some(rewrite);
                Ok(())
            }
            None if self.length >= self.base.saturating_mul(GROWTH).max(self.smallest_rewrite) => {
                Rewrite::start(&self.directory, model.clone(), self.length).map(|rewrite| self.rewrite = Some(rewrite))
            }
            None => Ok(()),
        };
        if let Err(error) = outcome {
            let directory = self.directory.path().display();
            tracing::warn!(%error, %directory, "the log could not be begun anew and goes on growing");
            // Not at every entry from now on.
            self.base = self.length;
        }
    }

    fn change_over(&mut self, rewrite: Rewrite) -> io::Result<()> {
        let mut old = self.file.try_clone()?;
        let changed = rewrite.finish(&self.directory, &mut old, self.length);
        // The files share one position, and a failure must not leave it where the reading ended.
        old.seek(SeekFrom::Start(self.length))?;
        let (mut new, base) = changed?;
        self.length = new.stream_position()?;
        (self.file, self.base) = (Arc::new(new), base);
        Ok(())
    }

    #[cfg(test)]
    pub(super) fn rewrite_from(&mut self, bytes: u64) {
        self.smallest_rewrite = bytes;
    }

    #[cfg(test)]
    pub(super) fn length(&self) -> u64 {
        self.length
    }
}

/// How many times the size of its snapshot a log may have.
pub(crate) const GROWTH: u64 = 2;
/// Room that is kept for the next entry: most batches, and not the largest for ever.
const LARGEST_BUFFER: usize = 4 << 20;
