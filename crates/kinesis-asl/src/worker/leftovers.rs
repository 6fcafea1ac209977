//! What an earlier run left, by shard, and whose it is in this run: pure.
//!
//! Promises: a range is claimed only while this worker holds its shard under the holding whose live reading begins behind it, so that
//! no record is both replayed and read again. A shard counts as another worker's only when that worker has shown that it lives: an
//! owner that may be dead is waited for. Once a seat has its answer, what was not claimed is left to live reading.

use std::collections::{BTreeMap, BTreeSet};

use dstream_core::{Claim, Leftover};

use crate::consumer::start::{Remains, Resumption, resume};
use crate::lease::lease::{Lease, LeaseCounter, WorkerId};
use crate::lease::snapshot::Snapshot;
use crate::position::Checkpoint;
use crate::range::{Holding, SequenceRange};
use crate::sequence::Position;
use crate::shard::ShardId;
use crate::worker::seats::SeatId;

/// What an earlier run left.
#[derive(Debug, Default)]
pub(crate) struct Leftovers {
    shards: BTreeMap<ShardId, Left>,
    workers: BTreeSet<WorkerId>,
}

/// What was left of one shard.
#[derive(Debug, Default)]
struct Left {
    remains: Remains,
    /// Whose the unfinished ranges are, in the same order.
    seats: Vec<SeatId>,
    whereabouts: Whereabouts,
    /// The counter of the owner that was seen first, if that is another worker.
    first_seen: Option<(WorkerId, LeaseCounter)>,
}

/// Whose a shard is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
enum Whereabouts {
    /// Nobody's yet, or that of a worker that may be dead.
    #[default]
    Unclear,
    /// Ours, under this holding; which of the unfinished ranges are to be processed.
    Ours(Holding, Vec<Option<SequenceRange>>),
    /// That of another worker, which lives.
    Elsewhere,
    /// Nobody's: the shard has ended, or its lease was deleted after that, or its stream does not exist any more.
    Gone,
}

/// What was left unfinished of a shard, and nobody can read any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Lost {
    pub(crate) shard: ShardId,
    /// The first position of all that was left.
    pub(crate) from: Position,
    /// The last one.
    pub(crate) to: Position,
    pub(crate) ranges: usize,
    /// At most: a part of the first range may have been processed.
    pub(crate) records: usize,
}

impl Leftovers {
    /// What was left to each seat.
    pub(crate) fn new(by_seat: impl IntoIterator<Item = (SeatId, Leftover<SequenceRange>)>) -> Self {
        let mut leftovers = Self::default();
        for (seat, Leftover { accounted, unfinished }) in by_seat {
            for range in accounted {
                leftovers.workers.extend(range.reader);
                let left = leftovers.shards.entry(range.shard).or_default();
                left.remains.accounted = left.remains.accounted.max(Some(range.to));
            }
            for range in unfinished {
                leftovers.workers.extend(range.reader.clone());
                let left = leftovers.shards.entry(range.shard.clone()).or_default();
                left.remains.unfinished.push(range);
                left.seats.push(seat);
            }
        }
        leftovers
    }

    /// The workers of earlier runs, which have ended: whoever goes on from a checkpoint directory is their successor.
    pub(crate) fn workers(&self) -> &BTreeSet<WorkerId> {
        &self.workers
    }

    /// The seat whose records of a shard are still to be processed.
    pub(crate) fn seat_of(&self, shard: &ShardId) -> Option<SeatId> {
        self.shards.get(shard)?.seats.last().copied()
    }

    /// A lease was gained: where to begin, and which unfinished ranges are to be processed under this holding.
    pub(crate) fn on_gained(&mut self, lease: &Lease, holding: Holding) -> Resumption {
        let Some(left) = self.shards.get_mut(&lease.shard) else { return resume(lease, &Remains::default()) };
        let mut resumption = resume(lease, &left.remains);
        resumption.claimed.iter_mut().flatten().for_each(|range| range.holding = holding);
        left.whereabouts = Whereabouts::Ours(holding, resumption.claimed.clone());
        resumption
    }

    /// A lease is held no more.
    pub(crate) fn on_lost(&mut self, shard: &ShardId, lost: Holding) {
        if let Some(left) = self.shards.get_mut(shard)
            && matches!(left.whereabouts, Whereabouts::Ours(holding, _) if holding == lost)
        {
            left.whereabouts = Whereabouts::Unclear;
        }
    }

    /// The lease table was read. Shards of which nothing is unfinished are nobody's question.
    pub(crate) fn on_listing(&mut self, snapshot: &Snapshot, me: &WorkerId) {
        for (shard, left) in self.shards.iter_mut().filter(|(_, left)| !left.seats.is_empty()) {
            if matches!(left.whereabouts, Whereabouts::Ours(..)) || snapshot.unreadable().contains(shard) {
                continue;
            }
            left.whereabouts = match snapshot.get(shard) {
                None => Whereabouts::Gone,
                Some(lease) if lease.is_ended() => Whereabouts::Gone,
                Some(lease) => match lease.owner.as_ref().filter(|owner| *owner != me) {
                    Some(owner) => left.seen_at(owner, lease.counter),
                    None => Whereabouts::Unclear,
                },
            };
        }
    }

    /// The whole lease table was read, and some streams of the program do not exist. What was left of their shards is nobody's; the
    /// answer is what of it no worker has processed, once. Rows of a stream stay when it is gone.
    pub(crate) fn on_streams(&mut self, leases: &[Lease], exists: impl Fn(&ShardId) -> bool) -> Vec<Lost> {
        let waits = |left: &Left| !left.seats.is_empty() && left.whereabouts == Whereabouts::Unclear;
        let gone = self.shards.iter_mut().filter(|(shard, left)| waits(left) && !exists(shard));
        let lost = gone.filter_map(|(shard, left)| {
            left.whereabouts = Whereabouts::Gone;
            let row = leases.iter().find(|lease| lease.shard == *shard).cloned();
            let lease = row.unwrap_or_else(|| Lease::new(shard.clone(), Checkpoint::TrimHorizon));
            Lost::of(shard, &resume(&lease, &left.remains).claimed)
        });
        lost.collect()
    }

    /// Whether it is known of each of a seat's ranges whose it is.
    pub(crate) fn are_settled(&self, ranges: &[SequenceRange]) -> bool {
        let unclear = |left: &Left| left.whereabouts == Whereabouts::Unclear;
        !ranges.iter().any(|range| self.shards.get(&range.shard).is_some_and(unclear))
    }

    /// The answer for each of a seat's ranges, in their order. From now on none of them is waited for or claimed.
    pub(crate) fn answer(&mut self, seat: SeatId, ranges: &[SequenceRange]) -> Vec<Claim<SequenceRange>> {
        let answers =
            ranges.iter().map(|range| self.shards.get(&range.shard).map_or(Claim::Elsewhere, |l| l.fate(seat, range)));
        let answers = answers.collect();
        self.shards.values_mut().for_each(|left| left.forget(seat));
        answers
    }
}

impl Lost {
    fn of(shard: &ShardId, unprocessed: &[Option<SequenceRange>]) -> Option<Self> {
        let ranges = || unprocessed.iter().flatten();
        Some(Self {
            shard: shard.clone(),
            from: ranges().map(|range| range.from).min()?,
            to: ranges().map(|range| range.to).max()?,
            ranges: ranges().count(),
            records: ranges().map(|range| range.records).fold(0, usize::saturating_add),
        })
    }
}

impl Left {
    fn seen_at(&mut self, owner: &WorkerId, counter: LeaseCounter) -> Whereabouts {
        let (first_owner, first) = self.first_seen.get_or_insert_with(|| (owner.clone(), counter));
        // Another owner than at first has taken it since: it lives too.
        if first_owner != owner || counter > *first { Whereabouts::Elsewhere } else { Whereabouts::Unclear }
    }

    fn fate(&self, seat: SeatId, range: &SequenceRange) -> Claim<SequenceRange> {
        let place = || (0..self.seats.len()).find(|place| self.is_at(*place, seat, range));
        match &self.whereabouts {
            Whereabouts::Gone => Claim::Processed,
            Whereabouts::Unclear | Whereabouts::Elsewhere => Claim::Elsewhere,
            Whereabouts::Ours(_, claimed) => match place().and_then(|place| claimed.get(place)) {
                Some(Some(range)) => Claim::Ours(range.clone()),
                Some(None) => Claim::Processed,
                // It was never announced, so live reading brings it.
                None => Claim::Elsewhere,
            },
        }
    }

    fn is_at(&self, place: usize, seat: SeatId, range: &SequenceRange) -> bool {
        self.seats.get(place) == Some(&seat) && self.remains.unfinished.get(place) == Some(range)
    }

    fn forget(&mut self, seat: SeatId) {
        let seats = std::mem::take(&mut self.seats);
        let mine = |place: &SeatId| *place == seat;
        if let Whereabouts::Ours(_, claimed) = &mut self.whereabouts {
            let mut whose = seats.iter();
            claimed.retain(|_| !whose.next().is_some_and(mine));
        }
        let mut whose = seats.iter();
        self.remains.unfinished.retain(|_| !whose.next().is_some_and(mine));
        self.seats = seats.into_iter().filter(|place| !mine(place)).collect();
    }
}

#[cfg(test)]
mod tests;
