//! The example programs as processes: started, looked at through the files they print to, and never left behind.
#![allow(dead_code, reason = "each test target uses its part")]
#![allow(clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use kinesis_local::Local;

/// Where a program's output files lie; one number for each program of this test process.
static STARTED: AtomicU32 = AtomicU32::new(0);

/// A running program.
pub(crate) struct Program {
    child: Child,
    out: PathBuf,
    err: PathBuf,
}

/// Counts by word.
pub(crate) type Counts = BTreeMap<String, u64>;

/// The word count of `application` on embedded endpoints, with short batches.
pub(crate) fn word_count(local: &Local, application: &str) -> Program {
    word_count_with(local, application, &[])
}

/// The same, with more arguments.
pub(crate) fn word_count_with(local: &Local, application: &str, more: &[&str]) -> Program {
    let (kinesis, dynamodb) = (local.kinesis_url(), local.dynamodb_url());
    let args = [application, "words", kinesis, "--dynamodb-endpoint", dynamodb, "--batch-ms=500", "--totals"];
    Program::start(env!("CARGO_BIN_EXE_kinesis_word_count"), &[&args, more].concat())
}

/// The word producer on embedded endpoints: 10 words a line, the same in each run.
pub(crate) fn word_producer(local: &Local, rate: u32, seconds: u32) -> Program {
    let (url, rate, seconds) = (local.kinesis_url(), rate.to_string(), format!("--seconds={seconds}"));
    Program::start(env!("CARGO_BIN_EXE_kinesis_word_producer"), &["words", url, &rate, "10", &seconds, "--seed=0"])
}

impl Program {
    /// Starts a program that stops when its standard input ends.
    pub(crate) fn start(path: &str, args: &[&str]) -> Self {
        Self::start_with(path, args, |_| {})
    }

    /// The same, with a command of the test's own.
    pub(crate) fn start_with(path: &str, args: &[&str], adjust: impl FnOnce(&mut Command)) -> Self {
        let number = STARTED.fetch_add(1, Ordering::Relaxed);
        let file = |kind: &str| {
            PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{}-{number}.{kind}", std::process::id()))
        };
        let (out, err) = (file("out"), file("err"));
        let mut command = Command::new(path);
        command
            .args(args)
            .arg("--stop-with-stdin")
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .stdin(Stdio::piped())
            .stdout(File::create(&out).expect("a file for the output"))
            .stderr(File::create(&err).expect("a file for the log"));
        adjust(&mut command);
        let child = command.spawn().expect("the program starts");
        // It holds the parent's ends of the child's files.
        drop(command);
        Self { child, out, err }
    }

    /// What it printed so far.
    pub(crate) fn out(&self) -> String {
        fs::read_to_string(&self.out).expect("the output")
    }

    /// What it complained of so far.
    pub(crate) fn err(&self) -> String {
        fs::read_to_string(&self.err).expect("the log")
    }

    /// Waits until it says that it is ready.
    pub(crate) async fn ready(&mut self) {
        eventually(|| self.err().contains("ready after")).await;
    }

    /// Closes its standard input and waits for its end.
    pub(crate) async fn stop(mut self) -> (ExitStatus, Self) {
        drop(self.child.stdin.take());
        let status = self.end().await;
        (status, self)
    }

    /// Sends it a signal, such as `-TERM`.
    pub(crate) fn signal(&self, signal: &str) {
        let sent = Command::new("kill").args([signal, &self.child.id().to_string()]).status();
        assert!(sent.expect("kill runs").success());
    }

    /// Waits for its end.
    pub(crate) async fn end(&mut self) -> ExitStatus {
        let mut status = None;
        eventually(|| {
            status = self.child.try_wait().expect("it can be waited for");
            status.is_some()
        })
        .await;
        status.expect("it has ended")
    }

    /// Sum of all batches printed.
    pub(crate) fn printed(&self) -> Counts {
        let out = self.out();
        sum(out.lines().take_while(|line| !line.starts_with("Totals")))
    }

    /// The totals printed at the end.
    pub(crate) fn totals(&self) -> Counts {
        let out = self.out();
        sum(out.lines().skip_while(|line| !line.starts_with("Totals")))
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It has ended, or ends now; either way it is waited for.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_file(&self.out);
        let _ = fs::remove_file(&self.err);
    }
}

fn sum<'a>(lines: impl Iterator<Item = &'a str>) -> Counts {
    let mut counts = Counts::new();
    for (word, count) in lines.filter_map(|line| line.strip_prefix('(')?.strip_suffix(')')?.rsplit_once(',')) {
        *counts.entry(word.to_owned()).or_default() += count.parse::<u64>().expect("a count");
    }
    counts
}

/// Adds counts up.
pub(crate) fn plus(mut some: Counts, more: &Counts) -> Counts {
    for (word, count) in more {
        *some.entry(word.clone()).or_default() += count;
    }
    some
}

/// Waits until a condition holds; fails after a minute.
pub(crate) async fn eventually(mut holds: impl FnMut() -> bool) {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(60);
    let mut looks = tokio::time::interval(Duration::from_millis(20));
    while !holds() {
        assert!(tokio::time::Instant::now() < deadline, "it did not come about within a minute");
        looks.tick().await;
    }
}
