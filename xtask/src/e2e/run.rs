//! One run: the consumer until it is ready, then the producer, then until everything is counted.

use std::fmt::Display;
use std::process::ExitStatus;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use crate::binaries::Binaries;
use crate::child::{Child, Line, Output, now};
use crate::console;
use crate::e2e::Options;
use crate::e2e::consumer::ConsumerOutput;
use crate::e2e::progress::Bars;
use crate::endpoints::{Endpoints, STREAM};
use crate::failure::Failure;
use crate::interrupt;
use crate::printed_counts::{Counts, TotalsList, total};

/// The application's name: the endpoints are new in each run, so no other run's leases are in the table.
const APPLICATION: &str = "e2e-word-count";
/// How long the consumer may take until every shard has a reader.
const READY_WITHIN: Duration = Duration::from_secs(60);
/// How long nothing may be counted, after everything was sent, before the run is given up.
const IDLE_WITHIN: Duration = Duration::from_secs(30);
/// How long a look waits for the next line.
const LOOK: Duration = Duration::from_millis(50);
/// Lines that may wait to be looked at.
const LINES: usize = 1024;

/// Which output of which process a line came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    Consumer,
    ConsumerLog,
    Producer,
    ProducerLog,
}

/// What a run came to.
#[derive(Debug, Default)]
pub(crate) struct Report {
    pub(crate) produced: Counts,
    pub(crate) counted: Counts,
    pub(crate) producer_summary: String,
    pub(crate) ready_after: Option<Duration>,
    pub(crate) first_count_after: Option<Duration>,
    pub(crate) all_counted_after: Option<Duration>,
}

/// A run under way.
pub(crate) struct Run<'a> {
    options: &'a Options,
    binaries: &'a Binaries,
    endpoints: &'a mut Endpoints,
    lines: (SyncSender<Line<Source>>, Receiver<Line<Source>>),
    consumer: Child,
    producer: Option<Child>,
    output: ConsumerOutput,
    produced: TotalsList,
    sent: u64,
    sending_since: Option<Instant>,
    ready: bool,
    bars: Option<Bars>,
    report: Report,
}

impl<'a> Run<'a> {
    pub(crate) fn new(
        options: &'a Options,
        binaries: &'a Binaries,
        endpoints: &'a mut Endpoints,
    ) -> Result<Self, Failure> {
        let lines = sync_channel(LINES);
        let consumer = start_consumer(binaries, endpoints, lines.0.clone())?;
        Ok(Self {
            options,
            binaries,
            endpoints,
            lines,
            consumer,
            producer: None,
            output: ConsumerOutput::default(),
            produced: TotalsList::default(),
            sent: 0,
            sending_since: None,
            ready: false,
            bars: None,
            report: Report::default(),
        })
    }

    /// Goes through all stages.
    pub(crate) fn finish(mut self) -> Result<Report, Failure> {
        self.report.ready_after = Some(self.wait_until_ready()?);
        let lines = u64::from(self.options.rate).saturating_mul(u64::from(self.options.seconds));
        self.bars = Some(Bars::new(lines, lines.saturating_mul(u64::from(self.options.words))));
        self.producer = Some(start_producer(self.options, self.binaries, self.endpoints, self.lines.0.clone())?);
        let mut restart = self.options.restart.then_some((lines / 2).max(1));
        let status = loop {
            self.take_line()?;
            self.show();
            if restart.is_some_and(|at| self.sent >= at) {
                restart = None;
                self.restart_consumer()?;
            }
            if let Some(status) = self.producer.as_mut().map_or(Ok(None), Child::ended)? {
                break status;
            }
        };
        let last_sent = now();
        self.finish_producer(status)?;
        if restart.is_some() {
            // So few lines that their number was not reported before the end.
            self.restart_consumer()?;
        }
        self.wait_until_counted()?;
        self.report.all_counted_after = Some(last_sent.elapsed());
        self.show();
        self.bars = None;
        self.stop_consumer()?;
        self.report.counted = std::mem::take(&mut self.output.totals);
        Ok(self.report)
    }

    fn wait_until_ready(&mut self) -> Result<Duration, Failure> {
        let begun = now();
        self.ready = false;
        while !self.ready {
            self.take_line()?;
            if begun.elapsed() > READY_WITHIN {
                return Err(Failure::Failed(format!("the consumer was not ready after {} s", READY_WITHIN.as_secs())));
            }
        }
        Ok(begun.elapsed())
    }

    fn restart_consumer(&mut self) -> Result<(), Failure> {
        self.say("stopping the consumer in the middle");
        self.stop_consumer()?;
        self.consumer = start_consumer(self.binaries, self.endpoints, self.lines.0.clone())?;
        let ready = self.wait_until_ready()?;
        self.say(format!("started it again, ready after {:.1} s", ready.as_secs_f64()));
        Ok(())
    }

    /// Stops the consumer gracefully and takes its totals.
    fn stop_consumer(&mut self) -> Result<(), Failure> {
        self.consumer.ask_to_stop();
        let status = loop {
            self.receive()?;
            if let Some(status) = self.consumer.ended()? {
                break status;
            }
        };
        self.drain();
        if status.success() && self.output.end_run() {
            Ok(())
        } else {
            Err(Failure::Failed(format!("the consumer ended with {status} and without totals")))
        }
    }

    fn finish_producer(&mut self, status: ExitStatus) -> Result<(), Failure> {
        self.producer = None;
        self.drain();
        match self.produced.counts() {
            Some(counts) if status.success() => {
                self.report.produced = counts.clone();
                Ok(())
            }
            _ => Err(Failure::Failed(format!("the producer ended with {status}"))),
        }
    }

    fn wait_until_counted(&mut self) -> Result<(), Failure> {
        let expected = total(&self.report.produced);
        let (mut last, mut since) = (self.output.printed, now());
        while self.output.printed < expected {
            self.take_line()?;
            self.show();
            if self.output.printed > last {
                (last, since) = (self.output.printed, now());
            } else if since.elapsed() > IDLE_WITHIN {
                // The comparison will show what is missing.
                self.say(format!("nothing was counted for {} s", IDLE_WITHIN.as_secs()));
                return Ok(());
            }
        }
        Ok(())
    }

    fn show(&self) {
        if let Some(bars) = &self.bars {
            bars.show(self.sent, self.output.printed);
        }
    }

    fn say(&self, text: impl Display) {
        match &self.bars {
            Some(bars) => bars.say(text),
            None => console::say(text),
        }
    }

    /// Takes the next line, if one comes in time, of a consumer that must go on.
    fn take_line(&mut self) -> Result<(), Failure> {
        if self.receive()? {
            return Ok(());
        }
        match self.consumer.ended()? {
            Some(status) => {
                self.drain();
                Err(Failure::Failed(format!("the consumer ended early with {status}")))
            }
            None => Ok(()),
        }
    }

    /// Takes the next line, and says whether one came in time.
    fn receive(&mut self) -> Result<bool, Failure> {
        interrupt::check()?;
        if let Some(status) = self.endpoints.ended()? {
            // Without endpoints the others have nothing left to save, and would only try for long.
            self.consumer.kill()?;
            self.producer.as_mut().map(Child::kill).transpose()?;
            return Err(Failure::Failed(format!("the embedded endpoints ended early with {status}")));
        }
        let Ok(line) = self.lines.1.recv_timeout(LOOK) else { return Ok(false) };
        self.on_line(&line);
        Ok(true)
    }

    /// Takes the lines that are there, without waiting for more. The child has ended; what it printed is in the channel
    /// within a moment, and its readers end with it.
    fn drain(&mut self) {
        while let Ok(line) = self.lines.1.recv_timeout(Duration::from_millis(200)) {
            self.on_line(&line);
        }
    }

    fn on_line(&mut self, line: &Line<Source>) {
        match line.source {
            Source::Consumer => {
                self.output.take(&line.text);
                if self.output.printed > 0 && self.report.first_count_after.is_none() {
                    self.report.first_count_after = self.sending_since.map(|since| since.elapsed());
                }
            }
            Source::ConsumerLog if line.text.starts_with("ready ") => self.ready = true,
            Source::Producer => self.on_producer_line(&line.text),
            Source::ConsumerLog | Source::ProducerLog => self.say(&line.text),
        }
    }

    fn on_producer_line(&mut self, line: &str) {
        if self.produced.take(line) {
            return;
        }
        if let Some(sent) = line.strip_prefix("Sent ").and_then(|rest| rest.strip_suffix(" records")) {
            self.sent = sent.parse().unwrap_or(self.sent);
        } else if line.starts_with("Sending ") {
            self.sending_since = Some(now());
        } else {
            self.report.producer_summary = line.to_owned();
        }
    }
}

fn start_consumer(
    binaries: &Binaries,
    endpoints: &Endpoints,
    lines: SyncSender<Line<Source>>,
) -> Result<Child, Failure> {
    let args: [&str; 7] = [
        APPLICATION,
        STREAM,
        &endpoints.kinesis,
        "--dynamodb-endpoint",
        &endpoints.dynamodb,
        "--totals",
        "--stop-with-stdin",
    ];
    let mut command = binaries.command("kinesis_word_count", &args.map(str::to_owned));
    Endpoints::confine(&mut command);
    Child::start("the word count", command, Output::Lines(lines, Source::Consumer, Source::ConsumerLog))
}

fn start_producer(
    options: &Options,
    binaries: &Binaries,
    endpoints: &Endpoints,
    lines: SyncSender<Line<Source>>,
) -> Result<Child, Failure> {
    let args = [
        STREAM.to_owned(),
        endpoints.kinesis.clone(),
        options.rate.to_string(),
        options.words.to_string(),
        format!("--seconds={}", options.seconds),
        "--seed=0".to_owned(),
        "--stop-with-stdin".to_owned(),
    ];
    let mut command = binaries.command("kinesis_word_producer", &args);
    Endpoints::confine(&mut command);
    Child::start("the word producer", command, Output::Lines(lines, Source::Producer, Source::ProducerLog))
}
