//! save_as_text_files and save_as_text_file, on the local file system.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "part of tests, outside of their functions")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::support::fresh_dir::FreshDir;
use crate::support::runs::Run;
use crate::support::{Rig, SECOND};
use dstream_core::{DStream, StopMode, StreamingContext, error_chain};

/// A fresh directory of this test, gone at its end.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("dstream-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn at(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The files of a directory and what is in them.
fn files(directory: impl AsRef<Path>) -> BTreeMap<String, String> {
    let entries = fs::read_dir(directory).unwrap().map(Result::unwrap);
    entries.map(|e| (e.file_name().into_string().unwrap(), fs::read_to_string(e.path()).unwrap())).collect()
}

fn expected(files: &[(&str, &str)]) -> BTreeMap<String, String> {
    files.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
}

#[tokio::test]
async fn each_batch_becomes_a_directory_with_a_file_for_each_partition_and_a_mark() {
    let scratch = Scratch::new("text-batches");
    let rig = Rig::new();
    let pairs = rig.ctx.queue_stream([vec![("a", 1), ("b", 2), ("c", 3)], vec![]]);
    pairs.save_as_text_files(&scratch.at("deep/er/out"), "txt");
    pairs.save_as_text_files(&format!("file://{}", scratch.at("bare")), "");
    rig.ctx.start().await.unwrap();
    rig.batch().await;
    rig.batch().await;
    rig.ctx.stop(StopMode::Graceful).await.unwrap();
    let first = expected(&[("part-00000", "(a,1)\n"), ("part-00001", "(b,2)\n(c,3)\n"), ("_SUCCESS", "")]);
    assert_eq!(files(scratch.at("deep/er/out-1000.txt")), first);
    assert_eq!(files(scratch.at("bare-1000")), first);
    let second = expected(&[("part-00000", ""), ("part-00001", ""), ("_SUCCESS", "")]);
    assert_eq!(files(scratch.at("deep/er/out-2000.txt")), second);
}

#[tokio::test]
async fn a_batch_that_is_written_again_replaces_all_that_was_there() {
    let scratch = Scratch::new("text-again");
    for (partitions, files_expected) in [(3, 4), (1, 2)] {
        let rig = Rig::new();
        rig.ctx.queue_stream([vec![1, 2, 3]]).repartition(partitions).save_as_text_files(&scratch.at("n"), "");
        rig.ctx.start().await.unwrap();
        rig.batch().await;
        rig.ctx.stop(StopMode::Graceful).await.unwrap();
        let files = files(scratch.at("n-1000"));
        assert_eq!(files.len(), files_expected, "{files:?}");
        assert_eq!(files.values().flat_map(|text| text.lines()).count(), 3);
    }
}

#[tokio::test]
async fn what_others_put_into_the_directory_survives_and_parts_of_before_do_not() {
    let scratch = Scratch::new("text-foreign");
    let directory = scratch.0.join("n-1000");
    fs::create_dir_all(directory.join("below")).unwrap();
    for name in
        ["notes.txt", "part-a", "part-", "part-1.gz", "part-x#1", "below/part-00009", "part-00009", "part-00009#1"]
    {
        fs::write(directory.join(name), "theirs").unwrap();
    }
    let rig = Rig::new();
    rig.ctx.queue_stream([vec![1]]).repartition(1).save_as_text_files(&scratch.at("n"), "");
    rig.ctx.start().await.unwrap();
    rig.batch().await;
    rig.ctx.stop(StopMode::Graceful).await.unwrap();
    assert_eq!(fs::read_to_string(directory.join("below/part-00009")).unwrap(), "theirs");
    fs::remove_dir_all(directory.join("below")).unwrap();
    let names: Vec<String> = files(&directory).into_keys().collect();
    assert_eq!(names, ["_SUCCESS", "notes.txt", "part-", "part-00000", "part-1.gz", "part-a", "part-x#1"]);
}

#[tokio::test]
async fn a_directory_whose_writing_is_broken_off_has_no_mark_until_the_batch_runs_again() {
    let scratch = Scratch::new("text-broken-off");
    let directory = scratch.0.join("n-1000");
    // No file can take the place of a directory with something in it.
    fs::create_dir_all(directory.join("part-00001/in the way")).unwrap();
    for (file, text) in [("part-00000", "old"), ("_SUCCESS", "")] {
        fs::write(directory.join(file), text).unwrap();
    }
    let start = async || {
        let rig = Rig::with(|builder| builder.batch_attempts(1));
        rig.ctx.queue_stream([vec![1, 2]]).save_as_text_files(&scratch.at("n"), "");
        rig.ctx.start().await.unwrap();
        rig.clock.advance(SECOND);
        rig
    };
    start().await.ctx.await_termination().await.unwrap_err();
    assert!(!directory.join("_SUCCESS").exists());
    fs::remove_dir_all(directory.join("part-00001")).unwrap();
    let rig = start().await;
    rig.until_count(1, |event| matches!(event, dstream_core::Event::BatchCompleted(_))).await;
    rig.ctx.stop(StopMode::Graceful).await.unwrap();
    assert_eq!(files(&directory), expected(&[("part-00000", "1\n"), ("part-00001", "2\n"), ("_SUCCESS", "")]));
}

#[tokio::test]
async fn what_a_crash_left_of_a_write_goes_whatever_characters_the_name_of_the_directory_has() {
    let scratch = Scratch::new("text-swept");
    for _ in 0..2 {
        let rig = Rig::new();
        rig.ctx.queue_stream([vec![1]]).repartition(1).save_as_text_files(&scratch.at("a~b c#d"), "");
        rig.ctx.start().await.unwrap();
        rig.batch().await;
        rig.ctx.stop(StopMode::Graceful).await.unwrap();
        // The store writes some characters of the name in another way.
        let directory = fs::read_dir(&scratch.0).unwrap().next().unwrap().unwrap().path();
        let names: Vec<String> = files(&directory).into_keys().collect();
        assert_eq!(names, ["_SUCCESS", "part-00000"]);
        fs::write(directory.join("part-00000#1"), "half a").unwrap();
    }
}

#[tokio::test]
async fn a_place_that_cannot_be_written_fails_the_batch_with_its_name() {
    let scratch = Scratch::new("text-refused");
    fs::write(scratch.at("file"), "in the way").unwrap();
    for (prefix, wanted) in [(scratch.at("file/out"), "file"), ("ftp://host/out".to_owned(), "unknown kind \"ftp\"")] {
        let rig = Rig::with(|builder| builder.batch_attempts(1));
        rig.ctx.queue_stream([vec![1]]).save_as_text_files(&prefix, "");
        rig.ctx.start().await.unwrap();
        rig.clock.advance(SECOND);
        let error = error_chain(&rig.ctx.await_termination().await.unwrap_err());
        assert!(error.contains("save_as_text_files #1") && error.contains(wanted), "{error}");
    }
}

#[tokio::test]
async fn the_action_writes_one_directory_and_refuses_to_block_async_code() {
    let scratch = Scratch::new("text-action");
    let rig = Rig::new();
    let (path, again) = (scratch.at("all"), scratch.at("never"));
    let numbers = rig.ctx.queue_stream([vec![1, 2]]);
    numbers.foreach_rdd(move |rdd, _| Ok(rdd.save_as_text_file(&path)?));
    numbers.foreach_rdd_async(move |rdd, _| {
        let again = again.clone();
        async move {
            let error = rdd.save_as_text_file(&again).unwrap_err();
            assert!(error.to_string().contains("blocks: call it in the closure"), "{error}");
            Ok(())
        }
    });
    rig.ctx.start().await.unwrap();
    rig.batch().await;
    rig.ctx.stop(StopMode::Graceful).await.unwrap();
    assert_eq!(files(scratch.at("all")), expected(&[("part-00000", "1\n"), ("part-00001", "2\n"), ("_SUCCESS", "")]));
    assert!(!Path::new(&scratch.at("never")).exists());
}

/// Sums that go on from batch to batch, and a program that saves them; killed in the middle, so that batches run again.
async fn saved_over_a_kill(
    name: &str,
    save: impl Fn(&DStream<((), u64)>, &str) + Send + Sync,
) -> Vec<BTreeMap<String, String>> {
    let (scratch, dir) = (Scratch::new(name), FreshDir::new());
    let program = |ctx: &StreamingContext| {
        let ones = ctx.generated_stream(|_| vec![((), 1_u64)]);
        let sums = ones.update_state_by_key(|new: Vec<u64>, sum| Some(sum.unwrap_or(0) + new.iter().sum::<u64>()));
        let sums = sums.repartition(1);
        save(&sums, &scratch.at("sums"));
        sums
    };
    let run = Run::start(&dir, 0, program).await;
    run.until(4).await;
    run.written(4).await;
    run.until(5).await;
    run.kill().await;
    // The fifth batch is in no checkpoint; somebody else has been at what it wrote.
    fs::write(scratch.at("sums-5000/part-00000"), "half a").unwrap();
    fs::write(scratch.at("sums-5000/part-00007"), "left behind").unwrap();
    fs::remove_file(scratch.at("sums-5000/_SUCCESS")).unwrap();
    let run = Run::start(&dir, 5, program).await;
    run.until(7).await;
    let again = run.stop().await;
    assert_eq!(again.first().map(|(time, _)| *time), Some(5), "the batch runs again");
    (1..=7).map(|second| files(scratch.at(&format!("sums-{}", second * 1_000)))).collect()
}

/// The file and the mark of each batch.
fn sums_of_seven_batches() -> Vec<BTreeMap<String, String>> {
    (1..=7).map(|sum| expected(&[("part-00000", &format!("((),{sum})\n")), ("_SUCCESS", "")])).collect()
}

#[tokio::test]
async fn what_a_batch_saved_is_whole_again_when_it_runs_again_after_a_kill_t207_t208() {
    let saved = saved_over_a_kill("text-recovered", |sums, prefix| sums.save_as_text_files(prefix, "")).await;
    assert_eq!(saved, sums_of_seven_batches());
}

#[tokio::test]
async fn what_was_saved_inside_of_a_transform_is_whole_again_as_well_t209() {
    let saved = saved_over_a_kill("text-in-transform", |sums, prefix| {
        let prefix = prefix.to_owned();
        let saving = sums.transform(move |rdd, time| {
            rdd.save_as_text_file(&format!("{prefix}-{}", time.as_millis()))?;
            Ok(rdd.clone())
        });
        saving.foreach_rdd(|rdd, _| rdd.count().map(drop).map_err(Into::into));
    });
    assert_eq!(saved.await, sums_of_seven_batches());
}
