//! The lease coordinator's decisions: events in, commands and the next deadline out. No clock, no I/O, no log.
//!
//! A worker's life with a lease: *taken* by a conditional write, *renewed* three times per failover time (a checkpoint
//! is a renewal), *lost* when somebody else wrote to it or when no renewal succeeded within the failover time, or
//! *released*. One write per lease is under way at a time. The age of a lease is counted from before its last successful
//! write was sent, so this worker stops before anybody else may take over.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use rand::{Rng, SeedableRng, rngs::StdRng};

use crate::backoff::Backoff;
use crate::lease::commit::Commit;
use crate::lease::held::{Clarity, Held};
use crate::lease::leader::is_leader;
use crate::lease::lease::{Claim, Lease, LeaseChange, WorkerId};
use crate::lease::plan::{TakeLimits, leases_to_take};
use crate::lease::snapshot::{Coverage, Snapshot};
use crate::lease::store::Listing;
use crate::position::{Checkpoint, Timestamp};
use crate::range::Holding;
use crate::shard::ShardId;

/// How often a lease is renewed within the failover time.
const RENEWALS_PER_FAILOVER: u32 = 3;

/// The rules of a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeasePolicy {
    /// What to take.
    pub limits: TakeLimits,
    /// The time between two readings of the table.
    pub list_every: Duration,
    /// What stands behind sentinels without a moment.
    pub unresolved: Unresolved,
}

/// What the shell has to do, or to know.
#[derive(Debug, PartialEq)]
pub enum Command {
    /// Read the whole table, then call [`LeaseCore::on_listing`] or [`LeaseCore::on_list_failed`].
    List,
    /// Write, then call [`LeaseCore::on_commit`] with the ticket.
    Write(Ticket),
    /// The lease is held from now on.
    Gained(Lease, Holding),
    /// The lease is held no more; nothing may be read or written for it.
    Lost(ShardId, Holding, LossReason),
    /// A checkpoint is stored.
    Checkpointed(ShardId, Holding, Checkpoint),
    /// The lease was given up in good order.
    Released(ShardId, Holding),
}

/// A write under way.
#[derive(Debug, PartialEq)]
pub struct Ticket {
    /// What to write.
    pub change: LeaseChange,
    sent: Instant,
    origin: Origin,
}

/// What a write starts from.
#[derive(Debug, PartialEq)]
enum Origin {
    /// A lease that is held.
    Held(Holding),
    /// A lease that is being taken, as it was when that was decided: its counter is the condition of the write, so this
    /// is what is taken.
    Planned(Box<Lease>),
}

/// Whether a reading of the table was of use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// It was.
    Used,
    /// It took longer than the failover time: nothing was learned from it.
    TooOld,
}

/// What stands behind the sentinels of leases that carry no moment of their own: Java workers make such leases, and keep
/// the moment to themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unresolved {
    /// For LATEST: when this worker started.
    pub latest: Timestamp,
    /// For AT_TIMESTAMP: the application's own, if it has one.
    pub at_timestamp: Option<Timestamp>,
}

impl Unresolved {
    fn moment_for(self, lease: &Lease) -> Option<Timestamp> {
        match (lease.checkpoint, lease.start_at) {
            (Checkpoint::Latest, None) => Some(self.latest),
            (Checkpoint::AtTimestamp, None) => self.at_timestamp,
            _ => None,
        }
    }
}

/// Why a lease is held no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LossReason {
    /// Another worker wrote to it.
    Stolen,
    /// It was deleted from the table.
    Deleted,
    /// No renewal succeeded within the failover time.
    Expired,
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
    appetite: Appetite,
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
    Sated,
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
            appetite: Appetite::Takes,
            listing: false,
            listing_sent: now,
            next_listing: now,
            list_backoff: Backoff::default(),
            holdings: 0,
            outbox: Vec::new(),
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
        self.next_listing = now + jittered(self.policy.list_every, &mut self.rng);
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
                _ => self.snapshot.note(held.lease.clone(), now),
            }
        }
        if self.appetite == Appetite::Takes {
            self.take_leases(now);
        }
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

    /// Takes no lease from now on.
    pub fn stop_taking(&mut self) {
        self.appetite = Appetite::Sated;
    }

    /// Reads the table at the next poll: something is known to have changed.
    pub fn list_soon(&mut self, now: Instant) {
        self.next_listing = self.next_listing.min(now);
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
        self.held.is_empty() && self.taking.is_empty()
    }

    fn take_leases(&mut self, now: Instant) {
        let seed = self.rng.random();
        let planned = leases_to_take(&self.snapshot, &self.me, self.policy.limits, now, seed);
        // A take whose reply was lost: the table says it is ours, and only we do not know.
        let unclaimed =
            self.snapshot.leases().filter(|lease| lease.owner.as_ref() == Some(&self.me) && !lease.is_ended());
        let wanted: BTreeMap<ShardId, Lease> =
            planned.into_iter().chain(unclaimed.cloned()).map(|lease| (lease.shard.clone(), lease)).collect();
        for (shard, lease) in wanted {
            if self.held.contains_key(&shard) || !self.taking.insert(shard.clone()) {
                continue;
            }
            let claim = Claim { shard, counter: lease.counter, worker: self.me.clone() };
            let start_at = self.policy.unresolved.moment_for(&lease);
            let change = LeaseChange::Take { claim, from: lease.owner.clone(), start_at };
            let origin = Origin::Planned(Box::new(lease));
            // The age of a new lease counts from the listing: a take whose reply was lost may have landed since then, and
            // cannot be told from this one.
            self.outbox.push(Command::Write(Ticket { change, sent: self.listing_sent, origin }));
        }
    }

    fn on_take(&mut self, ticket: &Ticket, planned: &Lease, outcome: &Commit, now: Instant) {
        let shard = ticket.change.shard();
        self.taking.remove(shard);
        match outcome {
            Commit::Committed(read_again) => {
                let lease = read_again.clone().unwrap_or_else(|| ticket.change.applied(planned));
                self.snapshot.note(lease.clone(), now);
                self.holdings += 1;
                let holding = Holding(self.holdings);
                let held = Held::new(lease.clone(), holding, ticket.sent, self.renewal_pause());
                self.held.insert(shard.clone(), held);
                self.outbox.push(Command::Gained(lease, holding));
            }
            Commit::Superseded(Some(lease)) => self.snapshot.note(lease.clone(), now),
            Commit::Superseded(None) => self.snapshot.forget(shard),
            // The next listing shows what became of it.
            Commit::NotDone(_) | Commit::Unknown(_) => self.list_soon(now + self.policy.list_every / 2),
        }
    }

    fn on_own_write(&mut self, ticket: &Ticket, holding: Holding, outcome: &Commit, now: Instant) {
        let shard = ticket.change.shard().clone();
        let pause = self.renewal_pause();
        let Some(held) = self.held.get_mut(&shard).filter(|held| held.holding == holding) else { return };
        match outcome {
            Commit::Committed(read_again) => {
                let lease = read_again.clone().unwrap_or_else(|| ticket.change.applied(&held.lease));
                held.on_committed(lease, ticket.sent, pause);
                self.snapshot.note(held.lease.clone(), now);
                self.on_done(&shard, holding, &ticket.change);
            }
            Commit::Superseded(Some(lease)) => {
                self.snapshot.note(lease.clone(), now);
                if lease.owner.as_ref() == Some(&self.me) && lease.counter == held.lease.counter.next() {
                    // Nobody else writes in our name: an earlier write of ours landed, of which we had no reply.
                    held.adopt(lease, pause);
                    self.outbox.push(Command::Checkpointed(shard, holding, lease.checkpoint));
                } else {
                    self.lose(&shard, LossReason::Stolen);
                }
            }
            Commit::Superseded(None) => {
                self.snapshot.forget(&shard);
                self.lose(&shard, LossReason::Deleted);
            }
            Commit::NotDone(error) => {
                let unclear = error.kind.may_have_happened();
                let clarity = if unclear { Clarity::Unclear } else { Clarity::DidNotHappen };
                held.on_failed(ticket.sent, clarity, now, pause, &mut self.rng);
            }
            Commit::Unknown(_) => {
                held.on_failed(ticket.sent, Clarity::Unclear, now, pause, &mut self.rng);
            }
        }
    }

    fn on_done(&mut self, shard: &ShardId, holding: Holding, change: &LeaseChange) {
        match change {
            LeaseChange::Checkpoint { to, .. } => {
                self.outbox.push(Command::Checkpointed(shard.clone(), holding, *to));
            }
            LeaseChange::Release(_) => {
                self.held.remove(shard);
                self.outbox.push(Command::Released(shard.clone(), holding));
            }
            LeaseChange::Renew(_)
            | LeaseChange::Take { .. }
            | LeaseChange::Children { .. }
            | LeaseChange::HashRange { .. } => {}
        }
    }

    fn drop_expired(&mut self, now: Instant) {
        let failover = self.policy.limits.failover;
        let too_old = |held: &Held| now > held.relied_on_until(failover);
        let expired: Vec<ShardId> =
            self.held.values().filter(|held| too_old(held)).map(|held| held.lease.shard.clone()).collect();
        for shard in expired {
            self.lose(&shard, LossReason::Expired);
        }
    }

    fn lose(&mut self, shard: &ShardId, reason: LossReason) {
        if let Some(held) = self.held.remove(shard) {
            self.outbox.push(Command::Lost(shard.clone(), held.holding, reason));
        }
    }

    fn held(&mut self, shard: &ShardId, holding: Holding) -> Option<&mut Held> {
        self.held.get_mut(shard).filter(|held| held.holding == holding)
    }

    /// A third of the failover time, a little less by chance so that renewals spread out.
    fn renewal_pause(&mut self) -> Duration {
        jittered(self.policy.limits.failover / RENEWALS_PER_FAILOVER, &mut self.rng)
    }
}

/// Between nine tenths of a duration and the whole of it.
fn jittered(duration: Duration, rng: &mut StdRng) -> Duration {
    duration.mul_f64(rng.random_range(0.9..=1.0))
}

#[cfg(test)]
mod tests;
