//! What happens when far more batches are due than can be worked off.
#![allow(clippy::unwrap_used, reason = "the gate of a test stands outside of test functions")]

use std::sync::Mutex;
use std::sync::mpsc;
use std::time::Duration;

use crate::support::{Fault, Rig, SECOND, Seeing, Seen, Source, Span, in_time};
use dstream_core::{Event, StopMode, Time};

/// As many batches as may wait.
const MOST: u32 = 1_000;

#[tokio::test]
async fn a_clock_that_jumps_by_hours_makes_one_batch_that_holds_all_that_was_stored() {
    let rig = Rig::new();
    let source = Source::new(Fault::None);
    let outputs = Seeing::new();
    let sink = outputs.clone();
    source.stream(&rig.ctx, "s").foreach_rdd(move |rdd, time| {
        sink.push((time.as_millis(), rdd.collect()?));
        Ok(())
    });
    rig.ctx.start().await.unwrap();
    source.put(Span(0, 2)).await;
    rig.clock.advance(Duration::from_millis(8 * 3_600_000 + 500));
    source.saw(Seen::Processed(Time::from_millis(28_800_000), vec![Span(0, 2)])).await;
    rig.batch().await;
    in_time(rig.ctx.stop(StopMode::Graceful)).await.unwrap();
    assert_eq!(outputs.all(), [(28_800_000, vec![0, 1]), (28_801_000, vec![])]);
}

#[tokio::test]
async fn a_backlog_for_which_there_is_room_is_worked_off_batch_by_batch() {
    let rig = Rig::new();
    rig.ctx.queue_stream([vec![1]]).foreach_rdd(|_, _| Ok(()));
    rig.ctx.start().await.unwrap();
    rig.clock.advance(SECOND * MOST);
    in_time(rig.ctx.stop(StopMode::Graceful)).await.unwrap();
    assert_eq!(rig.completed(), (1..=1_000).map(|n| n * 1_000).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_full_queue_takes_no_more_batches_and_their_blocks_go_to_the_next_one() {
    let rig = Rig::new();
    let source = Source::new(Fault::None);
    let (enter, entered) = mpsc::sync_channel(1);
    let (release, released) = mpsc::sync_channel::<()>(1);
    let released = Mutex::new(released);
    source.stream(&rig.ctx, "s").foreach_rdd(move |_, time| {
        if time == Time::from_millis(1_000) {
            enter.send(()).unwrap();
            released.lock().unwrap().recv().unwrap();
        }
        Ok(())
    });
    rig.ctx.start().await.unwrap();
    rig.clock.advance(SECOND);
    in_time(tokio::task::spawn_blocking(move || entered.recv())).await.unwrap().unwrap();
    rig.clock.advance(SECOND * MOST);
    let submitted = |wanted| move |event: &Event| matches!(event, Event::BatchSubmitted(info) if info.batch == wanted);
    rig.until(submitted(Time::from_millis(1_001_000))).await;
    source.put(Span(0, 1)).await;
    rig.clock.advance(SECOND);
    source.saw(Seen::Stored(vec![Span(0, 1)])).await;
    assert!(!rig.events().iter().any(submitted(Time::from_millis(1_002_000))));
    release.send(()).unwrap();
    in_time(rig.ctx.stop(StopMode::Graceful)).await.unwrap();
    let expected: Vec<i64> = (1..=1_001).chain([1_003]).map(|n| n * 1_000).collect();
    assert_eq!(rig.completed(), expected);
    assert_eq!(
        source.seen()[2..4],
        [Seen::StoppedFetching, Seen::Processed(Time::from_millis(1_003_000), vec![Span(0, 1)])]
    );
}
