//! Whether a snapshot that a lease names was published: asked once when such a lease is gained.

use std::fmt;
use std::sync::Arc;

use dstream_core::BoxError;
use futures::future::BoxFuture;
use tracing::{info, warn};

type Look = dyn Fn(String) -> BoxFuture<'static, Result<bool, BoxError>> + Send + Sync;

/// Looks for snapshots.
#[derive(Clone)]
pub(crate) struct SnapshotLookup(Arc<Look>);

/// Whether there is a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Published {
    Yes,
    /// There is none, or nobody knows.
    No,
}

impl fmt::Debug for SnapshotLookup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SnapshotLookup").finish_non_exhaustive()
    }
}

impl SnapshotLookup {
    /// Asks `look`, which gets the whole name.
    pub(crate) fn new(
        look: impl Fn(String) -> BoxFuture<'static, Result<bool, BoxError>> + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(look))
    }

    /// Whether a snapshot was published. If that cannot be found out, it was not: then records come twice, and none is lost.
    pub(crate) async fn look(&self, name: &str) -> Published {
        match (self.0)(name.to_owned()).await {
            Ok(true) => {
                info!(snapshot = name, "the snapshot that a lease names was published; its position counts");
                Published::Yes
            }
            Ok(false) => {
                info!(snapshot = name, "the snapshot that a lease names was not published; the last checkpoint counts");
                Published::No
            }
            Err(error) => {
                warn!(
                    snapshot = name,
                    error = dstream_core::error_chain(&*error),
                    "whether the snapshot that a lease names was published cannot be found out; the last checkpoint counts"
                );
                Published::No
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_not_there_or_cannot_be_looked_at_counts_as_not_published() {
        let lookup = SnapshotLookup::new(|name| {
            Box::pin(async move {
                match name.as_str() {
                    "there" => Ok(true),
                    "not there" => Ok(false),
                    _ => Err("no such bucket".into()),
                }
            })
        });
        assert_eq!(lookup.look("there").await, Published::Yes);
        assert_eq!(lookup.look("not there").await, Published::No);
        assert_eq!(lookup.look("elsewhere").await, Published::No);
    }
}
