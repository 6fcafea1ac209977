//! Both endpoints while they run, and how they stop.
//!
//! Promises: `stop` returns within [`STOP_LIMIT`] and a little, open connections or not, and both ports are free then;
//! dropping ends the servers too, without waiting. The servers have threads of their own, so they answer even when the
//! caller's runtime is busy, single-threaded, or has its clock paused.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;

use crate::builder::LocalBuilder;
use crate::faults::Faults;
use crate::http::{Face, Keeping};
use crate::model::Model;
use crate::restored::Restored;
use crate::start_error::StartError;
use crate::threads::Threads;

/// The port of the Kinesis endpoint unless another is asked for.
pub const DEFAULT_KINESIS_PORT: u16 = 14567;
/// The port of the DynamoDB endpoint unless another is asked for.
pub const DEFAULT_DYNAMODB_PORT: u16 = 14568;

/// Both endpoints, running on loopback.
#[derive(Debug)]
pub struct Local {
    face: Arc<Face>,
    restored: Option<Restored>,
    shutdown: watch::Sender<bool>,
    /// Taken by `stop`; what `drop` finds it ends.
    running: Option<Running>,
}

#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) threads: Threads,
    pub(crate) servers: Vec<JoinHandle<()>>,
}

/// How the endpoints ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stopped {
    /// Every open request was answered.
    Drained,
    /// Some connections were cut because they did not end in time.
    Cut,
}

impl Local {
    pub(crate) fn new(
        face: Arc<Face>,
        restored: Option<Restored>,
        shutdown: watch::Sender<bool>,
        running: Running,
    ) -> Self {
        Self { face, restored, shutdown, running: Some(running) }
    }

    /// Endpoints to be configured.
    #[must_use]
    pub fn builder() -> LocalBuilder {
        LocalBuilder::default()
    }

    /// Endpoints on free ports with default settings.
    ///
    /// # Errors
    /// See [`LocalBuilder::start`].
    ///
    /// # Cancellation
    /// Dropping the future leaves nothing running.
    pub async fn start() -> Result<Self, StartError> {
        Self::builder().start().await
    }

    /// The Kinesis endpoint, such as `http://127.0.0.1:14567`.
    #[must_use]
    pub fn kinesis_url(&self) -> &str {
        self.face.kinesis_url()
    }

    /// The DynamoDB endpoint, such as `http://127.0.0.1:14568`.
    #[must_use]
    pub fn dynamodb_url(&self) -> &str {
        self.face.dynamodb_url()
    }

    /// How many clients hold `GET /_local/hold` open.
    #[must_use]
    pub fn holders(&self) -> usize {
        self.face.holders()
    }

    /// The faults that are injected into the calls of both endpoints; none at first.
    #[must_use]
    pub fn faults(&self) -> &Faults {
        self.face.faults()
    }

    /// What was found in the directory; `None` without one, and for one that was empty.
    #[must_use]
    pub fn restored(&self) -> Option<&Restored> {
        self.restored.as_ref()
    }

    /// Looks at the Kinesis model, or changes it behind the clients' backs. Requests wait meanwhile, so be quick, and do
    /// not call this from inside `look`: the lock is not reentrant. The model has been advanced to the present; operations
    /// called with `Millis::default()` happen then, because the model's time does not go back. A directory does not hear of what is changed this way.
    pub fn with_model<R>(&self, look: impl FnOnce(&mut Model) -> R) -> R {
        self.face.with_model(|model, _| look(model))
    }

    /// Ends both endpoints: no new connections, open requests are answered, what is left after [`STOP_LIMIT`] is cut.
    ///
    /// # Cancellation
    /// Dropping the future does not stop the stopping; it goes on in the background.
    pub async fn stop(mut self) -> Stopped {
        let Some(running) = self.running.take() else { return Stopped::Drained };
        self.shutdown.send_replace(true);
        let (done, outcome) = oneshot::channel();
        // On a thread of its own: a runtime may not be ended on another's, and the caller's clock may be paused.
        let ending = std::thread::Builder::new().name("kinesis-local-stop".to_owned()).spawn(move || {
            // Nobody waiting for the outcome is fine.
            let _ = done.send(running.end());
        });
        match ending {
            Ok(_) => outcome.await.unwrap_or(Stopped::Cut),
            // No thread to be had: the closure, and the servers with it, was dropped.
            Err(_) => Stopped::Cut,
        }
    }
}

impl Drop for Local {
    fn drop(&mut self) {
        // Others may have the directory from now on. What may still be running must not be confirmed any more.
        drop(self.face.keep(Keeping::Ended));
        if let Some(running) = self.running.take() {
            self.shutdown.send_replace(true);
            // Cuts all connections and frees both ports without waiting: drop must not block.
            drop(running);
        }
    }
}

impl Running {
    fn end(self) -> Stopped {
        let Self { threads, servers } = self;
        let drained = threads.handle().block_on(async {
            tokio::time::timeout(STOP_LIMIT, async {
                for server in servers {
                    if let Err(error) = server.await {
                        tracing::error!(%error, "a server of the endpoints ended abnormally");
                    }
                }
            })
            .await
        });
        threads.end(CUT_LIMIT);
        if drained.is_ok() { Stopped::Drained } else { Stopped::Cut }
    }
}

/// How long `stop` lets open requests go on.
pub const STOP_LIMIT: Duration = Duration::from_millis(500);
/// How long a connection may take to notice that it was cut.
const CUT_LIMIT: Duration = Duration::from_millis(200);
