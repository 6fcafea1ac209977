//! A long run needs no more memory than a short one. A test binary of its own with one test: it looks at its process.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "what looks at the process stands outside of the test function")]

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use dstream_core::{Event, ManualClock, StopMode, StreamingContext, Time};
use tokio::sync::watch;

const SECOND: Duration = Duration::from_secs(1);

/// Pages of the process that are in memory, in KiB.
fn resident() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[tokio::test]
async fn memory_is_flat_over_twenty_thousand_batches() {
    let clock = Arc::new(ManualClock::new(Time::from_millis(0)));
    let ctx = StreamingContext::builder("long")
        .master("local[2]")
        .batch_interval(SECOND)
        .backpressure(true)
        .clock(Arc::<ManualClock>::clone(&clock))
        .build()
        .unwrap();
    ctx.remember(SECOND * 5);
    let (done, mut completed) = watch::channel(0_u32);
    ctx.add_listener(Arc::new(move |event: &Event| {
        if matches!(event, Event::BatchCompleted(_)) {
            done.send_modify(|done| *done += 1);
        }
    }));
    let words = ctx.queue_stream((0..).map(|batch: u64| (0..20).map(|n| format!("w{}", (batch + n) % 50)).collect()));
    let counts = words.map(|word: String| (word, 1_u64)).reduce_by_key(|m, n| m + n);
    counts.window(SECOND * 3, SECOND).reduce_by_key(|m, n| m + n).foreach_rdd(|rdd, _| Ok(rdd.count().map(drop)?));
    ctx.start().await.unwrap();
    let mut resident_after = Vec::new();
    for round in 1..=40 {
        clock.advance(SECOND * 500);
        completed.wait_for(|done| *done == round * 500).await.unwrap();
        resident_after.push(resident());
    }
    ctx.stop(StopMode::Graceful).await.unwrap();
    // A quarter of the run warms it up. What a batch left behind, if only 1 KiB, would add up to 15 MiB in the rest.
    let (warm, last) = (resident_after[9], resident_after[39]);

    assert!(last < warm + 4 * 1024, "{warm} KiB grew to {last} KiB: {resident_after:?}");
}
