//! What all requests share: the model behind its lock, the addresses, the bells of the subscribers, and the count of holders.
//!
//! Promises: the lock is held for one operation of the model, never across an await, and never while a body is parsed or
//! a reply is written.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;

use super::bells::Bells;
use crate::clock;
use crate::faults::Faults;
use crate::model::{Millis, Model};

/// The shared state of the HTTP face.
#[derive(Debug)]
pub(crate) struct Face {
    /// A std mutex: an operation is a matter of microseconds and does not wait for anything, so there is nothing to gain
    /// from a lock that can be awaited. One lock for all shards makes number and storage of a record one step.
    model: Mutex<Model>,
    faults: Faults,
    kinesis_url: String,
    dynamodb_url: String,
    holders: AtomicUsize,
    requests: AtomicUsize,
    bells: Bells,
    stopping: watch::Receiver<bool>,
}

impl Face {
    pub(crate) fn new(
        model: Model,
        kinesis: SocketAddr,
        dynamodb: SocketAddr,
        stopping: watch::Receiver<bool>,
    ) -> Self {
        Self {
            model: Mutex::new(model),
            faults: Faults::default(),
            kinesis_url: format!("http://{kinesis}"),
            dynamodb_url: format!("http://{dynamodb}"),
            holders: AtomicUsize::new(0),
            requests: AtomicUsize::new(0),
            bells: Bells::default(),
            stopping,
        }
    }

    /// Runs one operation at the current time. A panic in an earlier one leaves the model usable: each operation checks
    /// before it changes anything. Subscribers that the operation has news for are called afterwards.
    pub(crate) fn with_model<R>(&self, operation: impl FnOnce(&mut Model, Millis) -> R) -> R {
        let mut model = self.model.lock().unwrap_or_else(PoisonError::into_inner);
        let now = model.advance(clock::now());
        let result = operation(&mut model, now);
        let woken = model.take_woken();
        drop(model);
        self.bells.ring(woken);
        result
    }

    /// The faults of both endpoints.
    pub(crate) fn faults(&self) -> &Faults {
        &self.faults
    }

    pub(crate) fn kinesis_url(&self) -> &str {
        &self.kinesis_url
    }

    pub(crate) fn dynamodb_url(&self) -> &str {
        &self.dynamodb_url
    }

    pub(crate) fn holders(&self) -> usize {
        self.holders.load(Ordering::SeqCst)
    }

    /// Counts a holder until the returned value is dropped.
    pub(super) fn hold(self: &Arc<Self>) -> Holder {
        self.holders.fetch_add(1, Ordering::SeqCst);
        Holder { face: Arc::clone(self) }
    }

    /// A number for each request, for the request id.
    pub(super) fn next_request(&self) -> usize {
        self.requests.fetch_add(1, Ordering::Relaxed)
    }

    /// The bells that `with_model` rings.
    pub(super) fn bells(&self) -> &Bells {
        &self.bells
    }

    /// Turns true when the endpoints stop.
    pub(super) fn stopping(&self) -> watch::Receiver<bool> {
        self.stopping.clone()
    }
}

/// One client that holds the endpoints open.
#[derive(Debug)]
pub(super) struct Holder {
    face: Arc<Face>,
}

impl Drop for Holder {
    fn drop(&mut self) {
        self.face.holders.fetch_sub(1, Ordering::SeqCst);
    }
}
