//! The whole life of a started context, in one task: receivers start, the scheduler runs, everything ends.
//!
//! Promises: whatever happens in between, the context ends, receivers that were started are stopped and closed, and those
//! who wait for the end hear of it.

use std::future::Future;
use std::ops::Bound;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use futures::FutureExt;
use tokio::sync::oneshot;

use crate::checkpoint::{Covered, LeftEntries, Logging, Recovered, RecoveryError, ResumePoint, recover};
use crate::clock::Clock;
use crate::config::Settings;
use crate::control::Control;
use crate::error::{StartError, StreamingError, panic_message};
use crate::event::Event;
use crate::graph::Plan;
use crate::job::Engine;
use crate::receivers::Receivers;
use crate::scheduler::Scheduler;

/// What a started context consists of. The inputs of the plan are with the receivers.
pub(crate) struct Parts {
    pub(crate) settings: Settings,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) engine: Arc<Engine>,
    pub(crate) receivers: Receivers,
    pub(crate) plan: Plan,
}

/// `started` hears whether the receivers run; when they do not, it hears so after the context has ended.
pub(crate) async fn supervise(mut parts: Parts, started: oneshot::Sender<Result<(), StartError>>) {
    let engine = Arc::clone(&parts.engine);
    let control = &engine.control;
    // Nobody listens to `started` if the call of `start` was dropped; the context runs all the same.
    let prepared = AssertUnwindSafe(prepare(&mut parts)).catch_unwind().await;
    let prepared = prepared.unwrap_or_else(|panic| {
        let error = StreamingError::Scheduler { message: panic_message(&*panic) };
        control.fail(error.clone());
        Err(StartError::Failed(error))
    });
    let recovered = match prepared {
        Ok(recovered) => recovered,
        Err(error) => {
            end(&engine, parts).await;
            let _ = started.send(Err(error));
            return;
        }
    };
    let time = parts.clock.now();
    let mut scheduler = Scheduler::new(parts, recovered);
    control.emit(&Event::StreamingStarted { time });
    control.note_started();
    let _ = started.send(Ok(()));
    caught(control, scheduler.run()).await;
    caught(control, scheduler.finish()).await;
    control.note_settled();
    caught(control, scheduler.close()).await;
    end(&engine, scheduler).await;
}

/// What the program had gathered is back, receivers know what is unfinished, and all of them run; the first part of the order that is
/// written at the top of `scheduler.rs`.
async fn prepare(parts: &mut Parts) -> Result<Option<Recovered>, StartError> {
    let Parts { settings, engine, receivers, plan, .. } = parts;
    if settings.checkpoint.directory.is_some() {
        receivers.find_desks().await.map_err(|error| {
            engine.control.fail(error.clone());
            StartError::Failed(error)
        })?;
    }
    let logging = if receivers.desks().is_empty() { Logging::Nothing } else { Logging::Batches };
    let mut recovered = tokio::select! {
        recovered = recover(settings, engine, &plan.nodes, logging) => recovered?,
        () = engine.control.ending() => return Err(StartError::StoppedWhileStarting),
    };
    if let Some(Recovered { point: Some(point), log, .. }) = &mut recovered {
        let left = log.as_ref().map_or(&[][..], |left| &left.unfinished);
        engine.control.emit(&Event::Recovered { batch: point.through, damaged: point.damaged, unfinished: left.len() });
        if settings.rates.controller.is_some() {
            point.rates.iter().for_each(|(stream, rate)| receivers.limit_rate(*stream, *rate));
        }
        if let Some(left) = log {
            point.covered = hand_over(point, left, receivers)?;
            if !left.unfinished.is_empty() {
                receivers.hold_pages();
            }
        }
    }
    receivers.start().await?;
    Ok(recovered)
}

/// Tells each receiver what of its ranges is accounted for, and what is unfinished. Returns the former, by source.
///
/// The mark may be older than the snapshot: of a source in both, the snapshot's range counts, unless the batch is behind it. A
/// snapshot never goes over a batch that was passed over, so no range of a batch up to it is further than what it covers.
fn hand_over(point: &ResumePoint, left: &LeftEntries, receivers: &Receivers) -> Result<Covered, RecoveryError> {
    let mut accounted = Covered::default();
    for desk in receivers.desks() {
        let stream = desk.stream();
        let before = left.done_ranges(stream, ..=point.through);
        let behind = left.done_ranges(stream, (Bound::Excluded(point.through), Bound::Unbounded));
        let ranges = before.into_iter().chain(point.covered.of(stream)).chain(behind).collect();
        let known = desk.resume(ranges, left.unfinished_blocks(stream));
        let known = known.map_err(|source| RecoveryError::Range { stream, name: Arc::clone(desk.name()), source })?;
        accounted.extend(&known);
    }
    Ok(accounted)
}

/// Everything that could run user code goes before anybody hears of the end: what the graph holds in `rest`, the threads of the
/// task pool, the listeners.
async fn end<T: Send>(engine: &Arc<Engine>, rest: T) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| drop(rest))) {
        engine.control.fail(StreamingError::PanickedInDrop { message: panic_message(&*panic) });
    }
    let pool = Arc::clone(engine);
    // It blocks until the threads have ended. It does not panic; and if the runtime goes down, nobody is left to be told.
    let _ = tokio::task::spawn_blocking(move || pool.pool.end()).await;
    engine.control.listeners().closed().await;
    engine.control.end();
}

/// A panic fails the context instead of leaving it half alive.
async fn caught(control: &Control, part: impl Future<Output = ()> + Send) {
    if let Err(panic) = AssertUnwindSafe(part).catch_unwind().await {
        control.fail(StreamingError::Scheduler { message: panic_message(&*panic) });
    }
}
