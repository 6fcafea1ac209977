//! Batches that a crash left unfinished run again with the same time, the same partitions and the same records.
//!
//! A crash is an image of what is durable at that moment (the checkpoint directory, and the positions of the receiver), on which
//! the program is started again; the first run goes on as if nothing had happened.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests, outside of their functions")]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use crate::support::fresh_dir::FreshDir;
use crate::support::runs::merged;
use crate::support::tape::{Call, Part, Reading, Shelf, Tapes};
use crate::support::{Fault, Rig, SECOND, Seeing, Source, Span, gate, in_time, stands_in};
use dstream_core::{
    BatchFailure, BatchOrigin, Clock, DStream, Event, Leftover, StopMode, StreamingContextBuilder, StreamingError,
    Time, error_chain,
};

/// What the program carries from batch to batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Carries {
    Sum,
    Nothing,
}

/// The records of a batch, partition by partition.
type Partitions = Vec<Vec<u64>>;

/// A program that shows each batch partition by partition, and the sum of all records so far.
struct Program {
    rig: Rig,
    numbers: DStream<u64>,
    tapes: Arc<Tapes>,
    batches: Seeing<(i64, Partitions)>,
    sums: Seeing<(i64, u64)>,
}

impl Program {
    fn prepare(
        dir: &FreshDir,
        at: i64,
        shelf: Shelf,
        carries: Carries,
        adjust: impl FnOnce(StreamingContextBuilder) -> StreamingContextBuilder,
    ) -> Self {
        let rig = Rig::at(at, |builder| {
            adjust(builder.checkpoint_dir(dir.url()).checkpoint_interval(SECOND * 2).batch_attempts(1))
        });
        let tapes = Tapes::new(shelf);
        let (batches, sums) = (Seeing::new(), Seeing::new());
        let numbers = tapes.stream(&rig.ctx);
        let seen = batches.clone();
        numbers.glom().foreach_rdd(move |rdd, time| {
            seen.push((time.as_millis() / 1_000, rdd.collect()?));
            Ok(())
        });
        if carries == Carries::Sum {
            let add = |new: Vec<u64>, sum: Option<u64>| Some(sum.unwrap_or(0) + new.iter().sum::<u64>());
            let seen = sums.clone();
            numbers.map(|n| ((), n)).update_state_by_key(add).foreach_rdd(move |rdd, time| {
                let sum = rdd.collect()?.first().map_or(0, |((), sum)| *sum);
                seen.push((time.as_millis() / 1_000, sum));
                Ok(())
            });
        }
        Self { rig, numbers, tapes, batches, sums }
    }

    async fn start(dir: &FreshDir, at: i64, shelf: Shelf, carries: Carries) -> Self {
        let program = Self::prepare(dir, at, shelf, carries, |builder| builder);
        in_time(program.rig.ctx.start()).await.unwrap();
        program
    }

    /// Writes each batch as a directory of text files as well.
    fn saving(self, out: &FreshDir) -> Self {
        self.numbers.save_as_text_files(&format!("{}/numbers", out.url()), "txt");
        self
    }

    /// One batch, with a block for each of `pages`: a tape, and how many records of it.
    async fn batch_of(&self, pages: &[(u8, u64)]) {
        let cut = Duration::from_millis(200);
        for (tape, records) in pages {
            let part = self.tapes.put(*tape, *records).await;
            self.rig.clock.advance(cut);
            self.tapes.is_cut(part).await;
        }
        let done = self.rig.completed().len();
        self.rig.clock.advance(SECOND - cut * u32::try_from(pages.len()).unwrap());
        let completed = |event: &Event| matches!(event, Event::BatchCompleted(_));
        self.rig.until_count(done + 1, completed).await;
    }

    async fn written(&self, seconds: i64) {
        let wanted = Time::from_millis(seconds * 1_000);
        self.rig.until(|event| matches!(event, Event::CheckpointWritten { batch } if *batch == wanted)).await;
    }

    async fn stop(self) -> (Vec<(i64, Partitions)>, Option<u64>) {
        in_time(self.rig.ctx.stop(StopMode::Graceful)).await.unwrap();
        (self.batches.all(), self.sums.all().last().map(|(_, sum)| *sum))
    }

    async fn kill(self) -> Vec<(i64, Partitions)> {
        in_time(self.rig.ctx.stop(StopMode::Immediate)).await.unwrap();
        self.batches.all()
    }

    /// The batches that were run again, in seconds.
    fn run_again(&self) -> Vec<i64> {
        let again = |event| match event {
            Event::BatchCompleted(info) if info.origin == BatchOrigin::Unfinished => {
                Some(info.batch.as_millis() / 1_000)
            }
            _ => None,
        };
        self.rig.events().into_iter().filter_map(again).collect()
    }
}

/// So many records of each of two tapes there are in all.
const RECORDS: u64 = 40;

fn all_records() -> Vec<u64> {
    (0..2).flat_map(|tape| Part { tape, from: 0, to: RECORDS }.records()).collect()
}

/// What is durable at one moment, and what the program had shown until then.
struct Crash {
    moment: String,
    at: i64,
    dir: FreshDir,
    /// The files that the program wrote.
    out: FreshDir,
    shelf: Shelf,
    batches: Vec<(i64, Partitions)>,
}

/// Starts again after a crash, reads what is left of both tapes, and returns the batches of both runs and the last sum.
async fn gone_on(crash: &Crash, carries: Carries) -> (BTreeMap<i64, Partitions>, Option<u64>) {
    let program = Program::prepare(&crash.dir, crash.at, crash.shelf.clone(), carries, |builder| builder);
    let program = program.saving(&crash.out);
    in_time(program.rig.ctx.start()).await.unwrap();
    for tape in 0..2 {
        // An empty page: it waits until all is run again.
        program.tapes.put(tape, 0).await;
        let left = RECORDS - program.tapes.next(tape);
        program.tapes.put(tape, left).await;
    }
    let (again, sum) = program.stop().await;
    (merged([crash.batches.clone(), again]), sum)
}

/// Runs six batches and takes an image at every moment at which something became durable, or is about to.
async fn crashes(carries: Carries) -> Vec<Crash> {
    let (dir, out) = (Arc::new(FreshDir::new()), Arc::new(FreshDir::new()));
    let program = Program::prepare(&dir, 0, Shelf::default(), carries, |builder| builder).saving(&out);
    let crashes = Arc::new(Mutex::new(Vec::new()));
    let camera = {
        let (dir, out, crashes, seen) = (dir, out, Arc::clone(&crashes), program.batches.clone());
        let (tapes, clock) = (Arc::downgrade(&program.tapes), Arc::clone(&program.rig.clock));
        move |moment: String| {
            // It holds the one thread of the runtime: only single files that are being written may appear meanwhile.
            let Some(shelf) = tapes.upgrade().map(|tapes| tapes.shelf()) else { return };
            let at = clock.now().as_millis() / 1_000;
            let crash = Crash { moment, at, dir: dir.image(), out: out.image(), shelf, batches: seen.all() };
            crashes.lock().unwrap().push(crash);
        }
    };
    let snap = camera.clone();
    program.tapes.on_call(move |call| match call {
        Call::Prepare => snap("before it is announced".to_owned()),
        Call::Processed => snap("published or marked, and not reported".to_owned()),
    });
    let snap = camera.clone();
    program.rig.ctx.add_listener(Arc::new(move |event: &Event| match event {
        Event::BatchSubmitted(info) => snap(format!("{} is not in the log yet", info.batch)),
        Event::BatchStarted(info) => snap(format!("{} is about to run", info.batch)),
        Event::OutputCompleted(info) => snap(format!("{} has run in part", info.batch)),
        Event::BatchCompleted(info) => snap(format!("{} is done", info.batch)),
        Event::CheckpointWritten { batch } => snap(format!("the checkpoint of {batch} is reported")),
        _ => {}
    }));
    in_time(program.rig.ctx.start()).await.unwrap();
    // Between the files of a directory, for example.
    let at_any_time = tokio::spawn(async move {
        for _ in 0..60 {
            camera("it does something".to_owned());
            for _ in 0..7 {
                tokio::task::yield_now().await;
            }
        }
    });
    for second in 1..=6 {
        program.batch_of(&[(0, second), (1, 2), (0, 1)]).await;
    }
    at_any_time.abort();
    program.stop().await;
    std::mem::take(&mut *crashes.lock().unwrap())
}

/// The numbers in all files of all directories, each of which must be whole.
fn saved(out: &FreshDir) -> Vec<u64> {
    let mut numbers = Vec::new();
    for directory in out.files() {
        let directory = out.path().join(directory);
        assert!(directory.join("_SUCCESS").exists(), "{} is not whole", directory.display());
        for file in std::fs::read_dir(directory).unwrap() {
            let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
            numbers.extend(text.lines().map(|line| line.parse::<u64>().unwrap()));
        }
    }
    numbers.sort_unstable();
    numbers
}

/// The numbers in each directory that is marked as whole, by the batch in seconds.
fn marked(out: &FreshDir) -> BTreeMap<i64, Vec<u64>> {
    let directories = out.files().into_iter().filter(|name| out.path().join(name).join("_SUCCESS").exists());
    let numbers = |name: &str| {
        let parts = std::fs::read_dir(out.path().join(name)).unwrap().map(|file| file.unwrap().path());
        let texts = parts.map(|part| std::fs::read_to_string(part).unwrap());
        let mut numbers: Vec<u64> =
            texts.flat_map(|text| text.lines().map(|n| n.parse().unwrap()).collect::<Vec<_>>()).collect();
        numbers.sort_unstable();
        numbers
    };
    let batch = |name: &str| name["numbers-".len()..].trim_end_matches(".txt").parse::<i64>().unwrap() / 1_000;
    directories.map(|name| (batch(&name), numbers(&name))).collect()
}

async fn every_crash_is_survived(carries: Carries) {
    let crashes = crashes(carries).await;
    assert!(crashes.len() > 25, "only {} moments", crashes.len());
    for crash in crashes {
        let moment = format!("{} at {}", crash.moment, crash.at);
        let whole = marked(&crash.out);
        let (batches, sum) = gone_on(&crash, carries).await;
        for (batch, numbers) in whole {
            let mut all: Vec<u64> = batches.get(&batch).unwrap().iter().flatten().copied().collect();
            all.sort_unstable();
            assert_eq!(numbers, all, "what was marked as whole, crashed when {moment}");
        }
        let mut seen: Vec<u64> = batches.into_values().flatten().flatten().collect();
        seen.sort_unstable();
        assert_eq!(seen, all_records(), "crashed when {moment}");
        assert_eq!(saved(&crash.out), all_records(), "crashed when {moment}");
        if carries == Carries::Sum {
            assert_eq!(sum, Some(all_records().iter().sum()), "crashed when {moment}");
        }
    }
}

#[tokio::test]
async fn whenever_a_program_with_state_crashes_batches_are_what_they_were_and_records_and_lines_count_once() {
    every_crash_is_survived(Carries::Sum).await;
}

#[tokio::test]
async fn whenever_a_program_without_state_crashes_batches_are_what_they_were_and_lines_count_once() {
    every_crash_is_survived(Carries::Nothing).await;
}

/// Twelve batches after the only checkpoint, and a crash.
async fn twelve_unfinished(dir: &FreshDir) -> (Vec<(i64, Partitions)>, Crash) {
    let slowly = |builder: StreamingContextBuilder| builder.checkpoint_interval(SECOND * 30);
    let program = Program::prepare(dir, 0, Shelf::default(), Carries::Sum, slowly);
    in_time(program.rig.ctx.start()).await.unwrap();
    program.written(0).await;
    for second in 1..=12 {
        program.batch_of(&[(0, second % 3), (1, 1), (0, 1)]).await;
    }
    let (image, shelf) = (dir.image(), program.tapes.shelf());
    let batches = program.kill().await;
    let out = FreshDir::new();
    let crash = Crash { moment: String::new(), at: 15, dir: image, out, shelf, batches: Vec::new() };
    (batches, crash)
}

#[tokio::test]
async fn after_more_than_ten_batches_every_old_batch_is_recomputed_with_equal_ranges_and_equal_data_t365() {
    let dir = FreshDir::new();
    let (before, crash) = twelve_unfinished(&dir).await;
    assert_eq!(crash.dir.log().len(), 12);
    let program = Program::start(&crash.dir, crash.at, crash.shelf.clone(), Carries::Sum).await;
    program.tapes.put(0, 0).await;
    assert_eq!(program.batches.all(), before);
    assert_eq!(program.run_again(), (1..=12).collect::<Vec<_>>());
    let told = |event: &Event| matches!(event, Event::Recovered { unfinished: 12, .. });
    assert!(program.rig.events().iter().any(told));
    let ranges = program.tapes.leftover().unwrap().unfinished;
    let sums = program.sums.all();
    program.stop().await;
    let records: Vec<u64> = ranges.iter().flat_map(|part| part.records()).collect();
    assert_eq!(records, before.iter().flat_map(|(_, parts)| parts.iter().flatten().copied()).collect::<Vec<_>>());
    assert_eq!(sums.last(), Some(&(12, records.iter().sum())));
}

/// The test of exactness, and what it is worth: without the log it fails.
#[tokio::test]
async fn a_program_whose_log_was_skipped_is_found_out() {
    let dir = FreshDir::new();
    let (before, crash) = twelve_unfinished(&dir).await;
    for entry in crash.dir.log() {
        std::fs::remove_file(crash.dir.path().join(entry)).unwrap();
    }
    let program = Program::start(&crash.dir, crash.at, crash.shelf.clone(), Carries::Sum).await;
    let unread = RECORDS - program.tapes.next(0);
    program.tapes.put(0, unread).await;
    let (after, _) = program.stop().await;
    assert_ne!(after.iter().map(|(time, _)| *time).collect::<Vec<_>>(), (1..=12).collect::<Vec<_>>());
    assert_ne!(after[..1], before[..1], "without the log, batches are not what they were");
}

#[tokio::test]
async fn entries_go_behind_the_checkpoints_and_a_graceful_stop_leaves_none() {
    for carries in [Carries::Sum, Carries::Nothing] {
        let dir = FreshDir::new();
        let program = Program::start(&dir, 0, Shelf::default(), carries).await;
        for second in 1..=30 {
            program.batch_of(&[(0, 1)]).await;
            if second % 2 == 0 {
                program.written(second).await;
            }
            assert!(dir.log().len() <= 6, "{carries:?}: {:?}", dir.log());
        }
        program.stop().await;
        assert_eq!(dir.log(), Vec::<String>::new(), "{carries:?}");
    }
}

#[tokio::test]
async fn a_batch_does_not_run_before_it_is_in_the_log_and_a_log_that_cannot_be_written_stops_the_program_n5() {
    let dir = FreshDir::new();
    let program = Program::start(&dir, 0, Shelf::default(), Carries::Nothing).await;
    program.written(0).await;
    std::fs::remove_dir_all(dir.path()).unwrap();
    std::fs::write(dir.path(), "in the way").unwrap();
    program.tapes.put(0, 3).await;
    program.rig.clock.advance(SECOND);
    let error = in_time(program.rig.ctx.await_termination()).await.unwrap_err();
    assert!(matches!(error, StreamingError::BatchLog { .. }), "{error:?}");
    let text = error_chain(&error);
    assert!(text.contains("batch 1000 ms") && text.contains("after 3 attempts"), "{text}");
    assert_eq!((program.batches.all(), program.tapes.processed()), (vec![], vec![]));
    std::fs::remove_file(dir.path()).unwrap();
}

/// Waits until something is so that no event tells of.
async fn becomes(is_so: impl Fn() -> bool + Send + Sync) {
    in_time(async {
        while !is_so() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

/// A gate in an output operation, in which the batch of the first second stands.
fn gate_in_the_first_batch(program: &Program) -> (mpsc::Receiver<()>, mpsc::SyncSender<()>) {
    let (pass, entered, release) = gate();
    program.numbers.foreach_rdd(move |rdd, time| {
        rdd.count()?;
        if time.as_millis() == 1_000 {
            pass();
        }
        Ok(())
    });
    (entered, release)
}

#[tokio::test]
async fn an_entry_is_written_and_pages_are_taken_while_the_batch_before_it_runs() {
    let dir = FreshDir::new();
    let slowly = |builder: StreamingContextBuilder| builder.checkpoint_interval(SECOND * 30);
    let program = Program::prepare(&dir, 0, Shelf::default(), Carries::Nothing, slowly);
    let (entered, release) = gate_in_the_first_batch(&program);
    in_time(program.rig.ctx.start()).await.unwrap();
    program.tapes.put(0, 1).await;
    program.rig.clock.advance(SECOND);
    stands_in(entered).await;
    program.tapes.put(0, 2).await;
    program.rig.clock.advance(SECOND);
    becomes(|| dir.log() == ["batch-1000", "batch-2000"]).await;
    program.tapes.put(0, 3).await;
    assert_eq!(program.rig.completed(), [0_i64; 0]);
    release.send(()).unwrap();
    let (batches, _) = program.stop().await;
    assert_eq!(batches.iter().map(|(time, _)| *time).collect::<Vec<_>>(), [1, 2, 3]);
}

#[tokio::test]
async fn while_an_old_batch_runs_the_next_one_is_read_and_no_further_one() {
    let dir = FreshDir::new();
    let (_, crash) = twelve_unfinished(&dir).await;
    let program = Program::prepare(&crash.dir, crash.at, crash.shelf, Carries::Sum, |builder| builder);
    let (entered, release) = gate_in_the_first_batch(&program);
    in_time(program.rig.ctx.start()).await.unwrap();
    stands_in(entered).await;
    let read = || {
        let over = |reading| if let Reading::Over(part) = reading { Some(part.records()) } else { None };
        program.tapes.readings().into_iter().filter_map(over).flatten().collect::<Vec<_>>()
    };
    // Two of the first batch, and its third; then four of the second.
    let of_two: Vec<u64> = vec![0, 1_000_000, 1, 2, 3, 1_000_001, 4];
    becomes(|| read().len() >= of_two.len()).await;
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert_eq!(read(), of_two);
    release.send(()).unwrap();
    program.tapes.put(0, 0).await;
    assert_eq!(program.run_again(), (1..=12).collect::<Vec<_>>());
    program.stop().await;
}

/// A crash in the middle of the second batch: nothing of it is safe.
async fn crashed_in_the_second_batch(dir: &FreshDir, carries: Carries) -> Crash {
    let slowly = |builder: StreamingContextBuilder| builder.checkpoint_interval(SECOND * 30);
    let program = Program::prepare(dir, 0, Shelf::default(), carries, slowly);
    in_time(program.rig.ctx.start()).await.unwrap();
    program.written(0).await;
    program.batch_of(&[(0, 4), (1, 4)]).await;
    program.batch_of(&[(0, 4), (1, 4), (0, 2)]).await;
    let (image, shelf) = (dir.image(), program.tapes.shelf());
    let batches = program.kill().await;
    // As it was before the batches were done.
    let _ = std::fs::remove_file(image.path().join("batches-done"));
    let (out, shelf) = (FreshDir::new(), Shelf { committed: BTreeMap::new(), ..shelf });
    Crash { moment: String::new(), at: 2, dir: image, out, shelf, batches }
}

#[tokio::test]
async fn what_was_processed_meanwhile_or_is_read_elsewhere_is_left_out_and_a_cut_range_keeps_its_block_r1_n6() {
    let dir = FreshDir::new();
    let crash = crashed_in_the_second_batch(&dir, Carries::Nothing).await;
    let shelf = Shelf { committed: [(0, 6)].into(), ..Shelf::default() };
    let image = crash.dir.image();
    let program = Program::start(&image, 9, shelf.clone(), Carries::Nothing).await;
    program.tapes.put(0, 0).await;
    let tape = |tape, from, to| Part { tape, from, to }.records();
    assert_eq!(
        program.batches.all(),
        [(1, vec![tape(1, 0, 4)]), (2, vec![tape(0, 6, 8), tape(1, 4, 8), tape(0, 8, 10)]),]
    );
    program.kill().await;

    let shelf = Shelf { elsewhere: vec![1], ..shelf };
    let program = Program::start(&crash.dir, 9, shelf, Carries::Nothing).await;
    program.tapes.put(0, 0).await;
    assert_eq!(program.batches.all(), [(2, vec![tape(0, 6, 8), tape(0, 8, 10)])], "nothing is left of the first batch");
    program.stop().await;
}

#[tokio::test]
async fn what_was_read_elsewhere_and_is_ours_again_after_another_crash_does_not_count_as_done() {
    let dir = FreshDir::new();
    let crash = crashed_in_the_second_batch(&dir, Carries::Nothing).await;
    let slowly = |builder: StreamingContextBuilder| builder.checkpoint_interval(SECOND * 30);
    let shelf = Shelf { elsewhere: vec![1], ..Shelf::default() };
    let program = Program::prepare(&crash.dir, 9, shelf, Carries::Nothing, slowly);
    in_time(program.rig.ctx.start()).await.unwrap();
    program.tapes.put(0, 0).await;
    assert_eq!(program.run_again(), [1, 2]);
    let tapes = Arc::clone(&program.tapes);
    program.kill().await;
    assert!(crash.dir.files().contains(&"batches-done".to_owned()));
    assert_eq!(crash.dir.log(), ["batch-1000", "batch-2000"]);

    let shelf = Shelf { elsewhere: vec![], ..tapes.shelf() };
    let program = Program::start(&crash.dir, 12, shelf, Carries::Nothing).await;
    assert_eq!((program.tapes.next(0), program.tapes.next(1)), (10, 0), "the other process had not begun");
    program.batch_of(&[(1, 8)]).await;
    assert_eq!(program.run_again(), Vec::<i64>::new());
    let (batches, _) = program.stop().await;
    let seen: Vec<u64> = batches.into_iter().flat_map(|(_, parts)| parts).flatten().collect();
    assert_eq!(seen, Part { tape: 1, from: 0, to: 8 }.records());
}

/// Of a program that carries nothing, after so many batches and a stop at once; no checkpoint but the first.
async fn marked_after(batches: u64) -> FreshDir {
    let dir = FreshDir::new();
    let slowly = |builder: StreamingContextBuilder| builder.checkpoint_interval(SECOND * 30);
    let program = Program::prepare(&dir, 0, Shelf::default(), Carries::Nothing, slowly);
    in_time(program.rig.ctx.start()).await.unwrap();
    program.written(0).await;
    for _ in 0..batches {
        program.batch_of(&[(0, 4)]).await;
    }
    program.kill().await;
    dir
}

#[tokio::test]
async fn a_checkpoint_that_is_ahead_of_the_mark_and_the_entries_does_not_lead_back() {
    let dir = FreshDir::new();
    let program = Program::start(&dir, 0, Shelf::default(), Carries::Nothing).await;
    program.written(0).await;
    program.batch_of(&[(0, 4)]).await;
    program.batch_of(&[(0, 4)]).await;
    program.written(2).await;
    let image = dir.image();
    program.kill().await;
    // The same two batches, of which the mark and the removals had not come as far as the checkpoint.
    for (batches, files) in [(1, ["batch-1000", "batches-done"]), (2, ["batch-1000", "batch-2000"])] {
        let other = marked_after(batches).await;
        for file in files {
            std::fs::copy(other.path().join(file), image.path().join(file)).unwrap();
        }
    }
    let program = Program::start(&image, 3, Shelf::default(), Carries::Nothing).await;
    program.tapes.put(0, 0).await;
    assert_eq!((program.tapes.next(0), program.run_again()), (8, vec![]));
    program.stop().await;
}

#[tokio::test]
async fn pages_wait_until_all_is_run_again_and_live_batches_come_after_the_newest_logged_time() {
    let dir = FreshDir::new();
    let crash = crashed_in_the_second_batch(&dir, Carries::Sum).await;
    // The clock of the second run is behind.
    let program = Program::start(&crash.dir, 0, crash.shelf, Carries::Sum).await;
    program.tapes.put(0, 5).await;
    assert_eq!(program.run_again(), [1, 2], "the page came after both");
    program.rig.clock.advance(SECOND * 2);
    program.rig.clock.advance(SECOND);
    program.rig.until(|event| matches!(event, Event::BatchCompleted(info) if info.batch.as_millis() == 3_000)).await;
    let (batches, _) = program.stop().await;
    assert_eq!(batches.iter().map(|(time, _)| *time).collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!(merged([crash.batches, batches])[&3], [Part { tape: 0, from: 10, to: 15 }.records()]);
}

#[tokio::test]
async fn a_range_that_cannot_be_read_again_stops_the_program_and_stays_in_the_log() {
    let dir = FreshDir::new();
    let crash = crashed_in_the_second_batch(&dir, Carries::Sum).await;
    let program = Program::prepare(&crash.dir, 2, crash.shelf.clone(), Carries::Sum, |builder| builder);
    program.tapes.break_tape(1);
    in_time(program.rig.ctx.start()).await.unwrap();
    let error = in_time(program.rig.ctx.await_termination()).await.unwrap_err();
    assert!(matches!(error, StreamingError::Replay { .. }), "{error:?}");
    assert!(error_chain(&error).contains("1:0:4 has expired"), "{}", error_chain(&error));
    assert_eq!(program.tapes.processed(), []);
    assert_eq!(crash.dir.log(), ["batch-1000", "batch-2000"]);
    let program = Program::start(&crash.dir, 2, crash.shelf, Carries::Sum).await;
    program.tapes.put(0, 0).await;
    assert_eq!(program.run_again(), [1, 2]);
    program.stop().await;
}

#[tokio::test]
async fn a_stop_while_batches_are_run_again_refuses_pages_and_leaves_the_rest_in_the_log() {
    for mode in [StopMode::Graceful, StopMode::Immediate] {
        let dir = FreshDir::new();
        let (before, crash) = twelve_unfinished(&dir).await;
        let program = Program::prepare(&crash.dir, 15, crash.shelf.clone(), Carries::Sum, |builder| builder);
        let ctx = Arc::new(Mutex::new(Some(program.rig.ctx.clone())));
        program.rig.ctx.add_listener(Arc::new(move |event: &Event| {
            if let Event::BatchStarted(info) = event
                && info.batch.as_millis() == 3_000
                && let Some(ctx) = ctx.lock().unwrap().take()
            {
                ctx.request_stop(mode);
            }
        }));
        in_time(program.rig.ctx.start()).await.unwrap();
        let store = program.tapes.store();
        in_time(store.store(vec![], Part { tape: 0, from: 99, to: 99 })).await.unwrap_err();
        in_time(program.rig.ctx.stop(mode)).await.unwrap();
        let (first, shelf) = (program.batches.all(), program.tapes.shelf());
        assert!((2..=5).contains(&first.len()), "{mode:?}: {first:?}");
        let program = Program::start(&crash.dir, 20, shelf, Carries::Sum).await;
        program.tapes.put(0, 0).await;
        let (sums, rest) = (program.sums.all(), program.batches.all());
        program.stop().await;
        assert_eq!(merged([first, rest]), merged([before.clone()]), "{mode:?}");
        let sum = before.iter().flat_map(|(_, parts)| parts.iter().flatten()).sum::<u64>();
        assert_eq!(sums.last(), Some(&(12, sum)), "{mode:?}");
    }
}

#[tokio::test]
async fn a_receiver_hears_what_is_accounted_for_and_what_is_unfinished_before_it_starts() {
    let dir = FreshDir::new();
    let program = Program::start(&dir, 0, Shelf::default(), Carries::Sum).await;
    assert_eq!(program.tapes.leftover(), None, "there was nothing to go on from");
    program.batch_of(&[(0, 4), (1, 4)]).await;
    program.batch_of(&[(0, 4)]).await;
    program.written(2).await;
    program.batch_of(&[(0, 1), (1, 3)]).await;
    let (image, shelf) = (dir.image(), program.tapes.shelf());
    program.kill().await;
    let program = Program::start(&image, 3, shelf, Carries::Sum).await;
    let part = |tape, from, to| Part { tape, from, to };
    let left =
        Leftover { accounted: vec![part(1, 0, 4), part(0, 4, 8)], unfinished: vec![part(0, 8, 9), part(1, 4, 7)] };
    assert_eq!(program.tapes.leftover(), Some(left));
    program.stop().await;
}

#[tokio::test]
async fn a_block_without_records_is_logged_with_its_ranges_and_makes_no_partition_n8() {
    let dir = FreshDir::new();
    let program = Program::start(&dir, 0, Shelf::default(), Carries::Sum).await;
    program.written(0).await;
    program.batch_of(&[(0, 0), (1, 2)]).await;
    let (image, shelf) = (dir.image(), program.tapes.shelf());
    let before = program.kill().await;
    assert_eq!(before, [(1, vec![Part { tape: 1, from: 0, to: 2 }.records()])]);
    let program = Program::start(&image, 3, shelf, Carries::Sum).await;
    program.tapes.put(0, 0).await;
    let unfinished = program.tapes.leftover().unwrap().unfinished;
    assert_eq!(unfinished.len(), 2);
    assert_eq!(program.batches.all(), before);
    program.stop().await;
}

/// Fails in the batch of three seconds if it is told to, and goes on.
async fn failing(dir: &FreshDir, at: i64, shelf: Shelf, carries: Carries, fails: bool) -> Program {
    let on = |builder: StreamingContextBuilder| builder.on_batch_failure(BatchFailure::Continue);
    let program = Program::prepare(dir, at, shelf, carries, on);
    program.rig.ctx.generated_stream(|time| vec![time]).foreach_rdd(move |rdd, time| {
        rdd.count()?;
        if fails && time.as_millis() == 3_000 { Err("not this one".into()) } else { Ok(()) }
    });
    in_time(program.rig.ctx.start()).await.unwrap();
    program
}

#[tokio::test]
async fn a_batch_that_was_passed_over_stays_in_the_log_and_what_comes_after_it_is_not_logged() {
    let dir = FreshDir::new();
    let program = failing(&dir, 0, Shelf::default(), Carries::Sum, true).await;
    for second in 1..=2 {
        program.batch_of(&[(0, second)]).await;
    }
    program.tapes.put(0, 7).await;
    program.rig.clock.advance(SECOND);
    program.rig.until(|event| matches!(event, Event::BatchFailed(_))).await;
    for _ in 4..=9 {
        program.batch_of(&[(0, 1)]).await;
    }
    in_time(program.rig.ctx.stop(StopMode::Graceful)).await.unwrap_err();
    assert_eq!(dir.log(), ["batch-3000"]);
    let shelf = program.tapes.shelf();
    let program = failing(&dir, 9, shelf, Carries::Sum, false).await;
    program.tapes.put(0, 6).await;
    assert_eq!(program.run_again(), [3]);
    let (batches, sum) = program.stop().await;
    let of_three: Vec<_> = batches.iter().filter(|(time, parts)| *time == 3 && !parts.is_empty()).collect();
    assert_eq!(of_three, [&(3, vec![Part { tape: 0, from: 3, to: 10 }.records()])]);
    assert_eq!(sum, Some((0..16).sum()));
}

#[tokio::test]
async fn a_failed_batch_without_records_of_receivers_holds_nothing_up_and_is_not_run_again() {
    let dir = FreshDir::new();
    let program = failing(&dir, 0, Shelf::default(), Carries::Sum, true).await;
    program.batch_of(&[(0, 1)]).await;
    program.batch_of(&[(0, 1)]).await;
    program.rig.clock.advance(SECOND);
    program.rig.until(|event| matches!(event, Event::BatchFailed(_))).await;
    program.batch_of(&[(0, 1)]).await;
    program.written(4).await;
    in_time(program.rig.ctx.stop(StopMode::Graceful)).await.unwrap_err();
    assert_eq!(program.tapes.shelf().committed, [(0, 3)].into());
    let program = failing(&dir, 4, program.tapes.shelf(), Carries::Sum, false).await;
    program.batch_of(&[(0, 1)]).await;
    let (batches, sum) = program.stop().await;
    assert_eq!(batches.iter().map(|(time, _)| *time).collect::<Vec<_>>(), [5]);
    assert_eq!(sum, Some((0..4).sum()));
}

#[tokio::test]
async fn nothing_is_logged_after_a_failed_batch_of_a_receiver_that_cannot_read_again() {
    let dir = FreshDir::new();
    let on = |builder: StreamingContextBuilder| builder.on_batch_failure(BatchFailure::Continue);
    let program = Program::prepare(&dir, 0, Shelf::default(), Carries::Nothing, on);
    let source = Source::new(Fault::None);
    source
        .stream(&program.rig.ctx, "reads once")
        .foreach_rdd(|rdd, _| if rdd.count()? > 0 { Err("not this one".into()) } else { Ok(()) });
    in_time(program.rig.ctx.start()).await.unwrap();
    program.written(0).await;
    program.batch_of(&[(0, 1)]).await;
    source.put(Span(0, 1)).await;
    program.rig.clock.advance(SECOND);
    program.rig.until(|event| matches!(event, Event::BatchFailed(_))).await;
    program.batch_of(&[(0, 1)]).await;
    assert!(!dir.log().contains(&"batch-3000".to_owned()), "{:?}", dir.log());
    in_time(program.rig.ctx.stop(StopMode::Graceful)).await.unwrap_err();
    let shelf = program.tapes.shelf();
    assert_eq!((shelf.committed, source.processed()), ([(0, 2)].into(), vec![]), "only its own positions stay");
}

#[tokio::test]
async fn what_was_passed_over_and_done_after_a_restart_is_accounted_for_whatever_crashes_follow() {
    let dir = FreshDir::new();
    let program = failing(&dir, 0, Shelf::default(), Carries::Nothing, true).await;
    program.batch_of(&[(0, 1)]).await;
    program.batch_of(&[(0, 2)]).await;
    program.tapes.put(0, 7).await;
    program.rig.clock.advance(SECOND);
    program.rig.until(|event| matches!(event, Event::BatchFailed(_))).await;
    for _ in 4..=6 {
        program.batch_of(&[(1, 1)]).await;
    }
    in_time(program.rig.ctx.stop(StopMode::Graceful)).await.unwrap_err();
    assert_eq!(program.tapes.shelf().committed, [(0, 3)].into());

    // It is done again and marked so, and the process ends before its positions are safe.
    let program = failing(&dir, 6, program.tapes.shelf(), Carries::Nothing, false).await;
    program.tapes.put(1, 0).await;
    assert_eq!(program.run_again(), [3]);
    // Positions are told after the mark.
    becomes(|| program.tapes.processed().iter().any(|(batch, _)| batch.as_millis() == 3_000)).await;
    let image = dir.image();
    program.kill().await;

    // Nothing more of that source is read, a checkpoint is written, and the process ends again.
    let shelf = Shelf { committed: [(0, 3)].into(), ..Shelf::default() };
    let program = failing(&image, 7, shelf.clone(), Carries::Nothing, false).await;
    assert_eq!((program.tapes.next(0), program.tapes.leftover().unwrap().unfinished), (10, vec![]));
    program.batch_of(&[(1, 3)]).await;
    let settled = |event: &Event| matches!(event, Event::CheckpointWritten { batch } if batch.as_millis() >= 8_000);
    program.rig.until(settled).await;
    becomes(|| image.log().iter().all(|entry| entry != "batch-3000")).await;
    program.kill().await;

    let program = failing(&image, 9, shelf, Carries::Nothing, false).await;
    assert_eq!(program.tapes.next(0), 10, "the records of the batch that was passed over do not come a third time");
    program.stop().await;
}

#[tokio::test]
async fn blocks_are_read_again_one_after_the_other_and_the_ranges_of_one_at_once() {
    let dir = FreshDir::new();
    let slowly = |builder: StreamingContextBuilder| builder.checkpoint_interval(SECOND * 30);
    let program = Program::prepare(&dir, 0, Shelf::default(), Carries::Nothing, slowly);
    in_time(program.rig.ctx.start()).await.unwrap();
    program.written(0).await;
    let mut blocks = Vec::new();
    for _ in 0..3 {
        let block = [program.tapes.put(0, 2).await, program.tapes.put(1, 3).await];
        program.rig.clock.advance(SECOND / 5);
        program.tapes.is_cut(block[1]).await;
        blocks.push(block);
    }
    program.rig.clock.advance(SECOND * 2 / 5);
    program.rig.until(|event| matches!(event, Event::BatchStarted(_))).await;
    let image = dir.image();
    program.kill().await;
    let _ = std::fs::remove_file(image.path().join("batches-done"));
    let program = Program::start(&image, 3, Shelf::default(), Carries::Nothing).await;
    program.tapes.put(0, 0).await;
    let readings = program.tapes.readings();
    assert_eq!(readings.len(), 12);
    for (block, steps) in blocks.iter().zip(readings.chunks(4)) {
        assert_eq!(steps[..2], block.map(Reading::Begun), "{readings:?}");
        assert!(block.iter().all(|part| steps[2..].contains(&Reading::Over(*part))), "{readings:?}");
    }
    program.stop().await;
}

#[tokio::test]
async fn an_old_batch_is_made_whole_although_the_memory_budget_is_smaller_than_it() {
    let dir = FreshDir::new();
    let (before, crash) = twelve_unfinished(&dir).await;
    let small = |builder: StreamingContextBuilder| builder.memory_budget(8);
    let program = Program::prepare(&crash.dir, crash.at, crash.shelf, Carries::Sum, small);
    in_time(program.rig.ctx.start()).await.unwrap();
    program.tapes.put(0, 0).await;
    assert_eq!((program.batches.all(), program.run_again()), (before, (1..=12).collect::<Vec<_>>()));
    program.stop().await;
}

#[tokio::test]
async fn logged_blocks_are_in_the_batch_of_their_time_among_those_that_are_made_up_for() {
    let dir = FreshDir::new();
    let start = async |dir: &FreshDir, at, shelf| {
        let rig = Rig::at(at, |builder| builder.checkpoint_dir(dir.url()).checkpoint_interval(SECOND * 30));
        let tapes = Tapes::new(shelf);
        let times = rig.ctx.generated_stream(|time| vec![9_000_000 + time.as_millis().unsigned_abs() / 1_000]);
        let seen = Seeing::new();
        let sink = seen.clone();
        let add = |new: Vec<u64>, sum: Option<u64>| Some(sum.unwrap_or(0) + new.iter().sum::<u64>());
        let all = tapes.stream(&rig.ctx).union(&times);
        all.map(|n| ((), n)).update_state_by_key(add).foreach_rdd(|rdd, _| rdd.count().map(drop).map_err(Into::into));
        all.foreach_rdd(move |rdd, time| {
            let mut rows = rdd.collect()?;
            rows.sort_unstable();
            sink.push((time.as_millis() / 1_000, rows));
            Ok(())
        });
        in_time(rig.ctx.start()).await.unwrap();
        (rig, tapes, seen)
    };
    let (rig, tapes, seen) = start(&dir, 0, Shelf::default()).await;
    rig.until(|event| matches!(event, Event::CheckpointWritten { .. })).await;
    rig.batch().await;
    tapes.put(0, 2).await;
    rig.batch().await;
    rig.batch().await;
    tapes.put(0, 3).await;
    rig.batch().await;
    let (image, shelf) = (dir.image(), tapes.shelf());
    assert_eq!(image.log(), ["batch-2000", "batch-4000"], "the others have nothing to be read again");
    in_time(rig.ctx.stop(StopMode::Immediate)).await.unwrap();
    let before = seen.all();
    let (rig, tapes, seen) = start(&image, 6, shelf).await;
    tapes.put(0, 1).await;
    rig.clock.advance(SECOND);
    rig.until(|event| matches!(event, Event::BatchCompleted(info) if info.batch.as_millis() == 7_000)).await;
    in_time(rig.ctx.stop(StopMode::Graceful)).await.unwrap();
    let all = merged([before, seen.all()]);
    assert_eq!(all.keys().copied().collect::<Vec<_>>(), (1..=7).collect::<Vec<_>>());
    assert_eq!(all[&2], [0, 1, 9_000_002]);
    assert_eq!(all[&4], [2, 3, 4, 9_000_004]);
    assert_eq!(all.values().flatten().filter(|n| **n < 9_000_000).count(), 6);
}
