//! The lease table as an outsider sees it: who holds which shard.

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
