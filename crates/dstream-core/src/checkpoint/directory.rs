//! The checkpoint directory itself: one writer puts snapshots into it, a restarted program takes the newest sound one out.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use object_store::{ObjectStoreExt, PutMode, PutOptions, PutPayload};

use crate::checkpoint::draft::Draft;
use crate::checkpoint::envelope::{self, Damage};
use crate::checkpoint::error::CheckpointError;
use crate::checkpoint::ledger::{Known, Ledger};
use crate::checkpoint::location::Location;
use crate::checkpoint::manifest::{self, PartRef};
use crate::checkpoint::name::{CheckpointName, PartName};
use crate::retry::{RetryPolicy, Verdict};
use crate::time::Time;

/// A directory of checkpoints. For one writer at a time; a second one is noticed when both write.
#[derive(Debug)]
pub(crate) struct CheckpointDir {
    location: Location,
    ledger: Ledger,
    /// The sequence number of the next checkpoint.
    next: u64,
}

/// What was written at one time, whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Snapshot {
    /// Its checkpoint file.
    pub(crate) name: CheckpointName,
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
        Self::open_at(Location::open(location).await?).await
    }

    async fn open_at(location: Location) -> Result<Self, CheckpointError> {
        let mut ledger = list(&location).await?;
        let mut directory = Self { location, ledger: Ledger::default(), next: ledger.next_sequence() };
        for (name, known) in &mut ledger.checkpoints {
            match directory.read_manifest(*name).await {
                Ok((parts, _)) => *known = Known::Sound(parts.into_iter().map(|part| part.name).collect()),
                Err(error) if error.is_damage() => *known = Known::Damaged,
                Err(error) => return Err(error),
            }
        }
        directory.ledger = ledger;
        Ok(directory)
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
                    let (file, problem) = (self.location.show(&name.to_string()), crate::error::error_chain(&error));
                    tracing::warn!(file, problem, "a checkpoint cannot be used; the one before it is tried");
                    skipped.push(name);
                }
                Err(error) => return Err(error),
            }
        }
        match skipped.len() {
            0 => Ok(None),
            files => Err(CheckpointError::NoneReadable { directory: Arc::clone(&self.location.shown), files }),
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
        let (refs, payload) = self.read_manifest(name).await?;
        let mut parts = Vec::with_capacity(refs.len());
        for part in refs {
            let file = part.name.to_string();
            let sound = self.fetch(&file).await?.and_then(|bytes| envelope::open(bytes).ok());
            let bytes = sound.filter(|bytes| part.is(bytes));
            let damaged = || CheckpointError::DamagedPart { file: self.location.show(&name.to_string()), part: file };
            parts.push((part, bytes.ok_or_else(damaged)?));
        }
        Ok(Snapshot { name, payload, parts, skipped: Vec::new() })
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

    /// Writes a file that is not there yet, durably.
    pub(super) async fn write_file(&self, file: &str, payload: &[Bytes]) -> Result<(), CheckpointError> {
        let path = self.location.path(file);
        let sealed: PutPayload = std::iter::once(envelope::head(payload)).chain(payload.iter().cloned()).collect();
        let mut attempts = 0;
        loop {
            // Never over what is there: it may be another writer's.
            let options = PutOptions::from(PutMode::Create);
            let source = match self.location.store.put_opts(&path, sealed.clone(), options).await {
                Ok(_) => return Ok(()),
                Err(object_store::Error::AlreadyExists { .. }) => return self.must_be_ours(file, &sealed).await,
                Err(error) => error,
            };
            attempts += 1;
            let file = self.location.show(file);
            match RETRY.judge(attempts) {
                Verdict::RetryIn(wait) => {
                    tracing::warn!(file, error = %source, ?wait, "a checkpoint file could not be written; tried again");
                    tokio::time::sleep(wait).await;
                }
                Verdict::GiveUp => return Err(CheckpointError::Write { file, attempts, source }),
            }
        }
    }

    /// Notes a new checkpoint file, and removes what is not needed any more.
    pub(super) async fn published(&mut self, name: CheckpointName, parts: Vec<PartName>) {
        self.ledger.checkpoints.insert(name, Known::Sound(parts));
        // In this order: a checkpoint file never names a part that is gone.
        for name in self.ledger.surplus(KEPT) {
            if self.removed(&name.to_string()).await {
                self.ledger.checkpoints.remove(&name);
            }
        }
        for part in self.ledger.orphans() {
            if self.removed(&part.to_string()).await {
                self.ledger.parts.remove(&part);
            }
        }
    }

    async fn removed(&self, file: &str) -> bool {
        let result = self.location.delete(file).await;
        if let Err(error) = &result {
            let file = self.location.show(file);
            tracing::warn!(file, %error, "an old checkpoint file could not be removed; tried again after the next one");
        }
        result.is_ok()
    }

    /// A file of this name is there: our own, from an attempt whose answer was lost, or somebody else's.
    async fn must_be_ours(&self, file: &str, sealed: &PutPayload) -> Result<(), CheckpointError> {
        let found = self.fetch(file).await?.unwrap_or_default();
        let ours = found.len() == sealed.content_length() && sealed.iter().flatten().eq(found.iter());
        if ours { Ok(()) } else { Err(CheckpointError::OtherWriter { file: self.location.show(file) }) }
    }

    async fn read_manifest(&self, name: CheckpointName) -> Result<(Vec<PartRef>, Bytes), CheckpointError> {
        let file = name.to_string();
        let bytes = self.fetch(&file).await?.ok_or(Damage::Missing);
        let read = bytes.and_then(envelope::open).and_then(|payload| manifest::read(&payload));
        read.map_err(|source| {
            let file = self.location.show(&file);
            match source {
                Damage::OtherFormat { .. } => CheckpointError::OtherFormat { file, source },
                _ => CheckpointError::Damaged { file, source },
            }
        })
    }

    /// The bytes of a file; `None` when it is not there.
    async fn fetch(&self, file: &str) -> Result<Option<Bytes>, CheckpointError> {
        let path = self.location.path(file);
        let mut attempts = 0;
        loop {
            let fetched = async { self.location.store.get(&path).await?.bytes().await };
            let source = match fetched.await {
                Ok(bytes) => return Ok(Some(bytes)),
                Err(object_store::Error::NotFound { .. }) => return Ok(None),
                Err(error) => error,
            };
            attempts += 1;
            match RETRY.judge(attempts) {
                Verdict::RetryIn(wait) => tokio::time::sleep(wait).await,
                Verdict::GiveUp => {
                    return Err(CheckpointError::Read { file: self.location.show(file), attempts, source });
                }
            }
        }
    }
}

/// What is there of ours; directories, and names that are not ours, are passed over.
async fn list(location: &Location) -> Result<Ledger, CheckpointError> {
    let prefix = (!location.prefix.is_root()).then_some(&location.prefix);
    let listed = location.store.list_with_delimiter(prefix).await;
    let objects =
        listed.map_err(|source| CheckpointError::List { directory: Arc::clone(&location.shown), source })?.objects;
    let mut ledger = Ledger::default();
    for file in objects.iter().filter_map(|object| object.location.filename()) {
        if let Some(name) = CheckpointName::parse(file) {
            ledger.checkpoints.insert(name, Known::Damaged);
        } else if let Some(part) = PartName::parse(file) {
            ledger.parts.insert(part);
        }
    }
    Ok(ledger)
}

/// Checkpoints that stay. As in Spark; enough to go back behind a fault that was found late.
const KEPT: usize = 10;

/// As often as Spark tries.
const RETRY: RetryPolicy =
    RetryPolicy { attempts: NonZeroU32::MIN.saturating_add(2), backoff: Duration::from_millis(100) };

#[cfg(test)]
mod tests;
