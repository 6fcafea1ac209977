//! The task that takes blocks to disk and removes what is not needed there any more, one thing at a time.
//!
//! Files are written on threads for blocking work; each such call is awaited before the next one, and before the task ends.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::{JoinHandle, spawn_blocking};

use crate::block_store::BlockStoreError;
use crate::control::Control;
use crate::error::{StreamingError, error_chain};
use crate::input::Input;
use crate::lock::lock;
use crate::memory_budget::MemoryBudget;
use crate::spill::choice::{Candidate, Wish, choose};
use crate::spill::desk::SpillDesk;

pub(crate) struct Spiller {
    work: Arc<Work>,
    // Taken by whoever stops it.
    running: Mutex<Option<Running>>,
}

struct Running {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

struct Work {
    /// Those whose storage level knows the disk.
    inputs: Vec<Arc<dyn Input>>,
    budget: Arc<MemoryBudget>,
    desk: Arc<SpillDesk>,
    control: Arc<Control>,
}

/// What became of a step.
enum Step {
    Done,
    NothingToDo,
    /// The disk does not take what could as well stay in memory for a while.
    Failed,
}

impl Spiller {
    pub(crate) fn new(
        inputs: &[Arc<dyn Input>],
        budget: Arc<MemoryBudget>,
        desk: Arc<SpillDesk>,
        control: Arc<Control>,
    ) -> Self {
        let inputs = inputs.iter().filter(|input| input.uses_disk()).map(Arc::clone).collect();
        Self { work: Arc::new(Work { inputs, budget, desk, control }), running: Mutex::default() }
    }

    /// Begins, unless no storage level knows the disk.
    pub(crate) fn start(&self) {
        if self.work.inputs.is_empty() {
            return;
        }
        let (stop, stopped) = watch::channel(false);
        let task = tokio::spawn(Arc::clone(&self.work).run(stopped));
        *lock(&self.running) = Some(Running { stop, task });
    }

    /// Ends the task, and drops every block of its streams, in memory and on disk: to be called when nobody reads any more.
    pub(crate) async fn stop(&self) {
        let Some(Running { stop, task }) = lock(&self.running).take() else { return };
        stop.send_replace(true);
        let work = Arc::clone(&self.work);
        let clean = move || {
            work.inputs.iter().for_each(|input| input.release_all());
            work.desk.remove_dropped();
        };
        // The panic of a store is all that could be in them, and was logged by its hook.
        let _ = task.await;
        let _ = spawn_blocking(clean).await;
    }
}

impl Work {
    async fn run(self: Arc<Self>, mut stopped: watch::Receiver<bool>) {
        while !*stopped.borrow() {
            match Arc::clone(&self).step().await {
                Step::Done => {}
                Step::NothingToDo => tokio::select! {
                    _ = stopped.changed() => {}
                    () = self.desk.rung() => {}
                    () = self.budget.shortage() => {}
                },
                Step::Failed => tokio::select! {
                    _ = stopped.changed() => {}
                    () = tokio::time::sleep(RETRY_AFTER) => {}
                },
            }
        }
    }

    async fn step(self: Arc<Self>) -> Step {
        if self.desk.has_dropped() {
            let work = Arc::clone(&self);
            let _ = spawn_blocking(move || work.desk.remove_dropped()).await;
            return Step::Done;
        }
        let candidates = self.inputs.iter().flat_map(|input| input.spillable());
        let Some(chosen) = choose(candidates, self.budget.is_short()) else { return Step::NothingToDo };
        let work = Arc::clone(&self);
        let spilled = spawn_blocking(move || work.spill(chosen)).await;
        let spilled = spilled.unwrap_or_else(|_| Err(BlockStoreError::new("writing a block panicked")));
        match spilled {
            Ok(()) => Step::Done,
            Err(error) => self.failed(chosen, error),
        }
    }

    fn spill(&self, chosen: Candidate) -> Result<(), BlockStoreError> {
        let owner = self.inputs.iter().find(|input| input.stream() == chosen.id.stream());
        owner.map_or(Ok(()), |input| input.spill(chosen.id))
    }

    fn failed(&self, Candidate { id, wish, .. }: Candidate, error: BlockStoreError) -> Step {
        match wish {
            Wish::Disk => {
                self.control.fail(StreamingError::BlockStore { block: id, source: Arc::new(error) });
            }
            Wish::Memory => {
                let error = error_chain(&error);
                tracing::warn!(block = %id, error, "a block stays in memory, and storing waits: it cannot be written to disk");
            }
        }
        Step::Failed
    }
}

/// Long enough for a log that can be read, short enough for space that becomes free.
const RETRY_AFTER: Duration = Duration::from_secs(1);
