//! The streaming context: what a program makes its streams with, starts and stops.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, Weak};
use std::time::Duration;

use crate::clock::Clock;
use crate::config::{Components, Printer, Settings, StreamingContextBuilder};
use crate::control::{Control, StopMode};
use crate::error::StreamingError;
use crate::event::Listener;
use crate::failed_records::ReceiverOptions;
use crate::graph::{Added, Graph, Output};
use crate::input::{Input, ReceiverInput};
use crate::job::Engine;
use crate::life::Life;
use crate::lock::lock;
use crate::memory_budget::MemoryBudget;
use crate::operator::OperatorName;
use crate::receiver::Receiver;
use crate::receiver_store::Intake;
use crate::shared::Shared;
use crate::spill::SpillDesk;
use crate::stream_node::StreamNode;
use crate::task_pool::{PoolError, TaskPool};

/// Makes streams, starts them, and stops them. A cheap handle: clones are the same context.
///
/// When the last handle of a running context is dropped, the context stops immediately, with a warning; call
/// [`stop`](Self::stop) instead.
#[derive(Clone)]
pub struct StreamingContext {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) settings: Settings,
    pub(crate) components: Components,
    pub(crate) engine: Arc<Engine>,
    pub(crate) budget: Arc<MemoryBudget>,
    pub(crate) desk: Arc<SpillDesk>,
    // Held while one thing is added.
    graph: Mutex<Graph>,
    // Held for one map operation, not while a value is made.
    shared: Mutex<Shared>,
    pub(crate) life: Mutex<Life>,
}

impl StreamingContext {
    /// Begins a context for the application of this name. The name is for people.
    pub fn builder(app_name: &str) -> StreamingContextBuilder {
        StreamingContextBuilder::new(app_name)
    }

    pub(crate) fn new(settings: Settings, components: Components) -> Result<Self, PoolError> {
        let engine = Engine {
            pool: TaskPool::new(settings.master)?,
            exchange: Arc::clone(&components.exchange),
            blocks: Arc::clone(&components.blocks),
            control: Arc::new(Control::retaining(settings.retained_batches)),
            runtime: OnceLock::new(),
            parallelism: settings.master.threads().get(),
        };
        let inner = Inner {
            budget: Arc::new(MemoryBudget::new(settings.memory_budget)),
            desk: Arc::new(SpillDesk::new(Arc::clone(&components.blocks))),
            settings,
            components,
            engine: Arc::new(engine),
            graph: Mutex::default(),
            shared: Mutex::default(),
            life: Mutex::new(Life::Initialized),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    pub(crate) const fn of(inner: Arc<Inner>) -> Self {
        Self { inner }
    }

    pub(crate) fn downgrade(&self) -> Weak<Inner> {
        Arc::downgrade(&self.inner)
    }

    /// The name of the application.
    pub fn app_name(&self) -> &str {
        &self.inner.settings.app_name
    }

    /// The time between two batches.
    pub fn batch_interval(&self) -> Duration {
        self.inner.settings.batch_interval
    }

    /// Lets `listener` hear of all events from now on.
    pub fn add_listener(&self, listener: Arc<dyn Listener>) {
        self.control().listeners().add(listener);
    }

    /// How long datasets outlive their batch. Default: not at all, apart from what windows keep, which they see to
    /// themselves. With it, an [`Rdd`](crate::Rdd) may be used until the batch `duration` after its own is done; the blocks
    /// behind it hold their part of the memory budget for as long. Positions do not wait for it.
    ///
    /// May be called once, before the start; otherwise [`start`](Self::start) fails.
    pub fn remember(&self, duration: Duration) {
        let added = self.graph().remember(duration);
        self.accept(added, || format!("remember({duration:?})"));
    }

    pub(crate) fn control(&self) -> &Arc<Control> {
        &self.inner.engine.control
    }

    pub(crate) fn shared_values(&self) -> MutexGuard<'_, Shared> {
        lock(&self.inner.shared)
    }

    pub(crate) fn graph(&self) -> MutexGuard<'_, Graph> {
        lock(&self.inner.graph)
    }

    pub(crate) fn parallelism(&self) -> usize {
        self.inner.engine.parallelism
    }

    #[cfg(test)]
    pub(crate) fn engine(&self) -> &Arc<Engine> {
        &self.inner.engine
    }

    pub(crate) fn clock(&self) -> &Arc<dyn Clock> {
        &self.inner.components.clock
    }

    pub(crate) fn printer(&self) -> &Printer {
        &self.inner.components.printer
    }

    pub(crate) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.inner, &other.inner)
    }

    pub(crate) fn receiver_input<Rc: Receiver>(
        &self,
        name: &str,
        options: ReceiverOptions<Rc::Record>,
        receiver: Rc,
    ) -> ReceiverInput<Rc> {
        let stream = self.graph().stream_id();
        let intake = Intake::new(stream, name.into(), Arc::clone(&self.inner.budget), Arc::clone(self.control()))
            .limited(self.inner.settings.rates.cap);
        ReceiverInput::new(receiver, options, Arc::clone(&self.inner.desk), intake)
    }

    pub(crate) fn add_input(&self, input: Arc<dyn Input>) {
        let name = Arc::clone(input.name());
        let added = self.graph().add_input(input);
        self.accept(added, || format!("receiver stream {name}"));
    }

    pub(crate) fn add_output(&self, output: Output) {
        let name = output.name;
        let added = self.graph().add_output(output);
        self.accept(added, || format!("output {name}"));
    }

    pub(crate) fn add_remembered(&self, node: Arc<dyn StreamNode>) {
        let name = node.name();
        let added = self.graph().add_remembered(node);
        self.accept(added, || format!("memory {name}"));
    }

    pub(crate) fn note_operator(&self, name: OperatorName) {
        let added = self.graph().add_operator();
        self.accept(added, || format!("operator {name}"));
    }

    fn accept(&self, added: Added, what: impl FnOnce() -> String) {
        if added == Added::InTime {
            return;
        }
        let what = what();
        tracing::error!(what, "the graph was changed too late");
        if self.control().has_ended() {
            self.control().report(StreamingError::ChangedAfterStop { what });
        } else {
            self.control().fail(StreamingError::ChangedAfterStart { what });
        }
    }
}

impl fmt::Debug for StreamingContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamingContext").field("settings", &self.inner.settings).finish_non_exhaustive()
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        let life = self.life.get_mut().unwrap_or_else(std::sync::PoisonError::into_inner);
        if matches!(life, Life::Started(_)) && !self.engine.control.has_ended() {
            tracing::warn!(app = %self.settings.app_name, "a running context was dropped and stops; call stop() instead");
            self.engine.control.request_stop(StopMode::Immediate);
        }
    }
}
