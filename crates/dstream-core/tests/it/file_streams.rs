//! Files that appear in a directory, as text and as records of one length.
#![allow(clippy::unwrap_used, reason = "part of tests, outside of their functions")]

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime};

use crate::support::{Rig, SECOND, Seeing, in_time};
use dstream_core::{DStream, FileStreamOptions, StopMode, Time, error_chain};

/// A directory for one test, and one beside it where files are written; removed at its end.
struct Directory(PathBuf);

impl Directory {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let root = std::env::temp_dir().join(format!("dstream-files-{}-{number}", std::process::id()));
        std::fs::create_dir_all(root.join("in")).unwrap();
        Self(root)
    }

    fn path(&self) -> PathBuf {
        self.0.join("in")
    }

    /// Writes a file elsewhere and moves it to `name` below the directory, as it should be done.
    fn put(&self, name: &str, modified: u64, content: &[u8]) {
        let (written, target) = (self.0.join("being-written"), self.path().join(name));
        std::fs::write(&written, content).unwrap();
        modify(&written, modified);
        std::fs::create_dir_all(target.parent().unwrap()).unwrap();
        std::fs::rename(written, target).unwrap();
    }
}

fn modify(file: &Path, millis: u64) {
    let file = std::fs::File::options().append(true).open(file).unwrap();
    file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_millis(millis)).unwrap();
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn batches<T: Clone + Send + 'static>(stream: &DStream<T>) -> Seeing<Vec<T>> {
    let seen = Seeing::new();
    let sink = seen.clone();
    stream.foreach_rdd(move |rdd, _| {
        sink.push(rdd.collect()?);
        Ok(())
    });
    seen
}

#[tokio::test]
async fn new_files_come_with_the_first_batch_that_is_not_before_them_and_once_t272() {
    let directory = Directory::new();
    directory.put("before", 99_000, b"existing\n");
    let rig = Rig::new();
    rig.clock.set(Time::from_millis(100_000));
    let seen = batches(&rig.ctx.text_file_stream(directory.path(), FileStreamOptions::default()));
    rig.ctx.start().await.unwrap();
    directory.put("a", 100_500, b"1\n2");
    directory.put(".hidden", 100_500, b"hidden\n");
    directory.put("b", 100_700, b"3\n");
    directory.put("later", 101_001, b"4\r\n");
    rig.batch().await;
    rig.batch().await;
    rig.batch().await;
    // Modified in time, moved late.
    directory.put("late", 100_900, b"5\n");
    rig.batch().await;
    rig.ctx.stop(StopMode::Graceful).await.unwrap();
    assert_eq!(seen.all(), [vec!["1", "2", "3"], vec!["4"], vec![], vec!["5"]]);
}

#[tokio::test]
async fn with_old_files_too_those_of_the_time_to_remember_come_with_the_first_batch_t272() {
    let directory = Directory::new();
    directory.put("too-old", 40_000, b"0\n");
    directory.put("old", 41_500, b"1\n");
    let rig = Rig::new();
    rig.clock.set(Time::from_millis(100_000));
    let seen = batches(&rig.ctx.text_file_stream(directory.path(), FileStreamOptions::default().new_files_only(false)));
    rig.ctx.start().await.unwrap();
    rig.batch().await;
    rig.ctx.stop(StopMode::Graceful).await.unwrap();
    assert_eq!(seen.all(), [["1"]]);
}

#[tokio::test]
async fn a_pattern_finds_files_in_directories_that_fit_and_in_one_that_is_renamed_to_fit_t272() {
    let directory = Directory::new();
    directory.put("sub-1/x", 500, b"one\n");
    directory.put("other/x", 500, b"none\n");
    directory.put("being-filled/old", 1, b"too old\n");
    directory.put("being-filled/new", 59_900, b"renamed\n");
    let rig = Rig::new();
    let options = FileStreamOptions::default().remember(SECOND * 2).filter(|path| !path.ends_with("unwanted"));
    let seen = batches(&rig.ctx.text_file_stream(directory.path().join("sub-*"), options));
    rig.ctx.start().await.unwrap();
    rig.batch().await;
    directory.put("sub-2/unwanted", 1_500, b"unwanted\n");
    directory.put("sub-2/x", 1_500, b"two\n");
    for _ in 2..=60 {
        rig.batch().await;
    }
    std::fs::rename(directory.path().join("being-filled"), directory.path().join("sub-3")).unwrap();
    rig.batch().await;
    rig.ctx.stop(StopMode::Graceful).await.unwrap();
    let all = seen.all();
    assert_eq!(
        (all[0].clone(), all[1].clone(), all[60].clone()),
        (vec!["one".into()], vec!["two".into()], vec!["renamed".into()])
    );
    assert_eq!(all.concat().len(), 3);
}

#[tokio::test]
async fn each_file_is_one_partition_and_outputs_see_the_same_files() {
    let directory = Directory::new();
    let rig = Rig::new();
    let lines = rig.ctx.text_file_stream(directory.path(), FileStreamOptions::default());
    let (first, second) = (batches(&lines.map(|line| line.len())), Seeing::new());
    let (sink, late) = (second.clone(), directory.path().join("late"));
    lines.foreach_rdd(move |rdd, _| {
        // A file that appears between two outputs of a batch belongs to a later one.
        std::fs::write(&late, "late\n")?;
        modify(&late, 900);
        sink.push((rdd.num_partitions(), rdd.count()?));
        Ok(())
    });
    rig.ctx.start().await.unwrap();
    directory.put("a", 500, b"1\n22\n");
    directory.put("b", 600, b"333\n");
    rig.batch().await;
    rig.ctx.stop(StopMode::Graceful).await.unwrap();
    assert_eq!((first.all(), second.all()), (vec![vec![1, 2, 3]], vec![(2, 3)]));
}

#[tokio::test]
async fn a_file_that_is_gone_when_its_batch_runs_fails_it_with_its_path() {
    let directory = Directory::new();
    let rig = Rig::new();
    let lines = rig.ctx.text_file_stream(directory.path(), FileStreamOptions::default());
    let path = directory.path().join("a");
    let gone = path.clone();
    lines.foreach_rdd(move |rdd, _| {
        let _ = std::fs::remove_file(&gone);
        rdd.count()?;
        Ok(())
    });
    rig.ctx.start().await.unwrap();
    directory.put("a", 500, b"1\n");
    rig.clock.advance(SECOND);
    let error = error_chain(&in_time(rig.ctx.await_termination()).await.unwrap_err());
    assert!(error.contains(path.to_str().unwrap()) && error.contains("text_file_stream"), "{error}");
}

#[tokio::test]
async fn a_directory_that_comes_later_is_found_then() {
    let directory = Directory::new();
    let rig = Rig::new();
    let seen = batches(&rig.ctx.text_file_stream(directory.path().join("later"), FileStreamOptions::default()));
    rig.ctx.start().await.unwrap();
    rig.batch().await;
    directory.put("later/a", 1_500, b"1\n");
    rig.batch().await;
    rig.ctx.stop(StopMode::Graceful).await.unwrap();
    assert_eq!(seen.all(), [vec![], vec!["1"]]);
}

#[tokio::test]
async fn a_line_that_is_too_long_fails_its_batch() {
    let directory = Directory::new();
    let rig = Rig::with(|builder| builder.batch_attempts(1));
    batches(&rig.ctx.text_file_stream(directory.path(), FileStreamOptions::default().max_line_bytes(3)));
    rig.ctx.start().await.unwrap();
    directory.put("a", 500, b"123\n1234\n");
    rig.clock.advance(SECOND);
    let error = error_chain(&in_time(rig.ctx.await_termination()).await.unwrap_err());
    assert!(error.contains("longer than 3 bytes"), "{error}");
}

#[tokio::test]
async fn binary_records_are_slices_of_their_files_t271() {
    let directory = Directory::new();
    let rig = Rig::new();
    let length = NonZeroUsize::new(3).unwrap();
    let records = rig.ctx.binary_records_stream(directory.path(), length, FileStreamOptions::default());
    let seen = batches(&records.map(|record| record.to_vec()));
    rig.ctx.start().await.unwrap();
    // More than is read at once.
    let large: Vec<u8> = (0..=250).cycle().take(99_999).collect();
    directory.put("a", 500, b"abcdef");
    directory.put("b", 600, &large);
    directory.put("c", 700, b"");
    rig.batch().await;
    rig.ctx.stop(StopMode::Graceful).await.unwrap();
    let seen = seen.all().concat();
    assert_eq!(seen[..2], [b"abc".to_vec(), b"def".to_vec()]);
    assert_eq!((seen.len(), seen[2..].concat()), (2 + 33_333, large));
}

#[tokio::test]
async fn a_file_that_is_no_whole_number_of_records_fails_its_batch_t271() {
    let directory = Directory::new();
    let rig = Rig::with(|builder| builder.batch_attempts(1));
    let length = NonZeroUsize::new(4).unwrap();
    let seen = batches(&rig.ctx.binary_records_stream(directory.path(), length, FileStreamOptions::default()));
    rig.ctx.start().await.unwrap();
    directory.put("a", 500, b"12345");
    rig.clock.advance(SECOND);
    let error = error_chain(&in_time(rig.ctx.await_termination()).await.unwrap_err());
    assert!(error.contains("5 bytes are no whole number of records of 4 bytes"), "{error}");
    assert_eq!(seen.all(), Vec::<Vec<bytes::Bytes>>::new());
}
