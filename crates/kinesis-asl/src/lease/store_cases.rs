//! The cases of the Java KCL's lease table that each version of ours must pass. Each works on leases of its own.

#![expect(clippy::expect_used, reason = "a suite of tests: a table that cannot be used fails it")]

use std::collections::BTreeSet;

use kpl_deagg::HashKeyRange;

use crate::lease::lease::{Claim, Lease, LeaseChange, LeaseCounter};
use crate::lease::store::{Created, LeaseStore, Updated};
use crate::position::{Checkpoint, Timestamp};
use crate::sequence::Position;
use crate::shard::ShardId;
use crate::stream_identity::StreamIdentity;

const COMMITTED: Updated = Updated::Committed(None);
const MISMATCH: Updated = Updated::Mismatch;

/// Runs all of them.
pub async fn run(store: &dyn LeaseStore) {
    a_second_creation_leaves_the_lease_alone_rf_1(store).await;
    every_field_survives_the_round_trip_se_1(store).await;
    a_lease_is_taken_as_it_was_seen_and_switches_are_counted_rf_2(store).await;
    a_lease_is_released_by_its_owner_only_rf_3(store).await;
    a_deleted_lease_stays_deleted_rf_4(store).await;
    a_lease_is_deleted_only_as_it_was_seen(store).await;
    a_renewal_counts_and_ends_with_the_loss_of_the_lease_lr_1_lr_3(store).await;
    a_checkpoint_moves_position_and_counter_and_fails_when_the_lease_has_changed_co_1(store).await;
    notes_leave_the_counter_alone(store).await;
}

/// A fresh lease in the table.
async fn fresh(store: &dyn LeaseStore, name: &str) -> Lease {
    let lease = Lease::new(name.into(), Checkpoint::TrimHorizon);
    assert_eq!(store.create(&lease).await.expect("created"), Created::New);
    lease
}

async fn read(store: &dyn LeaseStore, shard: &ShardId) -> Option<Lease> {
    store.get(shard).await.expect("the table can be read")
}

async fn write(store: &dyn LeaseStore, change: &LeaseChange) -> Updated {
    match store.update(change).await.expect("the table can be written") {
        Updated::Committed(_) => COMMITTED,
        Updated::Mismatch => MISMATCH,
    }
}

fn claim(lease: &Lease, counter: u64, worker: &str) -> Claim {
    Claim { shard: lease.shard.clone(), counter: LeaseCounter(counter), worker: worker.into() }
}

fn take(lease: &Lease, counter: u64, worker: &str, from: Option<&str>) -> LeaseChange {
    LeaseChange::Take { claim: claim(lease, counter, worker), from: from.map(Into::into), start_at: None }
}

fn at(sub_sequence: u64) -> Checkpoint {
    let sequence = "49590338271490256608559692538361571095921575989136588898".parse().expect("digits");
    Checkpoint::At(Position::new(sequence, sub_sequence))
}

async fn a_second_creation_leaves_the_lease_alone_rf_1(store: &dyn LeaseStore) {
    let lease = fresh(store, "rf-1").await;
    let other = Lease { checkpoint: at(1), ..lease.clone() };
    assert_eq!(store.create(&other).await.expect("refused"), Created::Exists);
    assert_eq!(read(store, &lease.shard).await, Some(lease));
}

async fn every_field_survives_the_round_trip_se_1(store: &dyn LeaseStore) {
    let initial = [Checkpoint::Latest, Checkpoint::TrimHorizon, Checkpoint::AtTimestamp];
    for (number, checkpoint) in initial.into_iter().chain([at(3), Checkpoint::ShardEnd]).enumerate() {
        let mut lease = Lease::new(format!("se-1-{number}").as_str().into(), checkpoint);
        lease.owner = Some("host:uuid".into());
        lease.counter = LeaseCounter(u64::MAX - 1);
        lease.start_at = Some(Timestamp::from_millis(1_700_000_000_123));
        lease.owner_switches = 3;
        lease.parents = BTreeSet::from(["p1".into(), "p2".into()]);
        lease.children = BTreeSet::from(["c1".into(), "c2".into()]);
        lease.hash_range = Some(HashKeyRange::FULL);
        lease.stream = Some(StreamIdentity::new("words", 1_700_000_000));
        assert_eq!(store.create(&lease).await.expect("created"), Created::New);
        assert_eq!(read(store, &lease.shard).await.as_ref(), Some(&lease));
        let listed = store.list().await.expect("listed").leases;
        assert_eq!(listed.iter().find(|listed| listed.shard == lease.shard), Some(&lease));
    }
    let bare = fresh(store, "se-1-bare").await;
    assert_eq!(read(store, &bare.shard).await, Some(bare), "what is absent stays absent");
}

async fn a_lease_is_taken_as_it_was_seen_and_switches_are_counted_rf_2(store: &dyn LeaseStore) {
    let lease = fresh(store, "rf-2").await;
    for (counter, worker, from, outcome, switches) in [
        (0, "a", None, COMMITTED, 0),
        (0, "b", None, MISMATCH, 0),
        (1, "a", Some("a"), COMMITTED, 0),
        (2, "b", Some("a"), COMMITTED, 1),
        (3, "a", Some("b"), COMMITTED, 2),
    ] {
        assert_eq!(write(store, &take(&lease, counter, worker, from)).await, outcome, "{worker} from {from:?}");
        let stored = read(store, &lease.shard).await.expect("it is there");
        assert_eq!(stored.owner_switches, switches, "{worker} from {from:?}");
    }
}

async fn a_lease_is_released_by_its_owner_only_rf_3(store: &dyn LeaseStore) {
    let lease = fresh(store, "rf-3").await;
    let release = |counter, worker| LeaseChange::Release(claim(&lease, counter, worker));
    assert_eq!(write(store, &release(0, "a")).await, MISMATCH, "nobody holds it");
    assert_eq!(write(store, &take(&lease, 0, "a", None)).await, COMMITTED);
    assert_eq!(write(store, &release(0, "a")).await, MISMATCH, "it has changed");
    assert_eq!(write(store, &release(1, "b")).await, MISMATCH, "another holds it");
    assert_eq!(write(store, &release(1, "a")).await, COMMITTED);
    let stored = read(store, &lease.shard).await.expect("it is there");
    assert_eq!((stored.owner, stored.counter), (None, LeaseCounter(2)));
}

async fn a_deleted_lease_stays_deleted_rf_4(store: &dyn LeaseStore) {
    let lease = fresh(store, "rf-4").await;
    assert_eq!(store.delete(&lease).await.expect("deleted"), COMMITTED);
    for change in [
        LeaseChange::Renew(claim(&lease, 0, "a")),
        take(&lease, 0, "a", None),
        LeaseChange::Checkpoint { claim: claim(&lease, 0, "a"), to: at(1) },
        LeaseChange::Checkpoint { claim: claim(&lease, 0, "a"), to: Checkpoint::ShardEnd },
        LeaseChange::Release(claim(&lease, 0, "a")),
        LeaseChange::Children { shard: lease.shard.clone(), children: BTreeSet::from(["c".into()]) },
        LeaseChange::HashRange { shard: lease.shard.clone(), range: HashKeyRange::FULL },
    ] {
        assert_eq!(write(store, &change).await, MISMATCH, "{change:?}");
        assert_eq!(read(store, &lease.shard).await, None, "{change:?}");
    }
    assert_eq!(store.delete(&lease).await.expect("nothing there"), MISMATCH);
}

async fn a_lease_is_deleted_only_as_it_was_seen(store: &dyn LeaseStore) {
    let lease = fresh(store, "deletion").await;
    assert_eq!(write(store, &take(&lease, 0, "a", None)).await, COMMITTED);
    assert_eq!(store.delete(&lease).await.expect("refused"), MISMATCH, "somebody wrote to it");
    let seen = read(store, &lease.shard).await.expect("it is there");
    let ended = Lease { checkpoint: Checkpoint::ShardEnd, ..seen.clone() };
    assert_eq!(store.delete(&ended).await.expect("refused"), MISMATCH, "it has not ended");
    assert_eq!(read(store, &lease.shard).await.as_ref(), Some(&seen));
    assert_eq!(store.delete(&seen).await.expect("deleted"), COMMITTED);
    assert_eq!(read(store, &lease.shard).await, None);
}

async fn a_renewal_counts_and_ends_with_the_loss_of_the_lease_lr_1_lr_3(store: &dyn LeaseStore) {
    let (kept, stolen) = (fresh(store, "lr-1-kept").await, fresh(store, "lr-1-stolen").await);
    for lease in [&kept, &stolen] {
        assert_eq!(write(store, &take(lease, 0, "a", None)).await, COMMITTED);
    }
    assert_eq!(write(store, &take(&stolen, 1, "b", Some("a"))).await, COMMITTED);
    assert_eq!(write(store, &LeaseChange::Renew(claim(&stolen, 1, "a"))).await, MISMATCH);
    let lost = LeaseChange::Checkpoint { claim: claim(&stolen, 1, "a"), to: at(1) };
    assert_eq!(write(store, &lost).await, MISMATCH);
    assert_eq!(write(store, &LeaseChange::Renew(claim(&kept, 1, "a"))).await, COMMITTED);
    let checkpoint = LeaseChange::Checkpoint { claim: claim(&kept, 2, "a"), to: at(1) };
    assert_eq!(write(store, &checkpoint).await, COMMITTED);
    assert_eq!(write(store, &LeaseChange::Renew(claim(&kept, 3, "a"))).await, COMMITTED, "a checkpoint is a renewal");
    assert_eq!(read(store, &kept.shard).await.expect("it is there").counter, LeaseCounter(4));
}

async fn a_checkpoint_moves_position_and_counter_and_fails_when_the_lease_has_changed_co_1(store: &dyn LeaseStore) {
    let lease = fresh(store, "co-1").await;
    assert_eq!(write(store, &take(&lease, 0, "a", Some("gone"))).await, COMMITTED);
    let to = |counter, to| LeaseChange::Checkpoint { claim: claim(&lease, counter, "a"), to };
    assert_eq!(write(store, &to(1, at(7))).await, COMMITTED);
    let stored = read(store, &lease.shard).await.expect("it is there");
    assert_eq!((stored.checkpoint, stored.counter, stored.owner_switches), (at(7), LeaseCounter(2), 0));
    assert_eq!(stored.owner, Some("a".into()));
    assert_eq!(write(store, &to(1, at(8))).await, MISMATCH, "changed under us");
    assert_eq!(write(store, &to(2, Checkpoint::ShardEnd)).await, COMMITTED);
    assert_eq!(write(store, &to(3, at(9))).await, MISMATCH, "the shard has ended");
    assert_eq!(write(store, &to(3, Checkpoint::ShardEnd)).await, COMMITTED);
}

async fn notes_leave_the_counter_alone(store: &dyn LeaseStore) {
    let lease = fresh(store, "notes").await;
    let children = BTreeSet::from(["c1".into(), "c2".into()]);
    let range = HashKeyRange::FULL;
    let note = LeaseChange::Children { shard: lease.shard.clone(), children: children.clone() };
    assert_eq!(write(store, &note).await, COMMITTED);
    let noted = LeaseChange::HashRange { shard: lease.shard.clone(), range };
    assert_eq!(write(store, &noted).await, COMMITTED);
    let expected = Lease { children, hash_range: Some(range), ..lease };
    assert_eq!(read(store, &expected.shard).await, Some(expected));
}
