//! The lease coordinator's decisions: events in, commands and the next deadline out. No clock, no I/O, no log.
//!
//! A worker's life with a lease: *taken* by a conditional write, *renewed* twice per failover time and a little more often
//! (a checkpoint is a renewal), *lost* when somebody else wrote to it or when no renewal succeeded within the failover time,
//! *released*, or *handed over* to a worker that asked for it. One write per lease is under way at a time. The age of a lease
//! is counted from before its last successful write was sent, so this worker stops before anybody else may take over.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use rand::{Rng, SeedableRng, rngs::StdRng};

use crate::backoff::Backoff;
use crate::lease::asks::Asks;
use crate::lease::command::{Command, LossReason, Origin, Reading, Ticket, Unresolved};
use crate::lease::commit::Commit;
use crate::lease::held::{Clarity, Held};
use crate::lease::leader::is_leader;
use crate::lease::lease::{LeaseChange, WorkerId};
use crate::lease::pace::{Duty, Roster, watch_pause};
use crate::lease::plan::TakeLimits;
use crate::lease::snapshot::{Coverage, Snapshot};
use crate::lease::store::Listing;
use crate::position::{Checkpoint, InitialPosition, Timestamp};
use crate::range::Holding;
use crate::shard::ShardId;

/// The longest time between two renewals, in twelfths of the failover time: what fails once is tried again long before the
/// lease is lost. The KCL renews every third of it.
const RENEWAL_TWELFTHS: u32 = 5;

/// The rules of a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeasePolicy {
    /// What to take.
    pub limits: TakeLimits,
    /// How long a worker that was asked for a lease has to hand it over; then it is stolen from.
    pub hand_over_within: Duration,
    /// What stands behind sentinels without a moment.
    pub unresolved: Unresolved,
}

/// The coordinator's state.
#[derive(Debug)]
pub struct LeaseCore {
    me: WorkerId,
    policy: LeasePolicy,
    rng: StdRng,
    snapshot: Snapshot,
    held: BTreeMap<ShardId, Held>,
    taking: BTreeSet<ShardId>,
    /// The moments behind AT_TIMESTAMP of streams that have one, by the beginning of their shards' names.
    moments: BTreeMap<String, Timestamp>,
    asks: Asks,
    roster: Roster,
    duty: Duty,
    appetite: Appetite,
    /// Until then somebody's leases are about to become free.
    alert_until: Instant,
    listing: bool,
    /// When the last listing was asked for.
    listing_sent: Instant,
    next_listing: Instant,
    list_backoff: Backoff,
    holdings: u64,
    outbox: Vec<Command>,
}

/// Whether new leases are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Appetite {
    Takes,
    /// None since then.
    Sated(Instant),
}

impl LeaseCore {
    /// A worker that holds nothing and reads the table at once.
    #[must_use]
    pub fn new(me: WorkerId, policy: LeasePolicy, seed: u64, now: Instant) -> Self {
        Self {
            me,
            policy,
            rng: StdRng::seed_from_u64(seed),
            snapshot: Snapshot::default(),
            held: BTreeMap::new(),
            taking: BTreeSet::new(),
            moments: BTreeMap::new(),
            asks: Asks::default(),
            roster: Roster::default(),
            duty: Duty::StandBy,
            appetite: Appetite::Takes,
            alert_until: now,
            listing: false,
            listing_sent: now,
            next_listing: now,
            list_backoff: Backoff::default(),
            holdings: 0,
            outbox: Vec::new(),
        }
    }

    /// The same worker as the successor of others that have ended: it takes what they own without waiting for the failover time.
    #[must_use]
    pub fn succeeding(mut self, predecessors: BTreeSet<WorkerId>) -> Self {
        self.snapshot.succeed(predecessors);
        self
    }

    /// Where reading of a stream begins, for leases of Java workers that do not say it. The stream is named by the scope of its
    /// shards; empty where there is one.
    pub fn begins_at(&mut self, scope: &str, position: InitialPosition) {
        if let InitialPosition::AtTimestamp(at) = position {
            self.moments.insert(scope.to_owned(), at);
        }
    }

    /// What has to be done at `now`.
    pub fn poll(&mut self, now: Instant) -> Vec<Command> {
        self.drop_expired(now);
        if !self.listing && now >= self.next_listing {
            self.listing = true;
            self.listing_sent = now;
            self.outbox.push(Command::List);
        }
        for held in self.held.values_mut() {
            if let Some(change) = held.start_write(now, &self.me) {
                self.outbox.push(Command::Write(Ticket { change, sent: now, origin: Origin::Held(held.holding) }));
            }
        }
        std::mem::take(&mut self.outbox)
    }

    /// When to call [`LeaseCore::poll`] again, if nothing happens before.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        let listing = (!self.listing).then_some(self.next_listing);
        let failover = self.policy.limits.failover;
        let after = |moment: Instant| moment + Duration::from_millis(1);
        let held = self.held.values();
        let held = held.flat_map(|held| [held.next_write(), Some(after(held.relied_on_until(failover)))]);
        held.chain([listing]).flatten().min()
    }

    /// The table was read completely.
    pub fn on_listing(&mut self, listing: Listing, now: Instant) -> Reading {
        self.listing = false;
        if now.saturating_duration_since(self.listing_sent) > self.policy.limits.failover {
            // It is too old to tell who is alive, and a lease taken on its word would be too old at once.
            self.next_listing = now + self.list_backoff.next_pause(&mut self.rng);
            return Reading::TooOld;
        }
        self.list_backoff = Backoff::default();
        self.snapshot.update(listing, now);
        for held in self.held.values_mut() {
            // Others may note it at a lease that an old Java worker made.
            let noted = self.snapshot.get(&held.lease.shard).and_then(|seen| seen.hash_range);
            held.lease.hash_range = held.lease.hash_range.or(noted);
            match self.snapshot.get(&held.lease.shard) {
                // Somebody took it: find out now and not at the next renewal.
                Some(seen) if seen.counter > held.lease.counter && seen.owner.as_ref() != Some(&self.me) => {
                    held.renew_now(now);
                }
                // A listing may be older than our own last write.
                seen => {
                    seen.into_iter().for_each(|seen| held.on_listed(seen));
                    if held.is_newly_wanted() {
                        self.outbox.push(Command::Wanted(held.lease.shard.clone(), held.holding));
                    }
                    if held.is_newly_called() {
                        self.alert_until = now + self.policy.hand_over_within;
                    }
                    self.snapshot.note(held.lease.clone(), now);
                }
            }
        }
        self.duty = self.roster.look(&self.snapshot, &self.me, self.policy.limits.failover, now);
        match self.appetite {
            Appetite::Takes => self.take_leases(now),
            Appetite::Sated(_) => self.claim_what_arrived(),
        }
        self.next_listing = now + jittered(self.pause_until_next_look(now), &mut self.rng);
        Reading::Used
    }

    /// The table could not be read; it is read again after a pause.
    pub fn on_list_failed(&mut self, now: Instant) {
        self.listing = false;
        self.next_listing = now + self.list_backoff.next_pause(&mut self.rng);
    }

    /// A write ended.
    pub fn on_commit(&mut self, ticket: &Ticket, outcome: &Commit, now: Instant) {
        match &ticket.origin {
            Origin::Planned(lease) => self.on_take(ticket, lease, outcome, now),
            Origin::Held(holding) => self.on_own_write(ticket, *holding, outcome, now),
            Origin::Asked => self.on_ask(ticket, outcome, now),
            // A courtesy; whoever did not hear it looks at its own pace.
            Origin::Called => {}
        }
    }

    /// Asks for a checkpoint under a holding. Several in a row are folded into the last; one that would go back, or
    /// belongs to an earlier holding, is ignored.
    pub fn checkpoint(&mut self, shard: &ShardId, holding: Holding, to: Checkpoint) {
        if let Some(held) = self.held(shard, holding) {
            held.stage(to);
        }
    }

    /// Gives a lease up, after the checkpoint that was asked for before is stored.
    pub fn release(&mut self, shard: &ShardId, holding: Holding) {
        if let Some(held) = self.held(shard, holding) {
            held.release();
        }
    }

    /// Hands a lease over to the worker that asked for it, after the checkpoint that was asked for before is stored. If that
    /// worker has taken its ask back, the lease is released.
    pub fn hand_over(&mut self, shard: &ShardId, holding: Holding) {
        if let Some(held) = self.held(shard, holding) {
            held.hand_over();
        }
    }

    /// Takes no lease from now on, takes back what was asked for, and tells others that leases will be free.
    pub fn stop_taking(&mut self, now: Instant) {
        if self.appetite == Appetite::Takes {
            self.appetite = Appetite::Sated(now);
            self.call_others(now);
        }
        for shard in self.asks.standing() {
            self.retract(shard, now);
        }
    }

    /// Reads the table at the next poll: something is known to have changed.
    pub fn list_soon(&mut self, now: Instant) {
        self.next_listing = self.next_listing.min(now);
    }

    /// After which time without a renewal others take a lease over.
    #[must_use]
    pub fn failover(&self) -> Duration {
        self.policy.limits.failover
    }

    /// The name of this worker.
    #[must_use]
    pub fn me(&self) -> &WorkerId {
        &self.me
    }

    /// Whether the parents of a held shard are out of the way.
    #[must_use]
    pub fn parents_done(&self, shard: &ShardId) -> bool {
        self.held.get(shard).is_some_and(|held| self.snapshot.parents_done(&held.lease))
    }

    /// How many leases are held, by whom.
    #[must_use]
    pub fn coverage(&self, now: Instant) -> Coverage {
        self.snapshot.coverage(&self.me, now, self.policy.limits.failover)
    }

    /// All leases as last seen.
    #[must_use]
    pub fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    /// Whether this worker leads, by the rule that all workers share.
    #[must_use]
    pub fn leads(&self) -> bool {
        is_leader(&self.me, &self.snapshot)
    }

    /// Whether nothing is held and nothing is being taken.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.held.is_empty() && self.taking.is_empty() && self.asks.is_empty()
    }

    /// What this worker did for its fleet as of the last listing.
    #[must_use]
    pub fn duty(&self) -> Duty {
        self.duty
    }

    fn on_own_write(&mut self, ticket: &Ticket, holding: Holding, outcome: &Commit, now: Instant) {
        let shard = ticket.change.shard().clone();
        let pause = self.renewal_pause();
        let Some(held) = self.held.get_mut(&shard).filter(|held| held.holding == holding) else { return };
        match outcome {
            Commit::Committed(read_again) => {
                let lease = read_again.clone().unwrap_or_else(|| ticket.change.applied(&held.lease));
                held.on_committed(lease, ticket.sent, pause);
                if held.is_newly_wanted() {
                    self.outbox.push(Command::Wanted(shard.clone(), holding));
                }
                let called = held.is_newly_called();
                self.snapshot.note(held.lease.clone(), now);
                self.on_done(&shard, holding, &ticket.change, now);
                if called {
                    self.alert_until = now + self.policy.hand_over_within;
                    self.list_soon(now + watch_pause(self.policy.limits.failover));
                }
            }
            Commit::Superseded(Some(lease)) => {
                self.snapshot.note(lease.clone(), now);
                if lease.owner.as_ref() == Some(&self.me) && lease.counter == held.lease.counter.next() {
                    // Nobody else writes in our name: an earlier write of ours landed, of which we had no reply.
                    held.adopt(lease, pause);
                    self.outbox.push(Command::Checkpointed(shard, holding, lease.checkpoint));
                } else if lease.owner.as_ref() == Some(&self.me) && lease.counter == held.lease.counter {
                    held.on_refused(lease);
                } else if matches!(&ticket.change, LeaseChange::HandOver { to, .. } if lease.owner.as_ref() == Some(to))
                {
                    // It was handed over, and its new owner has renewed it already.
                    self.on_done(&shard, holding, &ticket.change, now);
                } else {
                    self.lose(&shard, LossReason::Stolen, now);
                }
            }
            Commit::Superseded(None) => {
                self.snapshot.forget(&shard);
                self.lose(&shard, LossReason::Deleted, now);
            }
            Commit::NotDone(error) => {
                let unclear = error.kind.may_have_happened();
                let clarity = if unclear { Clarity::Unclear } else { Clarity::DidNotHappen };
                held.on_failed(ticket.sent, clarity, now, self.policy.limits.failover, &mut self.rng);
            }
            Commit::Unknown(_) => {
                held.on_failed(ticket.sent, Clarity::Unclear, now, self.policy.limits.failover, &mut self.rng);
            }
        }
    }

    fn on_done(&mut self, shard: &ShardId, holding: Holding, change: &LeaseChange, now: Instant) {
        match change {
            LeaseChange::Checkpoint { to, .. } => {
                self.outbox.push(Command::Checkpointed(shard.clone(), holding, *to));
            }
            LeaseChange::Release(_) => {
                self.held.remove(shard);
                self.outbox.push(Command::Released(shard.clone(), holding));
            }
            LeaseChange::HandOver { .. } => {
                self.held.remove(shard);
                self.outbox.push(Command::Released(shard.clone(), holding));
                // There is somebody else now: the next look may change what this worker has to do.
                self.list_soon(now + watch_pause(self.policy.limits.failover));
            }
            LeaseChange::Renew(_)
            | LeaseChange::Prepare { .. }
            | LeaseChange::Take { .. }
            | LeaseChange::Children { .. }
            | LeaseChange::Ask { .. }
            | LeaseChange::Call { .. }
            | LeaseChange::Retract { .. }
            | LeaseChange::HashRange { .. } => {}
        }
    }

    fn drop_expired(&mut self, now: Instant) {
        let failover = self.policy.limits.failover;
        let too_old = |held: &Held| now > held.relied_on_until(failover);
        let expired: Vec<ShardId> =
            self.held.values().filter(|held| too_old(held)).map(|held| held.lease.shard.clone()).collect();
        for shard in expired {
            self.lose(&shard, LossReason::Expired, now);
        }
    }

    fn lose(&mut self, shard: &ShardId, reason: LossReason, now: Instant) {
        if let Some(held) = self.held.remove(shard) {
            // Who has it now, if anybody: the next look may be far away.
            self.list_soon(now);
            self.outbox.push(Command::Lost(shard.clone(), held.holding, reason));
        }
    }

    fn held(&mut self, shard: &ShardId, holding: Holding) -> Option<&mut Held> {
        self.held.get_mut(shard).filter(|held| held.holding == holding)
    }

    /// A little less than the longest by chance, so that renewals spread out.
    fn renewal_pause(&mut self) -> Duration {
        jittered(self.policy.limits.failover * RENEWAL_TWELFTHS / 12, &mut self.rng)
    }
}

/// A duration, or up to a twentieth less.
fn jittered(duration: Duration, rng: &mut StdRng) -> Duration {
    duration.mul_f64(rng.random_range(0.95..=1.0))
}

mod preparing;
mod taking;
#[cfg(test)]
mod tests;
