//! All receivers of a context together: started, stopped and closed in parallel, and told of processed batches.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use futures::future::{BoxFuture, FutureExt, join_all};

use crate::batch::Batch;
use crate::block::StreamId;
use crate::checkpoint::{Covered, LoggedBlocks};
use crate::control::Control;
use crate::error::{StartError, StreamingError, panic_message};
use crate::event::Event;
use crate::input::{Input, Report};
use crate::memory_budget::MemoryBudget;
use crate::rate::RecordsPerSecond;
use crate::receiver::ReceiverError;
use crate::replay_desk::ReplayDesk;
use crate::spill::{SpillDesk, Spiller};

pub(crate) struct Receivers {
    inputs: Vec<Arc<dyn Input>>,
    budget: Arc<MemoryBudget>,
    control: Arc<Control>,
    spiller: Spiller,
    desks: Vec<Arc<dyn ReplayDesk>>,
}

impl Receivers {
    pub(crate) fn new(
        inputs: Vec<Arc<dyn Input>>,
        budget: Arc<MemoryBudget>,
        desk: Arc<SpillDesk>,
        control: Arc<Control>,
    ) -> Self {
        let spiller = Spiller::new(&inputs, Arc::clone(&budget), desk, Arc::clone(&control));
        Self { inputs, budget, control, spiller, desks: Vec::new() }
    }

    pub(crate) fn inputs(&self) -> &[Arc<dyn Input>] {
        &self.inputs
    }

    /// Finds out which receivers can read their ranges again. Once, before the start.
    pub(crate) async fn find_desks(&mut self) -> Result<(), StreamingError> {
        for input in &self.inputs {
            let found = input.replay_desk().await.map_err(|error| {
                let (stream, name) = (input.stream(), Arc::clone(input.name()));
                StreamingError::Receiver { stream, name, source: Arc::new(error) }
            });
            self.desks.extend(found?);
        }
        Ok(())
    }

    /// The receivers that can read their ranges again.
    pub(crate) fn desks(&self) -> &[Arc<dyn ReplayDesk>] {
        &self.desks
    }

    /// What is to be written down of a batch before it runs.
    pub(crate) fn logged(&self, batch: &Batch) -> Vec<(StreamId, LoggedBlocks)> {
        let of_stream = |desk: &Arc<dyn ReplayDesk>| {
            let blocks = batch.blocks_of(desk.stream());
            (!blocks.is_empty()).then(|| (desk.stream(), desk.logged(blocks)))
        };
        self.desks.iter().filter_map(of_stream).collect()
    }

    /// The last range of each source in the batch, but for streams that are held back.
    pub(crate) fn covered(&self, batch: &Batch, held_back: &BTreeSet<StreamId>) -> Covered {
        let mut covered = Covered::default();
        for desk in self.desks.iter().filter(|desk| !held_back.contains(&desk.stream())) {
            desk.cover(batch.blocks_of(desk.stream()), &mut covered);
        }
        covered
    }

    /// What receivers store waits from now on.
    pub(crate) fn hold_pages(&self) {
        self.inputs.iter().for_each(|input| input.gate().shut());
    }

    /// What receivers store is taken from now on.
    pub(crate) fn admit_pages(&self) {
        self.inputs.iter().for_each(|input| input.gate().open());
    }

    /// Starts all. If one fails, those that did start are stopped and closed again, the context fails with the error of the
    /// first one, in the order of streams, and that is returned. The same happens to those that did start when a stop or an
    /// error comes before all of them have; the other starts are dropped.
    pub(crate) async fn start(&self) -> Result<(), StartError> {
        self.spiller.start();
        let results = join_all(self.inputs.iter().map(|input| self.start_unless_stopped(input))).await;
        let mut started = Vec::new();
        for (input, result) in self.inputs.iter().zip(results) {
            let (stream, name) = (input.stream(), Arc::clone(input.name()));
            match result {
                Some(Ok(())) => {
                    self.control.emit(&Event::ReceiverStarted { stream, name });
                    started.push(Arc::clone(input));
                }
                Some(Err(error)) => {
                    let source = Arc::new(error);
                    let (named, error) = (Arc::clone(&name), Arc::clone(&source));
                    self.control.emit(&Event::ReceiverFailed { stream, name: named, error });
                    self.control.fail(StreamingError::Receiver { stream, name, source });
                }
                None => tracing::info!(%stream, %name, "the start of a receiver was given up"),
            }
        }
        if started.len() == self.inputs.len() {
            return Ok(());
        }
        // Taken now: a receiver that cannot be closed is not why the start failed.
        let error = self.control.failure().map_or(StartError::StoppedWhileStarting, StartError::Failed);
        self.refuse_pages();
        stop_fetching(started.clone()).await;
        self.close_some(&started).await;
        self.spiller.stop().await;
        Err(error)
    }

    /// `None` when the context is to end before the receiver has started; whatever the start held is dropped then.
    async fn start_unless_stopped(&self, input: &Arc<dyn Input>) -> Option<Result<(), ReceiverError>> {
        let mut start = input.start();
        let result = tokio::select! {
            // A start that has succeeded counts: the receiver wants to be stopped and closed.
            biased;
            result = &mut start => Some(result),
            () = self.control.ending() => None,
        };
        // What a start holds that is given up is dropped by code of the receiver. The others must be closed all the same.
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| drop(start))) {
            self.control.fail(StreamingError::PanickedInDrop { message: panic_message(&*panic) });
        }
        result
    }

    /// What reports the positions of each stream of the batch, but for those that are held back.
    pub(crate) fn processed(&self, batch: &Batch, held_back: &BTreeSet<StreamId>) -> Report {
        let inputs = self.inputs.iter().filter(|input| !held_back.contains(&input.stream()));
        let of_stream = |input: &Arc<dyn Input>| {
            let blocks = batch.blocks_of(input.stream());
            (!blocks.is_empty()).then(|| input.processed(batch.time, blocks))
        };
        let reports: Vec<Report> = inputs.filter_map(of_stream).collect();
        Box::new(move || reports.into_iter().for_each(|report| report()))
    }

    /// Drops the blocks of the batch and gives their bytes back. What reports their positions is made before.
    pub(crate) fn release(&self, batch: &Batch) {
        for input in &self.inputs {
            input.release(batch.blocks_of(input.stream()));
        }
    }

    /// Holds the receiver of the stream to this rate, or to its maximum.
    pub(crate) fn limit_rate(&self, stream: StreamId, rate: RecordsPerSecond) {
        let limits = self.inputs.iter().filter(|input| input.stream() == stream);
        for limit in limits.filter_map(|input| input.limit_rate(rate)) {
            self.control.emit(&Event::RateUpdated { stream, limit });
        }
    }

    /// From now on, and for those who wait already, `store` says that it is closed.
    pub(crate) fn refuse_pages(&self) {
        self.budget.close();
        self.inputs.iter().for_each(|input| input.refuse_pages());
    }

    /// Resolves when none of them stores any more.
    pub(crate) fn stop_fetching(&self) -> BoxFuture<'static, ()> {
        stop_fetching(self.inputs.clone()).boxed()
    }

    /// Closes all; the first error, in the order of streams, fails the context if nothing did before.
    pub(crate) async fn close(&self) {
        self.close_some(&self.inputs).await;
        self.spiller.stop().await;
    }

    async fn close_some(&self, inputs: &[Arc<dyn Input>]) {
        let results = join_all(inputs.iter().map(|input| input.close())).await;
        for (input, result) in inputs.iter().zip(results) {
            let (stream, name) = (input.stream(), Arc::clone(input.name()));
            if let Err(error) = result {
                self.close_failed(input, error);
            }
            self.control.emit(&Event::ReceiverStopped { stream, name });
        }
    }

    fn close_failed(&self, input: &Arc<dyn Input>, error: ReceiverError) {
        let (stream, name, source) = (input.stream(), Arc::clone(input.name()), Arc::new(error));
        tracing::error!(%stream, %name, error = %source, "a receiver could not be closed");
        self.control.fail(StreamingError::ReceiverClose { stream, name, source });
    }
}

async fn stop_fetching(inputs: Vec<Arc<dyn Input>>) {
    join_all(inputs.iter().map(|input| input.stop_fetching())).await;
}
