//! Signals stop a context. They go to the whole process: no other test of this binary may listen to them, and this is one test.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "the parts of the one test stand outside of it")]

use std::process::Command;

use crate::stop_deadline::works_until_it_is_cut_short;
use crate::support::{Fault, Rig, SECOND, Seen, Source, Span, in_time};
use dstream_core::{CutShort, StreamingError};

fn send_sigterm() {
    let killed = Command::new("kill").args(["-TERM", &std::process::id().to_string()]).status().unwrap();
    assert!(killed.success());
}

async fn the_first_signal_stops_gracefully() {
    let rig = Rig::new();
    let source = Source::new(Fault::None);
    source.stream(&rig.ctx, "s").foreach_rdd(|_, _| Ok(()));
    rig.ctx.start().await.unwrap();
    source.put(Span(0, 3)).await;
    let ended = rig.ctx.await_termination_or_signal();
    tokio::pin!(ended);
    // The first poll begins to listen.
    assert!(futures::poll!(&mut ended).is_pending());
    send_sigterm();
    in_time(ended).await.unwrap();
    assert_eq!(source.processed(), [Span(0, 3)]);
    assert_eq!(source.seen().last(), Some(&Seen::Closed));
}

async fn a_second_signal_stops_at_once() {
    let rig = Rig::new();
    let source = Source::new(Fault::None);
    source.stream(&rig.ctx, "s").foreach_rdd(|rdd, _| works_until_it_is_cut_short(&rdd));
    rig.ctx.start().await.unwrap();
    source.put(Span(0, 3)).await;
    rig.clock.advance(SECOND);
    let (ended, signals) = (rig.ctx.await_termination_or_signal(), async {
        send_sigterm();
        source.saw(Seen::StoppedFetching).await;
        send_sigterm();
    });
    // In this order: whoever is to hear the signals listens before they are sent.
    let (ended, ()) = in_time(async { tokio::join!(biased; ended, signals) }).await;
    let error = ended.unwrap_err();
    assert!(matches!(error, StreamingError::StopCutShort { reason: CutShort::SecondSignal }), "{error:?}");
    assert_eq!((source.processed(), rig.completed()), (vec![], vec![]), "nothing that was cut short counts as done");
    assert_eq!(source.seen().last(), Some(&Seen::Closed));
}

#[tokio::test]
async fn sigterm_stops_a_context_gracefully_and_a_second_one_at_once_with_an_error_that_says_so() {
    the_first_signal_stops_gracefully().await;
    a_second_signal_stops_at_once().await;
}
