//! A child process that cannot stay behind: it stops when its standard input ends, and that ends with this process,
//! however it dies. It has a process group of its own, so Ctrl-C reaches only this process, which stops its children in
//! the right order.

use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::process::{Child as Process, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::SyncSender;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::console::say;
use crate::failure::Failure;
use crate::interrupt;

/// How long a child may take to stop gracefully: a batch, the last checkpoints, and some reserve.
const STOP_WITHIN: Duration = Duration::from_secs(60);
/// How often a wait looks at the child and at signals.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// A running child.
#[derive(Debug)]
pub(crate) struct Child {
    name: &'static str,
    process: Process,
    stdin: Option<ChildStdin>,
    readers: Vec<JoinHandle<()>>,
}

/// A line that a child printed.
#[derive(Debug, PartialEq)]
pub(crate) struct Line<S> {
    /// Which child, and which of its outputs.
    pub(crate) source: S,
    pub(crate) text: String,
}

/// Where a child's output goes.
pub(crate) enum Output<S> {
    /// To this process's own.
    Shared,
    /// Line by line into a channel: standard output under the first name, standard error under the second.
    Lines(SyncSender<Line<S>>, S, S),
}

impl Child {
    /// Starts a program in a process group of its own.
    pub(crate) fn start<S: Copy + Send + 'static>(
        name: &'static str,
        mut command: Command,
        output: Output<S>,
    ) -> Result<Self, Failure> {
        command.process_group(0).stdin(Stdio::piped());
        if let Output::Lines(..) = output {
            command.stdout(Stdio::piped()).stderr(Stdio::piped());
        }
        let mut process = command.spawn().map_err(|error| Failure::of(&format!("cannot start {name}"), error))?;
        let stdin = process.stdin.take();
        let mut readers = Vec::new();
        if let Output::Lines(lines, out, err) = output {
            readers.extend(process.stdout.take().map(|pipe| forward(pipe, lines.clone(), out)));
            readers.extend(process.stderr.take().map(|pipe| forward(pipe, lines, err)));
        }
        Ok(Self { name, process, stdin, readers })
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    /// How it ended, if it has.
    pub(crate) fn ended(&mut self) -> Result<Option<ExitStatus>, Failure> {
        self.process.try_wait().map_err(|error| Failure::of(&format!("cannot wait for {}", self.name), error))
    }

    /// Asks it to stop, without waiting.
    pub(crate) fn ask_to_stop(&mut self) {
        self.stdin = None;
    }

    /// Waits for its end. The first signal asks it to stop, a second one kills it.
    pub(crate) fn wait(&mut self) -> Result<ExitStatus, Failure> {
        loop {
            if let Some(status) = self.ended()? {
                return Ok(status);
            }
            match interrupt::count() {
                0 => {}
                1 => self.ask_to_stop(),
                _ => {
                    say(format!("{}: killed at the second signal", self.name));
                    return self.kill();
                }
            }
            pause();
        }
    }

    /// Asks it to stop and waits; kills it if that takes too long or a second signal comes.
    pub(crate) fn stop(&mut self) -> Result<ExitStatus, Failure> {
        self.ask_to_stop();
        let deadline = now() + STOP_WITHIN;
        loop {
            if let Some(status) = self.ended()? {
                return Ok(status);
            }
            if interrupt::count() >= 2 {
                say(format!("{}: killed at the second signal", self.name));
                return self.kill();
            }
            if now() >= deadline {
                say(format!("{} did not stop within {} s: killed", self.name, STOP_WITHIN.as_secs()));
                return self.kill();
            }
            pause();
        }
    }

    /// Asks it to stop and waits so long; then kills it. For a child that whatever signals there were did not mean.
    pub(crate) fn stop_within(&mut self, limit: Duration) -> Result<ExitStatus, Failure> {
        self.ask_to_stop();
        let deadline = now() + limit;
        while now() < deadline {
            if let Some(status) = self.ended()? {
                return Ok(status);
            }
            pause();
        }
        say(format!("{} did not stop within {} s: killed", self.name, limit.as_secs()));
        self.kill()
    }

    /// Kills it at once.
    pub(crate) fn kill(&mut self) -> Result<ExitStatus, Failure> {
        // An error here means that it has ended already.
        let _ = self.process.kill();
        self.process.wait().map_err(|error| Failure::of(&format!("cannot wait for {}", self.name), error))
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if matches!(self.ended(), Ok(None)) {
            let _ = self.stop();
        }
        for reader in self.readers.drain(..) {
            // A reader that panicked has nothing more to say.
            let _ = reader.join();
        }
    }
}

fn forward<S: Copy + Send + 'static>(
    pipe: impl Read + Send + 'static,
    lines: SyncSender<Line<S>>,
    source: S,
) -> JoinHandle<()> {
    thread::spawn(move || {
        // Lines that nobody receives any more are still read, or the child would block on a full pipe.
        for text in BufReader::new(pipe).lines().map_while(Result::ok) {
            let _ = lines.send(Line { source, text });
        }
    })
}

#[expect(clippy::disallowed_methods, reason = "this program waits for processes; nothing here runs under a test clock")]
pub(crate) fn pause() {
    thread::sleep(LOOK_EVERY);
}

#[expect(clippy::disallowed_methods, reason = "this program measures processes; nothing here runs under a test clock")]
pub(crate) fn now() -> Instant {
    Instant::now()
}
