//! The files of a checkpoint directory: sealed with a checksum, written durably and whole, a few attempts each.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use object_store::{ObjectStoreExt, PutMode, PutOptions, PutPayload};

use crate::checkpoint::envelope;
use crate::checkpoint::error::CheckpointError;
use crate::checkpoint::location::Location;
use crate::retry::{RetryPolicy, Verdict};

/// A cheap handle; who may write which file is a matter of those who hold one.
#[derive(Clone, Debug)]
pub(crate) struct Files {
    location: Location,
}

impl Files {
    pub(super) const fn new(location: Location) -> Self {
        Self { location }
    }

    /// The whole name of a file: directory and file.
    pub(super) fn show(&self, file: &str) -> String {
        self.location.show(file)
    }

    /// The whole name of the directory.
    pub(super) fn shown(&self) -> Arc<str> {
        Arc::clone(&self.location.shown)
    }

    /// The names of all files, whoever wrote them; directories are passed over.
    pub(super) async fn list(&self) -> Result<Vec<String>, CheckpointError> {
        let prefix = (!self.location.prefix.is_root()).then_some(&self.location.prefix);
        let listed = self.location.store.list_with_delimiter(prefix).await;
        let listed = listed.map_err(|source| CheckpointError::List { directory: self.shown(), source })?;
        let names = listed.objects.iter().filter_map(|object| object.location.filename());
        Ok(names.map(str::to_owned).collect())
    }

    /// Removes what a crash left of writes of files that are `ours`.
    pub(super) async fn sweep(&self, ours: fn(&str) -> bool) {
        self.location.sweep("", ours).await;
    }

    /// Writes a file that is not there yet, durably.
    pub(super) async fn write_new(&self, file: &str, payload: &[Bytes]) -> Result<(), CheckpointError> {
        // Never over what is there: it may be another writer's.
        self.write(file, payload, PutMode::Create).await
    }

    /// Writes a file, or another one in its place, durably.
    pub(super) async fn replace(&self, file: &str, payload: &[Bytes]) -> Result<(), CheckpointError> {
        self.write(file, payload, PutMode::Overwrite).await
    }

    async fn write(&self, file: &str, payload: &[Bytes], mode: PutMode) -> Result<(), CheckpointError> {
        let path = self.location.path(file);
        let sealed: PutPayload = std::iter::once(envelope::head(payload)).chain(payload.iter().cloned()).collect();
        let mut attempts = 0;
        loop {
            let options = PutOptions::from(mode.clone());
            let source = match self.location.store.put_opts(&path, sealed.clone(), options).await {
                Ok(_) => return Ok(()),
                Err(object_store::Error::AlreadyExists { .. }) => return self.must_be_ours(file, &sealed).await,
                Err(error) => error,
            };
            attempts += 1;
            let file = self.show(file);
            match RETRY.judge(attempts) {
                Verdict::RetryIn(wait) => {
                    tracing::warn!(file, error = %source, ?wait, "a checkpoint file could not be written; tried again");
                    tokio::time::sleep(wait).await;
                }
                Verdict::GiveUp => return Err(CheckpointError::Write { file, attempts, source }),
            }
        }
    }

    /// A file of this name is there: our own, from an attempt whose answer was lost, or somebody else's.
    async fn must_be_ours(&self, file: &str, sealed: &PutPayload) -> Result<(), CheckpointError> {
        let found = self.fetch(file).await?.unwrap_or_default();
        let ours = found.len() == sealed.content_length() && sealed.iter().flatten().eq(found.iter());
        if ours { Ok(()) } else { Err(CheckpointError::OtherWriter { file: self.show(file) }) }
    }

    /// The bytes of a file, still sealed; `None` when it is not there.
    pub(super) async fn fetch(&self, file: &str) -> Result<Option<Bytes>, CheckpointError> {
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
                    return Err(CheckpointError::Read { file: self.show(file), attempts, source });
                }
            }
        }
    }

    /// Removes a file that is not needed any more. False, with a warning, if that did not work; nothing is lost by it.
    pub(super) async fn removed(&self, file: &str) -> bool {
        let result = self.location.delete(&self.location.path(file)).await;
        if let Err(error) = &result {
            let file = self.show(file);
            tracing::warn!(file, %error, "a file that is not needed any more could not be removed; it is tried again later");
        }
        result.is_ok()
    }

    /// Removes a file that must not stay; that it is not there is as good.
    pub(super) async fn remove(&self, file: &str) -> Result<(), CheckpointError> {
        let path = self.location.path(file);
        let mut attempts = 0;
        loop {
            let Err(source) = self.location.delete(&path).await else { return Ok(()) };
            attempts += 1;
            match RETRY.judge(attempts) {
                Verdict::RetryIn(wait) => tokio::time::sleep(wait).await,
                Verdict::GiveUp => return Err(CheckpointError::Remove { file: self.show(file), attempts, source }),
            }
        }
    }
}

/// As often as Spark tries.
const RETRY: RetryPolicy =
    RetryPolicy { attempts: NonZeroU32::MIN.saturating_add(2), backoff: Duration::from_millis(100) };
