//! What all requests share: the model behind its lock, the addresses, the bells of the subscribers, and the count of holders.
//!
//! Promises: the lock is held for one operation of the model, never across an await, and never while a body is parsed or
//! a reply is written.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::bells::Bells;
use super::command::Command;
use super::keeping::Keeping;
use super::response::Reply;
use crate::clock;
use crate::faults::Faults;
use crate::journal::Confirm;
use crate::model::{KinesisError, Millis, Model, Settings};

/// The model, and where its changes are kept. Under one lock, so that the order in the log is the order of the changes.
#[derive(Debug)]
struct Kept {
    model: Model,
    keeping: Keeping,
}

impl Kept {
    /// Runs the operation of a command, and hands what it changed to the log.
    fn apply<R: Reply>(
        &mut self,
        command: Command<'_>,
        operation: impl FnOnce(&mut Model, Millis) -> Result<R, KinesisError>,
    ) -> Result<(R, Confirm), KinesisError> {
        let Self { model, keeping } = self;
        let now = model.advance(command.at.unwrap_or_else(clock::now));
        if !command.changes() {
            return Ok((operation(model, now)?, Confirm::Now));
        }
        keeping.check()?;
        let reply = operation(model, now)?;
        let confirm = keeping.keep(command, now, &reply.failed_places(), model)?;
        Ok((reply, confirm))
    }
}

/// The shared state of the HTTP face.
#[derive(Debug)]
pub(crate) struct Face {
    /// A std mutex: an operation is a matter of microseconds and does not wait for anything, so there is nothing to gain
    /// from a lock that can be awaited. One lock for all shards makes number and storage of a record one step.
    kept: Mutex<Kept>,
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
            kept: Mutex::new(Kept { model, keeping: Keeping::Nowhere }),
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
        let mut kept = self.lock();
        let model = &mut kept.model;
        let now = model.advance(clock::now());
        let result = operation(model, now);
        let woken = model.take_woken();
        drop(kept);
        self.bells.ring(woken);
        result
    }

    /// The faults of both endpoints.
    pub(crate) fn faults(&self) -> &Faults {
        &self.faults
    }

    /// Runs the operation of a command, and keeps it if it changes something.
    pub(super) fn apply<R: Reply>(
        &self,
        command: Command<'_>,
        operation: impl FnOnce(&mut Model, Millis) -> Result<R, KinesisError>,
    ) -> Result<R, KinesisError> {
        let mut kept = self.lock();
        let done = kept.apply(command, operation);
        let woken = kept.model.take_woken();
        drop(kept);
        self.bells.ring(woken);
        let (reply, confirm) = done?;
        confirm.wait().map_err(|error| {
            // What the system could not write it may have thrown away: nothing behind it can be promised any more.
            self.lock().keeping.note_failure();
            Keeping::failure(&error)
        })?;
        Ok(reply)
    }

    /// Puts other settings into force.
    pub(crate) fn change_settings(&self, settings: Settings) -> Result<(), KinesisError> {
        let Kept { model, keeping } = &mut *self.lock();
        if model.settings == settings {
            return Ok(());
        }
        model.settings = settings;
        keeping.keep_settings(model)
    }

    /// The settings in force. Time does not pass by this.
    pub(crate) fn settings(&self) -> Settings {
        self.lock().model.settings.clone()
    }

    /// Puts settings into force for a while, which nobody needs to know of later.
    pub(super) fn set_for_replay(&self, settings: Settings) {
        self.lock().model.settings = settings;
    }

    /// Whether there is a stream of that name that stays. One that is being deleted is gone when this returns.
    pub(crate) fn has_stream(&self, name: &str) -> bool {
        self.with_model(|model, _| model.finish_deletion(name))
    }

    /// From now on changes are kept so. Returns how they were kept.
    pub(crate) fn keep(&self, keeping: Keeping) -> Keeping {
        std::mem::replace(&mut self.lock().keeping, keeping)
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
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
