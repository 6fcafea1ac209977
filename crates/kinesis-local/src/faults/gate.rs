//! Carrying out a verdict around a call: the one place where faults touch requests, for both services.
//!
//! Promises: the call is not begun before its delay is over, and not at all where the verdict says that it does not
//! happen; delays hold no lock. A caller that goes away during a delay takes the call along.

use std::time::Duration;

use axum::response::Response;

use super::cut::{after_events, cut};
use super::verdict::{Outcome, Refusal, Verdict};

/// Lets a call through as the verdict has it. `refuse` writes an error in the service's form. An
/// [`Outcome::PartialPut`] is the business of `call`, which knows the form of a batch.
pub(crate) async fn through(
    verdict: &Verdict,
    refuse: impl FnOnce(&Refusal) -> Response,
    call: impl Future<Output = Response>,
) -> Response {
    pause(verdict.delay).await;
    let reply = match &verdict.outcome {
        Outcome::Pass | Outcome::PartialPut(_) => call.await,
        Outcome::Refuse(refusal) => refuse(refusal),
        Outcome::CutBefore => cut(),
        Outcome::CutAfter => {
            drop(call.await);
            cut()
        }
        Outcome::CutStream { events } => {
            let reply = call.await;
            // A refused subscription is no stream that could be cut.
            if reply.status().is_success() { after_events(reply, *events) } else { reply }
        }
    };
    pause(verdict.delay_reply).await;
    reply
}

async fn pause(delay: Duration) {
    if !delay.is_zero() {
        tokio::time::sleep(delay).await;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::OnceLock;

    use axum::http::StatusCode;
    use tokio::time::Instant;

    use super::*;

    /// Whether the call happened, the status of the reply, and how long both took.
    async fn run(verdict: Verdict) -> (bool, Option<StatusCode>, Duration, Duration) {
        let start = Instant::now();
        let happened = OnceLock::new();
        let call = async {
            happened.set(start.elapsed()).unwrap();
            Response::default()
        };
        let refuse = |refusal: &Refusal| {
            let status = StatusCode::from_u16(refusal.status).unwrap();
            Response::builder().status(status).body(axum::body::Body::empty()).unwrap()
        };
        let (parts, body) = through(&verdict, refuse, call).await.into_parts();
        let whole = axum::body::to_bytes(body, 1).await.is_ok();
        (
            happened.get().is_some(),
            whole.then_some(parts.status),
            happened.get().copied().unwrap_or_default(),
            start.elapsed(),
        )
    }

    fn with(outcome: Outcome) -> Verdict {
        Verdict { outcome, ..Verdict::PASS }
    }

    #[tokio::test(start_paused = true)]
    async fn calls_happen_or_not_and_are_reported_or_not_as_the_verdict_says() {
        let refusal = Refusal { status: 503, error: "E".into(), message: "m".into() };
        let outcomes = [
            (Outcome::Pass, true, Some(StatusCode::OK)),
            (Outcome::Refuse(refusal), false, Some(StatusCode::SERVICE_UNAVAILABLE)),
            (Outcome::CutBefore, false, None),
            (Outcome::CutAfter, true, None),
        ];
        for (outcome, expected, status) in outcomes {
            let (happened, reported, _, took) = run(with(outcome.clone())).await;
            assert_eq!((happened, reported, took), (expected, status, Duration::ZERO), "{outcome:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn delays_come_before_the_call_and_before_the_reply() {
        let (delay, delay_reply) = (Duration::from_secs(3), Duration::from_secs(4));
        let (_, _, before, all) = run(Verdict { delay, delay_reply, ..Verdict::PASS }).await;
        assert_eq!((before, all), (delay, delay + delay_reply));
    }
}
