//! A directory with everything that a restart goes on from, and the right to use it.
//!
//! Promises: at most one user at a time, in this process or any other; the right ends with the process however it dies.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use crate::start_error::StartError;

/// A directory that is ours until this is dropped.
#[derive(Debug)]
pub(crate) struct Directory {
    path: PathBuf,
    /// Locked as long as it is open.
    _lock: File,
}

impl Directory {
    /// Makes the directory if there is none, and takes it.
    pub(crate) fn take(path: &Path) -> Result<Self, StartError> {
        let failed = |source| StartError::Directory { path: path.to_owned(), source };
        fs::create_dir_all(path).map_err(failed)?;
        let lock = OpenOptions::new().create(true).truncate(false).write(true).open(path.join("lock"));
        let lock = lock.map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path: path.to_owned(), _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(StartError::DirectoryInUse { path: path.to_owned() }),
            Err(TryLockError::Error(source)) => Err(failed(source)),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.path.join("kinesis.log")
    }

    /// Where a new log is written before it takes the place of the old one.
    pub(crate) fn new_log(&self) -> PathBuf {
        self.path.join("kinesis.log.new")
    }

    /// Where the end of a damaged log is put, from this byte on.
    pub(crate) fn cut(&self, from: u64) -> PathBuf {
        self.path.join(format!("kinesis.log.cut-{from}"))
    }

    /// Makes the names in the directory as durable as the files.
    pub(crate) fn sync(&self) -> io::Result<()> {
        File::open(&self.path)?.sync_all()
    }
}

/// The file of the DynamoDB tables.
pub(crate) const DYNAMODB_FILE: &str = "dynamodb.sqlite";
