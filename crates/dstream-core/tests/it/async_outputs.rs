//! foreach_rdd_async: the batch waits for the future, and only an urgent end gives it up.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::support::{Rig, Seeing, in_time};
use dstream_core::{BoxError, Event, StopMode, error_chain};
use tokio::sync::{Semaphore, watch};

#[tokio::test]
async fn a_batch_waits_for_its_future_and_a_graceful_stop_too() {
    let rig = Rig::new();
    let (gate, seen) = (Arc::new(Semaphore::new(0)), Seeing::new());
    let (key, sink) = (Arc::clone(&gate), seen.clone());
    rig.ctx.queue_stream([vec![1], vec![2]]).foreach_rdd_async(move |rdd, _| {
        let (rows, key, sink) = (rdd.collect(), Arc::clone(&key), sink.clone());
        async move {
            key.acquire().await?.forget();
            sink.push(rows?);
            Ok(())
        }
    });
    rig.ctx.start().await.unwrap();
    rig.clock.advance(crate::support::SECOND * 2);
    rig.until(|event| matches!(event, Event::BatchStarted(_))).await;
    assert_eq!(rig.completed(), [0; 0]);
    let stop = rig.ctx.stop(StopMode::Graceful);
    gate.add_permits(2);
    in_time(stop).await.unwrap();
    assert_eq!(seen.all(), [[1], [2]]);
    assert_eq!(rig.completed(), [1_000, 2_000]);
}

#[tokio::test]
async fn an_immediate_stop_gives_the_future_up_and_is_no_failure() {
    struct Dropped(watch::Sender<bool>);
    impl Drop for Dropped {
        fn drop(&mut self) {
            self.0.send_replace(true);
        }
    }
    let rig = Rig::with(|builder| builder.batch_attempts(1));
    let (begun, dropped) = (Arc::new(Semaphore::new(0)), watch::Sender::new(false));
    let (signal, flag) = (Arc::clone(&begun), dropped.clone());
    rig.ctx.queue_stream([vec![1]]).foreach_rdd_async(move |_, _| {
        let (signal, guard) = (Arc::clone(&signal), Dropped(flag.clone()));
        async move {
            let _guard = guard;
            signal.add_permits(1);
            std::future::pending().await
        }
    });
    rig.ctx.start().await.unwrap();
    rig.clock.advance(crate::support::SECOND);
    in_time(begun.acquire()).await.unwrap().forget();
    in_time(rig.ctx.stop(StopMode::Immediate)).await.unwrap();
    assert!(*dropped.borrow());
    assert_eq!(rig.completed(), [0; 0]);
}

#[tokio::test]
async fn an_error_or_panic_of_the_future_fails_the_attempt() {
    let rig = Rig::with(|builder| builder.batch_attempts(3));
    let attempts = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&attempts);
    rig.ctx.queue_stream([vec![1]]).foreach_rdd_async(move |_, _| {
        let attempt = counted.fetch_add(1, Ordering::Relaxed);
        async move {
            assert_ne!(attempt, 1, "went wrong");
            if attempt == 0 { Err(BoxError::from("not yet")) } else { Ok(()) }
        }
    });
    rig.ctx.start().await.unwrap();
    rig.batch().await;
    rig.ctx.stop(StopMode::Graceful).await.unwrap();
    assert_eq!(attempts.load(Ordering::Relaxed), 3);
    let reasons: Vec<Arc<str>> = rig
        .events()
        .into_iter()
        .filter_map(|event| if let Event::OutputFailed { output, .. } = event { output.failure } else { None })
        .collect();
    assert!(reasons[0].contains("not yet"), "{reasons:?}");
    assert!(reasons[1].contains("foreach_rdd_async #1 panicked in batch 1000 ms"), "{reasons:?}");
}

#[tokio::test]
async fn the_pool_is_free_while_the_future_runs_even_with_one_thread() {
    let rig = Rig::with(|builder| builder.master("local[1]"));
    rig.ctx.queue_stream([vec![1, 2]]).foreach_rdd_async(|rdd, _| async move {
        // An action in the future, on a thread that may block.
        let count = tokio::task::spawn_blocking(move || rdd.count()).await??;
        if count == 2 { Ok(()) } else { Err(BoxError::from("another count")) }
    });
    rig.ctx.start().await.unwrap();
    rig.batch().await;
    let ended = rig.ctx.stop(StopMode::Graceful).await;
    assert!(ended.is_ok(), "{}", error_chain(&ended.unwrap_err()));
}
