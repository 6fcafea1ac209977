//! Whether a snapshot was published, asked by a process that did not write it.

use object_store::ObjectStoreExt;
use thiserror::Error;

use crate::checkpoint::envelope;
use crate::checkpoint::location::{Location, Place, parse};
use crate::checkpoint::name::CheckpointName;
use crate::error::BoxError;

/// Whether there is a snapshot of this name, as [`RangeReplay::prepare`](crate::RangeReplay::prepare) got it: directory, file, and the
/// checksum of the file. One of the same path that another machine wrote is not it.
/// Snapshots are published whole, so one that is there can be relied upon. The newest ten of a directory stay; ask soon.
///
/// # Errors
/// [`SnapshotLookupError`], when the name is of no such file, or the place cannot be looked at: then nobody knows.
///
/// # Cancellation
/// No effect.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), dstream_core::BoxError> {
/// assert!(!dstream_core::snapshot_exists("/no/such/directory/checkpoint-00000000000000000042-1431612280000#0a1b2c3d").await?);
/// # Ok(()) }
/// ```
pub async fn snapshot_exists(name: &str) -> Result<bool, SnapshotLookupError> {
    let unnamed = || SnapshotLookupError::Name { name: name.to_owned() };
    let (path, mark) = name.rsplit_once('#').ok_or_else(unnamed)?;
    let (directory, file) = path.rsplit_once('/').ok_or_else(unnamed)?;
    CheckpointName::parse(file).ok_or_else(unnamed)?;
    let failed = |source: BoxError| SnapshotLookupError::Place { name: name.to_owned(), source };
    let place = parse(directory).map_err(|error| failed(error.into()))?;
    // Opening would make it.
    if let Place::Local(path) = &place
        && !path.is_dir()
    {
        return Ok(false);
    }
    let location = Location::open(directory).await.map_err(|error| failed(error.into()))?;
    match location.store.get_range(&location.path(file), 0..envelope::HEAD_LENGTH).await {
        Ok(head) => Ok(envelope::mark(&head) == mark),
        Err(object_store::Error::NotFound { .. }) => Ok(false),
        Err(error) => Err(failed(error.into())),
    }
}

/// Why nobody knows whether there is a snapshot.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SnapshotLookupError {
    /// It is not the name of a snapshot.
    #[error("{name:?} names no snapshot: give its directory, file and checksum, as prepare(..) got them")]
    Name {
        /// What was given.
        name: String,
    },
    /// Its directory cannot be looked at.
    #[error("cannot look for the snapshot {name}: check the directory, permissions and connection")]
    Place {
        /// The snapshot.
        name: String,
        /// What failed.
        source: BoxError,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint::directory::CheckpointDir;
    use crate::fresh_dir::FreshDir;
    use crate::time::Time;

    #[tokio::test]
    async fn a_snapshot_is_found_under_its_whole_name_once_it_is_published() {
        let fresh = FreshDir::below(&std::env::temp_dir(), "dstream-test").unwrap();
        let mut directory = CheckpointDir::open(fresh.path().to_str().unwrap()).await.unwrap();
        let draft = directory.begin(Time::from_millis(5_000));
        let (name, other) = (draft.name(&"payload".into()), draft.name(&"of another machine".into()));
        assert!(!snapshot_exists(&name).await.unwrap());
        draft.publish("payload".into()).await.unwrap();
        assert!(snapshot_exists(&name).await.unwrap(), "{name}");
        assert!(!snapshot_exists(&other).await.unwrap(), "{other} has the same path");
        assert!(!snapshot_exists(&name.replace("-5000", "-6000")).await.unwrap());
    }

    #[tokio::test]
    async fn a_missing_directory_is_not_made_and_other_names_are_refused() {
        let fresh = FreshDir::below(&std::env::temp_dir(), "dstream-test").unwrap();
        let missing = fresh.path().join("gone");
        let name = format!("{}/checkpoint-00000000000000000001-5000#0a1b2c3d", missing.display());
        assert!(!snapshot_exists(&name).await.unwrap());
        assert!(!missing.exists());
        for name in [
            "",
            "checkpoint-00000000000000000001-5000#1",
            "/tmp/checkpoint-00000000000000000001-5000",
            "/tmp/part-1-x#1",
            "/tmp/#1",
        ] {
            let error = snapshot_exists(name).await.unwrap_err();
            assert!(error.to_string().contains("names no snapshot"), "{error}");
        }
    }
}
