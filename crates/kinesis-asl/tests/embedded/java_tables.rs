//! Lease tables that workers of the Java KCL wrote, row by row as they were: read, taken over, and changed in nothing but
//! what is ours to change.
//!
//! Recorded on the embedded endpoints: one Java worker on a stream of three shards, of which the first was split and the
//! other two were merged. KCL 1.12.0 is what Spark 3 ships; 3.5.1 ran in its mode for fleets with 2.x.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_dynamodb::types::AttributeValue;
use kinesis_asl::lease::commit::{Commit, commit};
use kinesis_asl::lease::lease::{Claim, Lease, LeaseChange};
use kinesis_asl::lease::store::LeaseStore;
use kinesis_asl::position::Checkpoint;
use serde_json::Value;

use crate::support::world::{APP, Item, World, shard};

const TABLES: [(&str, &str); 3] = [
    ("1.12.0", include_str!("golden/kcl-1.12.0.json")),
    ("2.7.2", include_str!("golden/kcl-2.7.2.json")),
    ("3.5.1", include_str!("golden/kcl-3.5.1.json")),
];

/// What a take may write.
const OURS_TO_WRITE: [&str; 4] = ["leaseOwner", "leaseCounter", "ownerSwitchesSinceCheckpoint", "dstreamOwner"];

/// A value in DynamoDB's JSON.
fn attribute(json: &Value) -> AttributeValue {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let (kind, value) = json.as_object().unwrap().iter().next().unwrap();
    match kind.as_str() {
        "S" => AttributeValue::S(text(value)),
        "N" => AttributeValue::N(text(value)),
        "SS" => AttributeValue::Ss(value.as_array().unwrap().iter().map(text).collect()),
        "L" => AttributeValue::L(value.as_array().unwrap().iter().map(attribute).collect()),
        "M" => AttributeValue::M(row(value)),
        other => panic!("{other} in {json}"),
    }
}

fn row(json: &Value) -> Item {
    json.as_object().unwrap().iter().map(|(name, value)| (name.clone(), attribute(value))).collect()
}

/// An empty lease table that then holds these rows.
async fn table_of(json: &str) -> (World, Vec<Item>) {
    let world = World::start(1).await;
    world.store.prepare().await.unwrap();
    let rows: Vec<Item> = serde_json::from_str::<Vec<Value>>(json).unwrap().iter().map(row).collect();
    for row in &rows {
        world.dynamodb.put_item().table_name(APP).set_item(Some(row.clone())).send().await.unwrap();
    }
    (world, rows)
}

fn shards(numbers: &[u32]) -> BTreeSet<String> {
    numbers.iter().map(|number| shard(*number)).collect()
}

fn names<'a>(shards: impl IntoIterator<Item = &'a kinesis_asl::shard::ShardId>) -> BTreeSet<String> {
    shards.into_iter().map(ToString::to_string).collect()
}

#[tokio::test]
async fn leases_of_real_java_workers_are_read_with_all_that_they_say() {
    for (version, json) in TABLES {
        let (world, _) = table_of(json).await;
        assert_eq!(world.store.list().await.unwrap().unreadable, [], "{version}");
        let leases: BTreeMap<String, Lease> = world.leases().await;
        assert_eq!(leases.keys().cloned().collect::<BTreeSet<_>>(), shards(&[0, 1, 2, 3, 4, 5]), "{version}");
        for (key, parents) in [(0, &[][..]), (3, &[0]), (4, &[0]), (5, &[1, 2])] {
            assert_eq!(names(&leases[&shard(key)].parents), shards(parents), "{version}, parents of {key}");
        }
        for lease in leases.values() {
            assert_eq!(lease.owner, Some("host:java-worker".into()), "{version}");
            assert!(!lease.is_ours(), "{version}: nobody would answer an ask");
            assert_eq!(lease.is_ended(), lease.parents.is_empty(), "{version}, {}", lease.shard);
            assert_eq!(lease.hash_range.is_some(), version != "1.12.0", "{version}, {}", lease.shard);
            let read_to = matches!(lease.checkpoint, Checkpoint::At(position) if position.sub_sequence == 0);
            assert!(read_to || lease.is_ended(), "{version}, {}", lease.checkpoint);
        }
        let children = if version == "1.12.0" { shards(&[]) } else { shards(&[3, 4]) };
        assert_eq!(names(&leases[&shard(0)].children), children, "{version}");
        world.stop().await;
    }
}

#[tokio::test]
async fn taking_a_lease_from_a_java_worker_changes_nothing_that_belongs_to_it() {
    for (version, json) in TABLES {
        let (world, before) = table_of(json).await;
        for lease in world.leases().await.into_values() {
            let claim = Claim { shard: lease.shard, counter: lease.counter, worker: "rust".into() };
            let take = LeaseChange::Take { claim, from: lease.owner, start_at: None };
            let taken = commit(&world.store, &take).await;
            assert!(matches!(&taken, Commit::Committed(Some(lease)) if lease.is_ours()), "{version}: {taken:?}");
        }
        for mut row in before {
            let AttributeValue::S(key) = row["leaseKey"].clone() else { panic!("{row:?}") };
            let mut after = world.row(&key).await.unwrap();
            for name in OURS_TO_WRITE {
                row.remove(name);
                after.remove(name);
            }
            assert_eq!(after, row, "{version}, {key}");
        }
        world.stop().await;
    }
}
