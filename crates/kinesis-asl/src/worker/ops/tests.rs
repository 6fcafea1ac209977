//! The end of a shard: the leases of those that follow, and what happens when they cannot be made.

use kpl_deagg::HashKeyRange;

use super::*;
use crate::lease::faulty_store::{Fate, FaultyStore};
use crate::lease::lease::Lease;
use crate::lease::memory_store::MemoryLeaseStore;
use crate::position::Checkpoint;
use crate::shard::{Shard, ShardState};
use crate::worker::stand_in::StandIn;

type Table = FaultyStore<MemoryLeaseStore>;

fn shard(id: &str, parents: &[&str], state: ShardState) -> Shard {
    Shard {
        id: id.into(),
        parents: parents.iter().map(|parent| ShardId::from(*parent)).collect(),
        hash_range: Some(HashKeyRange::FULL),
        starting_sequence: None,
        ending_sequence: None,
        state,
    }
}

/// s0 was split into s2 and s3; then s1 was merged with s2 into s4.
fn stream() -> StandIn {
    StandIn::new(|_, _| {
        Ok(vec![
            shard("s0", &[], ShardState::Closed),
            shard("s1", &[], ShardState::Closed),
            shard("s2", &["s0"], ShardState::Closed),
            shard("s3", &["s0"], ShardState::Open),
            shard("s4", &["s1", "s2"], ShardState::Open),
        ])
    })
}

fn child(id: &str, parents: &[&str]) -> ChildShard {
    let parents = parents.iter().map(|parent| ShardId::from(*parent)).collect();
    ChildShard { id: id.into(), parents, hash_range: Some(HashKeyRange::FULL) }
}

async fn table(leases: &[(&str, Checkpoint)]) -> Table {
    let store = FaultyStore::new(MemoryLeaseStore::default());
    for (shard, checkpoint) in leases {
        store.create(&Lease::new((*shard).into(), *checkpoint)).await.expect("created");
    }
    store
}

/// The table as names with checkpoints.
async fn rows(store: &Table) -> Vec<(String, Checkpoint)> {
    let leases = store.inner().list().await.expect("listed").leases;
    leases.iter().map(|lease| (lease.shard.to_string(), lease.checkpoint)).collect()
}

async fn names(store: &Table) -> Vec<String> {
    rows(store).await.into_iter().map(|row| row.0).collect()
}

async fn end(store: &Table, shard: &str, children: &[ChildShard]) -> Result<(), ServiceError> {
    make_children(&stream(), store, &shard.into(), children, None).await
}

fn both() -> [ChildShard; 2] {
    [child("s2", &["s0"]), child("s3", &["s0"])]
}

const READ: Checkpoint = Checkpoint::Latest;
const NEW: Checkpoint = Checkpoint::TrimHorizon;

#[tokio::test]
async fn the_end_of_a_shard_makes_both_childrens_leases_and_one_note_sh_3() {
    let store = table(&[("s0", READ)]).await;
    end(&store, "s0", &both()).await.expect("made");
    assert_eq!(rows(&store).await, [("s0", READ), ("s2", NEW), ("s3", NEW)].map(|(id, at)| (id.to_owned(), at)));
    let parent = store.get(&"s0".into()).await.expect("read").expect("it is there");
    assert_eq!(parent.children, ["s2".into(), "s3".into()].into());
    let made = store.get(&"s2".into()).await.expect("read").expect("it is there");
    assert_eq!((made.parents, made.hash_range), (["s0".into()].into(), Some(HashKeyRange::FULL)));
}

#[tokio::test]
async fn a_call_that_fails_at_the_end_of_a_shard_is_an_error_and_is_made_up_for_sh_1_sh_2_sh_9() {
    for writes in
        [vec![Fate::Refused], vec![Fate::Done, Fate::DoneUnreported], vec![Fate::Done, Fate::Done, Fate::Refused]]
    {
        let store = table(&[("s0", READ)]).await;
        store.next_writes(writes.clone());
        end(&store, "s0", &both()).await.expect_err("it fails");
        let parent = store.get(&"s0".into()).await.expect("read").expect("it is there");
        assert_eq!(parent.checkpoint, READ, "no false end, {writes:?}");
        end(&store, "s0", &both()).await.expect("made");
        assert_eq!(names(&store).await, ["s0", "s2", "s3"], "{writes:?}");
    }
    let store = table(&[("s1", READ)]).await;
    store.next_reads([Fate::Refused]);
    end(&store, "s1", &[child("s4", &["s1", "s2"])]).await.expect_err("the leases cannot be read");
    assert_eq!(names(&store).await, ["s1"]);
}

#[tokio::test]
async fn a_merged_shard_waits_for_a_parent_that_is_still_to_get_a_lease_sh_4() {
    let store = table(&[("s0", READ), ("s1", READ)]).await;
    end(&store, "s1", &[child("s4", &["s1", "s2"])]).await.expect("nothing fails");
    assert_eq!(
        names(&store).await,
        ["s0", "s1"],
        "s2 gets its lease at the end of s0, and makes that of s4 at its own"
    );
    let parent = store.get(&"s1".into()).await.expect("read").expect("it is there");
    assert_eq!(parent.children, ["s4".into()].into(), "what follows is known all the same");

    let store = table(&[("s0", Checkpoint::ShardEnd), ("s1", READ)]).await;
    end(&store, "s1", &[child("s4", &["s1", "s2"])]).await.expect("nothing fails");
    assert_eq!(names(&store).await, ["s0", "s1"], "s2 was left behind by whoever ended s0, and is to be read first");
}

#[tokio::test]
async fn a_merged_shard_gets_its_lease_when_both_parents_have_one_or_none_ever_will_sh_5() {
    for leases in [&[("s1", READ), ("s2", READ)][..], &[("s1", READ)]] {
        let store = table(leases).await;
        end(&store, "s1", &[child("s4", &["s1", "s2"])]).await.expect("made");
        assert_eq!(names(&store).await.last().map(String::as_str), Some("s4"), "{leases:?}");
    }
}

#[tokio::test]
async fn children_that_the_last_page_does_not_name_are_looked_up_and_an_expired_shard_has_none_sh_6() {
    let store = table(&[("s0", READ)]).await;
    end(&store, "s0", &[]).await.expect("made");
    assert_eq!(names(&store).await, ["s0", "s2", "s3"]);
    let store = table(&[("expired", READ)]).await;
    end(&store, "expired", &[]).await.expect("nothing to make");
    assert_eq!(names(&store).await, ["expired"]);
    let store = table(&[("s3", READ)]).await;
    let error = end(&store, "s3", &[]).await.expect_err("an open shard does not end").to_string();
    assert!(error.contains("no shard follows it yet"), "{error}");
}

#[tokio::test]
async fn a_child_that_has_a_lease_keeps_it_sh_8() {
    let store = table(&[("s0", READ), ("s2", Checkpoint::ShardEnd)]).await;
    end(&store, "s0", &both()).await.expect("made");
    assert_eq!(rows(&store).await[1], ("s2".to_owned(), Checkpoint::ShardEnd));
    assert_eq!(names(&store).await, ["s0", "s2", "s3"]);
}
