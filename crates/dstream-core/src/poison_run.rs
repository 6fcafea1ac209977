//! Looks for the records on which the output operations of a batch fail, and computes the batch without them.
//!
//! Promises: nothing is left out unless the output operation that failed succeeds without it and fails with it, see
//! [`poison_search`](crate::poison_search); what is left out is in a safe place, or skipped by the program's wish, before the
//! batch counts as processed; whatever a probe computed is undone before the next run, so that windows, states and shared datasets
//! hold what comes of the records that the batch keeps, and nothing else.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::batch::Batch;
use crate::batch_run::{is_last, run_one};
use crate::block::StreamId;
use crate::error::{BoxError, StreamingError};
use crate::event::Event;
use crate::failed_records::{LeftOutRecords, RecordFate};
use crate::input::{FailedRecord, Failure, HandOver};
use crate::left_out::{Candidates, LeftOut, RecordId, Window};
use crate::output_run::{OutputEnd, OutputRun, OutputRunner, Probed};
use crate::poison_search::{EveryOne, Next, PoisonSearch, TakenIn, Verdict};
use crate::retry;
use crate::scheduling::BatchFailure;
use crate::task_pool::PoolFailure;

pub(crate) struct PoisonRun<'a> {
    runner: &'a OutputRunner,
    /// As it was allocated.
    batch: Arc<Batch>,
    streams: Arc<BTreeSet<StreamId>>,
    candidates: Candidates,
    most: usize,
    bad: BTreeMap<RecordId, Arc<Failure>>,
}

/// How the search for an output operation ended.
enum Searched {
    /// It has succeeded.
    Mended,
    NoRecord,
    GivenUp,
}

impl<'a> PoisonRun<'a> {
    /// `None` if no record of the batch may be left out.
    pub(crate) fn of(batch: &Arc<Batch>, runner: &'a OutputRunner) -> Option<Self> {
        let inputs = || runner.inputs.iter().filter(|input| input.may_leave_out() > 0);
        let candidates = Candidates::of(inputs().flat_map(|input| batch.blocks_of(input.stream())));
        let brought = inputs().filter(|input| !batch.blocks_of(input.stream()).is_empty());
        let most = brought.map(|input| input.may_leave_out()).min()?;
        let streams = Arc::new(inputs().map(|input| input.stream()).collect());
        Some(Self { runner, batch: Arc::clone(batch), streams, candidates, most, bad: BTreeMap::new() })
    }

    /// Brings output operations that failed to an end without the records that they fail on, if it is a matter of records.
    pub(crate) async fn mend(
        &mut self,
        runs: &mut [OutputRun<'_>],
        ends: &mut Vec<OutputEnd>,
        on_failure: BatchFailure,
    ) -> LeftOutRecords {
        // Under `Continue`, one output operation may fail for good, and others for records.
        let mut hopeless = BTreeSet::new();
        while let Some(failed) = first_failed(ends, &hopeless) {
            let Some(run) = runs.get_mut(failed) else { break };
            match self.search(run).await {
                Searched::Mended => {}
                Searched::NoRecord if on_failure == BatchFailure::Stop => break,
                Searched::NoRecord => {
                    hopeless.insert(failed);
                }
                Searched::GivenUp => {
                    ends.push(OutputEnd::GivenUp);
                    break;
                }
            }
            self.go_on(runs, ends, (&hopeless, on_failure)).await;
        }
        if self.bad.is_empty() || !ends.iter().all(|end| matches!(end, OutputEnd::Succeeded)) {
            return LeftOutRecords::default();
        }
        match self.hand_over().await {
            Ok(left_out) => left_out,
            Err(end) => {
                ends.push(end);
                LeftOutRecords::default()
            }
        }
    }

    /// Runs the rest of the batch, and once more what computes memories.
    async fn go_on(
        &self,
        runs: &mut [OutputRun<'_>],
        ends: &mut Vec<OutputEnd>,
        (hopeless, on_failure): (&BTreeSet<usize>, BatchFailure),
    ) {
        self.undo();
        let batch = Arc::new(self.batch.without(self.left_out(None)));
        let mut before = std::mem::take(ends).into_iter();
        for (number, run) in runs.iter_mut().enumerate() {
            run.batch = Arc::clone(&batch);
            let end = match before.next() {
                Some(end) if hopeless.contains(&number) => end,
                _ => run_one(run).await,
            };
            let last = is_last(&end, on_failure);
            ends.push(end);
            if last {
                return;
            }
        }
    }

    async fn search(&mut self, run: &mut OutputRun<'_>) -> Searched {
        let gone: BTreeSet<usize> = self.bad.keys().filter_map(|id| self.candidates.number(*id)).collect();
        let Some(suspects) = self.numbers(&run.suspects) else { return self.nobody(run, UNTOUCHABLE) };
        let search = PoisonSearch::new(self.candidates.len(), self.most, gone, &suspects);
        let mut search = search.with_every_one(self.every_one());
        let mut reasons: BTreeMap<usize, Arc<str>> = BTreeMap::new();
        tracing::warn!(batch = %self.batch.time, output = %run.output.name, "looking for the records that an output operation fails on");
        loop {
            let (taken_in, left_out) = match search.next() {
                Next::End(Verdict::Found(found)) => {
                    self.note(&found, &reasons, run.info.failed_attempts);
                    run.mended();
                    return Searched::Mended;
                }
                Next::End(Verdict::NoRecord(why)) => return self.nobody(run, why),
                Next::Probe { taken_in, left_out } => (taken_in, left_out),
            };
            self.undo();
            match run.probe(Arc::new(self.batch.without(self.probed(taken_in, &left_out)))).await {
                Probed::Passed => search.passed(),
                Probed::Failed(reason) => {
                    reasons.extend(search.tried().map(|record| (record, reason)));
                    let Some(suspects) = self.numbers(&run.suspects) else { return self.nobody(run, UNTOUCHABLE) };
                    search.failed(&suspects);
                }
                Probed::GivenUp => return Searched::GivenUp,
            }
        }
    }

    /// No record is left out for this output operation.
    fn nobody(&self, run: &OutputRun<'_>, why: &str) -> Searched {
        self.undo();
        tracing::warn!(batch = %self.batch.time, output = %run.output.name, why, "no record is to blame");
        Searched::NoRecord
    }

    /// A letter can be taken back, what was skipped cannot.
    fn every_one(&self) -> EveryOne {
        let mut brought = self.runner.inputs.iter().filter(|input| !self.batch.blocks_of(input.stream()).is_empty());
        if brought.all(|input| input.fate() == RecordFate::DeadLettered) { EveryOne::Blamed } else { EveryOne::Spared }
    }

    /// `None` if one of them is of a stream that leaves none out.
    fn numbers(&self, suspects: &BTreeSet<RecordId>) -> Option<BTreeSet<usize>> {
        suspects.iter().map(|id| self.candidates.number(*id)).collect()
    }

    fn note(&mut self, found: &BTreeSet<usize>, reasons: &BTreeMap<usize, Arc<str>>, attempts: u32) {
        for (number, id) in found.iter().filter_map(|number| Some((number, self.candidates.record(*number)?))) {
            let error = reasons.get(number).map_or_else(|| "(no reason)".into(), Arc::clone);
            self.bad.insert(id, Arc::new(Failure { batch: self.batch.time, attempts, error }));
        }
    }

    fn left_out(&self, window: Option<Window>) -> LeftOut {
        LeftOut { records: self.bad.keys().copied().collect(), window }
    }

    fn probed(&self, taken_in: TakenIn, left_out: &BTreeSet<usize>) -> LeftOut {
        let at = |number: usize| self.candidates.record(number);
        let (from, to) = match taken_in {
            TakenIn::All => (None, None),
            TakenIn::First(count) => (None, at(count)),
            TakenIn::Only(number) => (at(number), at(number.saturating_add(1))),
        };
        let records = left_out.iter().filter_map(|number| at(*number)).collect();
        LeftOut { records, window: Some(Window { streams: Arc::clone(&self.streams), from, to }) }
    }

    /// What was computed of the batch has never been.
    fn undo(&self) {
        self.runner.fed.iter().for_each(|node| node.undo(self.batch.time));
    }

    /// Every record that is left out meets its fate.
    async fn hand_over(&self) -> Result<LeftOutRecords, OutputEnd> {
        let mut counts = LeftOutRecords::default();
        for (id, failure) in &self.bad {
            let stream = id.block.stream();
            let FailedRecord { place, name, fate, hand_over } = self.looked_up(*id).await?;
            let record: Arc<str> = place.into();
            self.safely(&record, &hand_over, failure).await?;
            counts.count(fate);
            let (batch, error) = (self.batch.time, Arc::clone(&failure.error));
            tracing::warn!(%batch, %record, ?fate, %error, "a record was left out: the program fails on it");
            self.runner.control().emit(&Event::RecordLeftOut { batch, stream, name, record, fate, error });
        }
        Ok(counts)
    }

    async fn looked_up(&self, id: RecordId) -> Result<FailedRecord, OutputEnd> {
        let error = match self.runner.look_up(id).await {
            Ok(Ok(record)) => return Ok(record),
            Ok(Err(error)) => error,
            Err(PoolFailure::Panicked(message)) => format!("{id} could not be read back: panicked: {message}").into(),
            Err(PoolFailure::Ended) => return Err(OutputEnd::GivenUp),
        };
        Err(self.not_handed_over(id.to_string().into(), error))
    }

    /// Tries as often as a batch is tried.
    async fn safely(&self, record: &Arc<str>, hand_over: &HandOver, failure: &Arc<Failure>) -> Result<(), OutputEnd> {
        let mut failed = 0_u32;
        loop {
            let error = match self.runner.aside(hand_over(Arc::clone(failure))).await {
                Ok(Ok(())) => return Ok(()),
                Ok(Err(error)) => error,
                Err(PoolFailure::Panicked(message)) => format!("panicked: {message}").into(),
                Err(PoolFailure::Ended) => return Err(OutputEnd::GivenUp),
            };
            failed = failed.saturating_add(1);
            tracing::warn!(%record, %error, failed, "a record could not be handed to the dead letters");
            let retry::Verdict::RetryIn(wait) = self.runner.retry.judge(failed) else {
                return Err(self.not_handed_over(Arc::clone(record), error));
            };
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = self.runner.control().urgent() => return Err(OutputEnd::GivenUp),
            }
        }
    }

    fn not_handed_over(&self, record: Arc<str>, error: BoxError) -> OutputEnd {
        OutputEnd::Failed(StreamingError::DeadLetter { record, batch: self.batch.time, source: Arc::from(error) })
    }
}

fn first_failed(ends: &[OutputEnd], hopeless: &BTreeSet<usize>) -> Option<usize> {
    if ends.iter().any(|end| matches!(end, OutputEnd::GivenUp)) {
        return None;
    }
    let failed = ends.iter().enumerate().filter(|(_, end)| matches!(end, OutputEnd::Failed(_)));
    failed.map(|(number, _)| number).find(|number| !hopeless.contains(number))
}

const UNTOUCHABLE: &str = "a task failed at a record of a stream that leaves none out";
