//! When positions are written, and when not: what Spark's tests demand of its checkpointer (t340 to t346), of the end of a
//! record processor (t322 to t326), and what its reading shows to be wrong there (R7, R9).

use std::time::Duration;

use crate::api::Place;
use crate::position::Checkpoint;
use crate::worker::one_shard::{Rig, at};

const INTERVAL: Duration = Duration::from_secs(10);
const SECOND: Duration = Duration::from_secs(1);
/// Half of the failover time: a theft is noticed at the next renewal, and the thief still counts as alive.
const UNTIL_IT_IS_NOTICED: Duration = Duration::from_secs(300);

#[tokio::test(start_paused = true)]
async fn one_position_is_written_once_however_often_it_is_reported_t340_t344() {
    let rig = Rig::start(INTERVAL).await;
    let block = rig.receive(&[1, 2]).await;
    for _ in 0..5 {
        rig.processed(&block);
        tokio::time::sleep(INTERVAL).await;
    }
    assert_eq!(rig.written(), [at(2)]);
    rig.leave().await;
    assert_eq!(rig.written(), [at(2)]);
}

#[tokio::test(start_paused = true)]
async fn each_new_position_is_written_at_the_next_interval_t341_t342() {
    let rig = Rig::start(INTERVAL).await;
    for (page, last) in [(&[1, 2][..], 2), (&[3, 40][..], 40)] {
        let block = rig.receive(page).await;
        rig.processed(&block);
        tokio::time::sleep(INTERVAL * 5).await;
        assert_eq!(rig.lease().await.checkpoint, at(last));
    }
    assert_eq!(rig.written(), [at(2), at(40)]);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_written_before_the_interval_is_over_t343() {
    let rig = Rig::start(INTERVAL).await;
    let block = rig.receive(&[1]).await;
    rig.processed(&block);
    tokio::time::sleep(INTERVAL / 2).await;
    assert_eq!(rig.written(), []);
    tokio::time::sleep(INTERVAL).await;
    assert_eq!(rig.written(), [at(1)]);
}

#[tokio::test(start_paused = true)]
async fn the_end_of_a_shard_is_written_once_and_does_not_wait_for_the_interval_t324_t326_t345() {
    let rig = Rig::start(INTERVAL).await;
    let last = rig.receive_the_end(&[1, 2]).await;
    tokio::time::sleep(SECOND).await;
    assert_eq!(rig.written(), [], "its records are not processed yet");
    rig.processed(&last);
    tokio::time::sleep(SECOND).await;
    assert_eq!(rig.written(), [Checkpoint::ShardEnd]);
    assert_eq!(rig.owner().await, None, "nothing is left to do for it");
    tokio::time::sleep(INTERVAL * 3).await;
    assert_eq!(rig.written(), [Checkpoint::ShardEnd]);
}

#[tokio::test(start_paused = true)]
async fn the_end_of_a_shard_waits_for_a_write_that_is_under_way_t346() {
    let rig = Rig::start(INTERVAL).await;
    let first = rig.receive(&[1]).await;
    rig.processed(&first);
    rig.writes_take(SECOND * 3);
    tokio::time::sleep(INTERVAL).await;
    let last = rig.receive_the_end(&[2]).await;
    rig.processed(&last);
    rig.is_at(Checkpoint::ShardEnd).await;
    let attempts = rig.attempts();
    assert_eq!(rig.written(), [at(1), Checkpoint::ShardEnd]);
    assert!(attempts[0].ended <= Some(attempts[1].sent), "one after the other: {attempts:?}");
}

#[tokio::test(start_paused = true)]
async fn a_page_that_arrives_after_the_stop_is_not_stored_and_moves_nothing_t322() {
    let rig = Rig::start(SECOND).await;
    rig.answers_take(SECOND * 3);
    rig.put(&[1]);
    // The page is on its way.
    tokio::time::sleep(SECOND * 2).await;
    rig.stop_fetching().await;
    tokio::time::sleep(SECOND * 10).await;
    assert!(rig.stored().is_none());
    rig.leave().await;
    assert_eq!(rig.written(), []);
}

#[tokio::test(start_paused = true)]
async fn a_page_that_cannot_be_stored_moves_nothing_t323() {
    let rig = Rig::start(SECOND).await;
    let block = rig.receive(&[1]).await;
    rig.processed(&block);
    rig.is_at(at(1)).await;
    rig.storing_ends();
    rig.put(&[2]);
    tokio::time::sleep(SECOND * 10).await;
    rig.leave().await;
    assert_eq!((rig.written(), rig.owner().await), (vec![at(1)], None));
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_was_taken_by_another_worker_is_not_written_to_again_t325_t326() {
    let rig = Rig::start(INTERVAL).await;
    let block = rig.receive(&[1]).await;
    rig.steal().await;
    tokio::time::sleep(UNTIL_IT_IS_NOTICED).await;
    rig.processed(&block);
    tokio::time::sleep(INTERVAL * 3).await;
    rig.leave().await;
    assert_eq!(rig.written(), []);
    assert_eq!(rig.owner().await, Some("thief".into()), "{:?}", rig.lease().await);
}

#[tokio::test(start_paused = true)]
async fn regression_r7_blocks_of_an_earlier_holding_disturb_nothing_once_the_lease_is_back() {
    let rig = Rig::start(SECOND).await;
    let early = rig.receive(&[1]).await;
    rig.steal().await;
    tokio::time::sleep(UNTIL_IT_IS_NOTICED).await;
    rig.give_back().await;
    let opened = rig.is_opened(2).await;
    assert_eq!(opened[1], Place::TrimHorizon, "nothing was processed, so all is read again");
    rig.processed(&early);
    tokio::time::sleep(INTERVAL).await;
    assert_eq!(rig.written(), [], "the position moves with what this holding has read");
    let again = rig.receive(&[1, 2]).await;
    rig.processed(&again);
    rig.is_at(at(2)).await;
    assert!(!rig.has_failed());
}

#[tokio::test(start_paused = true)]
async fn regression_r9_a_stop_writes_the_last_position_before_the_lease_is_released_t326() {
    let rig = Rig::start(INTERVAL * 1_000).await;
    let block = rig.receive(&[1, 2, 3]).await;
    rig.stop_fetching().await;
    // The last batch runs after the readers have ended.
    rig.processed(&block);
    rig.leave().await;
    assert_eq!((rig.written(), rig.owner().await), (vec![at(3)], None));
    assert_eq!(rig.lease().await.checkpoint, at(3));
}

#[tokio::test(start_paused = true)]
async fn regression_r9_what_is_read_and_not_processed_at_the_stop_is_not_written() {
    let rig = Rig::start(INTERVAL).await;
    let first = rig.receive(&[1]).await;
    let _second = rig.receive(&[2]).await;
    rig.processed(&first);
    rig.stop_fetching().await;
    rig.leave().await;
    assert_eq!(rig.lease().await.checkpoint, at(1));
}
