//! A write tells its own effect from somebody else's, whatever becomes of it on the way.

use std::collections::BTreeSet;

use kpl_deagg::HashKeyRange;

use super::*;
use crate::lease::commit::{Commit, commit};
use crate::lease::lease::{Claim, LeaseCounter};
use crate::lease::memory_store::MemoryLeaseStore;
use crate::lease::store::conformance;
use crate::position::Checkpoint;
use crate::sequence::{Position, SequenceNumber};

const FATES: [Fate; 5] = [Fate::Done, Fate::DoneUnreported, Fate::Refused, Fate::NotDoneUnreported, Fate::SentTwice];

fn claim(worker: &str) -> Claim {
    Claim { shard: "s".into(), counter: LeaseCounter(7), worker: worker.into() }
}

fn held_by(owner: Option<&str>) -> Lease {
    let mut lease = Lease::new("s".into(), Checkpoint::TrimHorizon);
    lease.counter = LeaseCounter(7);
    lease.owner = owner.map(Into::into);
    lease
}

/// Every write, with the lease that it is meant for.
fn writes() -> Vec<(Lease, LeaseChange)> {
    let at = Checkpoint::At(Position::new(SequenceNumber::ZERO, 3));
    let take =
        |from: Option<&str>| LeaseChange::Take { claim: claim("me"), from: from.map(Into::into), start_at: None };
    let children = BTreeSet::from(["c".into()]);
    let mine = || held_by(Some("me"));
    vec![
        (mine(), LeaseChange::Renew(claim("me"))),
        (held_by(None), take(None)),
        (held_by(Some("other")), take(Some("other"))),
        (mine(), LeaseChange::Checkpoint { claim: claim("me"), to: at }),
        (mine(), LeaseChange::Checkpoint { claim: claim("me"), to: Checkpoint::ShardEnd }),
        (mine(), LeaseChange::Release(claim("me"))),
        (mine(), LeaseChange::Children { shard: "s".into(), children }),
        (mine(), LeaseChange::HashRange { shard: "s".into(), range: HashKeyRange::FULL }),
    ]
}

async fn table(lease: &Lease) -> FaultyStore<MemoryLeaseStore> {
    let store = FaultyStore::new(MemoryLeaseStore::default());
    store.create(lease).await.expect("created");
    store
}

async fn stored(store: &FaultyStore<MemoryLeaseStore>) -> Lease {
    store.inner().get(&"s".into()).await.expect("read").expect("it is there")
}

#[tokio::test]
async fn a_table_without_faults_passes_the_conformance_suite() {
    conformance::run(&FaultyStore::new(MemoryLeaseStore::default())).await;
}

#[tokio::test]
async fn every_write_learns_whether_it_happened_whatever_was_reported_lr_8_lr_10() {
    for (before, change) in writes() {
        for fate in FATES {
            let store = table(&before).await;
            store.next_writes([fate]);
            let outcome = commit(&store, &change).await;
            let after = stored(&store).await;
            match (fate, &outcome) {
                (Fate::Done | Fate::SentTwice | Fate::DoneUnreported, Commit::Committed(read_again)) => {
                    assert_eq!(after, change.applied(&before), "{change:?}, {fate:?}");
                    assert!(read_again.as_ref().is_none_or(|lease| *lease == after), "{change:?}, {fate:?}");
                }
                (Fate::Refused | Fate::NotDoneUnreported, Commit::NotDone(_)) => {
                    assert_eq!(after, before, "{change:?}, {fate:?}");
                }
                _ => panic!("{change:?}, {fate:?}: {outcome:?}"),
            }
        }
    }
}

#[tokio::test]
async fn a_write_that_was_overtaken_learns_who_was_faster_whatever_was_reported_lt_14() {
    let conditional = |change: &LeaseChange| {
        !matches!(change, LeaseChange::Children { .. } | LeaseChange::HashRange { .. } | LeaseChange::Retract { .. })
    };
    for (before, change) in writes().into_iter().filter(|(_, change)| conditional(change)) {
        for fate in [Fate::Done, Fate::DoneUnreported, Fate::NotDoneUnreported, Fate::SentTwice] {
            let store = table(&before).await;
            let theft = LeaseChange::Take { claim: claim("thief"), from: before.owner.clone(), start_at: None };
            store.update(&theft).await.expect("stolen");
            store.next_writes([fate]);
            let outcome = commit(&store, &change).await;
            let stolen = theft.applied(&before);
            assert!(matches!(&outcome, Commit::Superseded(Some(lease)) if *lease == stolen), "{change:?}: {outcome:?}");
            assert_eq!(stored(&store).await, stolen, "{change:?}, {fate:?}");
        }
    }
}

#[tokio::test]
async fn a_write_of_which_nothing_can_be_learned_is_unclear_and_the_next_attempt_finds_out() {
    for (before, change) in writes() {
        for fate in [Fate::DoneUnreported, Fate::NotDoneUnreported] {
            let store = table(&before).await;
            store.next_writes([fate]);
            store.next_reads([Fate::NotDoneUnreported]);
            let outcome = commit(&store, &change).await;
            assert!(matches!(outcome, Commit::Unknown(_)), "{change:?}, {fate:?}: {outcome:?}");
            let again = commit(&store, &change).await;
            assert!(matches!(again, Commit::Committed(_)), "{change:?}, {fate:?}: {again:?}");
            assert_eq!(stored(&store).await, change.applied(&before), "{change:?}, {fate:?}: once");
        }
    }
}

#[tokio::test]
async fn a_write_to_a_deleted_lease_learns_that_it_is_gone() {
    for (before, change) in writes() {
        let store = table(&before).await;
        store.delete(&before).await.expect("deleted");
        let outcome = commit(&store, &change).await;
        assert!(matches!(outcome, Commit::Superseded(None)), "{change:?}: {outcome:?}");
    }
}
