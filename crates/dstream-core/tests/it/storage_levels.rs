//! What each storage level does when memory is short, when the disk fails, and at the end.
#![allow(clippy::unwrap_used, clippy::future_not_send, reason = "part of tests, outside of their functions")]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use crate::support::{Fault, Rig, SECOND, Seeing, Seen, Source, Span, UNWRITABLE, in_time};
use bytes::Bytes;
use dstream_core::{
    BlockId, BlockStore, BlockStoreError, DiskBlockStore, Event, MemoryBlockStore, StopMode, StorageLevel,
    StreamingError, error_chain,
};

/// A directory for one test; removed at its end.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("dstream-levels-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn files(&self) -> Vec<PathBuf> {
        fn below(directory: &Path, found: &mut Vec<PathBuf>) {
            for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
                let path = entry.path();
                if path.is_dir() { below(&path, found) } else { found.push(path) }
            }
        }
        let mut found = Vec::new();
        below(&self.0, &mut found);
        found
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Fails to write while it is told to, and counts what it wrote.
#[derive(Debug, Default)]
struct Flaky {
    full: AtomicBool,
    refused: AtomicU32,
    written: AtomicU32,
    inner: MemoryBlockStore,
}

impl BlockStore for Flaky {
    fn put(&self, id: BlockId, block: &Bytes) -> Result<(), BlockStoreError> {
        if self.full.load(Ordering::SeqCst) {
            self.refused.fetch_add(1, Ordering::SeqCst);
            return Err(BlockStoreError::new("no space at /spill: free some"));
        }
        self.written.fetch_add(1, Ordering::SeqCst);
        self.inner.put(id, block)
    }

    fn get(&self, id: BlockId) -> Result<Option<Bytes>, BlockStoreError> {
        self.inner.get(id)
    }

    fn remove(&self, id: BlockId) {
        self.inner.remove(id);
    }
}

/// A batch of one second has up to a hundred blocks.
const BLOCK: Duration = Duration::from_millis(10);

/// A program that collects its batches, with room for `budget` bytes; a number takes 8.
fn program(budget: usize, level: StorageLevel, store: Arc<dyn BlockStore>) -> (Rig, Arc<Source>, Seeing<Vec<u64>>) {
    let rig = Rig::with(|builder| builder.memory_budget(budget).block_interval(BLOCK).block_store(store));
    let (source, seen) = (Source::new(Fault::None), Seeing::new());
    let sink = seen.clone();
    source.stream_at(&rig.ctx, "s", level).foreach_rdd(move |rdd, _| {
        sink.push(rdd.collect()?);
        Ok(())
    });
    (rig, source, seen)
}

/// Cuts a block of what was stored.
async fn cut(rig: &Rig, source: &Source, span: Span) {
    rig.clock.advance(BLOCK);
    source.saw(Seen::Stored(vec![span])).await;
}

/// Waits for a condition that nobody announces, turn by turn of the runtime.
async fn until(condition: impl Fn() -> bool) {
    in_time(async {
        while !condition() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn with_memory_and_disk_a_batch_has_seventy_pages_where_memory_holds_ten_t166() {
    let scratch = Scratch::new();
    let store = Arc::new(DiskBlockStore::below(&scratch.0));
    let (rig, source, seen) = program(1_000, StorageLevel::MemoryAndDisk, store);
    rig.ctx.start().await.unwrap();
    // Pages of 96 bytes, a block for each.
    for page in 0..70 {
        let span = Span(page * 12, page * 12 + 12);
        in_time(source.put(span)).await;
        cut(&rig, &source, span).await;
    }
    rig.clock.advance(SECOND - BLOCK * 70);
    until(|| rig.completed().len() == 1).await;
    assert_eq!(seen.all(), [(0..70 * 12).collect::<Vec<_>>()]);
    assert_eq!(source.processed().len(), 70);
    rig.ctx.stop(StopMode::Graceful).await.unwrap();
    assert_eq!(scratch.files(), Vec::<PathBuf>::new());
}

#[tokio::test]
async fn with_memory_and_disk_storing_goes_on_within_one_batch_and_nothing_is_left_on_disk() {
    let scratch = Scratch::new();
    let store = Arc::new(DiskBlockStore::below(&scratch.0));
    let (rig, source, seen) = program(80, StorageLevel::MemoryAndDisk2, store);
    rig.ctx.start().await.unwrap();
    for block in 0..4 {
        let span = Span(block * 9, block * 9 + 9);
        // 72 of 80 bytes: the one before must have left the memory.
        in_time(source.put(span)).await;
        cut(&rig, &source, span).await;
    }
    assert!(scratch.files().len() >= 3, "{:?}", scratch.files());
    rig.clock.advance(SECOND - BLOCK * 4);
    until(|| rig.completed().len() == 1).await;
    assert_eq!(seen.all(), [(0..36).collect::<Vec<_>>()]);
    until(|| scratch.files().is_empty()).await;
    rig.ctx.stop(StopMode::Graceful).await.unwrap();
    assert_eq!(std::fs::read_dir(&scratch.0).unwrap().count(), 0);
}

#[tokio::test]
async fn with_memory_only_nothing_is_written_and_storing_waits_t166() {
    let store = Arc::new(Flaky::default());
    let (rig, source, seen) = program(16, StorageLevel::MemoryOnlySer2, Arc::<Flaky>::clone(&store));
    rig.ctx.start().await.unwrap();
    source.put(Span(0, 2)).await;
    cut(&rig, &source, Span(0, 2)).await;
    let second = source.put(Span(2, 4));
    tokio::pin!(second);
    for _ in 0..50 {
        assert!(futures::poll!(second.as_mut()).is_pending());
        tokio::task::yield_now().await;
    }
    rig.batch().await;
    in_time(second).await;
    rig.ctx.stop(StopMode::Graceful).await.unwrap();
    assert_eq!(seen.all().concat(), [0, 1, 2, 3]);
    assert_eq!(store.written.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn with_disk_only_each_block_goes_to_disk_although_memory_is_free() {
    let store = Arc::new(Flaky::default());
    let (rig, source, seen) = program(1 << 20, StorageLevel::DiskOnly, Arc::<Flaky>::clone(&store));
    rig.ctx.start().await.unwrap();
    for block in 0..3 {
        source.put(Span(block, block + 1)).await;
        cut(&rig, &source, Span(block, block + 1)).await;
    }
    until(|| store.inner.len() == 3).await;
    rig.clock.advance(SECOND - BLOCK * 3);
    until(|| rig.completed().len() == 1).await;
    assert_eq!(seen.all(), [[0, 1, 2]]);
    rig.ctx.stop(StopMode::Graceful).await.unwrap();
    assert!(store.inner.is_empty());
}

#[tokio::test]
async fn regression_r5_with_disk_only_a_disk_that_is_full_stops_the_context_with_the_path_and_no_position_moves_t161_t102()
 {
    let store = Arc::new(Flaky::default());
    store.full.store(true, Ordering::SeqCst);
    let (rig, source, _) = program(1 << 20, StorageLevel::DiskOnly2, store);
    rig.ctx.start().await.unwrap();
    source.put(Span(0, 1)).await;
    cut(&rig, &source, Span(0, 1)).await;
    let error = in_time(rig.ctx.await_termination()).await.unwrap_err();
    assert!(matches!(error, StreamingError::BlockStore { .. }), "{error:?}");
    assert!(error_chain(&error).contains("no space at /spill: free some"), "{error}");
    assert_eq!(source.processed(), []);
}

#[tokio::test(start_paused = true)]
async fn with_memory_and_disk_a_full_disk_makes_storing_wait_until_there_is_space() {
    let store = Arc::new(Flaky::default());
    store.full.store(true, Ordering::SeqCst);
    let (rig, source, seen) = program(16, StorageLevel::MemoryAndDisk, Arc::<Flaky>::clone(&store));
    rig.ctx.start().await.unwrap();
    source.put(Span(0, 2)).await;
    cut(&rig, &source, Span(0, 2)).await;
    let second = source.put(Span(2, 4));
    tokio::pin!(second);
    while store.refused.load(Ordering::SeqCst) == 0 {
        assert!(futures::poll!(second.as_mut()).is_pending());
        tokio::task::yield_now().await;
    }
    store.full.store(false, Ordering::SeqCst);
    in_time(second).await;
    rig.ctx.stop(StopMode::Graceful).await.unwrap();
    assert_eq!(seen.all().concat(), [0, 1, 2, 3]);
}

#[tokio::test]
async fn a_block_that_cannot_be_read_back_fails_its_batch_with_the_path_and_no_position_moves() {
    let scratch = Scratch::new();
    let store = Arc::new(DiskBlockStore::below(&scratch.0));
    let (rig, source, seen) = program(24, StorageLevel::DiskOnly, store);
    rig.ctx.start().await.unwrap();
    source.put(Span(0, 3)).await;
    cut(&rig, &source, Span(0, 3)).await;
    // There is room only when the block before is on disk for good.
    in_time(source.put(Span(3, 6))).await;
    let file = scratch.files().pop().unwrap();
    std::fs::write(&file, "rubbish").unwrap();
    rig.clock.advance(SECOND);
    let error = in_time(rig.ctx.await_termination()).await.unwrap_err();
    assert!(error_chain(&error).contains(file.to_str().unwrap()), "{}", error_chain(&error));
    assert_eq!((seen.all(), source.processed()), (vec![], vec![]));
    assert_eq!(scratch.files(), Vec::<PathBuf>::new());
    assert!(rig.events().iter().any(|event| matches!(event, Event::BatchFailed(_))));
}

#[tokio::test]
async fn a_record_that_cannot_be_written_stays_in_memory_and_is_processed() {
    let store = Arc::new(MemoryBlockStore::default());
    let (rig, source, seen) = program(16, StorageLevel::MemoryAndDisk, store);
    rig.ctx.start().await.unwrap();
    let last = Span(u64::MAX, u64::MAX);
    source.store().store(vec![UNWRITABLE], last).await.unwrap();
    cut(&rig, &source, last).await;
    let next = source.put(Span(0, 2));
    tokio::pin!(next);
    assert!(futures::poll!(next.as_mut()).is_pending());
    rig.batch().await;
    in_time(next).await;
    rig.ctx.stop(StopMode::Graceful).await.unwrap();
    assert_eq!(seen.all().concat(), [u64::MAX, 0, 1]);
}

#[tokio::test]
async fn after_an_immediate_stop_no_spilled_file_is_left() {
    let scratch = Scratch::new();
    let store = Arc::new(DiskBlockStore::below(&scratch.0));
    let (rig, source, _) = program(1 << 20, StorageLevel::DiskOnly3, store);
    rig.ctx.start().await.unwrap();
    source.put(Span(0, 3)).await;
    cut(&rig, &source, Span(0, 3)).await;
    until(|| !scratch.files().is_empty()).await;
    rig.ctx.stop(StopMode::Immediate).await.unwrap();
    assert_eq!(std::fs::read_dir(&scratch.0).unwrap().count(), 0);
}

#[tokio::test]
async fn rows_that_are_persisted_on_disk_are_computed_once_and_go_with_their_batch() {
    let blocks = Arc::new(Flaky::default());
    let store = Arc::clone(&blocks);
    let rig = Rig::with(|builder| builder.block_store(store));
    let (calls, seen) = (Arc::new(AtomicU32::new(0)), Seeing::new());
    let (count, sink) = (Arc::clone(&calls), seen.clone());
    let numbers = rig.ctx.queue_stream([vec![1, 2], vec![3]]).map(move |n| {
        count.fetch_add(1, Ordering::SeqCst);
        n * 10
    });
    let kept = numbers.persist(StorageLevel::DiskOnly2);
    let held = Arc::clone(&blocks);
    kept.union(&kept).foreach_rdd(move |rdd, _| {
        sink.push((rdd.collect()?, held.inner.len()));
        Ok(())
    });
    rig.ctx.start().await.unwrap();
    rig.batch().await;
    rig.batch().await;
    rig.ctx.stop(StopMode::Graceful).await.unwrap();
    assert_eq!(calls.load(Ordering::SeqCst), 3);
    assert_eq!(seen.all(), [(vec![10, 20, 10, 20], 2), (vec![30, 30], 2)]);
    assert!(blocks.inner.is_empty());
}

#[tokio::test]
async fn rows_that_cannot_be_written_to_disk_fail_the_batch_which_is_tried_again() {
    let blocks = Arc::new(Flaky::default());
    let store = Arc::clone(&blocks);
    let rig = Rig::with(|builder| builder.block_store(store).batch_attempts(1));
    rig.ctx.queue_stream([vec![1]]).persist(StorageLevel::DiskOnly).foreach_rdd(|rdd, _| Ok(rdd.count().map(drop)?));
    rig.ctx.start().await.unwrap();
    blocks.full.store(true, Ordering::SeqCst);
    rig.clock.advance(SECOND);
    let error = dstream_core::error_chain(&in_time(rig.ctx.await_termination()).await.unwrap_err());
    assert!(error.contains("persist #1 failed in batch 1000 ms") && error.contains("no space at /spill"), "{error}");
    assert!(blocks.inner.is_empty());
}
