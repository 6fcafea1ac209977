//! The task pool: the `local[n]` threads on which all user code runs.
//!
//! A job (an output operation of a batch) runs on one thread of the pool; the tasks it starts run on all of them. A thread
//! whose job waits for tasks works on tasks, so that even `local[1]` cannot deadlock.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use rayon::{ThreadPool, ThreadPoolBuilder};
use thiserror::Error;
use tokio::sync::oneshot;

use crate::error::panic_message;
use crate::lock::lock;
use crate::master::Master;

pub(crate) struct TaskPool {
    // `None` once the context has stopped. Held only to copy the handle.
    pool: Mutex<Option<Arc<ThreadPool>>>,
    // Held to take them.
    threads: Mutex<Vec<JoinHandle<()>>>,
}

/// How a closure on the pool can fail to return.
#[derive(Debug)]
pub(crate) enum PoolFailure {
    Panicked(String),
    Ended,
}

impl TaskPool {
    pub(crate) fn new(master: Master) -> Result<Self, PoolError> {
        let mut threads = Vec::new();
        let builder = ThreadPoolBuilder::new().num_threads(master.threads().get()).spawn_handler(|thread| {
            let named = std::thread::Builder::new().name(format!("dstream-task-{}", thread.index()));
            threads.push(named.spawn(|| thread.run())?);
            Ok(())
        });
        let pool = builder.build().map_err(|source| PoolError { master, source })?;
        Ok(Self { pool: Mutex::new(Some(Arc::new(pool))), threads: Mutex::new(threads) })
    }

    /// Runs `job` on one thread of the pool.
    ///
    /// # Cancellation
    /// A dropped call does not end the job.
    pub(crate) async fn run_job<R: Send + 'static>(
        &self,
        job: impl FnOnce() -> R + Send + 'static,
    ) -> Result<R, PoolFailure> {
        let (done, result) = oneshot::channel();
        self.handle().ok_or(PoolFailure::Ended)?.spawn(move || {
            let result = catch_unwind(AssertUnwindSafe(job)).map_err(|panic| panic_message(&*panic));
            // Nobody waits for it if the call was dropped.
            let _ = done.send(result);
        });
        result.await.map_err(|_| PoolFailure::Ended)?.map_err(PoolFailure::Panicked)
    }

    /// Runs `work` on the pool, with its threads behind every parallel iterator in it; blocks the calling thread.
    pub(crate) fn install<R: Send>(&self, work: impl FnOnce() -> R + Send) -> Option<R> {
        Some(self.handle()?.install(work))
    }

    /// Later calls find no pool, and the threads end; blocks until they have, which takes as long as whatever still runs on
    /// them. Not to be called on one of them.
    pub(crate) fn end(&self) {
        let pool = lock(&self.pool).take();
        drop(pool);
        let threads = std::mem::take(&mut *lock(&self.threads));
        for thread in threads {
            // Panics of jobs and tasks are caught before they reach it.
            let _ = thread.join();
        }
    }

    fn handle(&self) -> Option<Arc<ThreadPool>> {
        lock(&self.pool).clone()
    }
}

impl fmt::Debug for TaskPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskPool").finish_non_exhaustive()
    }
}

/// The threads of the task pool could not be started.
#[derive(Debug, Error)]
#[error("the {master} task pool could not start its threads: ask for fewer")]
pub struct PoolError {
    master: Master,
    source: rayon::ThreadPoolBuildError,
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    /// Counts itself out when its thread has really ended.
    struct Ended(Arc<AtomicUsize>);

    impl Drop for Ended {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    thread_local! {
        static MARK: std::cell::RefCell<Option<Ended>> = const { std::cell::RefCell::new(None) };
    }

    #[test]
    fn the_threads_have_ended_when_the_pool_has() {
        let pool = TaskPool::new(Master::local(NonZeroUsize::new(3).unwrap())).unwrap();
        let ended = Arc::new(AtomicUsize::new(0));
        let mark = || MARK.set(Some(Ended(Arc::clone(&ended))));
        pool.handle().unwrap().broadcast(|_| mark());
        pool.end();
        assert_eq!(ended.load(Ordering::SeqCst), 3);
        assert!(pool.install(|| ()).is_none());
    }
}
