//! How the coordinator comes by leases: it takes what is free, asks workers of ours, and claims what was handed over.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use rand::Rng;

use super::{Appetite, LeaseCore};
use crate::lease::command::{Command, Origin, Ticket};
use crate::lease::commit::Commit;
use crate::lease::held::Held;
use crate::lease::lease::{Claim, Lease, LeaseChange, WorkerId};
use crate::lease::pace::{watch_order, watch_pause};
use crate::lease::plan::{Plan, plan};
use crate::range::Holding;
use crate::shard::ShardId;

/// Workers that are told when this one leaves. More watch or are told only if more than as many leave together.
const CALLS: usize = 16;
/// Who has asked not long ago looks this many times as often as a watcher: the shard stands still until it is taken.
const LOOKS_AFTER_AN_ASK: u32 = 3;

impl LeaseCore {
    pub(super) fn take_leases(&mut self, now: Instant) {
        let seed = self.rng.random();
        self.asks.on_listing(&self.snapshot, &self.me, self.listing_sent, now);
        // What is being taken or asked for already, and may be younger than the listing, is on its way to this worker.
        let coming: BTreeSet<ShardId> = self.taking.iter().chain(self.asks.shards()).cloned().collect();
        let Plan { take, ask } = plan(&self.snapshot, &self.me, self.policy.limits, self.duty, &coming, now, seed);
        let overdue = self.asks.overdue(self.policy.hand_over_within, now);
        let overdue = overdue.iter().filter_map(|shard| self.snapshot.get(shard));
        let wanted: BTreeMap<ShardId, Lease> =
            take.into_iter().chain(overdue.cloned()).map(|lease| (lease.shard.clone(), lease)).collect();
        wanted.into_values().for_each(|lease| self.take(lease, self.listing_sent));
        self.claim_what_arrived();
        for Lease { shard, owner, .. } in ask {
            if let Some(owner) = owner.filter(|_| self.asks.begin(&shard)) {
                let change = LeaseChange::Ask { shard, owner, by: self.me.clone() };
                self.outbox.push(Command::Write(Ticket { change, sent: now, origin: Origin::Asked }));
            }
        }
    }

    /// A take whose reply was lost, or a lease that was handed over: the table says it is ours, and only we do not know. Who
    /// has stopped taking releases it.
    pub(super) fn claim_what_arrived(&mut self) {
        let ours = |lease: &&Lease| lease.owner.as_ref() == Some(&self.me) && !lease.is_ended();
        let unclaimed: Vec<Lease> = self.snapshot.leases().filter(ours).cloned().collect();
        unclaimed.into_iter().for_each(|lease| self.take(lease, self.listing_sent));
    }

    /// Takes a lease that was seen by a call sent at `seen`. Its age counts from then: a take whose reply was lost may have
    /// landed since, and cannot be told from this one.
    fn take(&mut self, lease: Lease, seen: Instant) {
        let shard = lease.shard.clone();
        if self.held.contains_key(&shard) || !self.taking.insert(shard.clone()) {
            return;
        }
        let claim = Claim { shard, counter: lease.counter, worker: self.me.clone() };
        let at_timestamp = self.moments.get(lease.shard.scope()).copied();
        let start_at = self.policy.unresolved.moment_for(&lease, at_timestamp);
        let change = LeaseChange::Take { claim, from: lease.owner.clone(), start_at };
        let origin = Origin::Planned(Box::new(lease));
        self.outbox.push(Command::Write(Ticket { change, sent: seen, origin }));
    }

    pub(super) fn retract(&mut self, shard: ShardId, now: Instant) {
        if self.asks.begin(&shard) {
            let change = LeaseChange::Retract { shard, by: self.me.clone() };
            self.outbox.push(Command::Write(Ticket { change, sent: now, origin: Origin::Asked }));
        }
    }

    /// Tells those who will have to watch that this worker leaves. They see it at their next write to the lease that it is
    /// written on, and look often until it is gone.
    pub(super) fn call_others(&mut self, now: Instant) {
        let mut theirs: BTreeMap<&WorkerId, &ShardId> = BTreeMap::new();
        for lease in self.snapshot.leases().filter(|lease| lease.is_ours() && !lease.is_ended()) {
            theirs.extend(lease.owner.as_ref().filter(|owner| **owner != self.me).map(|owner| (owner, &lease.shard)));
        }
        for owner in watch_order(theirs.keys().copied()).into_iter().take(CALLS) {
            let Some(shard) = theirs.get(owner) else { continue };
            let change = LeaseChange::Call { shard: (*shard).clone(), owner: owner.clone(), by: self.me.clone() };
            self.outbox.push(Command::Write(Ticket { change, sent: now, origin: Origin::Called }));
        }
    }

    /// Something is awaited, or can be had: the next look comes soon. Otherwise it comes when the fleet needs it.
    pub(super) fn pause_until_next_look(&self, now: Instant) -> Duration {
        let limits = self.policy.limits;
        let coverage = self.coverage(now);
        let can_have_more = coverage.held < coverage.unfinished && coverage.mine < limits.max_leases;
        let waits_for_parents = self.held.values().any(|held| !self.snapshot.parents_done(&held.lease));
        if self.asks.is_fresh(limits.failover, now) {
            return watch_pause(limits.failover) / LOOKS_AFTER_AN_ASK;
        }
        let waits = waits_for_parents || !self.asks.is_empty() || !self.taking.is_empty();
        if can_have_more || waits || now < self.alert_until {
            return watch_pause(limits.failover);
        }
        self.roster.pause(self.duty, limits.failover)
    }

    /// An ask was written, or taken back.
    pub(super) fn on_ask(&mut self, ticket: &Ticket, outcome: &Commit, now: Instant) {
        let shard = ticket.change.shard();
        self.asks.end(shard);
        let stored = match outcome {
            Commit::Committed(Some(lease)) | Commit::Superseded(Some(lease)) => lease,
            Commit::Committed(None) => return,
            Commit::Superseded(None) => return self.snapshot.forget(shard),
            Commit::NotDone(_) | Commit::Unknown(_) => return self.on_ask_failed(shard.clone(), now),
        };
        self.snapshot.note_foreign(stored.clone(), now);
        if stored.promised_to() == Some(&self.me) {
            self.asks.note(shard, now);
            self.list_soon(now + watch_pause(self.policy.limits.failover) / LOOKS_AFTER_AN_ASK);
            if matches!(self.appetite, Appetite::Sated(_)) {
                self.retract(shard.clone(), now);
            }
        } else if stored.owner.as_ref() == Some(&self.me) && !stored.is_ended() {
            // It was handed over before the ask could be taken back; who has stopped taking releases it.
            self.take(stored.clone(), ticket.sent);
        }
    }

    /// If an ask stands after all, a listing shows it. Who stops takes it back again and again for one failover time; after
    /// that the lease is found abandoned, should it still be handed over.
    fn on_ask_failed(&mut self, shard: ShardId, now: Instant) {
        match self.appetite {
            Appetite::Sated(since) if now < since + self.policy.limits.failover => self.retract(shard, now),
            Appetite::Sated(_) => {}
            Appetite::Takes => self.list_soon(now + watch_pause(self.policy.limits.failover)),
        }
    }

    pub(super) fn on_take(&mut self, ticket: &Ticket, planned: &Lease, outcome: &Commit, now: Instant) {
        let shard = ticket.change.shard();
        self.taking.remove(shard);
        match outcome {
            Commit::Committed(read_again) => {
                let lease = read_again.clone().unwrap_or_else(|| ticket.change.applied(planned));
                self.snapshot.note(lease.clone(), now);
                self.holdings += 1;
                let holding = Holding(self.holdings);
                let first_pause = self.renewal_pause().mul_f64(self.rng.random_range(0.25..=1.0));
                let held = Held::new(lease.clone(), holding, ticket.sent, first_pause);
                self.held.insert(shard.clone(), held);
                self.outbox.push(Command::Gained(lease, holding));
            }
            Commit::Superseded(Some(lease)) => self.snapshot.note(lease.clone(), now),
            Commit::Superseded(None) => self.snapshot.forget(shard),
            // The next listing shows what became of it.
            Commit::NotDone(_) | Commit::Unknown(_) => {
                self.list_soon(now + watch_pause(self.policy.limits.failover) / 2);
            }
        }
    }
}
