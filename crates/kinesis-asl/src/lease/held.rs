//! A lease that this worker holds: when it was last known to be ours, and what is to be written next. Pure.

use std::time::{Duration, Instant};

use rand::Rng;

use crate::backoff::Backoff;
use crate::lease::lease::{Claim, Lease, LeaseChange, WorkerId};
use crate::position::Checkpoint;
use crate::range::Holding;

/// A failed write is tried again while there is time for as many attempts.
const ATTEMPTS_LEFT: u32 = 6;
const SHORTEST_PAUSE: Duration = Duration::from_millis(50);

/// A lease that this worker holds. One write is under way at a time.
#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) lease: Lease,
    pub(crate) holding: Holding,
    /// Since when the table may have been silent about us: when the last successful write was sent.
    alive_at: Instant,
    next_renewal: Instant,
    /// Not before this moment, after a write that failed.
    not_before: Instant,
    backoff: Backoff,
    /// When the first write was sent that may have landed since the last successful one. A later write cannot be told
    /// from it, so its success proves only that this worker was alive then.
    unclear_since: Option<Instant>,
    line: Line,
    staged: Option<Checkpoint>,
    /// What is to be prepared, and on which snapshot it depends.
    to_prepare: Option<(Checkpoint, String)>,
    intent: Intent,
    ask: AskSeen,
    /// Whose call was heard last.
    heard: Option<WorkerId>,
}

/// Whether the shell knows that another worker asked for the lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum AskSeen {
    No,
    Yes,
}

/// Whether a write is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Line {
    Free,
    Busy,
}

/// What is to become of the lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Intent {
    Keep,
    /// To be handed over to who asked for it, after the staged checkpoint. If nobody asks any more, it is released.
    HandOver,
    /// To be given up, after the staged checkpoint.
    Release,
}

impl Held {
    /// A lease that was taken by a write sent at `sent`; renewed after `pause`.
    pub(crate) fn new(lease: Lease, holding: Holding, sent: Instant, pause: Duration) -> Self {
        Self {
            heard: lease.called_by.clone(),
            lease,
            holding,
            alive_at: sent,
            next_renewal: sent + pause,
            not_before: sent,
            backoff: Backoff::default(),
            unclear_since: None,
            line: Line::Free,
            staged: None,
            to_prepare: None,
            intent: Intent::Keep,
            ask: AskSeen::No,
        }
    }

    /// Asks for a checkpoint; one that would go back is ignored.
    pub(crate) fn stage(&mut self, to: Checkpoint) {
        if to > self.lease.checkpoint && self.staged.is_none_or(|staged| to > staged) {
            self.staged = Some(to);
        }
    }

    /// Asks for a checkpoint to be prepared; one that would not move the position is ignored. A lease that is about to go is not
    /// worth it.
    pub(crate) fn prepare(&mut self, to: Checkpoint, snapshot: &str) {
        if to > self.lease.checkpoint && self.intent == Intent::Keep {
            self.to_prepare = Some((to, snapshot.to_owned()));
        }
    }

    /// Whether a checkpoint is to be prepared, and is not yet.
    pub(crate) fn is_preparing(&self) -> bool {
        self.to_prepare.is_some()
    }

    /// Asks for the lease to be given up.
    pub(crate) fn release(&mut self) {
        self.intent = Intent::Release;
        self.to_prepare = None;
    }

    /// Asks for the lease to go to who wants it.
    pub(crate) fn hand_over(&mut self) {
        if self.intent == Intent::Keep {
            self.intent = Intent::HandOver;
            self.to_prepare = None;
        }
    }

    /// Takes note of an ask that a listing shows, if the listing is as young as what is known of the lease.
    pub(crate) fn on_listed(&mut self, seen: &Lease) {
        if seen.counter == self.lease.counter {
            self.lease.asked_by.clone_from(&seen.asked_by);
            self.lease.called_by.clone_from(&seen.called_by);
        }
    }

    /// Whether another worker has asked for the lease and nobody was told of it yet; says so once.
    pub(crate) fn is_newly_wanted(&mut self) -> bool {
        let wanted = self.ask == AskSeen::No && self.lease.promised_to().is_some();
        if wanted {
            self.ask = AskSeen::Yes;
        }
        wanted
    }

    /// Whether a worker has called since the last time this was asked.
    pub(crate) fn is_newly_called(&mut self) -> bool {
        let called = self.lease.called_by.is_some() && self.lease.called_by != self.heard;
        self.heard.clone_from(&self.lease.called_by);
        called
    }

    /// Renews at once: something is wrong, and the answer will tell what.
    pub(crate) fn renew_now(&mut self, now: Instant) {
        self.next_renewal = now;
    }

    /// The write that is due, if none is under way; it counts as under way from now on.
    pub(crate) fn start_write(&mut self, now: Instant, me: &WorkerId) -> Option<LeaseChange> {
        if self.line == Line::Busy || now < self.next_action() {
            return None;
        }
        self.line = Line::Busy;
        let claim = Claim { shard: self.lease.shard.clone(), counter: self.lease.counter, worker: me.clone() };
        Some(match (self.staged, self.intent, self.lease.promised_to()) {
            (Some(to), _, _) => LeaseChange::Checkpoint { claim, to },
            (None, Intent::HandOver, Some(to)) => LeaseChange::HandOver { claim, to: to.clone() },
            (None, Intent::Release | Intent::HandOver, _) => LeaseChange::Release(claim),
            (None, Intent::Keep, _) => match &self.to_prepare {
                Some((to, snapshot)) => LeaseChange::Prepare { claim, to: *to, snapshot: snapshot.clone() },
                None => LeaseChange::Renew(claim),
            },
        })
    }

    /// The write that was sent at `sent` had its effect; this is the lease now.
    pub(crate) fn on_committed(&mut self, lease: Lease, sent: Instant, pause: Duration) {
        self.lease = lease;
        self.refresh(sent, pause);
    }

    /// An earlier write landed after all; what is still to be written is written next.
    pub(crate) fn adopt(&mut self, lease: &Lease, pause: Duration) {
        self.refresh(self.alive_at, pause);
        self.lease = lease.clone();
        self.drop_what_is_stored();
    }

    /// The write was refused, although the lease is still held at the same counter: it is not asked for any more, or by another
    /// worker, or somebody ended it by hand. What is to be written is decided anew.
    pub(crate) fn on_refused(&mut self, lease: &Lease) {
        self.lease = lease.clone();
        self.line = Line::Free;
        self.drop_what_is_stored();
    }

    /// The write that was sent at `sent` failed, and may or may not have had its effect.
    pub(crate) fn on_failed(
        &mut self,
        sent: Instant,
        clear: Clarity,
        now: Instant,
        failover: Duration,
        rng: &mut impl Rng,
    ) {
        self.line = Line::Free;
        if clear == Clarity::Unclear {
            self.unclear_since.get_or_insert(sent);
        }
        // However long the back-off has become: there is time for more attempts before the lease is lost.
        let left = self.relied_on_until(failover).saturating_duration_since(now);
        self.not_before = now + self.backoff.next_pause(rng).min((left / ATTEMPTS_LEFT).max(SHORTEST_PAUSE));
    }

    /// The last moment at which the lease may still be relied on.
    pub(crate) fn relied_on_until(&self, failover: Duration) -> Instant {
        self.alive_at + failover
    }

    /// When something is to be written, if nothing is under way.
    pub(crate) fn next_write(&self) -> Option<Instant> {
        (self.line == Line::Free).then(|| self.next_action())
    }

    fn refresh(&mut self, sent: Instant, pause: Duration) {
        self.line = Line::Free;
        self.alive_at = self.unclear_since.take().unwrap_or(sent);
        self.next_renewal = sent + pause;
        self.not_before = sent;
        self.backoff = Backoff::default();
        self.drop_what_is_stored();
    }

    fn drop_what_is_stored(&mut self) {
        self.staged = self.staged.filter(|staged| *staged > self.lease.checkpoint);
        let (stored, prepared) = (self.lease.checkpoint, self.lease.prepared.as_ref());
        let is_prepared = |to: Checkpoint, snapshot: &str| {
            prepared.is_some_and(|prepared| prepared.to == to && prepared.snapshot_ahead_of(stored) == Some(snapshot))
        };
        self.to_prepare = self.to_prepare.take().filter(|(to, snapshot)| *to > stored && !is_prepared(*to, snapshot));
    }

    fn next_action(&self) -> Instant {
        let urgent = self.staged.is_some() || self.to_prepare.is_some() || self.intent != Intent::Keep;
        let wanted = if urgent { self.not_before } else { self.next_renewal };
        wanted.max(self.not_before)
    }
}

/// Whether it is known that a failed write did not happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Clarity {
    DidNotHappen,
    Unclear,
}
