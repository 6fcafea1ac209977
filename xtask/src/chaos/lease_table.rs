//! The lease table as an outsider sees it: who holds which shard; and as one writes to it who takes a lease.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::chaos::aws_call::{CallError, Service};
use crate::chaos::record::Shard;

/// The application of the run, and its lease table.
pub(crate) const APPLICATION: &str = "chaos";

/// The lease table.
#[derive(Debug, Clone)]
pub(crate) struct LeaseTable {
    service: Service,
}

/// Who holds which shard; `None` for a shard that nobody holds.
pub(crate) type Owners = BTreeMap<Shard, Option<String>>;

impl LeaseTable {
    pub(crate) fn new(dynamodb_url: &str) -> Result<Self, String> {
        Service::dynamodb(dynamodb_url).map(|service| Self { service })
    }

    /// The rows at this moment; nothing while there is no table yet.
    pub(crate) fn owners(&self) -> Result<Owners, String> {
        match self.service.call("Scan", &json!({"TableName": APPLICATION, "ConsistentRead": true})) {
            Ok(answer) => Ok(owners(&answer)),
            Err(CallError::Refused(message)) if message.contains("ResourceNotFoundException") => Ok(Owners::new()),
            Err(error) => Err(error.message()),
        }
    }
}

/// A lease as a thief sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Seen {
    shard: Shard,
    owner: String,
    counter: u64,
}

/// The name of the outsider.
const THIEF: &str = "outsider";

/// What became of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Written {
    Done,
    /// The lease had become another one.
    Mismatch,
}

impl LeaseTable {
    /// Takes the lease of a shard from whoever owns it, as a worker of the KCL does that is below its share: owner and
    /// counter, if the counter is still the one that it saw. Returns who had it; nothing if nobody had, or it changed.
    pub(crate) fn steal(&self, shard: &Shard) -> Result<Option<String>, String> {
        let Some(seen) = self.seen(shard)?.filter(|seen| seen.owner != THIEF) else { return Ok(None) };
        let effect = "SET leaseOwner = :me, leaseCounter = :next, ownerSwitchesSinceCheckpoint = \
                      if_not_exists(ownerSwitchesSinceCheckpoint, :zero) + :one";
        let values = json!({":me": {"S": THIEF}, ":zero": {"N": "0"}, ":one": {"N": "1"}});
        let written = self.write(&seen, effect, "leaseCounter = :counter", values)?;
        Ok((written == Written::Done).then_some(seen.owner))
    }

    /// Gives a lease back that [`steal`](Self::steal) took, if it is still its.
    pub(crate) fn release(&self, shard: &Shard) -> Result<Written, String> {
        let Some(seen) = self.seen(shard)?.filter(|seen| seen.owner == THIEF) else { return Ok(Written::Mismatch) };
        let condition = "leaseCounter = :counter AND leaseOwner = :me";
        self.write(&seen, "SET leaseCounter = :next REMOVE leaseOwner", condition, json!({":me": {"S": THIEF}}))
    }

    /// Whether the outsider owns the lease of a shard.
    pub(crate) fn is_stolen(&self, shard: &Shard) -> Result<bool, String> {
        Ok(self.seen(shard)?.is_some_and(|seen| seen.owner == THIEF))
    }

    fn seen(&self, shard: &Shard) -> Result<Option<Seen>, String> {
        let ask = json!({"TableName": APPLICATION, "Key": {"leaseKey": {"S": shard.0}}, "ConsistentRead": true});
        let answer = self.service.call("GetItem", &ask).map_err(CallError::message)?;
        Ok(seen(&answer))
    }

    fn write(&self, seen: &Seen, effect: &str, condition: &str, mut values: Value) -> Result<Written, String> {
        if let Some(values) = values.as_object_mut() {
            values.insert(":counter".to_owned(), json!({"N": seen.counter.to_string()}));
            values.insert(":next".to_owned(), json!({"N": seen.counter.saturating_add(1).to_string()}));
        }
        let body = json!({
            "TableName": APPLICATION, "Key": {"leaseKey": {"S": seen.shard.0}}, "UpdateExpression": effect,
            "ConditionExpression": format!("attribute_exists(leaseKey) AND {condition}"), "ExpressionAttributeValues": values,
        });
        match self.service.call("UpdateItem", &body) {
            Ok(_) => Ok(Written::Done),
            Err(CallError::Refused(message)) if message.contains("ConditionalCheckFailed") => Ok(Written::Mismatch),
            Err(error) => Err(error.message()),
        }
    }
}

fn seen(answer: &Value) -> Option<Seen> {
    let member = |name: &str, kind: &str| answer.pointer(&format!("/Item/{name}/{kind}")).and_then(Value::as_str);
    Some(Seen {
        shard: Shard(member("leaseKey", "S")?.to_owned()),
        owner: member("leaseOwner", "S")?.to_owned(),
        counter: member("leaseCounter", "N")?.parse().ok()?,
    })
}

fn owners(answer: &Value) -> Owners {
    let rows = answer.get("Items").and_then(Value::as_array).into_iter().flatten();
    let row = |row: &Value| {
        let text = |name: &str| row.get(name)?.get("S")?.as_str().map(str::to_owned);
        Some((Shard(text("leaseKey")?), text("leaseOwner")))
    };
    rows.filter_map(row).collect()
}

/// How many of these shards each owner holds, in ascending order.
pub(crate) fn shares(owners: &Owners, open: &BTreeSet<Shard>) -> BTreeMap<String, usize> {
    let mut shares = BTreeMap::new();
    for owner in owners.iter().filter(|(shard, _)| open.contains(shard)).filter_map(|(_, owner)| owner.clone()) {
        *shares.entry(owner).or_default() += 1;
    }
    shares
}

/// Whether so many workers share these shards as evenly as they can be shared.
pub(crate) fn is_balanced(owners: &Owners, open: &BTreeSet<Shard>, workers: usize) -> bool {
    let shares = shares(owners, open);
    let held: usize = shares.values().sum();
    let (least, most) = (shares.values().min().copied().unwrap_or(0), shares.values().max().copied().unwrap_or(0));
    held == open.len() && shares.len() == workers.min(open.len()) && most.saturating_sub(least) <= 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(rows: &[(&str, &str)]) -> Owners {
        let owner = |owner: &str| (!owner.is_empty()).then(|| owner.to_owned());
        rows.iter().map(|(shard, name)| (Shard((*shard).to_owned()), owner(name))).collect()
    }

    fn open(shards: &[&str]) -> BTreeSet<Shard> {
        shards.iter().map(|shard| Shard((*shard).to_owned())).collect()
    }

    #[test]
    fn rows_of_the_table_are_read_and_a_lease_without_an_owner_is_nobodys() {
        let answer = json!({"Items": [
            {"leaseKey": {"S": "a"}, "leaseOwner": {"S": "host:1"}, "leaseCounter": {"N": "3"}}, {"leaseKey": {"S": "b"}}
        ]});
        assert_eq!(owners(&answer), table(&[("a", "host:1"), ("b", "")]));
    }

    #[test]
    fn a_lease_that_nobody_owns_is_none_to_be_taken_from_somebody() {
        let item =
            |owner: Value| json!({"Item": {"leaseKey": {"S": "a"}, "leaseOwner": owner, "leaseCounter": {"N": "3"}}});
        let expected = Seen { shard: Shard("a".to_owned()), owner: "host:1".to_owned(), counter: 3 };
        assert_eq!(seen(&item(json!({"S": "host:1"}))), Some(expected));
        assert_eq!((seen(&item(Value::Null)), seen(&json!({}))), (None, None));
    }

    #[test]
    fn shares_that_differ_by_one_are_balanced_and_by_two_are_not() {
        let three = open(&["a", "b", "c"]);
        assert!(is_balanced(&table(&[("a", "x"), ("b", "x"), ("c", "y")]), &three, 2));
        assert!(!is_balanced(&table(&[("a", "x"), ("b", "x"), ("c", "x")]), &three, 2));
        let four = open(&["a", "b", "c", "d"]);
        assert!(!is_balanced(&table(&[("a", "x"), ("b", "x"), ("c", "x"), ("d", "y")]), &four, 2));
    }

    #[test]
    fn a_shard_that_nobody_holds_is_not_balanced_and_an_ended_one_weighs_nothing() {
        let two = open(&["a", "b"]);
        assert!(!is_balanced(&table(&[("a", "x"), ("b", "")]), &two, 1));
        assert!(is_balanced(&table(&[("a", "x"), ("b", "y"), ("ended", "x"), ("other", "x")]), &two, 2));
        assert!(is_balanced(&table(&[("a", "x"), ("b", "y")]), &two, 3), "a third worker has nothing to hold");
    }
}
