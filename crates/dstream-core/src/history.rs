//! What the events of a context add up to: figures, the batches that wait and run, and a bounded number of those that ended.
//!
//! Pure: events in, reports out. Nothing grows with the number of batches; what never ends goes when the context does.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use crate::batch::BatchInfo;
use crate::batch_report::{BatchReport, BatchStage, ReceiverReport, ReceiverStage};
use crate::block::StreamId;
use crate::event::Event;
use crate::failed_records::RecordFate;
use crate::metrics::Metrics;
use crate::output_info::OutputInfo;
use crate::receiver::ReceiverError;
use crate::time::Time;

#[derive(Debug)]
pub(crate) struct History {
    /// How many batches that have ended are kept, at most.
    retained: usize,
    started: Option<Time>,
    /// The counters, and the last batch that was completed.
    totals: Metrics,
    active: BTreeMap<Time, BatchReport>,
    /// The oldest first.
    ended: VecDeque<BatchReport>,
    receivers: BTreeMap<StreamId, ReceiverReport>,
}

impl History {
    pub(crate) fn retaining(retained: usize) -> Self {
        Self {
            retained,
            started: None,
            totals: Metrics::default(),
            active: BTreeMap::new(),
            ended: VecDeque::new(),
            receivers: BTreeMap::new(),
        }
    }

    pub(crate) fn note(&mut self, event: &Event) {
        match event {
            Event::StreamingStarted { time } => self.started = Some(*time),
            Event::ReceiverStarted { stream, name } => self.note_receiver(*stream, name, ReceiverStage::Active, None),
            Event::ReceiverFailed { stream, name, error } => {
                self.note_receiver(*stream, name, ReceiverStage::Failed, Some(error));
            }
            Event::ReceiverStopped { stream, name } => self.note_receiver(*stream, name, ReceiverStage::Stopped, None),
            Event::BatchSubmitted(info) => self.note_active(BatchStage::Waiting, info),
            Event::BatchStarted(info) => {
                self.totals.received_records = add(self.totals.received_records, info.records());
                self.note_active(BatchStage::Running, info);
            }
            Event::OutputStarted(output) | Event::OutputCompleted(output) | Event::OutputFailed { output, .. } => {
                self.note_output(output);
            }
            Event::BatchCompleted(info) => {
                self.totals.completed_batches = add(self.totals.completed_batches, 1);
                self.totals.processed_records = add(self.totals.processed_records, info.records());
                let info = self.note_ended(BatchStage::Completed, info);
                self.totals.last_completed = Some(info);
            }
            Event::BatchFailed(info) => {
                self.totals.failed_batches = add(self.totals.failed_batches, 1);
                self.note_ended(BatchStage::Failed, info);
            }
            Event::BatchesSkipped { skipped, .. } => {
                self.totals.skipped_batches = add(self.totals.skipped_batches, *skipped);
            }
            Event::RecordLeftOut { fate: RecordFate::DeadLettered, .. } => {
                self.totals.dead_lettered_records = add(self.totals.dead_lettered_records, 1_u64);
            }
            Event::RecordLeftOut { fate: RecordFate::Skipped, .. } => {
                self.totals.skipped_records = add(self.totals.skipped_records, 1_u64);
            }
            Event::ReceiverReady { .. }
            | Event::Recovered { .. }
            | Event::CheckpointWritten { .. }
            | Event::RateUpdated { .. } => {}
        }
    }

    /// The context has ended: batches that were given up neither wait nor run.
    pub(crate) fn close(&mut self) {
        self.active.clear();
    }

    pub(crate) fn metrics(&self) -> Metrics {
        let receivers = self.receivers.values().filter(|receiver| receiver.stage == ReceiverStage::Active).count();
        let waiting = self.active.values().filter(|batch| batch.stage == BatchStage::Waiting).count();
        let newest = self.active.values().next_back().or(self.ended.back());
        Metrics {
            receivers,
            waiting_batches: waiting,
            running_batches: self.active.len().saturating_sub(waiting),
            retained_batches: self.ended.len(),
            last_received: newest.map(|batch| Arc::clone(&batch.info)),
            ..self.totals.clone()
        }
    }

    pub(crate) const fn started(&self) -> Option<Time> {
        self.started
    }

    /// Those that have ended and are kept, and those that have not; the oldest first.
    pub(crate) fn batches(&self) -> Vec<BatchReport> {
        self.ended.iter().chain(self.active.values()).cloned().collect()
    }

    pub(crate) fn receivers(&self) -> Vec<ReceiverReport> {
        self.receivers.values().cloned().collect()
    }

    fn note_receiver(
        &mut self,
        stream: StreamId,
        name: &Arc<str>,
        stage: ReceiverStage,
        error: Option<&Arc<ReceiverError>>,
    ) {
        let before = self.receivers.remove(&stream).and_then(|receiver| receiver.error);
        let error = error.map(Arc::clone).or(before);
        self.receivers.insert(stream, ReceiverReport { stream, name: Arc::clone(name), stage, error });
    }

    fn note_active(&mut self, stage: BatchStage, info: &BatchInfo) {
        self.active.insert(info.batch, BatchReport { stage, info: Arc::new(info.clone()) });
    }

    fn note_output(&mut self, output: &OutputInfo) {
        let Some(batch) = self.active.get_mut(&output.batch) else { return };
        let info = Arc::make_mut(&mut batch.info);
        info.outputs.iter_mut().filter(|known| known.id == output.id).for_each(|known| known.clone_from(output));
    }

    fn note_ended(&mut self, stage: BatchStage, info: &BatchInfo) -> Arc<BatchInfo> {
        self.active.remove(&info.batch);
        let info = Arc::new(info.clone());
        self.ended.push_back(BatchReport { stage, info: Arc::clone(&info) });
        while self.ended.len() > self.retained {
            self.ended.pop_front();
        }
        info
    }
}

impl Default for History {
    fn default() -> Self {
        Self::retaining(DEFAULT_RETAINED_BATCHES)
    }
}

fn add<N: TryInto<u64>>(total: u64, more: N) -> u64 {
    total.saturating_add(more.try_into().unwrap_or(u64::MAX))
}

/// As many as Spark's user interface keeps.
pub(crate) const DEFAULT_RETAINED_BATCHES: usize = 1_000;

#[cfg(test)]
mod tests;
