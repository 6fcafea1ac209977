//! `persist`: what several users need is computed once, and kept where the storage level says.

use std::sync::Arc;

use crate::cached_on_disk::CachedOnDisk;
use crate::data::Data;
use crate::dstream::DStream;
use crate::rdd::Rdd;
use crate::storage_level::{Placement, StorageLevel};

impl<T: Data> DStream<T> {
    /// The same records, computed once for each batch and kept until the batch is done: in memory, as
    /// [`cache`](Self::cache) does, or with `DISK_ONLY…` on disk, in the
    /// [`block_store`](crate::StreamingContextBuilder::block_store) of the context, from where each use reads them again.
    /// Rows in memory are not counted in the memory budget, and `MEMORY_AND_DISK…` takes none of them to disk.
    ///
    /// ```
    /// # use dstream_core::{StorageLevel, testing::batches_of};
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), dstream_core::BoxError> {
    /// let batches = batches_of(1, |ctx| {
    ///     let large = ctx.queue_stream([vec![1, 2]]).map(|n| vec![n; 3]).persist(StorageLevel::DiskOnly);
    ///     Ok(large.union(&large))
    /// })
    /// .await?;
    /// assert_eq!(batches, [[[1; 3], [2; 3], [1; 3], [2; 3]]]);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn persist(&self, level: StorageLevel) -> Self {
        self.derive("persist", move |rdd| rdd.persist(level))
    }
}

impl<T: Data> Rdd<T> {
    /// The same records, computed by the first action and kept for the further ones where `level` says; see
    /// [`DStream::persist`].
    #[must_use]
    pub fn persist(&self, level: StorageLevel) -> Self {
        if level.placement() == Placement::Disk {
            let store = Arc::clone(&self.job().engine.blocks);
            return self.with(Arc::new(CachedOnDisk::new(self.operator(), Arc::clone(self.dataset()), store)));
        }
        self.cache()
    }
}
