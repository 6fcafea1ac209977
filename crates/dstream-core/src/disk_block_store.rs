//! The block store on disk: a file for each block, in a directory that is there only while blocks are.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use bytes::Bytes;

use crate::block::BlockId;
use crate::block_store::{BlockStore, BlockStoreError};
use crate::lock::lock;
use crate::spill::{SpillError, SpillStore};

/// Keeps blocks in files. The files are only for this process: nothing of them is read after a crash, and nothing is left
/// behind after a stop.
///
/// ```
/// use std::sync::Arc;
/// use std::time::Duration;
/// use dstream_core::{DiskBlockStore, StreamingContext};
///
/// let scratch = std::env::temp_dir().join("scratch");
/// let ctx = StreamingContext::builder("word count")
///     .batch_interval(Duration::from_secs(2))
///     .block_store(Arc::new(DiskBlockStore::below(scratch)))
///     .build()?;
/// # Ok::<(), dstream_core::ConfigError>(())
/// ```
#[derive(Debug, Default)]
pub struct DiskBlockStore {
    parent: Option<PathBuf>,
    // Made for the first block, dropped after the last one. Held while the directory is made or removed, not while blocks
    // are written or read.
    files: Mutex<Option<Arc<SpillStore<BlockId>>>>,
}

impl DiskBlockStore {
    /// A store below `parent`, which is made when it is not there. The default is the system's directory of temporary
    /// files; on many systems that is in memory, and then of no use here.
    pub fn below(parent: impl Into<PathBuf>) -> Self {
        Self { parent: Some(parent.into()), ..Self::default() }
    }

    fn open(&self) -> Result<Arc<SpillStore<BlockId>>, SpillError> {
        let mut files = lock(&self.files);
        if let Some(files) = &*files {
            return Ok(Arc::clone(files));
        }
        let opened = Arc::new(SpillStore::new(self.parent.as_deref())?);
        *files = Some(Arc::clone(&opened));
        drop(files);
        Ok(opened)
    }

    fn opened(&self) -> Option<Arc<SpillStore<BlockId>>> {
        lock(&self.files).clone()
    }
}

impl BlockStore for DiskBlockStore {
    fn put(&self, id: BlockId, block: &Bytes) -> Result<(), BlockStoreError> {
        self.open().and_then(|files| files.put(id, block)).map_err(BlockStoreError::new)
    }

    fn get(&self, id: BlockId) -> Result<Option<Bytes>, BlockStoreError> {
        let Some(files) = self.opened() else { return Ok(None) };
        files.get(&id).map_err(BlockStoreError::new)
    }

    fn remove(&self, id: BlockId) {
        if let Some(files) = self.opened() {
            files.remove(&id);
        }
        let mut files = lock(&self.files);
        // Whoever writes or reads has a share of it: then the directory stays, and goes after a later block.
        if files.as_mut().and_then(Arc::get_mut).is_some_and(|files| files.len() == 0) {
            *files = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::block::StreamId;
    use crate::block_store::tests::conforms;
    use crate::error::error_chain;
    use crate::fresh_dir::FreshDir;

    fn entries(directory: &FreshDir) -> usize {
        std::fs::read_dir(directory.path()).unwrap().count()
    }

    #[test]
    fn the_disk_store_conforms_and_its_directory_is_there_only_while_blocks_are() {
        let parent = FreshDir::below(&std::env::temp_dir(), "dstream-test").unwrap();
        let store = DiskBlockStore::below(parent.path());
        assert_eq!(entries(&parent), 0);
        conforms(&store);
        assert_eq!(entries(&parent), 1);
        store.remove(BlockId::new(StreamId::new(0), 0));
        assert_eq!(entries(&parent), 0);
    }

    #[test]
    fn a_directory_that_cannot_be_made_is_named_in_the_error() {
        let parent = FreshDir::below(&std::env::temp_dir(), "dstream-test").unwrap();
        let file = parent.path().join("file");
        std::fs::write(&file, "in the way").unwrap();
        let store = DiskBlockStore::below(&file);
        let error = store.put(BlockId::new(StreamId::new(0), 0), &Bytes::new()).unwrap_err();
        assert!(error_chain(&error).contains(file.to_str().unwrap()), "{error}");
    }
}
