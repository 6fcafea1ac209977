//! A lease as an item of the DynamoDB table, laid out as the KCL lays it out.
//!
//! The only file with attribute names and with the texts of the sentinels. Reading never fails as a whole: a row that is
//! no lease is reported with its key and the reason, and left alone.

use std::collections::{BTreeSet, HashMap};

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use kpl_deagg::HashKeyRange;

use crate::lease::lease::{Lease, LeaseCounter, WorkerId};
use crate::lease::prepared::{Prepared, PreparedOn};
use crate::position::{Checkpoint, Timestamp};
use crate::sequence::Position;
use crate::shard::ShardId;
use crate::stream_identity::StreamIdentity;
use crate::stream_key::StreamKey;

pub(crate) const LEASE_KEY: &str = "leaseKey";
pub(crate) const LEASE_OWNER: &str = "leaseOwner";
pub(crate) const LEASE_COUNTER: &str = "leaseCounter";
pub(crate) const CHECKPOINT: &str = "checkpoint";
pub(crate) const CHECKPOINT_SUB_SEQUENCE: &str = "checkpointSubSequenceNumber";
pub(crate) const OWNER_SWITCHES: &str = "ownerSwitchesSinceCheckpoint";
pub(crate) const PARENT_SHARD_ID: &str = "parentShardId";
pub(crate) const CHILD_SHARD_IDS: &str = "childShardIds";
pub(crate) const STARTING_HASH_KEY: &str = "startingHashKey";
pub(crate) const ENDING_HASH_KEY: &str = "endingHashKey";
/// Present while a KCL 3 worker hands the lease over; taking the lease ends that.
pub(crate) const CHECKPOINT_OWNER: &str = "checkpointOwner";
/// What a worker has prepared to checkpoint.
pub(crate) const PENDING_CHECKPOINT: &str = "pendingCheckpoint";
pub(crate) const PENDING_SUB_SEQUENCE: &str = "pendingCheckpointSubSequenceNumber";
pub(crate) const PENDING_STATE: &str = "pendingCheckpointState";
/// Our own attribute, which Java workers leave alone: the moment behind LATEST and AT_TIMESTAMP.
pub(crate) const START_AT: &str = "dstreamStartAtMillis";
/// Our own attribute, which Java workers leave alone: the stream of the shard, as `name:seconds since 1970 of its creation`.
pub(crate) const STREAM: &str = "dstreamStream";
/// Our own attribute: the owner as a worker of ours wrote it, beside the KCL's own `leaseOwner`.
pub(crate) const OUR_OWNER: &str = "dstreamOwner";
/// Our own attribute: the worker of ours that asked the owner for the lease.
pub(crate) const ASKED_BY: &str = "dstreamAskedBy";
/// Our own attribute: the worker of ours that last called the owner, because it leaves.
pub(crate) const CALLED_BY: &str = "dstreamCalledBy";
/// The stream's key and the shard's plain name, on leases of an application of several streams only. The KCL names the
/// shards before and after such a lease by their plain names, too.
const STREAM_NAME: &str = "streamName";
const SHARD_ID: &str = "shardId";
/// Tells leases from other rows in tables of KCL 3.5 and later; absent on older leases.
const ENTITY_TYPE: &str = "entityType";
const ENTITY_LEASE: &str = "LEASE";

pub(crate) const SHARD_END: &str = "SHARD_END";

pub(crate) type Item = HashMap<String, AttributeValue>;

/// What a row of the table is.
#[derive(Debug, PartialEq)]
pub(crate) enum Row {
    /// A lease.
    Lease(Box<Lease>),
    /// Something else that belongs there.
    Other,
    /// Something that should be a lease and cannot be read.
    Unreadable { key: String, why: String },
}

/// Reads a row.
pub(crate) fn read(item: &Item) -> Row {
    match item.get(ENTITY_TYPE) {
        Some(AttributeValue::S(kind)) if kind != ENTITY_LEASE => return Row::Other,
        _ => {}
    }
    match lease(item) {
        Ok(lease) => Row::Lease(Box::new(lease)),
        Err(why) => Row::Unreadable { key: text(item, LEASE_KEY).unwrap_or("(no leaseKey)").to_owned(), why },
    }
}

fn lease(item: &Item) -> Result<Lease, String> {
    let shard = ShardId::from(text(item, LEASE_KEY).ok_or("leaseKey is missing or no string")?);
    let counter = number(item, LEASE_COUNTER)?.ok_or("leaseCounter is missing")?;
    let checkpoint =
        checkpoint(item, CHECKPOINT, CHECKPOINT_SUB_SEQUENCE)?.ok_or("checkpoint is missing or no string")?;
    let key = StreamKey::parse(shard.scope());
    Ok(Lease {
        shard,
        owner: text(item, LEASE_OWNER).map(WorkerId::from),
        our_owner: text(item, OUR_OWNER).map(WorkerId::from),
        asked_by: text(item, ASKED_BY).map(WorkerId::from),
        called_by: text(item, CALLED_BY).map(WorkerId::from),
        counter: LeaseCounter(counter),
        checkpoint,
        prepared: prepared(item),
        start_at: number(item, START_AT)?.map(Timestamp::from_millis),
        owner_switches: number(item, OWNER_SWITCHES)?.unwrap_or(0),
        parents: shards(item, PARENT_SHARD_ID, key.as_ref()),
        children: shards(item, CHILD_SHARD_IDS, key.as_ref()),
        hash_range: hash_range(item)?,
        // A text that is none of ours says nothing.
        stream: match key {
            Some(key) => key.identity(),
            None => text(item, STREAM).and_then(StreamIdentity::parse),
        },
    })
}

/// The whole item of a new lease. Attributes without a value are left out: an empty set or an empty owner is refused by
/// DynamoDB, and an owner that is NULL breaks KCL 3's index.
pub(crate) fn new_item(lease: &Lease) -> Item {
    let mut item = Item::from([
        (LEASE_KEY.to_owned(), string(lease.shard.as_str())),
        (LEASE_COUNTER.to_owned(), numeric(lease.counter.0)),
        (OWNER_SWITCHES.to_owned(), numeric(lease.owner_switches)),
        (CHECKPOINT.to_owned(), string(&checkpoint_text(lease.checkpoint))),
        (CHECKPOINT_SUB_SEQUENCE.to_owned(), numeric(sub_sequence(lease.checkpoint))),
    ]);
    let mut put = |name: &str, value: Option<AttributeValue>| {
        if let Some(value) = value {
            item.insert(name.to_owned(), value);
        }
    };
    put(LEASE_OWNER, lease.owner.as_ref().map(|owner| string(owner.as_str())));
    put(OUR_OWNER, lease.our_owner.as_ref().map(|owner| string(owner.as_str())));
    put(ASKED_BY, lease.asked_by.as_ref().map(|asker| string(asker.as_str())));
    put(CALLED_BY, lease.called_by.as_ref().map(|caller| string(caller.as_str())));
    if let Some(Prepared { to, on }) = &lease.prepared {
        put(PENDING_CHECKPOINT, Some(string(&checkpoint_text(*to))));
        put(PENDING_SUB_SEQUENCE, Some(numeric(sub_sequence(*to))));
        put(PENDING_STATE, on.state().map(binary));
    }
    put(START_AT, lease.start_at.map(|at| numeric(at.as_millis())));
    match StreamKey::parse(lease.shard.scope()) {
        Some(key) => {
            put(STREAM_NAME, Some(string(key.as_str())));
            put(SHARD_ID, Some(string(lease.shard.plain())));
        }
        None => put(STREAM, lease.stream.as_ref().map(|stream| string(&stream.to_string()))),
    }
    put(PARENT_SHARD_ID, shard_set(&lease.parents));
    put(CHILD_SHARD_IDS, shard_set(&lease.children));
    put(STARTING_HASH_KEY, lease.hash_range.map(|range| string(&range.start().to_string())));
    put(ENDING_HASH_KEY, lease.hash_range.map(|range| string(&range.end().to_string())));
    item
}

fn checkpoint(item: &Item, name: &str, sub_name: &str) -> Result<Option<Checkpoint>, String> {
    let sub = number(item, sub_name)?.unwrap_or(0);
    let Some(text) = text(item, name) else { return Ok(None) };
    Ok(Some(match text {
        "TRIM_HORIZON" => Checkpoint::TrimHorizon,
        "LATEST" => Checkpoint::Latest,
        "AT_TIMESTAMP" => Checkpoint::AtTimestamp,
        SHARD_END => Checkpoint::ShardEnd,
        digits => {
            let sequence = digits.parse().map_err(|error| format!("{name}: {error}"))?;
            Checkpoint::At(Position::new(sequence, sub))
        }
    }))
}

/// One that cannot be read is none: the checkpoint itself counts.
fn prepared(item: &Item) -> Option<Prepared> {
    let to = checkpoint(item, PENDING_CHECKPOINT, PENDING_SUB_SEQUENCE).ok().flatten()?;
    // Some Java versions write a number here, which means nothing.
    let on = match item.get(PENDING_STATE) {
        Some(AttributeValue::B(state)) => PreparedOn::of_state(state.as_ref()),
        _ => PreparedOn::Other,
    };
    Some(Prepared { to, on })
}

/// The text of the `checkpoint` attribute.
pub(crate) fn checkpoint_text(checkpoint: Checkpoint) -> String {
    match checkpoint {
        Checkpoint::At(position) => position.sequence.to_string(),
        Checkpoint::ShardEnd => SHARD_END.to_owned(),
        sentinel => sentinel.to_string(),
    }
}

/// The number of the `checkpointSubSequenceNumber` attribute: 0 for every sentinel, or Java's equality fails.
pub(crate) fn sub_sequence(checkpoint: Checkpoint) -> u64 {
    match checkpoint {
        Checkpoint::At(position) => position.sub_sequence,
        _ => 0,
    }
}

fn hash_range(item: &Item) -> Result<Option<HashKeyRange>, String> {
    match (text(item, STARTING_HASH_KEY), text(item, ENDING_HASH_KEY)) {
        (Some(start), Some(end)) => HashKeyRange::parse(start, end).map(Some).map_err(|error| error.to_string()),
        _ => Ok(None),
    }
}

fn text<'a>(item: &'a Item, name: &str) -> Option<&'a str> {
    item.get(name).and_then(|value| value.as_s().ok()).map(String::as_str)
}

fn number<N: std::str::FromStr>(item: &Item, name: &str) -> Result<Option<N>, String> {
    match item.get(name) {
        None => Ok(None),
        Some(AttributeValue::N(digits)) => {
            digits.parse().map(Some).map_err(|_| format!("{name} '{digits}' is out of range"))
        }
        Some(_) => Err(format!("{name} is no number")),
    }
}

fn shards(item: &Item, name: &str, stream: Option<&StreamKey>) -> BTreeSet<ShardId> {
    let named = |name: &String| {
        let plain = ShardId::from(name.as_str());
        stream.map_or_else(|| plain.clone(), |stream| plain.in_scope(stream))
    };
    match item.get(name) {
        Some(AttributeValue::Ss(names)) => names.iter().map(named).collect(),
        _ => BTreeSet::new(),
    }
}

pub(crate) fn shard_set(shards: &BTreeSet<ShardId>) -> Option<AttributeValue> {
    (!shards.is_empty()).then(|| AttributeValue::Ss(shards.iter().map(|shard| shard.plain().to_owned()).collect()))
}

pub(crate) fn binary(bytes: Vec<u8>) -> AttributeValue {
    AttributeValue::B(Blob::new(bytes))
}

pub(crate) fn string(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}

#[expect(clippy::needless_pass_by_value, reason = "numbers are copied; a reference would only clutter the calls")]
pub(crate) fn numeric(number: impl ToString) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn full() -> Lease {
        let sequence = "49590338271490256608559692538361571095921575989136588898".parse().expect("digits");
        let mut lease = Lease::new("shardId-000000000003".into(), Checkpoint::At(Position::new(sequence, 12)));
        (lease.owner, lease.our_owner) = (Some("host:uuid".into()), Some("host:uuid".into()));
        (lease.asked_by, lease.called_by) = (Some("other:uuid".into()), Some("third:uuid".into()));
        lease.counter = LeaseCounter(42);
        lease.start_at = Some(Timestamp::from_millis(-5));
        lease.owner_switches = 2;
        lease.parents = ["shardId-000000000001".into()].into();
        lease.children = ["shardId-000000000005".into(), "shardId-000000000006".into()].into();
        lease.hash_range = Some(HashKeyRange::FULL);
        lease.stream = Some(StreamIdentity::new("words", 1_700_000_000));
        lease
    }

    #[test]
    fn every_attribute_survives_the_round_trip_se_1() {
        for checkpoint in [
            full().checkpoint,
            Checkpoint::Latest,
            Checkpoint::TrimHorizon,
            Checkpoint::AtTimestamp,
            Checkpoint::ShardEnd,
        ] {
            let lease = Lease { checkpoint, ..full() };
            assert_eq!(read(&new_item(&lease)), Row::Lease(Box::new(lease)));
        }
    }

    #[test]
    fn a_prepared_checkpoint_survives_the_round_trip_and_that_of_a_java_application_is_known_as_such_cp_9() {
        let on = PreparedOn::Snapshot("/dir/checkpoint-1-2".to_owned());
        let lease = Lease { prepared: Some(Prepared { to: full().checkpoint, on }), ..full() };
        let item = new_item(&lease);
        assert_eq!(read(&item), Row::Lease(Box::new(lease.clone())));
        assert_eq!(item["pendingCheckpointSubSequenceNumber"], AttributeValue::N("12".into()));
        for foreign in [None, Some(numeric(1)), Some(binary(b"java".to_vec()))] {
            let mut item = item.clone();
            item.remove(PENDING_STATE);
            item.extend(foreign.map(|state| (PENDING_STATE.to_owned(), state)));
            let java = Lease { prepared: Some(Prepared { to: full().checkpoint, on: PreparedOn::Other }), ..full() };
            assert_eq!(read(&item), Row::Lease(Box::new(java)));
        }
        let mut damaged = item;
        damaged.insert(PENDING_CHECKPOINT.into(), string("SOON"));
        assert_eq!(read(&damaged), Row::Lease(Box::new(full())), "the lease can be read all the same");
    }

    #[test]
    fn a_lease_among_several_streams_has_the_kcls_key_and_attributes_and_plain_names_elsewhere_se_1() {
        let words = StreamKey::parse("123456789012:words:1700000000").expect("a key");
        let named = |shards: BTreeSet<ShardId>| shards.iter().map(|shard| shard.in_scope(&words)).collect();
        let plain = full();
        let lease = Lease {
            shard: plain.shard.in_scope(&words),
            parents: named(plain.parents.clone()),
            children: named(plain.children.clone()),
            ..plain.clone()
        };
        let item = new_item(&lease);
        let mut expected = new_item(&plain);
        expected.remove(STREAM);
        for (name, value) in [
            (LEASE_KEY, "123456789012:words:1700000000:shardId-000000000003"),
            ("streamName", "123456789012:words:1700000000"),
            ("shardId", "shardId-000000000003"),
        ] {
            expected.insert(name.to_owned(), string(value));
        }
        assert_eq!(item, expected);
        assert_eq!(read(&item), Row::Lease(Box::new(lease)));
    }

    #[test]
    fn what_is_absent_stays_absent_se_1() {
        let mut names: Vec<String> = new_item(&Lease::new("s".into(), Checkpoint::TrimHorizon)).into_keys().collect();
        names.sort();
        let always =
            ["checkpoint", "checkpointSubSequenceNumber", "leaseCounter", "leaseKey", "ownerSwitchesSinceCheckpoint"];
        assert_eq!(names, always);
    }

    #[test]
    fn types_and_names_are_those_of_the_java_kcl() {
        let item = new_item(&full());
        assert_eq!(item[PARENT_SHARD_ID], AttributeValue::Ss(vec!["shardId-000000000001".into()]));
        assert_eq!(item["checkpointSubSequenceNumber"], AttributeValue::N("12".into()));
        assert_eq!(item["leaseCounter"], AttributeValue::N("42".into()));
        assert_eq!(item["endingHashKey"], AttributeValue::S("340282366920938463463374607431768211455".into()));
    }

    #[test]
    fn a_row_that_is_no_lease_is_told_apart_and_a_damaged_one_is_reported_lr_7() {
        let leader = Item::from([(LEASE_KEY.into(), string("Leader")), (ENTITY_TYPE.into(), string("LEADER"))]);
        assert_eq!(read(&leader), Row::Other);
        for (name, value) in [(LEASE_COUNTER, string("7")), (CHECKPOINT, string("SOON")), (CHECKPOINT, numeric(1))] {
            let mut item = new_item(&full());
            item.insert(name.into(), value);
            assert!(matches!(read(&item), Row::Unreadable { key, .. } if key == "shardId-000000000003"), "{name}");
        }
    }

    #[test]
    fn attributes_that_nobody_knows_are_ignored() {
        let mut item = new_item(&full());
        item.insert("throughputKBps".into(), numeric("1.5"));
        assert_eq!(read(&item), Row::Lease(Box::new(full())));
    }
}
