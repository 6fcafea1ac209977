//! Runs one batch: which of its output operations run when, and how the batch ends.
//!
//! By default they run one after the other, in the order in which the program made them. A failed attempt is repeated from the
//! output operation that failed; those before it succeeded and are not done twice. Operations see the same blocks, and the same
//! datasets, in every attempt.
//!
//! Side by side, a batch first *opens*: the datasets of all its output operations are made, and the wide operators in them run,
//! one after the other and after those of the batch before. So inputs are asked in the order of batches, what two outputs
//! share is computed once, and what a batch carries to the next one is there. Only then its output operations run, at once.

use std::sync::Arc;

use futures::future::join_all;
use tokio::sync::oneshot;

use crate::batch::{Batch, BatchInfo};
use crate::error::StreamingError;
use crate::event::Event;
use crate::graph::Output;
use crate::output_info::OutputId;
use crate::output_run::{OutputEnd, OutputRun, OutputRunner, Work};
use crate::poison_run::PoisonRun;
use crate::scheduling::BatchFailure;

pub(crate) struct BatchRun {
    pub(crate) batch: Arc<Batch>,
    pub(crate) info: BatchInfo,
    pub(crate) outputs: Arc<[Arc<Output>]>,
    pub(crate) runner: Arc<OutputRunner>,
    pub(crate) on_failure: BatchFailure,
    pub(crate) order: OutputOrder,
}

pub(crate) enum OutputOrder {
    OneByOne,
    SideBySide(Turn),
}

/// Lets batches open one after the other.
pub(crate) struct Turn {
    /// Resolves when the batch before has opened; fails when it never will.
    pub(crate) before: Option<oneshot::Receiver<()>>,
    /// Taken when it was said.
    pub(crate) opened: Option<oneshot::Sender<()>>,
}

impl Turn {
    /// The batch has opened.
    fn open(&mut self) {
        if let Some(opened) = self.opened.take() {
            // Nobody listens if no batch follows.
            let _ = opened.send(());
        }
    }
}

/// A batch that runs no more.
#[derive(Debug)]
pub(crate) struct EndedBatch {
    pub(crate) batch: Arc<Batch>,
    pub(crate) info: BatchInfo,
    pub(crate) end: BatchEnd,
}

#[derive(Debug)]
pub(crate) enum BatchEnd {
    /// Every output operation succeeded.
    Succeeded,
    /// The context stops; the batch was given up before it was done.
    GivenUp,
    /// An output operation failed for good; this is the first one's error.
    Failed(StreamingError),
}

impl BatchRun {
    /// Never panics.
    ///
    /// # Cancellation
    /// Not to be dropped; see [`OutputRun::run`].
    pub(crate) async fn run(self) -> EndedBatch {
        let Self { batch, mut info, outputs, runner, on_failure, mut order } = self;
        if !may_begin(&mut order, &runner, on_failure).await {
            return EndedBatch { batch, info, end: BatchEnd::GivenUp };
        }
        info.started = Some(runner.clock.now());
        runner.control().emit(&Event::BatchStarted(info.clone()));
        let mut runs: Vec<OutputRun<'_>> =
            due(&outputs, &batch).map(|due| OutputRun::new(&runner, &batch, due)).collect();
        let mut ends = match &mut order {
            OutputOrder::OneByOne => one_by_one(&mut runs, on_failure).await,
            OutputOrder::SideBySide(turn) => side_by_side(&mut runs, turn, on_failure).await,
        };
        if ends.iter().any(|end| matches!(end, OutputEnd::Failed(_)))
            && let Some(mut poison) = PoisonRun::of(&batch, &runner)
        {
            info.left_out = poison.mend(&mut runs, &mut ends, on_failure).await;
        }
        if let OutputOrder::SideBySide(turn) = &mut order
            && ends.iter().all(|end| matches!(end, OutputEnd::Succeeded))
        {
            turn.open();
        }
        leave_out_failed_memories(&runs, &ends);
        info.ended = Some(runner.clock.now());
        info.failed_attempts = runs.iter().map(|run| run.info.failed_attempts).fold(0, u32::saturating_add);
        info.outputs = runs.into_iter().filter(OutputRun::is_of_program).map(|run| run.info).collect();
        EndedBatch { batch, info, end: BatchEnd::of(ends) }
    }
}

/// The output operations that `batch` has, hidden ones included, with their numbers.
pub(crate) fn due<'a>(
    outputs: &'a [Arc<Output>],
    batch: &'a Batch,
) -> impl Iterator<Item = (OutputId, &'a Arc<Output>)> {
    // The program's own come first, so their place is their number.
    (0..).map(OutputId::new).zip(outputs).filter(|(_, output)| batch.is_due(output.node.slide()))
}

/// Waits for the turn of the batch. False if it must not begin.
async fn may_begin(order: &mut OutputOrder, runner: &OutputRunner, on_failure: BatchFailure) -> bool {
    let opened = match order {
        OutputOrder::SideBySide(Turn { before: Some(before), .. }) => before.await.is_ok(),
        OutputOrder::SideBySide(Turn { before: None, .. }) | OutputOrder::OneByOne => true,
    };
    // If the batch before did not open, what it should have carried on is missing: for good, or until a restart.
    (opened || on_failure == BatchFailure::Continue) && !runner.control().is_urgent()
}

async fn one_by_one(runs: &mut [OutputRun<'_>], on_failure: BatchFailure) -> Vec<OutputEnd> {
    let mut ends = Vec::new();
    for run in runs {
        let end = run_one(run).await;
        let last = is_last(&end, on_failure);
        ends.push(end);
        if last {
            break;
        }
    }
    ends
}

/// Runs an output operation if it did not succeed yet, or computes memories.
pub(crate) async fn run_one(run: &mut OutputRun<'_>) -> OutputEnd {
    let done = run.is_of_program() && run.info.has_succeeded();
    if done { OutputEnd::Succeeded } else { run.run(Work::Output).await }
}

async fn side_by_side(runs: &mut [OutputRun<'_>], turn: &mut Turn, on_failure: BatchFailure) -> Vec<OutputEnd> {
    let mut opened = Vec::new();
    for run in runs.iter_mut() {
        let end = run.run(Work::Materialise).await;
        let last = is_last(&end, on_failure);
        opened.push(end);
        if last {
            return opened;
        }
    }
    turn.open();
    let rest = runs.iter_mut().zip(opened).map(|(run, opened)| async move {
        match opened {
            OutputEnd::Succeeded if run.is_of_program() => run.run(Work::Output).await,
            ended => ended,
        }
    });
    join_all(rest).await
}

/// Whether the output operations after this one are not begun.
pub(crate) const fn is_last(end: &OutputEnd, on_failure: BatchFailure) -> bool {
    match end {
        OutputEnd::Succeeded => false,
        OutputEnd::GivenUp => true,
        OutputEnd::Failed(_) => matches!(on_failure, BatchFailure::Stop),
    }
}

/// If batches go on, they go on as if this one had brought nothing to the memories that it failed to compute.
fn leave_out_failed_memories(runs: &[OutputRun<'_>], ends: &[OutputEnd]) {
    for (run, end) in runs.iter().zip(ends) {
        if let (OutputEnd::Failed(_), Some(memory)) = (end, run.output.node.memory()) {
            memory.leave_out(run.batch.time);
        }
    }
}

impl BatchEnd {
    fn of(ends: Vec<OutputEnd>) -> Self {
        let mut result = Self::Succeeded;
        for end in ends {
            match (end, &result) {
                (OutputEnd::GivenUp, _) => return Self::GivenUp,
                (OutputEnd::Failed(error), Self::Succeeded) => result = Self::Failed(error),
                (OutputEnd::Failed(_) | OutputEnd::Succeeded, _) => {}
            }
        }
        result
    }
}
