//! A worker: a process of the example that writes each record to a file, with the signals that it is sent.

use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::mpsc::SyncSender;
use std::time::Duration;

use crate::binaries::Binaries;
use crate::chaos::batch_log;
use crate::chaos::lease_table::APPLICATION;
use crate::chaos::record::{Millis, Slot, WorkerNumber};
use crate::chaos::record_file::RecordFile;
use crate::chaos::weakness::Weakness;
use crate::child::{Child, Line, Output};
use crate::endpoints::{Endpoints, STREAM};
use crate::failure::Failure;

/// The program.
const PROGRAM: &str = "kinesis_record_log";

/// How workers are started.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WorkerSettings<'a> {
    pub(crate) binaries: &'a Binaries,
    pub(crate) kinesis: &'a str,
    pub(crate) dynamodb: &'a str,
    pub(crate) directory: &'a Path,
    pub(crate) batch: Duration,
    /// How often state is checkpointed.
    pub(crate) checkpoint: Duration,
    pub(crate) failover: Duration,
    pub(crate) weakness: Weakness,
}

impl WorkerSettings<'_> {
    /// Where the state of a slot is, and the files of its counts.
    pub(crate) fn slot(&self, Slot(number): Slot) -> PathBuf {
        self.directory.join(format!("slot-{number}"))
    }

    /// Where its batches are saved as text files, each a directory `batch-<milliseconds>`.
    pub(crate) fn text_files(&self, slot: Slot) -> PathBuf {
        self.slot(slot).join("text")
    }
}

/// What a worker is at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Condition {
    Running,
    /// It was sent SIGTERM then.
    Stopping(Millis),
    /// It stopped when it was asked to.
    Stopped,
    /// By `kill -9`.
    Killed,
}

/// A worker process.
#[derive(Debug)]
pub(crate) struct Worker {
    pub(crate) number: WorkerNumber,
    pub(crate) slot: Slot,
    /// When it said that it was ready.
    pub(crate) ready: Option<Millis>,
    pub(crate) condition: Condition,
    pub(crate) file: RecordFile,
    // Before the child: a child that is frozen does not see that it should stop.
    frozen: Option<Frozen>,
    child: Child,
}

/// A process that stands still for as long as this lives: a shell sends SIGSTOP, waits for the end of its input, which also
/// comes when this process dies, and sends SIGCONT.
#[derive(Debug)]
struct Frozen {
    shell: Child,
}

impl Worker {
    pub(crate) fn start(
        settings: WorkerSettings<'_>,
        number: WorkerNumber,
        slot: Slot,
        log: SyncSender<Line<WorkerNumber>>,
    ) -> Result<Self, Failure> {
        if settings.weakness == Weakness::SkipBatchLog {
            batch_log::remove(&settings.slot(slot).join("checkpoints")).map_err(Failure::Failed)?;
        }
        let mut args = vec![
            APPLICATION.to_owned(),
            STREAM.to_owned(),
            settings.kinesis.to_owned(),
            settings.directory.display().to_string(),
            format!("--dynamodb-endpoint={}", settings.dynamodb),
            "--initial-position=TRIM_HORIZON".to_owned(),
            format!("--batch-ms={}", settings.batch.as_millis()),
            format!("--failover-ms={}", settings.failover.as_millis()),
            format!("--count-by-key={}", settings.slot(slot).display()),
            format!("--checkpoint-ms={}", settings.checkpoint.as_millis()),
            format!("--text-files={}", settings.text_files(slot).join("batch").display()),
            "--stop-with-stdin".to_owned(),
        ];
        args.extend(settings.weakness.argument().map(str::to_owned));
        let mut command = settings.binaries.command(PROGRAM, &args);
        Endpoints::confine(&mut command);
        let child = Child::start("a worker", command, Output::Lines(log, number, number))?;
        let path = settings.directory.join(format!("records-{}.tsv", child.id()));
        let file = RecordFile::new(path, number);
        Ok(Self { number, slot, ready: None, condition: Condition::Running, file, frozen: None, child })
    }

    pub(crate) fn is_running(&self) -> bool {
        self.condition == Condition::Running
    }

    /// Whether its process is there.
    pub(crate) fn is_alive(&self) -> bool {
        matches!(self.condition, Condition::Running | Condition::Stopping(_))
    }

    /// Sends SIGTERM.
    pub(crate) fn terminate(&mut self, at: Millis) -> Result<(), Failure> {
        self.condition = Condition::Stopping(at);
        send("TERM", self.child.id())
    }

    /// `kill -9`.
    pub(crate) fn kill(&mut self) -> Result<(), Failure> {
        self.condition = Condition::Killed;
        self.child.kill().map(|_| ())
    }

    /// SIGSTOP.
    pub(crate) fn freeze(&mut self) -> Result<(), Failure> {
        let mut shell = std::process::Command::new("sh");
        shell.args(["-c", "kill -s STOP \"$1\"; read -r _; kill -s CONT \"$1\"", "sh", &self.child.id().to_string()]);
        let shell = Child::start::<()>("a shell", shell, Output::Shared)?;
        self.frozen = Some(Frozen { shell });
        Ok(())
    }

    /// SIGCONT.
    pub(crate) fn thaw(&mut self) -> Result<(), Failure> {
        match self.frozen.take() {
            Some(mut frozen) => frozen.shell.stop().map(|_| ()),
            None => Ok(()),
        }
    }

    /// Asks it to stop without a signal.
    pub(crate) fn ask_to_stop(&mut self) {
        self.frozen = None;
        self.child.ask_to_stop();
    }

    /// How it ended, if it has.
    pub(crate) fn ended(&mut self) -> Result<Option<ExitStatus>, Failure> {
        self.child.ended()
    }
}

fn send(signal: &str, process: u32) -> Result<(), Failure> {
    // The standard library sends no signal but SIGKILL, and every shell has this one built in.
    let mut shell = std::process::Command::new("sh");
    shell.args(["-c", "kill -s \"$1\" \"$2\"", "sh", signal, &process.to_string()]).stdin(Stdio::null());
    let status = shell.status().map_err(|error| Failure::of("cannot run sh", error))?;
    if status.success() { Ok(()) } else { Err(Failure::Failed(format!("SIG{signal} could not be sent to {process}"))) }
}
