//! Receivers that leave early, late, or more often than they came.

use std::time::Duration;

use dstream_core::{ManualClock, StreamId, testing::receiver_store};
use kinesis_endpoint::{Credentials, Region, ServiceAccess};
use kpl_deagg::HashKeyRange;

use super::*;
use crate::config::{LeaseKeys, Tuning};
use crate::lease::memory_store::MemoryLeaseStore;
use crate::shard::{Shard, ShardState};
use crate::worker::stand_in::StandIn;

const AT_ONCE: Duration = Duration::from_secs(5);

fn config() -> KinesisConfig {
    let nowhere = ServiceAccess { region: Region::default_local(), endpoint: None, credentials: Credentials::Default };
    KinesisConfig {
        application: "word-count".into(),
        stream: "words".into(),
        kinesis: nowhere.clone(),
        dynamodb: nowhere,
        initial_position: InitialPosition::TrimHorizon,
        keys: LeaseKeys::OneStream,
        tuning: Tuning::new(Duration::from_secs(1)),
    }
}

/// A hub on a stream of one shard whose reader never gets an iterator.
fn hub(store: &Arc<MemoryLeaseStore>) -> WorkerHub {
    let shard = Shard {
        id: "s0".into(),
        parents: [].into(),
        hash_range: Some(HashKeyRange::FULL),
        starting_sequence: None,
        ending_sequence: None,
        state: ShardState::Open,
    };
    let api = Arc::new(StandIn::new(move |_, _| Ok(vec![shard.clone()])));
    let store: Arc<dyn LeaseStore> = Arc::<MemoryLeaseStore>::clone(store);
    WorkerHub::with_backend(
        config(),
        Backend { api, store },
        Arc::new(ManualClock::new(dstream_core::Time::from_millis(0))),
    )
}

async fn leave(hub: &WorkerHub, seat: SeatId) {
    let left = tokio::time::timeout(AT_ONCE, hub.leave(seat)).await;
    left.expect("it does not hang").expect("nothing was held");
}

async fn owners(store: &MemoryLeaseStore) -> Vec<Option<WorkerId>> {
    store.list().await.expect("listed").leases.into_iter().map(|lease| lease.owner).collect()
}

#[tokio::test(start_paused = true)]
async fn who_leaves_before_the_start_or_twice_neither_hangs_nor_fails_gs_4() {
    let store = Arc::new(MemoryLeaseStore::default());
    let hub = hub(&store);
    let seat = hub.register(&config()).expect("registered");
    hub.stop_fetching(seat).await;
    leave(&hub, seat).await;
    leave(&hub, seat).await;
    assert_eq!(owners(&store).await, []);
}

#[tokio::test(start_paused = true)]
async fn who_leaves_after_the_start_has_released_its_leases_and_may_leave_again_gs_1_gs_4() {
    let store = Arc::new(MemoryLeaseStore::default());
    let hub = hub(&store);
    let seat = hub.register(&config()).expect("registered");
    let (sink, _probe) = receiver_store(StreamId::new(0), 1 << 20);
    hub.join(seat, sink).await.expect("joined");
    let held = async {
        while owners(&store).await != [Some(hub.identity.id.clone())] {
            tokio::time::sleep(AT_ONCE / 50).await;
        }
    };
    tokio::time::timeout(AT_ONCE, held).await.expect("it takes the lease");
    hub.stop_fetching(seat).await;
    leave(&hub, seat).await;
    assert_eq!(owners(&store).await, [None]);
    leave(&hub, seat).await;
}

#[tokio::test(start_paused = true)]
async fn one_of_two_that_leaves_while_the_other_never_joined_does_not_wait_for_it_gs_3() {
    let store = Arc::new(MemoryLeaseStore::default());
    let hub = hub(&store);
    let seats = [(); 2].map(|()| hub.register(&config()).expect("registered"));
    let (sink, _probe) = receiver_store(StreamId::new(0), 1 << 20);
    hub.join(seats[0], sink).await.expect("joined");
    leave(&hub, seats[0]).await;
    leave(&hub, seats[1]).await;
    assert_eq!(owners(&store).await, [None], "made, and never taken");
}
