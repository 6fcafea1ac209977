//! An application in a runtime of its own. A crash is the end of that runtime: every task is dropped where it stands, no
//! destructor writes anything, connections break.

use tokio::runtime::{Builder, Runtime};

use super::consumer::{Consumer, Notes, Setup};

/// Stands for an operating system process.
pub(crate) struct Process {
    /// Taken by a crash, or by `drop`.
    runtime: Option<Runtime>,
    consumer: Option<Consumer>,
    pub(crate) notes: Notes,
}

impl Process {
    /// An application that misses nothing from now on.
    pub(crate) async fn start(setup: &Setup) -> Self {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let setup = setup.clone();
        let consumer = runtime.spawn(async move { setup.start().await }).await.unwrap();
        Self { runtime: Some(runtime), notes: consumer.notes.clone(), consumer: Some(consumer) }
    }

    /// Ends without a farewell.
    pub(crate) fn crash(mut self) -> Notes {
        self.end();
        self.notes.clone()
    }

    /// Stops gracefully.
    pub(crate) async fn stop(mut self) -> Notes {
        self.consumer.take().unwrap().stop().await
    }

    fn end(&mut self) {
        // A runtime may not be dropped where blocking is not allowed; this way it may.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end();
    }
}
