//! A snapshot that is being written. Dropped before it is published, it has never been.

use bytes::Bytes;

use crate::checkpoint::directory::CheckpointDir;
use crate::checkpoint::envelope;
use crate::checkpoint::error::CheckpointError;
use crate::checkpoint::manifest::{self, PartRef};
use crate::checkpoint::name::{CheckpointName, PartName};

/// Holds the directory while it lasts: there is one writer, and one draft at a time.
#[derive(Debug)]
#[must_use = "what is not published is removed with the next clean-up"]
pub(crate) struct Draft<'a> {
    directory: &'a mut CheckpointDir,
    name: CheckpointName,
    parts: Vec<PartRef>,
}

impl<'a> Draft<'a> {
    pub(super) const fn new(directory: &'a mut CheckpointDir, name: CheckpointName) -> Self {
        Self { directory, name, parts: Vec::new() }
    }

    /// The whole name under which it will be published with this payload: directory, file, and the checksum of what is in it, so that
    /// the snapshot of another machine under the same path is not taken for it.
    pub(crate) fn name(&self, payload: &Bytes) -> String {
        let file = self.directory.files().show(&self.name.to_string());
        let mark = envelope::mark(&envelope::head(&manifest::write(&self.parts, payload.clone())));
        format!("{file}#{mark}")
    }

    /// Writes a part of this snapshot; it is durable when this returns.
    ///
    /// # Errors
    /// When the label is not plain or was used before in this draft, or the part could not be written in three attempts.
    ///
    /// # Cancellation
    /// A dropped call may have written the part. Drop the draft then.
    pub(crate) async fn write_part(&mut self, label: &str, bytes: Bytes) -> Result<PartRef, CheckpointError> {
        let name = PartName::new(self.name.sequence, label);
        let name = name.filter(|name| self.parts.iter().all(|part| part.name != *name));
        let name = name.ok_or_else(|| CheckpointError::Label { label: label.to_owned() })?;
        let part = PartRef::new(name.clone(), &bytes);
        // Known before it is there, so that the clean-up finds it however the call ends.
        self.directory.expect_part(name.clone());
        self.directory.files().write_new(&name.to_string(), &[bytes]).await?;
        self.parts.push(part.clone());
        Ok(part)
    }

    #[cfg_attr(not(test), expect(dead_code, reason = "parts that did not change are written again for now"))]
    /// Makes a part of an earlier snapshot one of this snapshot too, without writing it again.
    ///
    /// # Errors
    /// When no kept snapshot names it: it has been removed, or may be at any time.
    pub(crate) fn keep_part(&mut self, part: &PartRef) -> Result<(), CheckpointError> {
        if !self.directory.names_part(&part.name) {
            return Err(CheckpointError::PartGone { part: part.name.to_string() });
        }
        self.parts.push(part.clone());
        Ok(())
    }

    /// Writes the checkpoint file, with `payload` in it; the snapshot is there and durable when this returns. Then removes
    /// what is older than the newest ten, and parts that none of those names; what cannot be removed stays until the next
    /// time, with a warning.
    ///
    /// # Errors
    /// When it could not be written in three attempts, or another process writes to the directory.
    ///
    /// # Cancellation
    /// A dropped call may have published the snapshot.
    pub(crate) async fn publish(self, payload: Bytes) -> Result<CheckpointName, CheckpointError> {
        let pieces = manifest::write(&self.parts, payload);
        self.directory.files().write_new(&self.name.to_string(), &pieces).await?;
        let parts = self.parts.into_iter().map(|part| part.name).collect();
        self.directory.published(self.name, parts).await;
        Ok(self.name)
    }
}
