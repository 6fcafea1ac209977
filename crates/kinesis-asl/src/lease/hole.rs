//! Whether the unfinished leases cover the whole hash key space: a hole means that some shard is read by nobody.

use kpl_deagg::HashKeyRange;

use crate::lease::lease::Lease;

/// Listings in a row that must show a hole before leases are made: a reshard shows one for a moment.
const BEFORE_FILLING: u32 = 3;

/// Looks at a hole that stays are this many listings apart, at most: a child may rightly wait for hours until its other
/// parent ends.
const LONGEST_WAIT: u32 = 256;

/// Tells a hole that stays from one that a reshard shows for a moment.
#[derive(Debug)]
pub(crate) struct HoleWatch {
    in_a_row: u32,
    needed: u32,
}

impl Default for HoleWatch {
    fn default() -> Self {
        Self { in_a_row: 0, needed: BEFORE_FILLING }
    }
}

/// What to do about what a listing shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Nothing.
    Wait,
    /// Look for the leases that are missing and make them.
    Fill,
}

impl HoleWatch {
    /// Takes what a listing shows.
    pub(crate) fn on_listing(&mut self, cover: &Cover) -> Verdict {
        if !matches!(cover, Cover::Hole { .. }) {
            *self = Self::default();
            return Verdict::Wait;
        }
        self.in_a_row += 1;
        if self.in_a_row < self.needed {
            return Verdict::Wait;
        }
        *self = Self { in_a_row: 0, needed: (self.needed * 2).min(LONGEST_WAIT) };
        Verdict::Fill
    }
}

/// What the hash ranges of the leases say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cover {
    /// Every hash key belongs to an unfinished lease.
    Complete,
    /// From this hash key on nobody reads.
    Hole {
        /// The first hash key that is not covered.
        from: u128,
    },
    /// A lease made by an older worker has no hash range, so nothing can be said.
    Undecided,
}

/// Looks for the first hole. Overlaps are normal: a parent that is still being read overlaps its children.
pub fn cover<'a>(leases: impl Iterator<Item = &'a Lease>) -> Cover {
    let mut ranges: Vec<&HashKeyRange> = Vec::new();
    for lease in leases.filter(|lease| !lease.is_ended()) {
        match &lease.hash_range {
            Some(range) => ranges.push(range),
            None => return Cover::Undecided,
        }
    }
    ranges.sort_by_key(|range| range.start().as_u128());
    let mut next = 0_u128;
    for range in ranges {
        if range.start().as_u128() > next {
            break;
        }
        match range.end().as_u128().checked_add(1) {
            Some(after) => next = next.max(after),
            None => return Cover::Complete,
        }
    }
    Cover::Hole { from: next }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::position::Checkpoint;

    fn lease(range: Option<(&str, &str)>) -> Lease {
        let mut lease = Lease::new(format!("{range:?}").as_str().into(), Checkpoint::TrimHorizon);
        lease.hash_range = range.map(|(start, end)| HashKeyRange::parse(start, end).expect("a range"));
        lease
    }

    const MAX: &str = "340282366920938463463374607431768211455";

    #[test]
    fn the_first_gap_is_found_and_overlaps_are_none_pa_1_pa_2() {
        let mut leases: Vec<Lease> =
            [("25", MAX), ("0", "1"), ("6", "23"), ("2", "3"), ("4", "23")].map(|range| lease(Some(range))).into();
        assert_eq!(cover(leases.iter()), Cover::Hole { from: 24 });
        leases.push(lease(Some(("24", MAX))));
        assert_eq!(cover(leases.iter()), Cover::Complete);
    }

    #[test]
    fn an_ended_lease_covers_nothing_pa_4() {
        let mut only = lease(Some(("0", MAX)));
        assert_eq!(cover([&only].into_iter()), Cover::Complete);
        only.checkpoint = Checkpoint::ShardEnd;
        assert_eq!(cover([&only].into_iter()), Cover::Hole { from: 0 });
    }

    #[test]
    fn a_hole_is_filled_when_three_listings_in_a_row_show_one_pa_3() {
        let mut watch = HoleWatch::default();
        let hole = Cover::Hole { from: 5 };
        let verdicts =
            [&hole, &hole, &Cover::Complete, &hole, &hole, &hole, &hole].map(|cover| watch.on_listing(cover));
        let fill_at: Vec<usize> = (0..7).filter(|at| verdicts[*at] == Verdict::Fill).collect();
        assert_eq!(fill_at, [5]);
    }

    #[test]
    fn a_hole_that_cannot_be_filled_is_looked_at_less_and_less_often() {
        let mut watch = HoleWatch::default();
        let fill = |_: &u32| watch.on_listing(&Cover::Hole { from: 5 }) == Verdict::Fill;
        let filled: Vec<u32> = (1..=45).filter(fill).collect();
        assert_eq!(filled, [3, 9, 21, 45]);
    }

    #[test]
    fn a_lease_without_a_range_leaves_it_open_pa_5() {
        assert_eq!(cover([&lease(None), &lease(Some(("5", "6")))].into_iter()), Cover::Undecided);
    }
}
