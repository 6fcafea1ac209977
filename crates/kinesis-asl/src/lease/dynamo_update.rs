//! A lease change as an `UpdateItem` on named attributes: pure, so that conditions and effects can be read and tested.
//!
//! No update touches an attribute that it does not name, and each demands that the item exists: an update of a deleted
//! lease must not bring back a stub.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;

use crate::lease::dynamo_item::{
    ASKED_BY, CALLED_BY, CHECKPOINT, CHECKPOINT_OWNER, CHECKPOINT_SUB_SEQUENCE, CHILD_SHARD_IDS, ENDING_HASH_KEY,
    LEASE_COUNTER, LEASE_KEY, LEASE_OWNER, OUR_OWNER, OWNER_SWITCHES, PENDING_CHECKPOINT, PENDING_STATE,
    PENDING_SUB_SEQUENCE, SHARD_END, START_AT, STARTING_HASH_KEY, binary, checkpoint_text, numeric, shard_set, string,
    sub_sequence,
};
use crate::lease::lease::{Claim, Lease, LeaseChange, WorkerId};
use crate::lease::prepared::PreparedOn;
use crate::position::{Checkpoint, Timestamp};

/// Condition and effect of one `UpdateItem`.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Update {
    pub(crate) condition: String,
    sets: Vec<String>,
    removals: Vec<String>,
    pub(crate) names: HashMap<String, String>,
    pub(crate) values: HashMap<String, AttributeValue>,
}

/// Translates a change. `None` when there is nothing to write.
pub(crate) fn update(change: &LeaseChange) -> Option<Update> {
    let mut update = Update::of_existing();
    match change {
        LeaseChange::Renew(claim) => update.count(claim),
        LeaseChange::Take { claim, from, start_at } => {
            update.count(claim);
            update.take(&claim.worker, from.as_ref(), *start_at);
        }
        LeaseChange::Checkpoint { claim, to } => {
            update.count(claim);
            update.checkpoint(*to);
        }
        LeaseChange::Prepare { claim, to, snapshot } => {
            update.count(claim);
            update.prepare(*to, &PreparedOn::Snapshot(snapshot.clone()));
        }
        LeaseChange::Release(claim) => {
            update.count(claim);
            update.demand(LEASE_OWNER, "holder", string(claim.worker.as_str()));
            [LEASE_OWNER, OUR_OWNER, ASKED_BY, CALLED_BY].iter().for_each(|attribute| update.remove(attribute));
        }
        LeaseChange::Children { children, .. } => update.set(CHILD_SHARD_IDS, "children", shard_set(children)?),
        LeaseChange::HashRange { range, .. } => {
            update.set(STARTING_HASH_KEY, "from", string(&range.start().to_string()));
            update.set(ENDING_HASH_KEY, "to", string(&range.end().to_string()));
        }
        LeaseChange::Ask { owner, by, .. } => {
            update.demand(LEASE_OWNER, "holder", string(owner.as_str()));
            update.demand(OUR_OWNER, "holder", string(owner.as_str()));
            let name = update.name(ASKED_BY);
            update.condition.push_str(&format!(" AND (attribute_not_exists({name}) OR {name} = :by)"));
            update.set(ASKED_BY, "by", string(by.as_str()));
        }
        LeaseChange::Retract { by, .. } => {
            update.demand(ASKED_BY, "by", string(by.as_str()));
            update.remove(ASKED_BY);
        }
        LeaseChange::Call { owner, by, .. } => {
            update.demand(LEASE_OWNER, "holder", string(owner.as_str()));
            update.set(CALLED_BY, "by", string(by.as_str()));
        }
        LeaseChange::HandOver { claim, to } => {
            update.count(claim);
            update.demand(LEASE_OWNER, "holder", string(claim.worker.as_str()));
            update.demand(ASKED_BY, "owner", string(to.as_str()));
            update.own(to);
            update.count_switch();
        }
    }
    Some(update)
}

/// The condition under which a lease is deleted: nobody has written to it since it was seen.
pub(crate) fn deletion(lease: &Lease) -> Update {
    let mut update = Update::of_existing();
    update.demand(LEASE_COUNTER, "counter", numeric(lease.counter.0));
    update.demand(CHECKPOINT, "checkpoint", string(&checkpoint_text(lease.checkpoint)));
    update
}

impl Update {
    fn of_existing() -> Self {
        let mut update = Self::default();
        update.condition = format!("attribute_exists({})", update.name(LEASE_KEY));
        update
    }

    /// The update expression.
    pub(crate) fn effect(&self) -> String {
        let clause = |keyword: &str, parts: &[String]| match parts {
            [] => None,
            parts => Some(format!("{keyword} {}", parts.join(", "))),
        };
        let clauses = [clause("SET", &self.sets), clause("REMOVE", &self.removals)];
        clauses.into_iter().flatten().collect::<Vec<_>>().join(" ")
    }

    fn name(&mut self, attribute: &str) -> String {
        let placeholder = format!("#{attribute}");
        self.names.insert(placeholder.clone(), attribute.to_owned());
        placeholder
    }

    fn set(&mut self, attribute: &str, value_name: &str, value: AttributeValue) {
        let name = self.name(attribute);
        self.sets.push(format!("{name} = :{value_name}"));
        self.values.insert(format!(":{value_name}"), value);
    }

    fn remove(&mut self, attribute: &str) {
        let name = self.name(attribute);
        self.removals.push(name);
    }

    /// Makes a worker of ours the owner, whoever it was before.
    fn take(&mut self, worker: &WorkerId, from: Option<&WorkerId>, start_at: Option<Timestamp>) {
        self.own(worker);
        if from.is_some_and(|owner| owner != worker) {
            self.count_switch();
        }
        if let Some(at) = start_at {
            let name = self.name(START_AT);
            self.values.insert(":start".to_owned(), numeric(at.as_millis()));
            self.sets.push(format!("{name} = if_not_exists({name}, :start)"));
        }
        self.remove(CHECKPOINT_OWNER);
    }

    /// Moves the position.
    fn checkpoint(&mut self, to: Checkpoint) {
        self.set(CHECKPOINT, "checkpoint", string(&checkpoint_text(to)));
        self.set(CHECKPOINT_SUB_SEQUENCE, "sub", numeric(sub_sequence(to)));
        self.set(OWNER_SWITCHES, "switches", numeric(0));
        // Somebody may have prepared a checkpoint; this one stands in its place.
        [PENDING_CHECKPOINT, PENDING_SUB_SEQUENCE, PENDING_STATE].iter().for_each(|attribute| self.remove(attribute));
        if to != Checkpoint::ShardEnd {
            self.demand_no_end();
        }
    }

    /// Prepares a position, in the place of one that was prepared before.
    fn prepare(&mut self, to: Checkpoint, on: &PreparedOn) {
        self.set(PENDING_CHECKPOINT, "pending", string(&checkpoint_text(to)));
        self.set(PENDING_SUB_SEQUENCE, "sub", numeric(sub_sequence(to)));
        on.state().into_iter().for_each(|state| self.set(PENDING_STATE, "state", binary(state)));
        self.demand_no_end();
    }

    /// Demands that the shard has not ended.
    fn demand_no_end(&mut self) {
        self.values.insert(":end".to_owned(), string(SHARD_END));
        let name = self.name(CHECKPOINT);
        self.condition.push_str(&format!(" AND {name} <> :end"));
    }

    /// Demands a value of an attribute.
    fn demand(&mut self, attribute: &str, value_name: &str, value: AttributeValue) {
        let name = self.name(attribute);
        self.condition.push_str(&format!(" AND {name} = :{value_name}"));
        self.values.insert(format!(":{value_name}"), value);
    }

    /// Makes a worker of ours the owner; whoever asked the owner before has to ask again.
    fn own(&mut self, worker: &WorkerId) {
        self.set(LEASE_OWNER, "owner", string(worker.as_str()));
        self.set(OUR_OWNER, "owner", string(worker.as_str()));
        self.remove(ASKED_BY);
        self.remove(CALLED_BY);
    }

    /// Counts a change of owners.
    fn count_switch(&mut self) {
        let name = self.name(OWNER_SWITCHES);
        self.values.insert(":one".to_owned(), numeric(1));
        self.values.insert(":zero".to_owned(), numeric(0));
        self.sets.push(format!("{name} = if_not_exists({name}, :zero) + :one"));
    }

    /// Demands the counter as last seen and moves it on.
    fn count(&mut self, claim: &Claim) {
        let name = self.name(LEASE_COUNTER);
        self.condition.push_str(&format!(" AND {name} = :counter"));
        self.values.insert(":counter".to_owned(), numeric(claim.counter.0));
        self.set(LEASE_COUNTER, "next", numeric(claim.counter.next().0));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lease::lease::LeaseCounter;
    use crate::sequence::{Position, SequenceNumber};

    fn claim() -> Claim {
        Claim { shard: "s".into(), counter: LeaseCounter(7), worker: "me".into() }
    }

    #[test]
    fn a_renewal_touches_the_counter_and_nothing_else() {
        let renew = update(&LeaseChange::Renew(claim())).expect("an update");
        assert_eq!(renew.condition, "attribute_exists(#leaseKey) AND #leaseCounter = :counter");
        assert_eq!(renew.effect(), "SET #leaseCounter = :next");
        assert_eq!(renew.values[":next"], numeric(8));
    }

    #[test]
    fn taking_from_another_counts_a_switch_and_ends_a_handoff() {
        let take = update(&LeaseChange::Take { claim: claim(), from: Some("other".into()), start_at: None })
            .expect("an update");
        assert_eq!(
            take.effect(),
            "SET #leaseCounter = :next, #leaseOwner = :owner, #dstreamOwner = :owner, #ownerSwitchesSinceCheckpoint = \
             if_not_exists(#ownerSwitchesSinceCheckpoint, :zero) + :one REMOVE #dstreamAskedBy, #dstreamCalledBy, #checkpointOwner"
        );
        let own =
            update(&LeaseChange::Take { claim: claim(), from: Some("me".into()), start_at: None }).expect("an update");
        assert!(!own.effect().contains("ownerSwitches"));
    }

    #[test]
    fn a_checkpoint_below_the_end_demands_that_the_shard_has_not_ended() {
        let at = Checkpoint::At(Position::new(SequenceNumber::ZERO, 3));
        let moved = update(&LeaseChange::Checkpoint { claim: claim(), to: at }).expect("an update");
        assert!(moved.condition.ends_with("AND #checkpoint <> :end"));
        assert_eq!(moved.values[":sub"], numeric(3));
        let prepared = "REMOVE #pendingCheckpoint, #pendingCheckpointSubSequenceNumber, #pendingCheckpointState";
        assert!(moved.effect().ends_with(prepared), "what a Java worker prepared is void: {}", moved.effect());
        let end = update(&LeaseChange::Checkpoint { claim: claim(), to: Checkpoint::ShardEnd }).expect("an update");
        assert!(!end.condition.contains("<>"));
    }

    #[test]
    fn what_is_prepared_leaves_the_checkpoint_alone() {
        let to = Checkpoint::At(Position::new(SequenceNumber::ZERO, 3));
        let prepared = update(&LeaseChange::Prepare { claim: claim(), to, snapshot: "x".into() }).expect("an update");
        assert!(prepared.condition.ends_with("#leaseCounter = :counter AND #checkpoint <> :end"));
        assert_eq!(
            prepared.effect(),
            "SET #leaseCounter = :next, #pendingCheckpoint = :pending, #pendingCheckpointSubSequenceNumber = :sub, \
             #pendingCheckpointState = :state"
        );
    }

    #[test]
    fn the_moment_behind_a_sentinel_is_written_once_and_stays() {
        let start_at = Some(Timestamp::from_millis(5));
        let take = update(&LeaseChange::Take { claim: claim(), from: None, start_at }).expect("an update");
        assert!(take.effect().contains("if_not_exists(#dstreamStartAtMillis, :start)"), "{}", take.effect());
    }

    #[test]
    fn a_release_demands_the_owner_and_removes_it() {
        let release = update(&LeaseChange::Release(claim())).expect("an update");
        assert!(release.condition.ends_with("#leaseOwner = :holder"));
        assert_eq!(
            release.effect(),
            "SET #leaseCounter = :next REMOVE #leaseOwner, #dstreamOwner, #dstreamAskedBy, #dstreamCalledBy"
        );
    }

    #[test]
    fn an_ask_touches_its_own_attribute_and_nothing_else() {
        let ask = LeaseChange::Ask { shard: "s".into(), owner: "other".into(), by: "me".into() };
        let ask = update(&ask).expect("an update");
        assert_eq!(
            ask.condition,
            "attribute_exists(#leaseKey) AND #leaseOwner = :holder AND #dstreamOwner = :holder AND \
             (attribute_not_exists(#dstreamAskedBy) OR #dstreamAskedBy = :by)"
        );
        assert_eq!(ask.effect(), "SET #dstreamAskedBy = :by");
        let retract = update(&LeaseChange::Retract { shard: "s".into(), by: "me".into() }).expect("an update");
        assert_eq!(retract.effect(), "REMOVE #dstreamAskedBy");
    }

    #[test]
    fn a_hand_over_demands_owner_and_counter_and_names_the_next_owner() {
        let given = update(&LeaseChange::HandOver { claim: claim(), to: "you".into() }).expect("an update");
        assert!(
            given.condition.ends_with("AND #leaseOwner = :holder AND #dstreamAskedBy = :owner"),
            "{}",
            given.condition
        );
        assert_eq!((&given.values[":holder"], &given.values[":owner"]), (&string("me"), &string("you")));
        assert!(given.effect().contains("#leaseOwner = :owner, #dstreamOwner = :owner"), "{}", given.effect());
    }

    #[test]
    fn noting_a_hash_range_leaves_the_counter_alone() {
        let range = kpl_deagg::HashKeyRange::FULL;
        let noted = update(&LeaseChange::HashRange { shard: "s".into(), range }).expect("an update");
        assert_eq!(noted.condition, "attribute_exists(#leaseKey)");
        assert_eq!(noted.effect(), "SET #startingHashKey = :from, #endingHashKey = :to");
    }

    #[test]
    fn a_deletion_demands_counter_and_checkpoint_as_seen() {
        let mut lease = Lease::new("s".into(), Checkpoint::ShardEnd);
        lease.counter = LeaseCounter(7);
        let demand = deletion(&lease);
        let expected = "attribute_exists(#leaseKey) AND #leaseCounter = :counter AND #checkpoint = :checkpoint";
        assert_eq!(demand.condition, expected);
        assert_eq!((&demand.values[":counter"], &demand.values[":checkpoint"]), (&numeric(7), &string("SHARD_END")));
    }

    #[test]
    fn no_children_means_nothing_to_write() {
        assert_eq!(update(&LeaseChange::Children { shard: "s".into(), children: [].into() }), None);
    }
}
