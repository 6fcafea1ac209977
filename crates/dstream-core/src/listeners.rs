//! The listeners of a context: called one after the other for each event, until they are closed.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::sync::watch;

use crate::error::panic_message;
use crate::event::{Event, Listener};
use crate::history::History;
use crate::lock::lock;

#[derive(Default)]
pub(crate) struct Listeners {
    // Held while the list is copied, never while a listener runs.
    open: Mutex<Open>,
    /// How many events are on their way; raised under the lock, so that none sets out once the list is closed.
    calls: watch::Sender<usize>,
    // Held for one event, or one look.
    history: Mutex<History>,
}

#[derive(Default)]
struct Open {
    list: Vec<Arc<dyn Listener>>,
    closed: bool,
}

impl Listeners {
    /// None yet, and a history of so many batches.
    pub(crate) fn retaining(batches: usize) -> Self {
        Self { history: Mutex::new(History::retaining(batches)), ..Self::default() }
    }

    /// What all events so far add up to. Not to be held while events may come.
    pub(crate) fn history(&self) -> MutexGuard<'_, History> {
        lock(&self.history)
    }

    pub(crate) fn add(&self, listener: Arc<dyn Listener>) {
        let mut open = lock(&self.open);
        if !open.closed {
            open.list.push(listener);
        }
    }

    pub(crate) fn emit(&self, event: &Event) {
        let open = lock(&self.open);
        if open.closed {
            return;
        }
        self.history().note(event);
        let listeners = open.list.clone();
        self.calls.send_modify(|calls| *calls = calls.saturating_add(1));
        drop(open);
        for listener in listeners {
            // The handle goes with the call: if it is the last one, dropping the listener is its code as well.
            let call = AssertUnwindSafe(move || listener.on_event(event));
            if let Err(panic) = catch_unwind(call) {
                tracing::error!(message = panic_message(&*panic), "a listener panicked");
            }
        }
        self.calls.send_modify(|calls| *calls = calls.saturating_sub(1));
    }

    /// Nobody hears of a later event. Events on their way may still be heard of; see [`closed`](Self::closed).
    pub(crate) fn close(&self) {
        let mut open = lock(&self.open);
        open.closed = true;
        self.history().close();
        let list = std::mem::take(&mut open.list);
        drop(open);
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| drop(list))) {
            tracing::error!(message = panic_message(&*panic), "a listener panicked when it was dropped");
        }
    }

    /// Closes, and resolves when no listener runs any more.
    pub(crate) async fn closed(&self) {
        self.close();
        // The sender lives in `self`: waiting cannot fail.
        let _ = self.calls.subscribe().wait_for(|calls| *calls == 0).await;
    }
}

impl fmt::Debug for Listeners {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listeners").finish_non_exhaustive()
    }
}
