//! The streaming context: what a program makes its streams with, starts and stops.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::config::{Components, Printer, Settings, StreamingContextBuilder};
use crate::control::{Control, StopMode};
use crate::error::{StartError, StreamingError};
use crate::event::Listener;
use crate::exchange::Solo;
use crate::graph::{Added, Graph, Output};
use crate::input::{Input, ReceiverInput};
use crate::job::Engine;
use crate::lock::lock;
use crate::memory_budget::MemoryBudget;
use crate::receiver::Receiver;
use crate::receiver_store::Intake;
use crate::receivers::Receivers;
use crate::shared::Shared;
use crate::storage_level::StorageLevel;
use crate::supervisor::{Parts, supervise};
use crate::task_pool::{PoolError, TaskPool};

/// Makes streams, starts them, and stops them. A cheap handle: clones are the same context.
///
/// When the last handle of a running context is dropped, the context stops immediately, with a warning; call
/// [`stop`](Self::stop) instead.
#[derive(Clone)]
pub struct StreamingContext {
    inner: Arc<Inner>,
}

struct Inner {
    settings: Settings,
    components: Components,
    engine: Arc<Engine>,
    budget: Arc<MemoryBudget>,
    // Held while one thing is added.
    graph: Mutex<Graph>,
    // Held for one map operation, not while a value is made.
    shared: Mutex<Shared>,
    life: Mutex<Life>,
}

enum Life {
    Initialized,
    /// The scheduler's task, until somebody who waits for the end takes it.
    Started(Option<JoinHandle<()>>),
    StoppedBeforeStart,
}

impl StreamingContext {
    /// Begins a context for the application of this name. The name is for people.
    pub fn builder(app_name: &str) -> StreamingContextBuilder {
        StreamingContextBuilder::new(app_name)
    }

    pub(crate) fn new(settings: Settings, components: Components) -> Result<Self, PoolError> {
        let engine = Engine {
            pool: TaskPool::new(settings.master)?,
            exchange: Arc::new(Solo),
            control: Arc::default(),
            parallelism: settings.master.threads().get(),
        };
        let inner = Inner {
            budget: Arc::new(MemoryBudget::new(settings.memory_budget)),
            settings,
            components,
            engine: Arc::new(engine),
            graph: Mutex::default(),
            shared: Mutex::default(),
            life: Mutex::new(Life::Initialized),
        };
        Ok(Self { inner: Arc::new(inner) })
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

    /// Starts the receivers, in parallel, and then the batches. Returns once all receivers run; that they are ready to
    /// miss nothing is another matter, see [`ready`](Self::ready).
    ///
    /// # Errors
    /// [`StartError`]. If a receiver fails to start, the others are stopped and closed, and the context has ended. If the
    /// context is stopped meanwhile, in whatever mode, receivers that have not started yet are not waited for.
    ///
    /// # Cancellation
    /// A dropped call does not stop the start: the context runs, and wants to be stopped.
    pub async fn start(&self) -> Result<(), StartError> {
        let crashed = || StreamingError::Scheduler { message: "the start ended early".to_owned() };
        let started = self.launch()?;
        started.await.unwrap_or_else(|_| Err(StartError::Failed(crashed())))
    }

    /// Resolves when every receiver has said that it misses nothing from now on, or when the context has ended.
    ///
    /// # Cancellation
    /// Safe.
    pub async fn ready(&self) {
        self.control().ready().await;
    }

    /// Waits until the context has stopped.
    ///
    /// # Errors
    /// The first error that stopped it, if it was not stopped by [`stop`](Self::stop) alone.
    ///
    /// # Cancellation
    /// Safe; the context goes on.
    pub async fn await_termination(&self) -> Result<(), StreamingError> {
        let result = self.control().ended().await;
        let task = match &mut *lock(&self.inner.life) {
            Life::Started(task) => task.take(),
            Life::Initialized | Life::StoppedBeforeStart => None,
        };
        if let Some(task) = task {
            // The end was its last act; all that is left is to see it off. Its panics were caught.
            let _ = task.await;
        }
        result
    }

    /// Stops the context and waits until it has stopped; afterwards no user code runs. May be called at any time, again,
    /// and more urgently; before the start, it makes a start impossible.
    ///
    /// Not to be awaited by an output operation: it would wait for itself. Use [`request_stop`](Self::request_stop) there.
    ///
    /// # Errors
    /// The first error that the context met, if any.
    ///
    /// # Cancellation
    /// The context stops all the same.
    pub async fn stop(&self, mode: StopMode) -> Result<(), StreamingError> {
        self.request_stop(mode);
        self.await_termination().await
    }

    /// Asks the context to stop, without waiting for it.
    pub fn request_stop(&self, mode: StopMode) {
        let mut life = lock(&self.inner.life);
        if matches!(*life, Life::Initialized) {
            *life = Life::StoppedBeforeStart;
            self.inner.engine.pool.end();
            self.control().end();
            drop(life);
            // Its user code may hold this very context.
            drop(self.graph().seal());
            return;
        }
        drop(life);
        self.control().request_stop(mode);
    }

    fn launch(&self) -> Result<oneshot::Receiver<Result<(), StartError>>, StartError> {
        let runtime = Handle::try_current().map_err(|_| StartError::NoRuntime)?;
        let mut life = lock(&self.inner.life);
        match *life {
            Life::Initialized => {}
            Life::Started(_) if !self.control().has_ended() => return Err(StartError::AlreadyStarted),
            Life::Started(_) | Life::StoppedBeforeStart => return Err(StartError::AlreadyStopped),
        }
        let mut graph = self.graph();
        if let Some(defect) = graph.first_defect() {
            return Err(StartError::Graph(defect));
        }
        if !graph.has_outputs() {
            return Err(StartError::NoOutputs);
        }
        let mut plan = graph.seal();
        drop(graph);
        let inputs = std::mem::take(&mut plan.inputs);
        self.control().expect_ready(inputs.iter().map(|input| input.stream()));
        let parts = Parts {
            settings: self.inner.settings.clone(),
            clock: Arc::clone(&self.inner.components.clock),
            engine: Arc::clone(&self.inner.engine),
            receivers: Receivers::new(inputs, Arc::clone(&self.inner.budget), Arc::clone(self.control())),
            plan,
        };
        let (started, has_started) = oneshot::channel();
        *life = Life::Started(Some(runtime.spawn(supervise(parts, started))));
        Ok(has_started)
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

    pub(crate) fn printer(&self) -> &Printer {
        &self.inner.components.printer
    }

    pub(crate) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.inner, &other.inner)
    }

    pub(crate) fn receiver_input<Rc: Receiver>(
        &self,
        name: &str,
        level: StorageLevel,
        receiver: Rc,
    ) -> ReceiverInput<Rc> {
        let stream = self.graph().stream_id();
        let intake = Intake::new(stream, name.into(), Arc::clone(&self.inner.budget), Arc::clone(self.control()));
        ReceiverInput::new(receiver, level, Arc::clone(&self.inner.components.blocks), intake)
    }

    pub(crate) fn add_input(&self, input: Arc<dyn Input>) {
        let what = format!("receiver stream {}", input.name());
        let added = self.graph().add_input(input);
        self.accept(added, what);
    }

    pub(crate) fn add_output(&self, output: Output) {
        let what = format!("output {}", output.name);
        let added = self.graph().add_output(output);
        self.accept(added, what);
    }

    fn accept(&self, added: Added, what: String) {
        if added == Added::TooLate {
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
