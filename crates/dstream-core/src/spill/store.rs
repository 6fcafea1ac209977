//! The disk store of blocks: a file per block in a directory of its own, which is removed at the end.
//!
//! Blocking, and without any cache but the system's: to be called where blocking does no harm. What is read is what was
//! written, or an error: length and checksum are compared. Nothing survives the process, and nothing is synced.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::fs::File;
use std::io::{self, Read, Write};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use bytes::Bytes;
use thiserror::Error;

use crate::fresh_dir::FreshDir;
use crate::lock::lock;
use crate::spill::open_files::OpenFiles;

/// Blocks by id.
#[derive(Debug)]
pub(crate) struct SpillStore<Id> {
    directory: FreshDir,
    open_files: OpenFiles,
    // Held for one map operation, never while a file is open.
    blocks: Mutex<Blocks<Id>>,
}

#[derive(Debug)]
struct Blocks<Id> {
    by_id: BTreeMap<Id, OnDisk>,
    /// The number of the next file. A file is never written over: a reader may still be about to open it.
    next: u64,
}

/// A block, as it must be found.
#[derive(Clone, Copy, Debug)]
struct OnDisk {
    file: u64,
    length: usize,
    checksum: u32,
}

impl<Id: Ord + Clone + Debug> SpillStore<Id> {
    /// A store in a fresh directory below `parent`, or below the system's directory of temporary files. At most
    /// [`OPEN_FILES`] files are open at once; further calls wait.
    ///
    /// # Errors
    /// When the directory cannot be made.
    pub(crate) fn new(parent: Option<&Path>) -> Result<Self, SpillError> {
        let parent = parent.map_or_else(std::env::temp_dir, Path::to_owned);
        let directory = FreshDir::below(&parent, "dstream-spill")
            .map_err(|source| SpillError::Directory { directory: parent, source })?;
        let blocks = Mutex::new(Blocks { by_id: BTreeMap::new(), next: 0 });
        Ok(Self { directory, open_files: OpenFiles::new(OPEN_FILES), blocks })
    }

    /// Where the files are.
    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Keeps `bytes` under `id`, in the place of what was there.
    ///
    /// # Errors
    /// When the disk is full or cannot be written; what was there before then stays.
    pub(crate) fn put(&self, id: Id, bytes: &Bytes) -> Result<(), SpillError> {
        let file = {
            let mut blocks = lock(&self.blocks);
            blocks.next += 1;
            blocks.next
        };
        let path = self.path(file);
        if let Err(error) = self.write(&path, bytes) {
            // A part of a block helps nobody, least of all on a full disk.
            let _ = std::fs::remove_file(&path);
            return Err(SpillError::writing(path, error));
        }
        let block = OnDisk { file, length: bytes.len(), checksum: crc32fast::hash(bytes) };
        let replaced = lock(&self.blocks).by_id.insert(id, block);
        self.discard(replaced);
        Ok(())
    }

    /// The block under `id`; `None` when there is none.
    ///
    /// # Errors
    /// When its file cannot be read, or is not what was written.
    pub(crate) fn get(&self, id: &Id) -> Result<Option<Bytes>, SpillError> {
        let find = || lock(&self.blocks).by_id.get(id).copied();
        while let Some(block) = find() {
            let path = self.path(block.file);
            match self.read(&path, block.length) {
                Ok(bytes) if bytes.len() == block.length && crc32fast::hash(&bytes) == block.checksum => {
                    return Ok(Some(bytes));
                }
                Ok(_) => return Err(SpillError::Damaged { path }),
                // Removed or replaced since we looked: look again.
                Err(_) if find().is_none_or(|now| now.file != block.file) => {}
                Err(source) => return Err(SpillError::Read { path, source }),
            }
        }
        Ok(None)
    }

    /// Forgets the block under `id`, if there is one.
    pub(crate) fn remove(&self, id: &Id) {
        let removed = lock(&self.blocks).by_id.remove(id);
        self.discard(removed);
    }

    /// How many blocks there are.
    pub(crate) fn len(&self) -> usize {
        lock(&self.blocks).by_id.len()
    }

    fn discard(&self, block: Option<OnDisk>) {
        if let Some(block) = block {
            let path = self.path(block.file);
            if let Err(error) = std::fs::remove_file(&path) {
                tracing::warn!(path = %path.display(), %error, "a spilled block stays on disk until the program ends");
            }
        }
    }

    fn path(&self, file: u64) -> PathBuf {
        self.directory.path().join(format!("block-{file}"))
    }

    fn write(&self, path: &Path, bytes: &Bytes) -> io::Result<()> {
        let _leave = self.open_files.enter();
        File::create_new(path)?.write_all(bytes)
    }

    fn read(&self, path: &Path, length: usize) -> io::Result<Bytes> {
        let _leave = self.open_files.enter();
        let mut bytes = Vec::with_capacity(length);
        File::open(path)?.read_to_end(&mut bytes)?;
        Ok(bytes.into())
    }
}

/// Why a block could not be kept on disk, or not be had back.
#[derive(Debug, Error)]
#[non_exhaustive]
pub(crate) enum SpillError {
    /// There is no directory for blocks.
    #[error("cannot make a directory for spilled blocks in {}: name one that can be written", directory.display())]
    Directory {
        /// Where.
        directory: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// There is no space left.
    #[error("no space for a spilled block at {}: free some, or spill to a larger disk", path.display())]
    DiskFull {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// It could not be written for another reason.
    #[error("cannot write a spilled block to {}: check the disk and the permissions", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It could not be read.
    #[error("cannot read a spilled block from {}: check whether something removes temporary files", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is not what was written.
    #[error("the spilled block at {} is not what was written: check the disk", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
    },
}

impl SpillError {
    fn writing(path: PathBuf, source: io::Error) -> Self {
        use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};

        match source.kind() {
            StorageFull | QuotaExceeded | FileTooLarge => Self::DiskFull { path, source },
            _ => Self::Write { path, source },
        }
    }
}

/// Far below the usual limit of 1 024 for a process, far above what disks do at once.
const OPEN_FILES: NonZeroUsize = NonZeroUsize::MIN.saturating_add(63);

#[cfg(test)]
mod tests {
    use std::error::Error;

    use proptest::prelude::*;

    use super::*;

    fn bytes(text: &str) -> Bytes {
        Bytes::copy_from_slice(text.as_bytes())
    }

    fn scratch() -> FreshDir {
        FreshDir::below(&std::env::temp_dir(), "dstream-test").unwrap()
    }

    fn files(store: &SpillStore<u32>) -> usize {
        std::fs::read_dir(store.directory()).unwrap().count()
    }

    #[test]
    fn all_files_are_gone_with_the_store() {
        let parent = scratch();
        let store = SpillStore::new(Some(parent.path())).unwrap();
        (0..10_u32).for_each(|id| store.put(id, &bytes("block")).unwrap());
        assert_eq!((store.len(), files(&store)), (10, 10));
        drop(store);
        assert_eq!(std::fs::read_dir(parent.path()).unwrap().count(), 0);
    }

    #[test]
    fn without_a_parent_blocks_are_among_temporary_files() {
        let store = SpillStore::<u32>::new(None).unwrap();
        assert!(store.directory().starts_with(std::env::temp_dir()));
    }

    #[cfg(unix)]
    #[test]
    fn nobody_else_can_look_into_the_directory() {
        use std::os::unix::fs::PermissionsExt;

        let store = SpillStore::<u32>::new(None).unwrap();
        assert_eq!(std::fs::metadata(store.directory()).unwrap().permissions().mode() & 0o077, 0);
    }

    #[test]
    fn a_file_that_was_changed_or_removed_behind_our_back_is_an_error_that_names_it() {
        let store = SpillStore::new(None).unwrap();
        store.put(1_u32, &bytes("block")).unwrap();
        let path = store.path(1);
        std::fs::write(&path, "blocK").unwrap();
        assert!(matches!(store.get(&1), Err(SpillError::Damaged { .. })));
        std::fs::remove_file(&path).unwrap();
        let error = store.get(&1).unwrap_err();
        assert!(error.to_string().contains(path.to_str().unwrap()) && error.source().is_some(), "{error}");
    }

    #[test]
    fn a_directory_that_cannot_be_made_is_named() {
        let parent = scratch();
        let file = parent.path().join("file");
        std::fs::write(&file, "x").unwrap();
        let error = SpillStore::<u32>::new(Some(&file)).unwrap_err();
        assert!(error.to_string().contains(file.to_str().unwrap()), "{error}");
    }

    #[test]
    fn a_block_that_cannot_be_written_leaves_the_one_before_it() {
        let parent = scratch();
        let store = SpillStore::new(Some(parent.path())).unwrap();
        store.put(1_u32, &bytes("old")).unwrap();
        // Somebody is in the way of the next file.
        std::fs::create_dir(store.path(2)).unwrap();
        assert!(matches!(store.put(1, &bytes("new")), Err(SpillError::Write { .. })));
        assert_eq!(store.get(&1).unwrap(), Some(bytes("old")));
    }

    #[test]
    fn a_full_disk_is_told_apart_and_says_what_to_do() {
        let full = SpillError::writing(PathBuf::from("/p"), io::ErrorKind::StorageFull.into());
        assert_eq!(full.to_string(), "no space for a spilled block at /p: free some, or spill to a larger disk");
        let other = SpillError::writing(PathBuf::from("/p"), io::ErrorKind::PermissionDenied.into());
        assert!(matches!(other, SpillError::Write { .. }));
    }

    #[test]
    fn readers_see_the_old_block_or_the_new_one_while_it_is_replaced_and_removed() {
        let store = SpillStore::new(None).unwrap();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for round in 0..200_u32 {
                    store.put(1_u32, &bytes(&"x".repeat(usize::try_from(round).unwrap()))).unwrap();
                    if round % 10 == 9 {
                        store.remove(&1);
                    }
                }
            });
            for _ in 0..2 {
                scope.spawn(|| {
                    for _ in 0..300 {
                        let found = store.get(&1).unwrap();
                        assert!(found.is_none_or(|bytes| bytes.iter().all(|byte| *byte == b'x')));
                    }
                });
            }
        });
        assert_eq!((store.len(), files(&store)), (0, 0));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn any_history_reads_like_a_map_and_leaves_one_file_per_block(
            steps in proptest::collection::vec((0_u32..6, proptest::option::weighted(0.7, proptest::collection::vec(any::<u8>(), 0..300))), 0..60),
        ) {
            let store = SpillStore::new(None).unwrap();
            let mut naive = BTreeMap::new();
            for (id, block) in steps {
                match block.map(Bytes::from) {
                    Some(block) => {
                        store.put(id, &block).unwrap();
                        naive.insert(id, block);
                    }
                    None => {
                        store.remove(&id);
                        naive.remove(&id);
                    }
                }
                for id in 0..6 {
                    prop_assert_eq!(store.get(&id).unwrap(), naive.get(&id).cloned());
                }
                prop_assert_eq!((store.len(), files(&store)), (naive.len(), naive.len()));
            }
        }
    }
}
