//! The part of the scheduler that runs unfinished batches again, until the batches of this run begin.

use super::{Phase, Scheduler};
use crate::batch::BatchOrigin;
use crate::error::StreamingError;
use crate::rerun::Reloaded;

impl Scheduler {
    pub(super) fn note_reloaded(&mut self, reloaded: Option<Result<Reloaded, StreamingError>>) {
        match (reloaded, &mut self.phase) {
            (Some(Ok(reloaded)), Phase::Recovering(rerun)) => rerun.next = Some(reloaded),
            (Some(Err(error)), _) => return self.engine.control.fail(error),
            (Some(Ok(_)) | None, _) => {}
        }
        self.run_again();
    }

    /// Submits what was read again, and before it what is made up for, as far as there is room. When all of it is settled, the
    /// batches of this run begin.
    pub(super) fn run_again(&mut self) {
        while self.queue.room() > 0 {
            let Phase::Recovering(rerun) = &mut self.phase else { return };
            let missing = match &rerun.next {
                Some(next) => self.maker.take_before(next.batch),
                None if rerun.is_over() => self.maker.take_through_floor(),
                None => None,
            };
            match (missing, rerun.next.take_if(|_| missing.is_none())) {
                (Some(missing), _) => self.submit(missing),
                (None, Some(reloaded)) => self.submit_again(reloaded),
                (None, None) => break,
            }
        }
        if matches!(&self.phase, Phase::Recovering(rerun) if rerun.is_over())
            && self.running.is_empty()
            && self.queue.is_empty()
        {
            self.maker.go_on(self.clock.now());
            self.phase = Phase::Streaming;
            self.receivers.admit_pages();
        }
    }

    /// The batch is in the log already.
    fn submit_again(&mut self, reloaded: Reloaded) {
        let time = reloaded.batch;
        self.maker.take_back(reloaded, &self.receivers);
        let Some(mut submitted) = self.maker.make(time, self.running.outputs(), self.clock.now()) else { return };
        submitted.info.origin = BatchOrigin::Unfinished;
        self.enqueue(submitted);
    }
}
