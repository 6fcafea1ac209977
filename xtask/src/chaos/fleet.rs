//! All workers of a run. A worker whose end was not wanted ends the run; dropping the fleet stops every worker.

use std::collections::BTreeSet;
use std::fmt::{self, Write as _};
use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Instant;

use crate::chaos::key_counts::{CountsFile, newest};
use crate::chaos::random_steps::Dice;
use crate::chaos::record::{Millis, Processed, Slot, WorkerNumber};
use crate::chaos::worker::{Condition, Worker, WorkerSettings};
use crate::child::Line;
use crate::failure::Failure;

/// Lines of the workers' logs that may wait to be looked at; each look takes all of them.
const LINES: usize = 4096;
/// Where their logs go, in the directory of the run.
pub(crate) const LOG: &str = "workers.log";

/// The workers, also those that have ended: their files may still hold something.
pub(crate) struct Fleet<'a> {
    settings: WorkerSettings<'a>,
    begun: Instant,
    // Before the workers: their output must have somewhere to go, or nowhere, when they are dropped.
    lines: (SyncSender<Line<WorkerNumber>>, Receiver<Line<WorkerNumber>>),
    log: File,
    workers: Vec<Worker>,
}

impl<'a> Fleet<'a> {
    pub(crate) fn new(settings: WorkerSettings<'a>, directory: &Path, begun: Instant) -> Result<Self, Failure> {
        let log =
            File::create(directory.join(LOG)).map_err(|error| Failure::of("cannot write the workers' log", error))?;
        Ok(Self { settings, begun, lines: sync_channel(LINES), log, workers: Vec::new() })
    }

    pub(crate) fn now(&self) -> Millis {
        Millis(u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX))
    }

    /// Starts a worker in the first slot that is free, be it new or not.
    pub(crate) fn start_one(&mut self) -> Result<Started, Failure> {
        let taken = |slot: &Slot| self.workers.iter().any(|worker| worker.slot == *slot && worker.is_alive());
        let free = (1..).map(Slot).find(|slot| !taken(slot)).unwrap_or(Slot(u32::MAX));
        self.start_in(free)
    }

    /// Starts a worker in a slot that is free.
    pub(crate) fn start_in(&mut self, slot: Slot) -> Result<Started, Failure> {
        let number = u32::try_from(self.workers.len()).unwrap_or(u32::MAX).saturating_add(1);
        let number = WorkerNumber(number);
        let before = self.last_in(slot).map(|worker| worker.condition);
        let worker = Worker::start(self.settings, number, slot, self.lines.0.clone())?;
        self.workers.push(worker);
        Ok(Started { number, slot, before })
    }

    fn last_in(&self, slot: Slot) -> Option<&Worker> {
        self.workers.iter().rev().find(|worker| worker.slot == slot)
    }

    /// Every slot that was ever used.
    pub(crate) fn slots(&self) -> BTreeSet<Slot> {
        self.workers.iter().map(|worker| worker.slot).collect()
    }

    /// The slots whose last worker was killed, so that nobody but the next one knows what its state is.
    pub(crate) fn crashed_slots(&self) -> Vec<Slot> {
        let crashed = |slot: &Slot| self.last_in(*slot).is_some_and(|worker| worker.condition == Condition::Killed);
        self.slots().into_iter().filter(crashed).collect()
    }

    /// The newest counts of a slot, if there are any.
    pub(crate) fn counts(&self, slot: Slot) -> Result<Option<CountsFile>, Failure> {
        newest(&self.settings.slot(slot)).map_err(Failure::Failed)
    }

    pub(crate) fn running(&self) -> Vec<WorkerNumber> {
        self.workers.iter().filter(|worker| worker.is_running()).map(|worker| worker.number).collect()
    }

    /// One that runs, as the dice fall.
    pub(crate) fn any(&self, dice: &mut Dice) -> Option<WorkerNumber> {
        dice.pick(&self.running()).copied()
    }

    pub(crate) fn worker(&mut self, number: WorkerNumber) -> Result<&mut Worker, Failure> {
        let found = self.workers.iter_mut().find(|worker| worker.number == number);
        found.ok_or_else(|| Failure::Failed(format!("there is no {number}")))
    }

    /// Whether all that run are ready.
    pub(crate) fn all_ready(&self) -> bool {
        self.workers.iter().filter(|worker| worker.is_running()).all(|worker| worker.ready.is_some())
    }

    /// Whether none is about to stop.
    pub(crate) fn none_stopping(&self) -> bool {
        self.workers.iter().all(|worker| !matches!(worker.condition, Condition::Stopping(_)))
    }

    /// Looks at all of them: what they wrote, what they said, and how long those took that have stopped.
    pub(crate) fn look(&mut self) -> Result<Look, Failure> {
        let at = self.now();
        self.take_log(at)?;
        let mut look = Look::default();
        for worker in &mut self.workers {
            match (worker.condition, worker.ended()?) {
                (Condition::Stopping(asked), Some(status)) if status.success() => {
                    worker.condition = Condition::Stopped;
                    look.exits.push(at.since(asked));
                }
                (Condition::Running | Condition::Stopping(_), Some(status)) => {
                    let number = worker.number;
                    self.take_log(at)?;
                    return Err(Failure::Failed(format!("{number} ended with {status}; see {LOG}")));
                }
                _ => {}
            }
            look.records.extend(worker.file.look(at).map_err(Failure::Failed)?);
        }
        Ok(look)
    }

    /// Sends each that runs SIGTERM.
    pub(crate) fn terminate_all(&mut self) -> Result<(), Failure> {
        let at = self.now();
        self.workers.iter_mut().filter(|worker| worker.is_running()).try_for_each(|worker| worker.terminate(at))
    }

    /// Ends all at once, since nothing is left that they could save.
    pub(crate) fn kill_all(&mut self) -> Result<(), Failure> {
        self.workers.iter_mut().try_for_each(Worker::kill)
    }

    fn take_log(&mut self, at: Millis) -> Result<(), Failure> {
        let mut text = String::new();
        for Line { source, text: line } in self.lines.1.try_iter() {
            if line.starts_with("ready after ")
                && let Some(worker) = self.workers.iter_mut().find(|worker| worker.number == source)
            {
                worker.ready = worker.ready.or(Some(at));
            }
            // Writing to a `String` cannot fail.
            let _ = writeln!(text, "{at} {source}: {line}");
        }
        self.log.write_all(text.as_bytes()).map_err(|error| Failure::of("cannot write the workers' log", error))
    }
}

impl Drop for Fleet<'_> {
    fn drop(&mut self) {
        // All at once, and only then one after the other.
        for worker in &mut self.workers {
            worker.ask_to_stop();
        }
    }
}

/// A worker that was started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Started {
    pub(crate) number: WorkerNumber,
    pub(crate) slot: Slot,
    /// What the last worker of the slot is; nothing for a new slot.
    before: Option<Condition>,
}

impl fmt::Display for Started {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { number, slot, before } = self;
        match before {
            None => write!(f, "{number} in {slot}"),
            Some(Condition::Killed) => write!(f, "{number} in {slot}, where one was killed"),
            Some(_) => write!(f, "{number} in {slot}, where one had stopped"),
        }
    }
}

/// What a look at the fleet has shown.
#[derive(Debug, Default)]
pub(crate) struct Look {
    pub(crate) records: Vec<Processed>,
    /// How long each worker took from SIGTERM to its end.
    pub(crate) exits: Vec<Millis>,
}
