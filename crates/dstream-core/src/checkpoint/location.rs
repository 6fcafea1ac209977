//! Where a directory for checkpoints or outputs is: a local path, or an URL of a kind that we know.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use object_store::local::LocalFileSystem;
use object_store::path::Path as StorePath;
use object_store::{ObjectStore, ObjectStoreExt};
use thiserror::Error;
use url::Url;

/// A place, as its text says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// A directory of this machine.
    Local(PathBuf),
    /// A bucket of S3, and a path in it, which may be empty.
    S3 { bucket: String, path: String },
}

/// Reads the text of a place: a path, `file:///path` or `s3://bucket/path`.
pub(super) fn parse(location: &str) -> Result<Place, LocationError> {
    let shown = || location.to_owned();
    if location.trim().is_empty() {
        return Err(LocationError::Empty);
    }
    let Some((scheme, _)) = location.split_once("://") else { return Ok(Place::Local(PathBuf::from(location))) };
    let url = Url::parse(location).map_err(|source| LocationError::Url { location: shown(), source })?;
    match url.scheme() {
        "file" => url.to_file_path().map(Place::Local).map_err(|()| LocationError::NotHere { location: shown() }),
        "s3" | "s3a" => {
            let bucket = url.host_str().ok_or_else(|| LocationError::NoBucket { location: shown() })?.to_owned();
            Ok(Place::S3 { bucket, path: url.path().trim_matches('/').to_owned() })
        }
        _ => Err(LocationError::Scheme { location: shown(), scheme: scheme.to_owned() }),
    }
}

/// A directory in a store.
#[derive(Clone, Debug)]
pub(crate) struct Location {
    pub(crate) store: Arc<dyn ObjectStore>,
    pub(crate) prefix: StorePath,
    /// For messages.
    pub(crate) shown: Arc<str>,
    /// Where it is on this machine, if it is.
    pub(crate) local: Option<PathBuf>,
}

impl Location {
    /// Opens the place that `location` says; a local directory is made when it is not there.
    ///
    /// # Cancellation
    /// A dropped call may have made the directory.
    pub(crate) async fn open(location: &str) -> Result<Self, LocationError> {
        match parse(location)? {
            Place::Local(path) => Self::open_local(path).await,
            Place::S3 { bucket, path } => open_s3(location, &bucket, &path),
        }
    }

    async fn open_local(path: PathBuf) -> Result<Self, LocationError> {
        // Names of files are told to other processes, which may run elsewhere.
        let path = std::path::absolute(&path).unwrap_or(path);
        let made = path.clone();
        let made = tokio::task::spawn_blocking(move || create_durably(&made)).await;
        let made = made.unwrap_or_else(|error| Err(std::io::Error::other(error)));
        let shown: Arc<str> = path.display().to_string().into();
        made.map_err(|source| LocationError::Create { directory: Arc::clone(&shown), source })?;
        let store = LocalFileSystem::new_with_prefix(&path)
            .map_err(|source| LocationError::Open { location: shown.to_string(), source })?;
        // Without it, a file counts as written as soon as the system has heard of it; after a power cut it may be gone.
        let store = Arc::new(store.with_fsync(true));
        Ok(Self { store, prefix: StorePath::default(), shown, local: Some(path) })
    }

    pub(crate) fn path(&self, file: &str) -> StorePath {
        self.prefix.clone().join(file)
    }

    /// A file, for messages.
    pub(crate) fn show(&self, file: &str) -> String {
        format!("{}/{file}", self.shown)
    }

    /// Removes the file at `path`; that it is not there is as good.
    pub(crate) async fn delete(&self, path: &StorePath) -> Result<(), object_store::Error> {
        match self.store.delete(path).await {
            Err(object_store::Error::NotFound { .. }) => Ok(()),
            other => other,
        }
    }

    /// Removes what writes of files that are `ours` have left in the directory `below`, when a crash broke them off: files are
    /// written under a name of their own, `<file>#<number>`, which readers of the directory would take for one more file. Other
    /// stores keep nothing of such a write.
    pub(crate) async fn sweep(&self, below: &str, ours: fn(&str) -> bool) {
        let Some(directory) = self.local.as_ref().map(|local| local.join(below)) else { return };
        // What cannot be removed is of no harm to us.
        let _ = tokio::task::spawn_blocking(move || sweep(&directory, ours)).await;
    }
}

fn sweep(directory: &Path, ours: fn(&str) -> bool) -> std::io::Result<()> {
    for entry in std::fs::read_dir(directory)? {
        let entry = entry?;
        let name = entry.file_name();
        let begun = name.to_str().and_then(|name| name.rsplit_once('#'));
        let is_begun = |(file, number): (&str, &str)| {
            !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()) && ours(file)
        };
        if begun.is_some_and(is_begun) {
            std::fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// Makes the directory and those above it that are missing, so that they survive a power cut.
fn create_durably(path: &Path) -> std::io::Result<()> {
    let path = std::path::absolute(path)?;
    let there = path.ancestors().find(|above| above.exists()).map(Path::to_owned);
    std::fs::create_dir_all(&path)?;
    // A new directory is an entry of the one above it.
    let above =
        path.ancestors().skip(1).take_while(|above| there.as_ref().is_some_and(|there| above.starts_with(there)));
    above.take_while(|_| there.as_deref() != Some(&path)).try_for_each(sync_directory)
}

#[cfg(unix)]
fn sync_directory(path: &Path) -> std::io::Result<()> {
    std::fs::File::open(path)?.sync_all()
}

/// Directories cannot be opened there; the file system looks after them.
#[cfg(not(unix))]
fn sync_directory(_: &Path) -> std::io::Result<()> {
    Ok(())
}

#[cfg(feature = "s3")]
fn open_s3(location: &str, bucket: &str, path: &str) -> Result<Location, LocationError> {
    use std::time::Duration;

    use object_store::RetryConfig;
    use object_store::aws::AmazonS3Builder;

    // The client is built without a provider, and panics unless the process has one. An error: it has one already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    // Attempts are counted where files are written; the client's own ones only bridge a lost connection.
    let retry = RetryConfig { max_retries: 2, retry_timeout: Duration::from_secs(30), ..RetryConfig::default() };
    let opened = AmazonS3Builder::from_env().with_bucket_name(bucket).with_retry(retry).build();
    let store = opened.map_err(|source| LocationError::Open { location: location.to_owned(), source })?;
    let prefix = StorePath::parse(path)
        .map_err(|source| LocationError::Open { location: location.to_owned(), source: source.into() })?;
    Ok(Location { store: Arc::new(store), prefix, shown: location.trim_end_matches('/').into(), local: None })
}

#[cfg(not(feature = "s3"))]
fn open_s3(location: &str, _: &str, _: &str) -> Result<Location, LocationError> {
    Err(LocationError::NoS3 { location: location.to_owned() })
}

/// Why a text is not the place of a directory that can be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub(crate) enum LocationError {
    /// It says nothing.
    #[error("the directory is empty: give a local path, file:///path or s3://bucket/path")]
    Empty,
    /// It is not an URL.
    #[error("the directory {location:?} is not an URL: give a local path, file:///path or s3://bucket/path")]
    Url {
        /// The text.
        location: String,
        /// What is wrong with it.
        source: url::ParseError,
    },
    /// It is of another kind.
    #[error(
        "the directory {location:?} is of the unknown kind {scheme:?}: give a local path, file:///path or s3://bucket/path"
    )]
    Scheme {
        /// The text.
        location: String,
        /// Its scheme.
        scheme: String,
    },
    /// It names a machine.
    #[error("the directory {location:?} is not on this machine: use three slashes, as in file:///path")]
    NotHere {
        /// The text.
        location: String,
    },
    /// It names no bucket.
    #[error("the directory {location:?} names no bucket: give s3://bucket/path")]
    NoBucket {
        /// The text.
        location: String,
    },
    /// S3 was left out of this program.
    #[error(
        "the directory {location:?} is on S3, which this program was built without: enable the feature \"s3\" of dstream-core"
    )]
    NoS3 {
        /// The text.
        location: String,
    },
    /// It could not be made.
    #[error("the directory {directory} could not be made: check the path and its permissions")]
    Create {
        /// The directory.
        directory: Arc<str>,
        /// Why.
        source: std::io::Error,
    },
    /// It could not be opened.
    #[error("the directory {location} could not be opened: check its name and the credentials")]
    Open {
        /// The text.
        location: String,
        /// Why.
        source: object_store::Error,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fresh_dir::FreshDir;

    fn refused(location: &str) -> String {
        parse(location).unwrap_err().to_string()
    }

    #[test]
    fn paths_and_urls_of_known_kinds_are_places() {
        let local = |path: &str| Place::Local(PathBuf::from(path));
        assert_eq!(parse("/var/ck").unwrap(), local("/var/ck"));
        assert_eq!(parse("ck/word count").unwrap(), local("ck/word count"));
        assert_eq!(parse("file:///var/word%20count").unwrap(), local("/var/word count"));
        let s3 = |bucket: &str, path: &str| Place::S3 { bucket: bucket.to_owned(), path: path.to_owned() };
        assert_eq!(parse("s3://bucket/a/b/").unwrap(), s3("bucket", "a/b"));
        assert_eq!(parse("s3a://bucket").unwrap(), s3("bucket", ""));
    }

    #[test]
    fn anything_else_is_refused_with_what_to_give_instead() {
        assert!(refused(" ").contains("is empty: give a local path"));
        assert!(refused("hdfs://node/ck").contains("unknown kind \"hdfs\": give a local path"));
        assert!(refused("file://host/ck").contains("three slashes"));
        assert!(refused("s3:///path").contains("s3://bucket/path"));
        assert!(refused("://x").contains("not an URL"));
    }

    #[cfg(not(feature = "s3"))]
    #[tokio::test]
    async fn a_bucket_is_refused_when_s3_was_left_out() {
        let error = Location::open("s3://bucket/path").await.unwrap_err();
        assert!(error.to_string().contains("enable the feature \"s3\""));
    }

    /// No request is sent by opening.
    #[cfg(feature = "s3")]
    #[tokio::test]
    async fn a_bucket_is_opened_with_the_path_as_its_prefix() {
        let location = Location::open("s3://bucket/a/b/").await.unwrap();
        assert_eq!(location.path("file").as_ref(), "a/b/file");
        assert_eq!(location.show("file"), "s3://bucket/a/b/file");
    }

    #[tokio::test]
    async fn what_a_crash_left_of_our_own_writes_is_swept_and_nothing_else() {
        let fresh = FreshDir::below(&std::env::temp_dir(), "dstream-test").unwrap();
        let location = Location::open(fresh.path().to_str().unwrap()).await.unwrap();
        std::fs::create_dir(fresh.path().join("out")).unwrap();
        let names = ["part-00000", "part-00000#1", "part-00000#", "part-00000#x", "theirs#1"];
        names.iter().for_each(|name| std::fs::write(fresh.path().join("out").join(name), "x").unwrap());
        location.sweep("out", |file| file.starts_with("part-")).await;
        location.sweep("not there", |_| true).await;
        let there = names.map(|name| fresh.path().join("out").join(name).exists());
        assert_eq!(there, [true, false, true, true, true]);
    }

    #[tokio::test]
    async fn a_missing_local_directory_is_made_and_one_that_cannot_be_is_named() {
        let fresh = FreshDir::below(&std::env::temp_dir(), "dstream-test").unwrap();
        let deep = fresh.path().join("a/b");
        Location::open(deep.to_str().unwrap()).await.unwrap();
        assert!(deep.is_dir());
        std::fs::write(fresh.path().join("file"), "x").unwrap();
        let error = Location::open(fresh.path().join("file/ck").to_str().unwrap()).await.unwrap_err();
        assert!(error.to_string().contains("file/ck could not be made"), "{error}");
    }
}
