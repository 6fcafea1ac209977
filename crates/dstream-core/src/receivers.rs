//! All receivers of a context together: started, stopped and closed in parallel.

use std::sync::Arc;

use futures::future::{BoxFuture, FutureExt, join_all};

use crate::control::Control;
use crate::error::StreamingError;
use crate::event::Event;
use crate::input::Input;
use crate::memory_budget::MemoryBudget;
use crate::receiver::ReceiverError;

pub(crate) struct Receivers {
    inputs: Vec<Arc<dyn Input>>,
    budget: Arc<MemoryBudget>,
    control: Arc<Control>,
}

impl Receivers {
    pub(crate) const fn new(inputs: Vec<Arc<dyn Input>>, budget: Arc<MemoryBudget>, control: Arc<Control>) -> Self {
        Self { inputs, budget, control }
    }

    pub(crate) fn inputs(&self) -> &[Arc<dyn Input>] {
        &self.inputs
    }

    /// Starts all. If one fails, those that did start are stopped and closed again, and the error of the first one, in the
    /// order of streams, is returned.
    pub(crate) async fn start(&self) -> Result<(), StreamingError> {
        let results = join_all(self.inputs.iter().map(|input| input.start())).await;
        let mut started = Vec::new();
        let mut first_error = None;
        for (input, result) in self.inputs.iter().zip(results) {
            let (stream, name) = (input.stream(), Arc::clone(input.name()));
            match result {
                Ok(()) => {
                    self.control.emit(&Event::ReceiverStarted { stream, name });
                    started.push(Arc::clone(input));
                }
                Err(error) => {
                    let source = Arc::new(error);
                    let (named, error) = (Arc::clone(&name), Arc::clone(&source));
                    self.control.emit(&Event::ReceiverFailed { stream, name: named, error });
                    first_error.get_or_insert(StreamingError::Receiver { stream, name, source });
                }
            }
        }
        let Some(error) = first_error else { return Ok(()) };
        self.refuse_pages();
        stop_fetching(started.clone()).await;
        self.close_some(&started).await;
        Err(error)
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
