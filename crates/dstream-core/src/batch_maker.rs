//! Makes the batches: cuts the blocks of all streams, and gives each batch those that no earlier one has.

use std::sync::Arc;

use crate::batch::{Batch, BatchInfo};
use crate::batch_queue::Submitted;
use crate::batch_run::due;
use crate::batch_timer::BatchTimer;
use crate::checkpoint::{Gap, LeftEntries, ResumePoint, Resumed, resumed};
use crate::config::Settings;
use crate::control::Control;
use crate::graph::{Output, Role};
use crate::output_info::OutputInfo;
use crate::receivers::Receivers;
use crate::rerun::Reloaded;
use crate::stream_node::StreamNode;
use crate::time::Time;
use crate::tracker::{Allocated, Tracker};

pub(crate) struct BatchMaker {
    /// When batches are due.
    pub(crate) timer: BatchTimer,
    zero: Time,
    /// Batches up to this time are made up for, however many they are.
    replay_until: Time,
    gap: Gap,
    /// No batch is made up to this time, but those that are run again and those that are made up for.
    floor: Time,
    tracker: Tracker,
}

impl BatchMaker {
    /// Batches begin with the first batch time after `now`, or after those of the run that ended at `point`.
    pub(crate) fn start(
        now: Time,
        settings: &Settings,
        (point, log): (Option<&ResumePoint>, Option<&LeftEntries>),
        nodes: &[Arc<dyn StreamNode>],
    ) -> Self {
        let done = log.and_then(|log| log.done_through);
        let Resumed { begin, replay_until, gap } = resumed(now, point, done, nodes);
        let floor = log.and_then(|log| log.newest).map_or(begin, |newest| newest.max(begin));
        let begin = if gap == Gap::LeftOut { floor } else { begin };
        let timer = BatchTimer::start(begin, settings.batch_interval, settings.block_interval);
        let zero = point.map_or_else(|| timer.next_batch().minus(settings.batch_interval), |point| point.zero);
        Self { timer, zero, replay_until, gap, floor, tracker: Tracker::default() }
    }

    /// The time from which the slides of streams are counted: one interval before the first batch of all runs.
    pub(crate) const fn zero(&self) -> Time {
        self.zero
    }

    /// Whether batches of the time when the program did not run are still to be made.
    pub(crate) fn is_replaying(&self) -> bool {
        self.timer.next_batch() <= self.replay_until
    }

    /// What became due meanwhile is made up for as well, rather than skipped for want of room.
    pub(crate) fn replay_until(&mut self, now: Time) {
        self.replay_until = self.replay_until.max(now);
    }

    /// The next batch that is made up for and that comes before the batch of `time`, which is run again.
    pub(crate) fn take_before(&mut self, time: Time) -> Option<Time> {
        (self.gap == Gap::MadeUpFor && self.timer.next_batch() < time).then(|| self.timer.take_next())
    }

    /// The next batch that is made up for before pages are taken, once all others have been run again.
    pub(crate) fn take_through_floor(&mut self) -> Option<Time> {
        (self.gap == Gap::MadeUpFor && self.timer.next_batch() <= self.floor).then(|| self.timer.take_next())
    }

    /// The blocks of a batch that is run again; nothing else waits for a batch. To be followed by [`make`](Self::make).
    pub(crate) fn take_back(&mut self, Reloaded { batch, blocks }: Reloaded, receivers: &Receivers) {
        // Its time is used up.
        if self.gap == Gap::MadeUpFor && self.timer.next_batch() == batch {
            self.timer.take_next();
        }
        for block in blocks {
            self.tracker.add(block);
            let input = receivers.inputs().iter().find(|input| input.stream() == block.id.stream());
            input.into_iter().for_each(|input| input.report_stored(block.id));
        }
    }

    /// All is run again; the batches of this run begin.
    pub(crate) fn go_on(&mut self, now: Time) {
        match self.gap {
            Gap::LeftOut => self.timer.go_on_after(now.max(self.floor)),
            Gap::MadeUpFor => self.replay_until(now),
        }
    }

    /// Whether a block waits for a batch.
    pub(crate) fn has_waiting(&self) -> bool {
        self.tracker.has_waiting()
    }

    /// Cuts what was stored since the last cut into blocks.
    pub(crate) fn cut(&mut self, receivers: &Receivers, control: &Control, now: Time) {
        self.timer.note_cut(now);
        for input in receivers.inputs() {
            match input.cut() {
                Ok(Some(block)) => {
                    self.tracker.add(block);
                    input.report_stored(block.id);
                }
                Ok(None) => {}
                Err(error) => control.fail(error),
            }
        }
    }

    /// The batch of all blocks that wait, and what is known about it; `None` if it was made before.
    pub(crate) fn make(&mut self, time: Time, outputs: &[Arc<Output>], now: Time) -> Option<Submitted> {
        let Allocated::Batch(blocks) = self.tracker.allocate(time) else { return None };
        let batch = Arc::new(Batch::new(time, self.zero, blocks));
        let mut info = BatchInfo::submitted(&batch, now);
        let outputs = due(outputs, &batch).filter(|(_, output)| output.role == Role::Program);
        info.outputs = outputs.map(|(id, output)| OutputInfo::waiting(id, output.name, time)).collect();
        Some(Submitted { batch, info })
    }
}
