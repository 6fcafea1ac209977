//! Which input stream of a process gets a shard: pure. A seat is one receiver that has joined the worker.

use std::collections::BTreeMap;

/// One receiver among those that share a worker; numbered from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SeatId(pub usize);

/// The seat for another shard: of those that still take shards the one with the fewest, the first among equals.
#[must_use]
pub fn seat_for(open: impl Iterator<Item = SeatId>, taken: impl Iterator<Item = SeatId>) -> Option<SeatId> {
    let mut shards: BTreeMap<SeatId, usize> = open.map(|seat| (seat, 0)).collect();
    for seat in taken {
        if let Some(count) = shards.get_mut(&seat) {
            *count += 1;
        }
    }
    shards.into_iter().min_by_key(|(seat, count)| (*count, *seat)).map(|(seat, _)| seat)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_spread_evenly_over_the_open_seats() {
        let mut taken = Vec::new();
        for _ in 0..7 {
            taken.extend(seat_for((0..3).map(SeatId), taken.clone().into_iter()));
        }
        assert_eq!(taken.iter().map(|seat| seat.0).collect::<Vec<_>>(), [0, 1, 2, 0, 1, 2, 0]);
    }

    #[test]
    fn a_seat_that_is_leaving_gets_nothing() {
        assert_eq!(seat_for([SeatId(1)].into_iter(), [SeatId(0), SeatId(1)].into_iter()), Some(SeatId(1)));
        assert_eq!(seat_for([].into_iter(), [SeatId(0)].into_iter()), None);
    }
}
