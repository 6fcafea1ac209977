//! What the parts of a context tell each other across tasks: stop, failed, ready, ended.
//!
//! One watched value. Every field only ever moves forwards, so nobody can miss a change by looking late.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::watch;

use crate::block::StreamId;
use crate::error::StreamingError;
use crate::event::Event;
use crate::inside::{self, Place};
use crate::listeners::Listeners;

/// How to stop a context.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum StopMode {
    /// Everything that was stored is processed first. While the context is still starting, this is an immediate stop.
    Graceful,
    /// No further batch runs; what was not processed will be delivered again.
    Immediate,
}

/// Whether a graceful stop was cut short.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CutShortNow {
    Yes,
    NothingLeft,
}

#[derive(Debug, Default)]
pub(crate) struct Progress {
    pub(crate) stop: Option<StopMode>,
    pub(crate) failure: Option<StreamingError>,
    /// An error that came before `failure`, and that the context survived.
    survived: Option<StreamingError>,
    started: bool,
    unready: BTreeSet<StreamId>,
    /// Everything is processed; receivers close.
    settled: bool,
    ended: bool,
}

impl Progress {
    /// The first error.
    fn error(&self) -> Option<StreamingError> {
        self.survived.as_ref().or(self.failure.as_ref()).cloned()
    }

    fn is_ready(&self) -> bool {
        self.ended || (self.started && self.unready.is_empty())
    }

    /// Nothing more is to be begun.
    pub(crate) fn is_urgent(&self) -> bool {
        self.failure.is_some() || self.stop == Some(StopMode::Immediate)
    }
}

#[derive(Debug, Default)]
pub(crate) struct Control {
    progress: watch::Sender<Progress>,
    // Apart from `progress`, because tasks look at it for every record.
    cancelled: AtomicBool,
    listeners: Listeners,
}

impl Control {
    /// One with a history of so many batches.
    pub(crate) fn retaining(batches: usize) -> Self {
        Self { listeners: Listeners::retaining(batches), ..Self::default() }
    }

    pub(crate) const fn listeners(&self) -> &Listeners {
        &self.listeners
    }

    pub(crate) fn emit(&self, event: &Event) {
        let _inside = inside::enter(self, Place::Listener);
        self.listeners.emit(event);
    }

    /// Asks for a stop; a later request can only make it more urgent.
    pub(crate) fn request_stop(&self, mode: StopMode) {
        self.progress.send_if_modified(|progress| {
            let raised = progress.stop < Some(mode);
            progress.stop = progress.stop.max(Some(mode));
            raised
        });
    }

    /// Stops the context with this error, unless it failed or ended before.
    pub(crate) fn fail(&self, error: StreamingError) {
        self.progress.send_if_modified(|progress| {
            let first = progress.failure.is_none() && !progress.ended;
            if first {
                progress.failure = Some(error);
            }
            first
        });
    }

    /// Makes a graceful stop an immediate one, with this error, unless nothing is left that could be cut short.
    pub(crate) fn cut_short(&self, error: StreamingError) -> CutShortNow {
        if self.progress.borrow().settled {
            return CutShortNow::NothingLeft;
        }
        self.fail(error);
        CutShortNow::Yes
    }

    /// Everything that was stored is processed, unless the end is urgent.
    pub(crate) fn note_settled(&self) {
        self.progress.send_modify(|progress| progress.settled = !progress.is_urgent());
    }

    /// Whoever waits for the end, or looks at how it was, gets this error, unless there was one before; the context does not
    /// stop for it.
    pub(crate) fn report(&self, error: StreamingError) {
        self.progress.send_if_modified(|progress| {
            let first = progress.error().is_none();
            if first {
                progress.survived = Some(error);
            }
            first
        });
    }

    pub(crate) fn failure(&self) -> Option<StreamingError> {
        self.progress.borrow().failure.clone()
    }

    pub(crate) fn is_urgent(&self) -> bool {
        self.progress.borrow().is_urgent()
    }

    pub(crate) fn watch(&self) -> watch::Receiver<Progress> {
        self.progress.subscribe()
    }

    /// Names the receivers that have to get ready. Before they start.
    pub(crate) fn expect_ready(&self, streams: impl Iterator<Item = StreamId>) {
        self.progress.send_modify(|progress| progress.unready.extend(streams));
    }

    /// True when the receiver was not ready before.
    pub(crate) fn receiver_ready(&self, stream: StreamId) -> bool {
        self.progress.send_if_modified(|progress| progress.unready.remove(&stream))
    }

    pub(crate) fn is_waiting_for(&self, stream: StreamId) -> bool {
        self.progress.borrow().unready.contains(&stream)
    }

    pub(crate) fn note_started(&self) {
        self.progress.send_modify(|progress| progress.started = true);
    }

    pub(crate) fn end(&self) {
        self.listeners.close();
        self.progress.send_modify(|progress| progress.ended = true);
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.progress.borrow().ended
    }

    pub(crate) fn has_started(&self) -> bool {
        self.progress.borrow().started
    }

    pub(crate) async fn ready(&self) {
        // The sender lives in `self`: waiting cannot fail.
        let _ = self.watch().wait_for(Progress::is_ready).await;
    }

    /// The context has ended: how.
    pub(crate) async fn ended(&self) -> Result<(), StreamingError> {
        self.progress_until(|progress| progress.ended).await
    }

    /// The context has ended, or has met an error that it survives.
    pub(crate) async fn ended_or_reported(&self) -> Result<(), StreamingError> {
        self.progress_until(|progress| progress.ended || progress.survived.is_some()).await
    }

    async fn progress_until(&self, reached: impl Fn(&Progress) -> bool + Send + Sync) -> Result<(), StreamingError> {
        let mut progress = self.watch();
        let reached = progress.wait_for(|progress| reached(progress)).await;
        reached.ok().and_then(|progress| progress.error()).map_or(Ok(()), Err)
    }

    /// Resolves when nothing more is to be begun.
    pub(crate) async fn urgent(&self) {
        let _ = self.watch().wait_for(Progress::is_urgent).await;
    }

    /// Resolves when a stop was asked for.
    pub(crate) async fn stop_requested(&self) {
        let _ = self.watch().wait_for(|progress| progress.stop.is_some()).await;
    }

    /// Resolves when a stop was asked for, or an error came.
    pub(crate) async fn ending(&self) {
        let _ = self.watch().wait_for(|progress| progress.stop.is_some() || progress.failure.is_some()).await;
    }

    /// Running tasks end at their next record.
    pub(crate) fn cancel(&self) {
        self.cancelled.store(true, Ordering::Relaxed);
    }

    #[inline]
    pub(crate) fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stop_deadline::CutShort;

    #[test]
    fn a_stop_becomes_more_urgent_but_never_less() {
        let control = Control::default();
        control.request_stop(StopMode::Immediate);
        control.request_stop(StopMode::Graceful);
        assert!(control.is_urgent());
    }

    #[test]
    fn a_stop_that_has_processed_everything_is_not_cut_short_any_more() {
        let cut = || StreamingError::StopCutShort { reason: CutShort::SecondSignal };
        let control = Control::default();
        control.request_stop(StopMode::Graceful);
        control.note_settled();
        assert_eq!(control.cut_short(cut()), CutShortNow::NothingLeft);
        assert!(control.failure().is_none() && !control.is_urgent());
        let early = Control::default();
        early.request_stop(StopMode::Graceful);
        assert_eq!(early.cut_short(cut()), CutShortNow::Yes);
        early.note_settled();
        assert!(matches!(early.failure(), Some(StreamingError::StopCutShort { .. })));
    }

    #[test]
    fn the_first_error_wins() {
        let control = Control::default();
        control.fail(StreamingError::Scheduler { message: "first".to_owned() });
        control.fail(StreamingError::Scheduler { message: "second".to_owned() });
        assert!(control.failure().unwrap().to_string().contains("first"));
    }
}
