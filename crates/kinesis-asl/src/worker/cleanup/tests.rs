//! Cleaning up a table that others write to, and that fails.

use super::*;
use crate::lease::faulty_store::{Fate, FaultyStore};
use crate::lease::lease::{Claim, LeaseChange};
use crate::lease::memory_store::MemoryLeaseStore;
use crate::position::Checkpoint;
use crate::shard::{Shard, ShardState};
use crate::worker::stand_in::StandIn;

/// 0 was split into 1 and 2.
fn api() -> StandIn {
    let shard = |id: &str, parents: &[&str], state| Shard {
        id: id.into(),
        parents: parents.iter().map(|parent| ShardId::from(*parent)).collect(),
        hash_range: None,
        starting_sequence: None,
        ending_sequence: None,
        state,
    };
    let shards = vec![
        shard("s0", &[], ShardState::Closed),
        shard("s1", &["s0"], ShardState::Open),
        shard("s2", &["s0"], ShardState::Open),
    ];
    StandIn::new(move |_, _| Ok(shards.clone()))
}

async fn table(checkpoints: [Checkpoint; 3]) -> (FaultyStore<MemoryLeaseStore>, Rows) {
    let store = FaultyStore::new(MemoryLeaseStore::default());
    let mut rows = Rows::default();
    for (shard, checkpoint) in ["s0", "s1", "s2"].into_iter().zip(checkpoints) {
        let lease = Lease::new(shard.into(), checkpoint);
        store.create(&lease).await.expect("created");
        rows.leases.push(lease);
    }
    (store, rows)
}

async fn names(store: &FaultyStore<MemoryLeaseStore>) -> Vec<String> {
    let leases = store.inner().list().await.expect("listed").leases;
    leases.iter().map(|lease| lease.shard.to_string()).collect()
}

const STARTED: [Checkpoint; 3] = [Checkpoint::ShardEnd, Checkpoint::Latest, Checkpoint::Latest];

#[tokio::test]
async fn a_cleanup_that_fails_is_made_up_for_by_the_next_cl_8() {
    let (store, rows) = table(STARTED).await;
    store.next_writes([Fate::Refused]);
    clean_up(&api(), &store, &rows, LeaseCleanup::Completed).await.expect_err("it fails");
    assert_eq!(names(&store).await, ["s0", "s1", "s2"]);
    assert_eq!(clean_up(&api(), &store, &rows, LeaseCleanup::Completed).await.expect("deleted"), 1);
    assert_eq!(names(&store).await, ["s1", "s2"]);
}

#[tokio::test]
async fn a_lease_that_somebody_has_written_to_since_is_left_alone() {
    let (store, rows) = table(STARTED).await;
    let claim = Claim { shard: "s0".into(), counter: rows.leases[0].counter, worker: "java".into() };
    store.update(&LeaseChange::Take { claim, from: None, start_at: None }).await.expect("taken");
    assert_eq!(clean_up(&api(), &store, &rows, LeaseCleanup::Completed).await.expect("nothing"), 0);
    assert_eq!(names(&store).await, ["s0", "s1", "s2"]);
}

#[tokio::test]
async fn children_that_are_found_in_the_stream_are_stored_cl_7() {
    let (store, rows) = table([Checkpoint::ShardEnd, Checkpoint::TrimHorizon, Checkpoint::Latest]).await;
    assert_eq!(clean_up(&api(), &store, &rows, LeaseCleanup::Completed).await.expect("nothing"), 0);
    let noted = store.get(&"s0".into()).await.expect("read").expect("it is there");
    assert_eq!(noted.children, ["s1".into(), "s2".into()].into());
}
