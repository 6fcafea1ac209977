//! The entries of unfinished batches, replaced by what was claimed of them, before any of them runs again.
//!
//! Promises: what another process was left to deliver does not count as done when its batch is. The newest entry is replaced
//! first, so that after a crash on the way each source has an unbroken run of ranges, up to where it is read again.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::block::StreamId;
use crate::checkpoint::files::Files;
use crate::checkpoint::log_entry::{BatchName, LogEntry, LoggedBlocks};
use crate::error::StreamingError;
use crate::time::Time;

/// The unfinished entries as they are in the log.
pub(crate) struct LogRewriting {
    files: Files,
    /// The earliest batch first.
    unfinished: Vec<LogEntry>,
}

/// What of each unfinished batch is this process's to run again.
pub(crate) type Claimed = BTreeMap<Time, Vec<(StreamId, LoggedBlocks)>>;

impl LogRewriting {
    pub(super) const fn new(files: Files, unfinished: Vec<LogEntry>) -> Self {
        Self { files, unfinished }
    }

    /// An entry of which nothing is left stays as an empty one, for those after it name it; it goes behind the next snapshot.
    ///
    /// # Errors
    /// When an entry could not be written in three attempts.
    ///
    /// # Cancellation
    /// A dropped call may have replaced some entries, the newest.
    pub(crate) async fn rewrite(self, mut claimed: Claimed) -> Result<(), StreamingError> {
        for old in self.unfinished.into_iter().rev() {
            let batch = old.batch;
            let new = LogEntry { streams: claimed.remove(&batch).unwrap_or_default(), ..old.clone() };
            if new == old {
                continue;
            }
            let failed = |source| StreamingError::BatchLog { batch, source };
            let bytes = new.encode().map_err(|error| failed(Arc::new(error)))?;
            let written = self.files.replace(&BatchName(batch).to_string(), &[bytes]).await;
            written.map_err(|error| failed(Arc::new(error)))?;
        }
        Ok(())
    }
}
