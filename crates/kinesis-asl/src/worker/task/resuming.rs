//! How a shard begins once its lease is gained, and who processes what an earlier run left: the start takes what was left into
//! account, and the seats hear which of their ranges are theirs.

use std::time::Duration;

use dstream_core::Claim;
use tokio::sync::oneshot;
use tokio::time::Instant;
use tracing::{info, warn};

use super::{WorkerTask, now};
use crate::lease::lease::Lease;
use crate::range::{Holding, SequenceRange};
use crate::shard::ShardId;
use crate::worker::reading::{HeldShard, Phase};
use crate::worker::seats::{SeatId, seat_for};

/// Looks at the table within the failover time while a claim waits, so that it is known soon who lives.
const LOOKS_PER_FAILOVER: u32 = 8;
/// Looks until it is known whose the lease of an owner is that died: the one that finds it dead, and the one that shows who took it.
const LOOKS_AFTER_A_DEATH: u32 = 2;
/// For the first look, from which the failover time counts, and for the calls of the others.
const FOR_CALLS: Duration = Duration::from_secs(5);

/// What a claim is waited for at most: until an owner that died is found out, and its lease has gone to somebody else.
fn longest_wait(failover: Duration) -> Duration {
    failover + failover * LOOKS_AFTER_A_DEATH / LOOKS_PER_FAILOVER + FOR_CALLS
}

/// What is known of a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outlook {
    /// Whose each of its shards is.
    Settled,
    /// A shard of it is held by this worker, which is finding out where it begins. That ends by itself.
    AboutToBeOurs,
    Unclear,
}

impl Outlook {
    /// Whether the claim is to be answered now.
    fn is_answer(self, now: Instant, deadline: Instant) -> bool {
        match self {
            Self::Settled => true,
            Self::AboutToBeOurs => false,
            Self::Unclear => now >= deadline,
        }
    }
}

/// A seat that waits to hear which ranges are its own.
#[derive(Debug)]
pub(super) struct WaitingClaim {
    pub(super) seat: SeatId,
    ranges: Vec<SequenceRange>,
    deadline: Instant,
    answer: oneshot::Sender<Vec<Claim<SequenceRange>>>,
}

impl WaitingClaim {
    pub(super) fn deadline(&self) -> Instant {
        self.deadline
    }
}

impl WorkerTask {
    pub(super) fn on_gained(&mut self, lease: Lease, holding: Holding) {
        let is_open = |seat: &SeatId| self.open_seats_of(&lease.shard).any(|open| open == *seat);
        let former = self.leftovers.seat_of(&lease.shard).filter(is_open);
        let held = self.shards.values().map(|held| held.seat);
        let seat = former.or_else(|| seat_for(self.open_seats_of(&lease.shard), held));
        let Some(seat) = seat else {
            self.core.release(&lease.shard, holding);
            return;
        };
        info!(shard = %lease.shard, checkpoint = %lease.checkpoint, seat = seat.0, "gained a lease");
        self.tracker.with(|progress| progress.begin(lease.shard.clone(), holding));
        self.settings.reading.board.begin(&lease.shard, now());
        let shard = lease.shard.clone();
        let prepared = lease.prepared.as_ref().and_then(|prepared| prepared.snapshot_ahead_of(lease.checkpoint));
        let (prepared, phase) = match prepared.map(str::to_owned) {
            Some(name) => (Some(name), Phase::Asking),
            None => (None, Phase::WaitingForParents),
        };
        self.shards.insert(shard.clone(), HeldShard { lease, holding, seat, start: None, phase });
        match prepared {
            Some(name) => self.ask_for_snapshot(name, shard, holding),
            None => self.begin(&shard, holding),
        }
    }

    /// Settles where a held shard begins. What is to be replayed counts as received, so that checkpoints, the end of the shard and a
    /// hand-over wait for it.
    pub(super) fn begin(&mut self, shard: &ShardId, holding: Holding) {
        let Some(held) = self.shards.get_mut(shard).filter(|held| held.holding == holding) else { return };
        let resumption = self.leftovers.on_gained(&held.lease, holding);
        held.start = resumption.start;
        let claimed = resumption.claimed.iter().flatten();
        if claimed.clone().next().is_some() {
            info!(%shard, ranges = claimed.clone().count(), "an earlier run left records unfinished; they come first");
        }
        self.tracker.with(|progress| claimed.for_each(|range| progress.on_received(range)));
    }

    pub(super) fn on_claim(
        &mut self,
        seat: SeatId,
        ranges: Vec<SequenceRange>,
        answer: oneshot::Sender<Vec<Claim<SequenceRange>>>,
    ) {
        let deadline = Instant::now() + longest_wait(self.core.failover());
        self.claims.push(WaitingClaim { seat, ranges, deadline, answer });
    }

    /// Answers the claims of which everything is known, and those that have waited long enough.
    pub(super) fn answer_claims(&mut self, now: Instant) {
        for claim in std::mem::take(&mut self.claims) {
            let outlook = self.outlook(&claim);
            if !outlook.is_answer(now, claim.deadline) {
                self.claims.push(claim);
                continue;
            }
            if outlook == Outlook::Unclear {
                warn!(
                    seat = claim.seat.0,
                    "nobody was seen to read some shards whose records an earlier run left unfinished: they are read again by \
                     whoever gets the leases, in new batches"
                );
            }
            // Nobody waits for it any more if the start was given up.
            let _ = claim.answer.send(self.leftovers.answer(claim.seat, &claim.ranges));
        }
        if !self.claims.is_empty() {
            self.core.list_soon((now + self.core.failover() / LOOKS_PER_FAILOVER).into_std());
        }
    }

    fn outlook(&self, claim: &WaitingClaim) -> Outlook {
        let asks =
            |range: &SequenceRange| self.shards.get(&range.shard).is_some_and(|held| held.phase == Phase::Asking);
        if self.leftovers.are_settled(&claim.ranges) {
            Outlook::Settled
        } else if claim.ranges.iter().any(asks) {
            Outlook::AboutToBeOurs
        } else {
            Outlook::Unclear
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_outlasts_a_dead_owner_by_two_looks_however_long_the_failover_time() {
        for failover in [1, 10, 40, 41, 300].map(Duration::from_secs) {
            let look = failover / LOOKS_PER_FAILOVER;
            assert_eq!(longest_wait(failover), failover + look * 2 + FOR_CALLS);
        }
        assert_eq!(longest_wait(Duration::from_secs(80)), Duration::from_secs(105));
    }

    #[test]
    fn a_claim_is_answered_once_all_is_known_or_at_its_deadline_unless_a_shard_is_about_to_be_ours() {
        let deadline = Instant::now() + Duration::from_secs(9);
        let (before, after) = (deadline - Duration::from_millis(1), deadline + Duration::from_secs(60));
        let answers = |outlook: Outlook| [before, deadline, after].map(|now| outlook.is_answer(now, deadline));
        assert_eq!(answers(Outlook::Settled), [true, true, true]);
        assert_eq!(answers(Outlook::Unclear), [false, true, true]);
        assert_eq!(answers(Outlook::AboutToBeOurs), [false, false, false]);
    }
}
