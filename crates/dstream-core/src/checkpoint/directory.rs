//! The checkpoint directory itself: one writer puts snapshots into it, a restarted program takes the newest sound one out.

use bytes::Bytes;

use crate::checkpoint::done_mark;
use crate::checkpoint::draft::Draft;
use crate::checkpoint::envelope::{self, Damage, Format};
use crate::checkpoint::error::CheckpointError;
use crate::checkpoint::files::Files;
use crate::checkpoint::ledger::{Known, Ledger};
use crate::checkpoint::location::Location;
use crate::checkpoint::log_entry::BatchName;
use crate::checkpoint::manifest::{self, PartRef};
use crate::checkpoint::name::{CheckpointName, PartName};
use crate::time::Time;

/// A directory of checkpoints. For one writer at a time; a second one is noticed when both write.
#[derive(Debug)]
pub(crate) struct CheckpointDir {
    files: Files,
    ledger: Ledger,
    /// The sequence number of the next checkpoint.
    next: u64,
}

/// What was written at one time, whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Snapshot {
    /// Its checkpoint file.
    pub(crate) name: CheckpointName,
    /// The format of its checkpoint file.
    pub(crate) format: Format,
    /// What the checkpoint file was published with.
    pub(crate) payload: Bytes,
    /// Its parts, in the order in which they were added.
    pub(crate) parts: Vec<(PartRef, Bytes)>,
    /// Newer checkpoint files that could not be used, the newest first.
    pub(crate) skipped: Vec<CheckpointName>,
}

impl CheckpointDir {
    /// Opens the directory at `location`: a local path, `file:///path`, or `s3://bucket/path` with the feature `s3`. A local
    /// directory is made when it is not there. Files and directories of other names in it are left alone.
    ///
    /// On S3, credentials and region are those of the environment, the container or the instance; profile files are not
    /// read.
    ///
    /// # Errors
    /// When the location is of another kind or cannot be opened, what is there cannot be read, or another version of dstream
    /// wrote it.
    ///
    /// # Cancellation
    /// A dropped call may have made the directory.
    pub(crate) async fn open(location: &str) -> Result<Self, CheckpointError> {
        Self::open_at(Files::new(Location::open(location).await?)).await
    }

    async fn open_at(files: Files) -> Result<Self, CheckpointError> {
        files.sweep(is_ours).await;
        let mut ledger = list(&files).await?;
        let mut directory = Self { files, ledger: Ledger::default(), next: ledger.next_sequence() };
        for (name, known) in &mut ledger.checkpoints {
            match directory.read_manifest(*name).await {
                Ok((_, parts, _)) => *known = Known::Sound(parts.into_iter().map(|part| part.name).collect()),
                Err(error) if error.is_damage() => *known = Known::Damaged,
                Err(error) => return Err(error),
            }
        }
        directory.ledger = ledger;
        Ok(directory)
    }

    /// Its files, for those who keep others than snapshots in it.
    pub(super) const fn files(&self) -> &Files {
        &self.files
    }

    /// The checkpoint files, the newest first; sound or not.
    pub(crate) fn names(&self) -> impl Iterator<Item = CheckpointName> {
        self.ledger.checkpoints.keys().rev().copied()
    }

    /// The newest snapshot that is what was written, with its parts; `None` when there are no checkpoints. For each newer one
    /// that is damaged there is a warning that names it.
    ///
    /// # Errors
    /// When there are checkpoints and all are damaged, or one cannot be read for another reason: then an older one would only
    /// hide a fault that may pass.
    ///
    /// # Cancellation
    /// No effect.
    pub(crate) async fn read_newest(&self) -> Result<Option<Snapshot>, CheckpointError> {
        let mut skipped = Vec::new();
        for name in self.names() {
            match self.read(name).await {
                Ok(snapshot) => return Ok(Some(Snapshot { skipped, ..snapshot })),
                Err(error) if error.is_damage() => {
                    let (file, problem) = (self.files.show(&name.to_string()), crate::error::error_chain(&error));
                    tracing::warn!(file, problem, "a checkpoint cannot be used; the one before it is tried");
                    skipped.push(name);
                }
                Err(error) => return Err(error),
            }
        }
        match skipped.len() {
            0 => Ok(None),
            files => Err(CheckpointError::NoneReadable { directory: self.files.shown(), files }),
        }
    }

    /// One snapshot, with its parts.
    ///
    /// # Errors
    /// When it is damaged, or cannot be read.
    ///
    /// # Cancellation
    /// No effect.
    pub(crate) async fn read(&self, name: CheckpointName) -> Result<Snapshot, CheckpointError> {
        let (format, refs, payload) = self.read_manifest(name).await?;
        let mut parts = Vec::with_capacity(refs.len());
        for part in refs {
            let file = part.name.to_string();
            let sound =
                self.files.fetch(&file).await?.and_then(|bytes| envelope::open(bytes).ok()).map(|(_, bytes)| bytes);
            let bytes = sound.filter(|bytes| part.is(bytes));
            let damaged = || CheckpointError::DamagedPart { file: self.files.show(&name.to_string()), part: file };
            parts.push((part, bytes.ok_or_else(damaged)?));
        }
        Ok(Snapshot { name, format, payload, parts, skipped: Vec::new() })
    }

    /// Begins a snapshot about the batch of `time`. It will be read before all that were begun earlier.
    pub(crate) const fn begin(&mut self, time: Time) -> Draft<'_> {
        let name = CheckpointName { sequence: self.next, time };
        self.next = self.next.saturating_add(1);
        Draft::new(self, name)
    }

    #[cfg(test)]
    /// Writes a snapshot without parts; see [`Draft::publish`].
    ///
    /// # Errors
    /// When it could not be written in three attempts, or another process writes to the directory.
    ///
    /// # Cancellation
    /// A dropped call may have written it.
    pub(crate) async fn write(&mut self, time: Time, payload: Bytes) -> Result<CheckpointName, CheckpointError> {
        self.begin(time).publish(payload).await
    }

    pub(super) fn expect_part(&mut self, name: PartName) {
        self.ledger.parts.insert(name);
    }

    /// Whether a snapshot names the part, so that it will not be removed before it.
    pub(super) fn names_part(&self, part: &PartName) -> bool {
        let sound = |known: &Known| matches!(known, Known::Sound(parts) if parts.contains(part));
        self.ledger.parts.contains(part) && self.ledger.checkpoints.values().any(sound)
    }

    /// Notes a new checkpoint file, and removes what is not needed any more.
    pub(super) async fn published(&mut self, name: CheckpointName, parts: Vec<PartName>) {
        self.ledger.checkpoints.insert(name, Known::Sound(parts));
        // In this order: a checkpoint file never names a part that is gone.
        for name in self.ledger.surplus(KEPT) {
            if self.files.removed(&name.to_string()).await {
                self.ledger.checkpoints.remove(&name);
            }
        }
        for part in self.ledger.orphans() {
            if self.files.removed(&part.to_string()).await {
                self.ledger.parts.remove(&part);
            }
        }
    }

    async fn read_manifest(&self, name: CheckpointName) -> Result<(Format, Vec<PartRef>, Bytes), CheckpointError> {
        let file = name.to_string();
        let bytes = self.files.fetch(&file).await?.ok_or(Damage::Missing);
        let read = bytes.and_then(envelope::open).and_then(|(format, payload)| {
            let (parts, payload) = manifest::read(&payload)?;
            Ok((format, parts, payload))
        });
        read.map_err(|source| {
            let file = self.files.show(&file);
            match source {
                Damage::OtherFormat { .. } => CheckpointError::OtherFormat { file, source },
                _ => CheckpointError::Damaged { file, source },
            }
        })
    }
}

/// Whether a file is of a checkpoint directory.
fn is_ours(file: &str) -> bool {
    let log = || BatchName::parse(file).is_some() || file == done_mark::FILE;
    CheckpointName::parse(file).is_some() || PartName::parse(file).is_some() || log()
}

/// What is there of ours; names that are not ours are passed over.
async fn list(files: &Files) -> Result<Ledger, CheckpointError> {
    let mut ledger = Ledger::default();
    for file in files.list().await? {
        if let Some(name) = CheckpointName::parse(&file) {
            ledger.checkpoints.insert(name, Known::Damaged);
        } else if let Some(part) = PartName::parse(&file) {
            ledger.parts.insert(part);
        }
    }
    Ok(ledger)
}

/// Checkpoints that stay. As in Spark; enough to go back behind a fault that was found late.
const KEPT: usize = 10;

#[cfg(test)]
mod tests;
