//! Signals stop a context. They go to the whole process: no other test of this binary may listen to them.
#![cfg(unix)]

use std::process::Command;

use crate::support::{Fault, Rig, Seen, Source, Span, in_time};

#[tokio::test]
async fn sigterm_stops_a_context_gracefully() {
    let rig = Rig::new();
    let source = Source::new(Fault::None);
    source.stream(&rig.ctx, "s").foreach_rdd(|_, _| Ok(()));
    rig.ctx.start().await.unwrap();
    source.put(Span(0, 3)).await;
    let ended = rig.ctx.await_termination_or_signal();
    tokio::pin!(ended);
    // The first poll begins to listen.
    assert!(futures::poll!(&mut ended).is_pending());
    let killed = Command::new("kill").args(["-TERM", &std::process::id().to_string()]).status().unwrap();
    assert!(killed.success());
    in_time(ended).await.unwrap();
    assert_eq!(source.processed(), [Span(0, 3)]);
    assert_eq!(source.seen().last(), Some(&Seen::Closed));
}
