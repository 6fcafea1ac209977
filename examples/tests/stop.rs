//! How the word count ends when it is told to stop while its output is stuck: what its exit code says, and what it has done. Its
//! standard output is a pipe that is full until the test reads from it.
#![cfg(unix)]
#![allow(clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::process::{Command, Stdio};
use std::time::Duration;

use kinesis_local::Local;
use kinesis_local::faults::{Effect, Fault};
use support::{Program, eventually, word_producer};
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe;

/// The word count, standing in the output of its first batch.
struct Stuck {
    local: Local,
    program: Program,
    out: pipe::Receiver,
}

impl Stuck {
    async fn start(application: &str, more: &[&str]) -> Self {
        let local = Local::builder().stream("words", 1).start().await.expect("the endpoints start");
        // It is there to be counted.
        let reads = Fault::kinesis(Effect::Delay(Duration::ZERO)).operation("GetRecords");
        local.faults().add(reads).expect("a rule");
        let (sender, out) = pipe::pipe().expect("a pipe");
        // Before that, nothing at all would be written.
        sender.writable().await.expect("a pipe");
        while sender.try_write(&[b'\n'; 512]).is_ok() {}
        while sender.try_write(b"\n").is_ok() {}
        let stdout = Stdio::from(sender.into_blocking_fd().expect("a pipe"));
        let args = [application, "words", local.kinesis_url(), "--dynamodb-endpoint", local.dynamodb_url()];
        let args = [&args, &["--batch-ms=100", "--initial-position=TRIM_HORIZON"][..], more].concat();
        let program = Program::start_with(env!("CARGO_BIN_EXE_kinesis_word_count"), &args, |command: &mut Command| {
            command.stdout(stdout).env("RUST_LOG", "info");
        });
        let mut stuck = Self { local, program, out };
        stuck.has_read_a_line().await;
        stuck
    }

    /// Something was put and read, so that there is a batch to print, if none was printed before.
    async fn has_read_a_line(&mut self) {
        self.program.ready().await;
        assert!(word_producer(&self.local, 10, 1).end().await.success());
        let hits = || self.local.faults().list().first().map_or(0, |rule| rule.hits);
        let before = hits();
        eventually(|| hits() >= before + 3).await;
    }

    async fn says(&self, text: &str) {
        eventually(|| self.program.err().contains(text)).await;
    }

    /// The output is not stuck any more. How the program ended, and how many batches it has printed.
    async fn end(mut self) -> (Option<i32>, usize) {
        let mut out = String::new();
        let read = tokio::time::timeout(Duration::from_secs(60), self.out.read_to_string(&mut out)).await;
        read.expect("it ends").expect("the output");
        let status = self.program.end().await;
        self.local.stop().await;
        (status.code(), out.matches("Time: ").count())
    }
}

#[tokio::test]
async fn a_second_signal_stops_at_once_with_exit_code_3_and_no_further_batch() {
    let stuck = Stuck::start("second-signal", &[]).await;
    stuck.program.signal("-TERM");
    stuck.says("a signal stops the context gracefully").await;
    stuck.program.signal("-TERM");
    stuck.says("a second signal stops the context at once").await;
    let (code, batches) = stuck.end().await;
    assert_eq!(code, Some(3));
    assert!(batches <= 1, "{batches} batches were printed");
}

#[tokio::test]
async fn a_graceful_stop_that_takes_longer_than_its_deadline_ends_with_exit_code_3_and_no_further_batch() {
    let stuck = Stuck::start("deadline", &["--stop-deadline-ms=50"]).await;
    stuck.program.signal("-TERM");
    stuck.says("the graceful stop is cut short").await;
    let (code, batches) = stuck.end().await;
    assert_eq!(code, Some(3));
    assert!(batches <= 1, "{batches} batches were printed");
}

#[tokio::test]
async fn a_graceful_stop_that_gets_its_time_ends_with_exit_code_0_and_all_that_was_read() {
    let stuck = Stuck::start("in-time", &["--stop-deadline-ms=50000", "--totals"]).await;
    stuck.program.signal("-TERM");
    stuck.says("a signal stops the context gracefully").await;
    let (code, batches) = stuck.end().await;
    assert_eq!(code, Some(0));
    assert!(batches >= 1, "the batches that waited were printed");
}
