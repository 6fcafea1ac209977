//! The threads that the servers run on.
//!
//! Promises: dropping them never blocks and never panics, wherever it happens: what still runs on them is cut. (A tokio
//! runtime of its own may not simply be dropped inside another.)

use std::io;
use std::time::Duration;

use tokio::runtime::{Builder, Handle, Runtime};

/// A runtime that may be dropped anywhere.
#[derive(Debug)]
pub(crate) struct Threads {
    handle: Handle,
    /// Taken by whoever ends it: `end` or `drop`.
    runtime: Option<Runtime>,
}

impl Threads {
    pub(crate) fn start() -> io::Result<Self> {
        let mut builder = Builder::new_multi_thread();
        let runtime = builder.worker_threads(SERVER_THREADS).thread_name("kinesis-local").enable_all().build()?;
        Ok(Self { handle: runtime.handle().clone(), runtime: Some(runtime) })
    }

    pub(crate) fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Ends the threads, waiting so long for them. Not to be called on a runtime's thread.
    pub(crate) fn end(mut self, limit: Duration) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_timeout(limit);
        }
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// One for each service: more would take the cores from the programs under test.
const SERVER_THREADS: usize = 2;
