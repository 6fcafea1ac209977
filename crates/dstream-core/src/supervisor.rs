//! The whole life of a started context, in one task: receivers start, the scheduler runs, everything ends.
//!
//! Promises: whatever happens in between, the context ends, receivers that were started are stopped and closed, and those
//! who wait for the end hear of it.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use futures::FutureExt;
use tokio::sync::oneshot;

use crate::checkpoint::{Recovered, recover};
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
pub(crate) async fn supervise(parts: Parts, started: oneshot::Sender<Result<(), StartError>>) {
    let engine = Arc::clone(&parts.engine);
    let control = &engine.control;
    // Nobody listens to `started` if the call of `start` was dropped; the context runs all the same.
    let prepared = AssertUnwindSafe(prepare(&parts)).catch_unwind().await;
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
    caught(control, scheduler.close()).await;
    end(&engine, scheduler).await;
}

/// What the program had gathered is back, and all receivers run.
async fn prepare(parts: &Parts) -> Result<Option<Recovered>, StartError> {
    let Parts { settings, engine, receivers, plan, .. } = parts;
    let recovered = tokio::select! {
        recovered = recover(settings, engine, &plan.nodes) => recovered?,
        () = engine.control.ending() => return Err(StartError::StoppedWhileStarting),
    };
    if let Some(point) = recovered.as_ref().and_then(|recovered| recovered.point.as_ref()) {
        engine.control.emit(&Event::Recovered { batch: point.through, damaged: point.damaged });
        if settings.rates.controller.is_some() {
            point.rates.iter().for_each(|(stream, rate)| receivers.limit_rate(*stream, *rate));
        }
    }
    receivers.start().await?;
    Ok(recovered)
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
