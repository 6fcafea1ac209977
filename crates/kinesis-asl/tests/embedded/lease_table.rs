//! The lease table in DynamoDB: the conformance suite, many pages, and rows and attributes of others.

use aws_sdk_dynamodb::types::AttributeValue;
use kinesis_asl::lease::commit::{Commit, commit};
use kinesis_asl::lease::dynamo_store::DynamoLeaseStore;
use kinesis_asl::lease::faulty_store::{Fate, FaultyStore};
use kinesis_asl::lease::lease::{Claim, Lease, LeaseChange, LeaseCounter};
use kinesis_asl::lease::store::{Created, LeaseStore, Updated, conformance};
use kinesis_asl::position::Checkpoint;

use crate::support::consumer::Setup;
use crate::support::stub::closed_port;
use crate::support::wait::eventually;
use crate::support::world::{APP, FAILOVER, Item, World, access, shard};

fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}

fn number(value: &str) -> AttributeValue {
    AttributeValue::N(value.to_owned())
}

#[tokio::test]
async fn the_table_in_dynamodb_passes_the_conformance_suite() {
    let world = World::start(1).await;
    world.store.prepare().await.unwrap();
    conformance::run(&world.store).await;
    world.stop().await;
}

#[tokio::test]
async fn preparing_a_table_that_exists_changes_nothing_and_two_may_prepare_at_once() {
    let world = World::start(1).await;
    let other = DynamoLeaseStore::connect(&access(&world.dynamodb_url()), APP, FAILOVER).await;
    let (one, two) = tokio::join!(world.store.prepare(), other.prepare());
    one.and(two).unwrap();
    let lease = Lease::new(shard(0).as_str().into(), Checkpoint::TrimHorizon);
    assert_eq!(other.create(&lease).await.unwrap(), Created::New);
    world.store.prepare().await.unwrap();
    assert_eq!(world.leases().await.into_values().collect::<Vec<_>>(), [lease]);
    world.stop().await;
}

#[tokio::test]
async fn a_table_of_more_than_a_megabyte_is_listed_whole() {
    let world = World::start(1).await;
    world.store.prepare().await.unwrap();
    for number in 0..40 {
        let lease = Lease::new(shard(number).as_str().into(), Checkpoint::TrimHorizon);
        world.store.create(&lease).await.unwrap();
        world.set(&shard(number), &[("ballast", text(&"x".repeat(40_000)))]).await;
    }
    let first_page = world.dynamodb.scan().table_name(APP).send().await.unwrap();
    assert!(first_page.last_evaluated_key.is_some_and(|key| !key.is_empty()), "the endpoint pages as DynamoDB does");
    assert_eq!(world.leases().await.into_keys().collect::<Vec<_>>(), (0..40).map(shard).collect::<Vec<_>>());
    world.stop().await;
}

#[tokio::test]
async fn an_application_leaves_rows_and_attributes_that_it_does_not_know_alone() {
    let world = World::start(1).await;
    world.store.prepare().await.unwrap();
    let metrics = Item::from([
        ("leaseKey".to_owned(), text("worker-1")),
        ("entityType".to_owned(), text("WORKER_METRICS")),
        ("lut".to_owned(), number("7")),
    ]);
    let damaged = Item::from([("leaseKey".to_owned(), text("shardId-x")), ("leaseCounter".to_owned(), text("seven"))]);
    for item in [&metrics, &damaged] {
        world.dynamodb.put_item().table_name(APP).set_item(Some(item.clone())).send().await.unwrap();
    }
    let app = Setup::of(&world).start().await;
    let own = [("throughputKBps", number("1.5")), ("somebodyElses", text("LATEST"))];
    world.set(&shard(0), &own).await;
    world.set(&shard(0), &[("pendingCheckpoint", text("LATEST"))]).await;
    world.putter().numbers(0..10).await;
    app.notes.reach(10).await;
    app.stop().await;

    assert_eq!(world.row("worker-1").await, Some(metrics));
    assert_eq!(world.row("shardId-x").await, Some(damaged));
    let lease = world.row(&shard(0)).await.unwrap();
    for (name, value) in own {
        assert_eq!(lease[name], value);
    }
    assert_eq!(lease.get("pendingCheckpoint"), None, "a checkpoint takes the place of one that was prepared");
    world.stop().await;
}

#[tokio::test]
async fn a_lease_has_the_attributes_of_the_java_kcl_through_its_whole_life() {
    let world = World::start(1).await;
    let app = Setup::of(&world).start().await;
    let held = world.row(&shard(0)).await.unwrap();
    let owner = held["leaseOwner"].as_s().unwrap();
    assert!(owner.split_once(':').is_some_and(|(host, uuid)| !host.is_empty() && uuid.len() == 36), "{owner}");
    assert_eq!(held["checkpoint"], text("LATEST"));
    assert_eq!(held["checkpointSubSequenceNumber"], number("0"));
    assert_eq!(held["ownerSwitchesSinceCheckpoint"], number("0"));
    assert_eq!((&held["startingHashKey"], &held["endingHashKey"]), (&text("0"), &text(&u128::MAX.to_string())));

    let sequence = world.putter().one("key", b"0").await;
    app.notes.reach(1).await;
    app.stop().await;
    let released = world.row(&shard(0)).await.unwrap();
    assert!(!released.contains_key("leaseOwner"), "{released:?}");
    assert_eq!(released["checkpoint"], text(&sequence.to_string()));
    let counter = |item: &Item| item["leaseCounter"].as_n().unwrap().parse::<u64>().unwrap();
    assert!(counter(&released) > counter(&held));
    world.stop().await;
}

#[tokio::test]
async fn a_table_that_cannot_be_reached_is_an_error_that_names_it() {
    let store = DynamoLeaseStore::connect(&access(&closed_port()), APP, FAILOVER).await;
    let error = store.list().await.unwrap_err().to_string();
    assert!(error.starts_with("Scan on lease table 'word-count' failed"), "{error}");
}

/// Every write that an owner makes in the life of a lease, in order.
fn a_whole_life(shard: &str) -> Vec<LeaseChange> {
    let claim =
        |counter, worker: &str| Claim { shard: shard.into(), counter: LeaseCounter(counter), worker: worker.into() };
    let take = |counter, worker: &str, from: Option<&str>| LeaseChange::Take {
        claim: claim(counter, worker),
        from: from.map(Into::into),
        start_at: Some(kinesis_asl::Timestamp::from_millis(7)),
    };
    let range = kpl_deagg::HashKeyRange::FULL;
    vec![
        LeaseChange::HashRange { shard: shard.into(), range },
        take(0, "a", None),
        LeaseChange::Renew(claim(1, "a")),
        LeaseChange::Release(claim(2, "a")),
        take(3, "a", None),
        LeaseChange::Ask { shard: shard.into(), owner: "a".into(), by: "c".into() },
        LeaseChange::Retract { shard: shard.into(), by: "c".into() },
        LeaseChange::Ask { shard: shard.into(), owner: "a".into(), by: "c".into() },
        LeaseChange::Call { shard: shard.into(), owner: "a".into(), by: "d".into() },
        LeaseChange::HandOver { claim: claim(4, "a"), to: "c".into() },
        take(5, "b", Some("c")),
        LeaseChange::Checkpoint { claim: claim(6, "b"), to: Checkpoint::TrimHorizon },
        LeaseChange::Children { shard: shard.into(), children: ["child".into()].into() },
        LeaseChange::Checkpoint { claim: claim(7, "b"), to: Checkpoint::ShardEnd },
        LeaseChange::Release(claim(8, "b")),
    ]
}

#[tokio::test]
async fn attributes_that_nobody_knows_survive_every_write() {
    let world = World::start(1).await;
    world.store.prepare().await.unwrap();
    let lease = Lease {
        stream: Some(kinesis_asl::StreamIdentity::new("words", 7)),
        ..Lease::new("s".into(), Checkpoint::Latest)
    };
    world.store.create(&lease).await.unwrap();
    let own = world.row("s").await.unwrap()["dstreamStream"].clone();
    let unknown = [
        ("throughputKBps", number("1.5")),
        ("entityType", text("LEASE")),
        ("streamName", text("1:words:7")),
        ("shardId", text("s")),
        ("somebodyElses", AttributeValue::Bool(true)),
    ];
    world.set("s", &unknown).await;
    for change in a_whole_life("s") {
        let updated = world.store.update(&change).await.unwrap();
        assert!(matches!(updated, Updated::Committed(_)), "{change:?}");
        let row = world.row("s").await.unwrap();
        for (name, value) in &unknown {
            assert_eq!(row.get(*name), Some(value), "{name} after {change:?}");
        }
        assert_eq!(row.get("dstreamStream"), Some(&own), "{change:?}");
    }
    world.stop().await;
}

#[tokio::test]
async fn a_write_to_dynamodb_tells_its_own_effect_whatever_became_of_its_answer_lr_10() {
    let world = World::start(1).await;
    world.store.prepare().await.unwrap();
    for (name, fates) in [
        ("done-unreported", vec![Fate::DoneUnreported]),
        ("sent-twice", vec![Fate::SentTwice]),
        ("refused", vec![Fate::Refused, Fate::Done]),
        ("not-done-unreported", vec![Fate::NotDoneUnreported, Fate::Done]),
        ("not-done-then-unreported", vec![Fate::NotDoneUnreported, Fate::DoneUnreported]),
    ] {
        let mut expected = Lease::new(name.into(), Checkpoint::Latest);
        world.store.create(&expected).await.unwrap();
        let store = FaultyStore::new(world.store.clone());
        for change in a_whole_life(name) {
            store.next_writes(fates.clone());
            for (attempt, fate) in fates.iter().enumerate() {
                let outcome = commit(&store, &change).await;
                let is_last = attempt + 1 == fates.len();
                assert_eq!(matches!(outcome, Commit::Committed(_)), is_last, "{change:?}, {fate:?}: {outcome:?}");
            }
            change.apply(&mut expected);
            assert_eq!(world.store.get(&name.into()).await.unwrap().as_ref(), Some(&expected), "{change:?}, {fates:?}");
        }
    }
    world.stop().await;
}

#[tokio::test]
async fn rows_that_are_no_leases_are_told_apart_and_damaged_ones_reported_with_the_reason_rf_8() {
    let world = World::start(1).await;
    world.store.prepare().await.unwrap();
    let sound = Lease::new(shard(0).as_str().into(), Checkpoint::TrimHorizon);
    world.store.create(&sound).await.unwrap();
    for (key, name, value) in [
        ("leader", "entityType", text("LEADER")),
        ("no-counter", "checkpoint", text("LATEST")),
        ("odd-counter", "leaseCounter", text("seven")),
        ("bare", "x", number("1")),
    ] {
        world.set(key, &[(name, value)]).await;
    }
    let mut listing = world.store.list().await.unwrap();
    listing.unreadable.sort();
    let expected = [
        ("bare", "leaseCounter is missing"),
        ("no-counter", "leaseCounter is missing"),
        ("odd-counter", "leaseCounter is no number"),
    ];
    assert_eq!(listing.unreadable, expected.map(|(key, why)| (key.to_owned(), why.to_owned())));
    assert_eq!(listing.leases, [sound]);
    world.stop().await;
}

#[tokio::test]
async fn a_lease_of_an_old_java_worker_gets_its_hash_range_and_a_hole_beside_it_is_filled_pa_5() {
    let world = World::start(2).await;
    world.store.prepare().await.unwrap();
    // As KCL 1.13 makes it: no hash range. The lease of the other shard is missing.
    world.store.create(&Lease::new(shard(0).as_str().into(), Checkpoint::TrimHorizon)).await.unwrap();
    let app = Setup::of(&world).start().await;
    world.dynamodb.delete_item().table_name(APP).key("leaseKey", text(&shard(1))).send().await.unwrap();
    eventually("the range noted and the hole filled", async || {
        let rows = (world.row(&shard(0)).await.unwrap(), world.row(&shard(1)).await);
        if rows.0.contains_key("startingHashKey") && rows.1.is_some() { Ok(()) } else { Err(format!("{rows:?}")) }
    })
    .await;
    world.settles_at(&[2]).await;
    app.stop().await;
    world.stop().await;
}
