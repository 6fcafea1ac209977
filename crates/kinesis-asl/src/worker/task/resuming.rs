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

/// What a claim is waited for beyond the failover time, after which an owner that died is found out and its lease is taken.
const BEYOND_FAILOVER: Duration = Duration::from_secs(5);
/// Looks at the table within the failover time while a claim waits, so that it is known soon who lives.
const LOOKS_PER_FAILOVER: u32 = 8;

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
        let deadline = Instant::now() + self.core.failover() + BEYOND_FAILOVER;
        self.claims.push(WaitingClaim { seat, ranges, deadline, answer });
    }

    /// Answers the claims of which everything is known, and those that have waited long enough.
    pub(super) fn answer_claims(&mut self, now: Instant) {
        for claim in std::mem::take(&mut self.claims) {
            let settled = self.leftovers.are_settled(&claim.ranges);
            if !settled && now < claim.deadline {
                self.claims.push(claim);
                continue;
            }
            if !settled {
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
}
