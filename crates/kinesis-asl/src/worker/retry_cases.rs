//! What becomes of a write of a position that fails: what Spark's tests demand of its retries (t327 to t333). Spark tries twice
//! and goes on; here a write that may pass is tried again until it succeeds, the lease is lost, or the time to give up is over.

use std::time::Duration;

use kinesis_endpoint::ServiceErrorKind;

use crate::worker::one_shard::{Rig, at};

const INTERVAL: Duration = Duration::from_millis(200);
const LONG: Duration = Duration::from_secs(30);

/// A worker that has a position to write, which it has not tried yet.
async fn with_a_position(give_up_after: Duration) -> Rig {
    let tune = |tuning: &mut crate::config::Tuning| {
        (tuning.checkpoint_interval, tuning.give_up_after) = (INTERVAL, give_up_after);
    };
    let rig = Rig::with(tune).await;
    let block = rig.receive(&[7]).await;
    rig.processed(&block);
    assert_eq!(rig.written(), []);
    rig
}

#[tokio::test(start_paused = true)]
async fn a_write_that_succeeds_is_made_once_t327() {
    let rig = with_a_position(LONG).await;
    tokio::time::sleep(LONG).await;
    assert_eq!(rig.written(), [at(7)]);
}

#[tokio::test(start_paused = true)]
async fn a_write_that_was_throttled_is_made_again_and_then_no_more_t328() {
    let rig = with_a_position(LONG).await;
    rig.next_writes_fail([ServiceErrorKind::Throttled]);
    rig.is_at(at(7)).await;
    tokio::time::sleep(LONG).await;
    assert_eq!((rig.written(), rig.has_failed()), (vec![at(7); 2], false));
}

#[tokio::test(start_paused = true)]
async fn a_write_that_the_service_failed_at_is_made_again_and_then_no_more_t329() {
    for kind in [ServiceErrorKind::Server, ServiceErrorKind::Timeout, ServiceErrorKind::Unreachable] {
        let rig = with_a_position(LONG).await;
        rig.next_writes_fail([kind]);
        rig.is_at(at(7)).await;
        tokio::time::sleep(LONG).await;
        assert_eq!((rig.written(), rig.has_failed()), (vec![at(7); 2], false), "{kind}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_write_to_a_lease_that_is_another_workers_is_not_made_again_t330() {
    let rig = with_a_position(LONG).await;
    rig.steal().await;
    tokio::time::sleep(LONG).await;
    assert_eq!((rig.written(), rig.has_failed()), (vec![at(7)], false), "losing a lease is no failure");
    assert_eq!(rig.owner().await, Some("thief".into()));
}

#[tokio::test(start_paused = true)]
async fn a_write_to_a_table_that_is_not_there_stops_the_application_at_once_t331() {
    let rig = with_a_position(LONG).await;
    rig.next_writes_fail([ServiceErrorKind::NotFound]);
    let text = rig.fails().await;
    assert!(text.contains("attempt 1") && text.contains("check the name, the region and the endpoint"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn a_write_that_fails_for_any_other_reason_stops_the_application_at_once_t332() {
    for kind in [ServiceErrorKind::AccessDenied, ServiceErrorKind::Credentials, ServiceErrorKind::InvalidRequest] {
        let rig = with_a_position(LONG).await;
        rig.next_writes_fail([kind]);
        let text = rig.fails().await;
        assert!(text.contains("attempt 1") && text.contains(kind.advice()), "{kind}: {text}");
    }
}

#[tokio::test(start_paused = true)]
async fn writes_that_are_throttled_for_too_long_stop_the_application_with_the_last_error_t333() {
    let rig = with_a_position(LONG).await;
    rig.writes_fail(ServiceErrorKind::Throttled);
    let text = rig.fails().await;
    let attempts = rig.attempts();
    let (first, last) = (&attempts[0], &attempts[attempts.len() - 1]);
    assert!(last.sent - first.sent >= LONG - Duration::from_secs(5), "{attempts:?}");
    assert!(attempts.len() > 5, "{attempts:?}");
    assert!(text.contains(&format!("attempt {}", attempts.len())), "{text}");
    assert!(text.contains("add capacity"), "{text}");
}
