//! Splits and merges while records keep coming.

use std::collections::{BTreeMap, BTreeSet};

use kinesis_asl::lease::lease::Lease;
use kinesis_asl::position::Checkpoint;
use tokio::time::Instant;

use crate::support::consumer::{Noted, Setup, all_seen};
use crate::support::wait::{eventually, measured};
use crate::support::world::{STREAM, World, shard};

/// Waits until these shards, and no other unfinished ones, are held.
async fn held(world: &World, shards: &[u32]) {
    let wanted: Vec<String> = shards.iter().copied().map(shard).collect();
    eventually(&format!("{wanted:?} held"), async || {
        let leases = world.leases().await;
        let open = leases.values().filter(|lease| !lease.is_ended());
        let held: Vec<String> = open.map(|lease| lease.shard.to_string()).collect();
        let owned = wanted.iter().all(|name| leases.get(name).is_some_and(|lease| lease.owner.is_some()));
        if owned && held == wanted { Ok(()) } else { Err(format!("{leases:?}")) }
    })
    .await;
}

fn names<'a>(shards: impl IntoIterator<Item = &'a kinesis_asl::ShardId>) -> Vec<String> {
    shards.into_iter().map(ToString::to_string).collect()
}

/// Numbers of one key were put in ascending order.
fn order_by_key_is_kept(notes: &[Noted]) {
    let mut last: BTreeMap<&str, u64> = BTreeMap::new();
    for noted in notes {
        let before = last.insert(&noted.key, noted.number());
        assert!(before < Some(noted.number()), "{noted:?} after {before:?}");
    }
}

/// The first record of a child comes after the last one of each parent.
fn children_come_after_their_parents(notes: &[Noted], leases: &BTreeMap<String, Lease>) {
    for (name, child) in leases {
        let Some(first) = notes.iter().position(|noted| noted.shard == *name) else { continue };
        for parent in names(&child.parents) {
            let last = notes.iter().rposition(|noted| noted.shard == parent);
            assert!(last < Some(first), "{parent} goes on after {name} began");
        }
    }
}

#[tokio::test]
async fn a_split_and_a_merge_under_load_lose_nothing_double_nothing_and_keep_the_order_by_key_t364() {
    let world = World::start(2).await;
    splits_and_merges(&world, Setup::of(&world)).await;
    world.stop().await;
}

/// A split and a merge under load; nothing may be lost or doubled, whatever the application reads by.
pub(crate) async fn splits_and_merges(world: &World, setup: Setup) {
    let app = Setup { inputs: 2, ..setup }.start().await;
    let producing = world.putter().go_on(10);
    app.notes.reach(100).await;

    let begun = Instant::now();
    let quarter = (u128::MAX / 4).to_string();
    let split = world.kinesis.split_shard().stream_name(STREAM).shard_to_split(shard(0));
    split.new_starting_hash_key(quarter).send().await.unwrap();
    held(world, &[1, 2, 3]).await;
    measured("split to both children held, under load", begun);

    let begun = Instant::now();
    let merge = world.kinesis.merge_shards().stream_name(STREAM).shard_to_merge(shard(3));
    merge.adjacent_shard_to_merge(shard(1)).send().await.unwrap();
    held(world, &[2, 4]).await;
    measured("merge to the child held, under load", begun);

    let more = app.notes.len() + 200;
    app.notes.reach(more).await;
    let put = producing.finish().await;
    all_seen(&[&app.notes], put).await;
    let notes = app.stop().await;
    let leases = world.leases().await;

    assert_eq!(notes.numbers(), (0..put).collect::<Vec<_>>());
    for (parent, children) in [(0, vec![shard(2), shard(3)]), (1, vec![shard(4)]), (3, vec![shard(4)])] {
        let lease = &leases[&shard(parent)];
        assert_eq!((lease.checkpoint, &lease.owner), (Checkpoint::ShardEnd, &None), "{lease:?}");
        assert_eq!(names(&lease.children), children, "{lease:?}");
    }
    let notes = notes.all();
    let read: BTreeSet<String> = notes.iter().map(|noted| noted.shard.clone()).collect();
    assert_eq!(read, (0..5).map(shard).collect(), "every shard had records");
    children_come_after_their_parents(&notes, &leases);
    order_by_key_is_kept(&notes);
}

#[tokio::test]
async fn shards_split_while_the_application_is_down_are_read_to_their_end_and_then_their_children_t364() {
    let world = World::start(1).await;
    let setup = Setup::of(&world);
    setup.start().await.stop().await;
    world.putter().numbers(0..100).await;
    let split = world.kinesis.split_shard().stream_name(STREAM).shard_to_split(shard(0));
    split.new_starting_hash_key((u128::MAX / 2).to_string()).send().await.unwrap();
    world.putter().numbers(100..200).await;

    let app = setup.start().await;
    all_seen(&[&app.notes], 200).await;
    let notes = app.stop().await;
    assert_eq!(notes.numbers(), (0..200).collect::<Vec<_>>());
    children_come_after_their_parents(&notes.all(), &world.leases().await);
    order_by_key_is_kept(&notes.all());
    world.stop().await;
}
