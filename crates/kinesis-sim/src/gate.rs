//! A gate before the tasks of one process: while it is shut none of them runs, as after SIGSTOP. When it opens they find
//! that time has jumped.
//!
//! Calls that were sent before go on, since the packets are on their way; their answers wait.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use tokio::time::{Instant, Sleep};

/// The gate of one process.
#[derive(Debug)]
pub(crate) struct Gate {
    /// Held to read or set the moment, never across an await.
    shut_until: Mutex<Instant>,
    doom: Mutex<Doom>,
}

/// Whether the process behind a gate is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Doom {
    None,
    Sealed,
}

/// A task of a process.
pub(crate) type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

impl Gate {
    /// An open gate.
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { shut_until: Mutex::new(Instant::now()), doom: Mutex::new(Doom::None) })
    }

    /// Shuts the gate until then, or for longer if it was to be shut longer. Returns until when.
    pub(crate) fn shut_until(&self, until: Instant) -> Instant {
        let mut shut_until = self.shut_until.lock().unwrap_or_else(PoisonError::into_inner);
        *shut_until = until.max(*shut_until);
        *shut_until
    }

    /// Lets nothing pass any more: the process is gone.
    pub(crate) fn close(&self) {
        *self.doom.lock().unwrap_or_else(PoisonError::into_inner) = Doom::Sealed;
    }

    /// Returns when the gate is open.
    pub(crate) async fn pass(&self) {
        while let Some(opens) = self.opens() {
            tokio::time::sleep_until(opens).await;
        }
    }

    /// The task behind the gate.
    pub(crate) fn guard(self: &Arc<Self>, task: Task) -> Task {
        Box::pin(Guarded { gate: Arc::clone(self), task, waits: None })
    }

    /// When the gate opens; `None` when it is open.
    fn opens(&self) -> Option<Instant> {
        let until = *self.shut_until.lock().unwrap_or_else(PoisonError::into_inner);
        (until > Instant::now()).then_some(until)
    }
}

struct Guarded {
    gate: Arc<Gate>,
    task: Task,
    waits: Option<Pin<Box<Sleep>>>,
}

impl Future for Guarded {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        if *this.gate.doom.lock().unwrap_or_else(PoisonError::into_inner) == Doom::Sealed {
            return Poll::Ready(());
        }
        while let Some(opens) = this.gate.opens() {
            let waits = this.waits.insert(Box::pin(tokio::time::sleep_until(opens)));
            if waits.as_mut().poll(context).is_pending() {
                return Poll::Pending;
            }
        }
        this.waits = None;
        this.task.as_mut().poll(context)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::sync::mpsc;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_task_behind_a_shut_gate_does_nothing_until_it_opens_and_then_finds_that_time_has_jumped() {
        let (gate, begun) = (Gate::new(), Instant::now());
        let (told, mut heard) = mpsc::channel(10);
        tokio::spawn(gate.guard(Box::pin(async move {
            for _ in 0..4 {
                tokio::time::sleep(Duration::from_secs(1)).await;
                let _ = told.send(begun.elapsed().as_secs()).await;
            }
        })));
        assert_eq!(heard.recv().await, Some(1));
        gate.shut_until(begun + Duration::from_secs(10));
        gate.shut_until(begun + Duration::from_secs(5));
        assert_eq!([heard.recv().await, heard.recv().await], [Some(10), Some(11)]);
    }
}
