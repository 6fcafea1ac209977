//! The life of a context: started once, stopped, awaited.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, MutexGuard};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::context::StreamingContext;
use crate::control::StopMode;
use crate::error::{StartError, StreamingError, panic_message};
use crate::inside;
use crate::lock::lock;
use crate::receivers::Receivers;
use crate::supervisor::{Parts, supervise};

/// Where a context is in its life. It goes through these in order, and never back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ContextState {
    /// It was made; streams and outputs may be added.
    Initialized,
    /// It was started, and has not stopped yet: its receivers start, batches run, or it is stopping.
    Active,
    /// It has ended, or will never start.
    Stopped,
}

pub(crate) enum Life {
    Initialized,
    /// The scheduler's task, until somebody who waits for the end takes it.
    Started(Option<JoinHandle<()>>),
    EndedBeforeStart,
}

impl StreamingContext {
    /// Where the context is in its life.
    pub fn state(&self) -> ContextState {
        match *lock(&self.inner.life) {
            Life::Initialized => ContextState::Initialized,
            Life::Started(_) if !self.control().has_ended() => ContextState::Active,
            Life::Started(_) | Life::EndedBeforeStart => ContextState::Stopped,
        }
    }

    /// Starts the receivers, in parallel, and then the batches. Returns once all receivers run; that they are ready to
    /// miss nothing is another matter, see [`ready`](Self::ready).
    ///
    /// # Errors
    /// [`StartError`]; checked in this order: there is a runtime; the context was not started or stopped before; streams were
    /// put together well; there is an output; the program fits its checkpoint settings; no other context is active; it can go
    /// on from its checkpoints; all receivers start. If there is no runtime, or
    /// another context is active, the context stays as it is and may be started later. After any other error it has stopped:
    /// if a receiver fails to start, the others are stopped and closed. If the context is stopped meanwhile, in whatever
    /// mode, receivers that have not started yet are not waited for.
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
    /// The first error that the context met, if any. With [`BatchFailure::Continue`](crate::BatchFailure::Continue) a failed
    /// batch is returned at once, while the context goes on: call [`stop`](Self::stop) then, or
    /// [`state`](Self::state) to see. [`StreamingError::WaitsForItself`] in a listener or an output operation of this
    /// context.
    ///
    /// # Cancellation
    /// Safe; the context goes on.
    pub async fn await_termination(&self) -> Result<(), StreamingError> {
        self.refuse_inside("await_termination()")?;
        let result = self.control().ended_or_reported().await;
        self.see_task_off().await;
        result
    }

    /// Waits until the context has stopped, but no longer than `timeout`; true if it has stopped.
    ///
    /// # Errors
    /// Those of [`await_termination`](Self::await_termination).
    ///
    /// # Cancellation
    /// Safe; the context goes on.
    pub async fn await_termination_timeout(&self, timeout: Duration) -> Result<bool, StreamingError> {
        let ended = tokio::time::timeout(timeout, self.await_termination()).await;
        ended.map_or(Ok(false), |result| result.map(|()| true))
    }

    /// Stops the context and waits until it has stopped; afterwards no user code runs. May be called at any time, again,
    /// and more urgently; before the start, it makes a start impossible.
    ///
    /// # Errors
    /// The first error that the context met, if any. [`StreamingError::WaitsForItself`] in a listener or an output operation
    /// of this context, which it would wait for; the context goes on. Use [`request_stop`](Self::request_stop) there. A call
    /// that such code hands to another thread, and waits for, is not found out, and waits for ever.
    ///
    /// # Cancellation
    /// The context stops all the same.
    pub async fn stop(&self, mode: StopMode) -> Result<(), StreamingError> {
        self.refuse_inside("stop()")?;
        self.request_stop(mode);
        let result = self.control().ended().await;
        self.see_task_off().await;
        result
    }

    /// Asks the context to stop, without waiting for it.
    pub fn request_stop(&self, mode: StopMode) {
        let life = lock(&self.inner.life);
        if matches!(*life, Life::Initialized) {
            self.end_before_start(life);
        } else {
            drop(life);
            self.control().request_stop(mode);
        }
    }

    fn refuse_inside(&self, call: &'static str) -> Result<(), StreamingError> {
        let place = inside::place(self.control());
        place.map_or(Ok(()), |place| Err(StreamingError::WaitsForItself { call, place: place.to_string() }))
    }

    /// If the context has ended, all that is left of its task is to see it off: the end was its last act.
    async fn see_task_off(&self) {
        if !self.control().has_ended() {
            return;
        }
        let task = match &mut *lock(&self.inner.life) {
            Life::Started(task) => task.take(),
            Life::Initialized | Life::EndedBeforeStart => None,
        };
        if let Some(task) = task {
            // Its panics were caught.
            let _ = task.await;
        }
    }

    fn end_before_start(&self, mut life: MutexGuard<'_, Life>) {
        *life = Life::EndedBeforeStart;
        // User code of the graph is dropped outside of all locks: it may hold this very context.
        drop(life);
        let plan = self.graph().seal();
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| drop(plan))) {
            self.control().fail(StreamingError::PanickedInDrop { message: panic_message(&*panic) });
        }
        self.inner.engine.pool.end();
        self.control().end();
    }

    fn launch(&self) -> Result<oneshot::Receiver<Result<(), StartError>>, StartError> {
        let runtime = Handle::try_current().map_err(|_| StartError::NoRuntime)?;
        let mut life = lock(&self.inner.life);
        match *life {
            Life::Initialized => {}
            Life::Started(_) if !self.control().has_ended() => return Err(StartError::AlreadyStarted),
            Life::Started(_) | Life::EndedBeforeStart => return Err(StartError::AlreadyStopped),
        }
        if let Err(error) = self.check_graph() {
            self.end_before_start(life);
            return Err(error);
        }
        if !self.inner.settings.scheduling.allow_multiple {
            self.take_seat()?;
        }
        let (started, has_started) = oneshot::channel();
        // A context starts once, so nobody was here before.
        let _ = self.inner.engine.runtime.set(runtime.clone());
        *life = Life::Started(Some(runtime.spawn(supervise(self.parts(), started))));
        Ok(has_started)
    }

    fn check_graph(&self) -> Result<(), StartError> {
        let graph = self.graph();
        if let Some(defect) = graph.first_defect() {
            return Err(StartError::Graph(defect));
        }
        if !graph.has_outputs() {
            return Err(StartError::NoOutputs);
        }
        let defect = graph.checkpoint_defect(&self.inner.settings.checkpoint);
        defect.map_or(Ok(()), |defect| Err(StartError::Graph(defect)))
    }

    /// Nothing can be added to the graph afterwards.
    fn parts(&self) -> Parts {
        let mut plan = self.graph().seal();
        let inputs = std::mem::take(&mut plan.inputs);
        self.control().expect_ready(inputs.iter().map(|input| input.stream()));
        Parts {
            settings: self.inner.settings.clone(),
            clock: Arc::clone(&self.inner.components.clock),
            engine: Arc::clone(&self.inner.engine),
            receivers: Receivers::new(
                inputs,
                Arc::clone(&self.inner.budget),
                Arc::clone(&self.inner.desk),
                Arc::clone(self.control()),
            ),
            plan,
        }
    }
}
