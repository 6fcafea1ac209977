//! Whether the unfinished leases cover the whole hash key space: a hole means that some shard is read by nobody.

use kpl_deagg::HashKeyRange;

use crate::lease::lease::Lease;

/// Listings in a row that must show a hole before leases are made: a reshard shows one for a moment.
const BEFORE_FILLING: u32 = 3;

/// Looks at a hole that stays are this many listings apart, at most: a child may rightly wait for hours until its other
/// parent ends.
const LONGEST_WAIT: u32 = 256;

/// A worker that does not lead waits so many times longer: the leader may be a Java worker that looks for no holes.
const PATIENCE_OF_OTHERS: u32 = 3;

/// Tells a hole that stays from one that a reshard shows for a moment. It remembers one hole, the first.
#[derive(Debug)]
pub(crate) struct HoleWatch {
    seen: Cover,
    in_a_row: u32,
    needed: u32,
}

impl Default for HoleWatch {
    fn default() -> Self {
        Self { seen: Cover::Complete, in_a_row: 0, needed: BEFORE_FILLING }
    }
}

/// Whose task it is to see to holes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// This worker's.
    Leader,
    /// Another's, unless that one does not.
    Other,
}

/// What to do about what a listing shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Nothing.
    Wait,
    /// Nothing yet; look again soon, to find out whether it stays.
    LookSoon,
    /// Look for the leases that are missing and make them.
    Fill,
    /// Note the hash ranges that leases lack, so that holes can be found.
    NoteRanges,
}

impl HoleWatch {
    /// Takes what a listing shows. A hole that moves is another one, and is counted anew.
    pub(crate) fn on_listing(&mut self, cover: &Cover, role: Role) -> Verdict {
        if *cover != self.seen {
            *self = Self { seen: cover.clone(), ..Self::default() };
        }
        self.in_a_row = self.in_a_row.saturating_add(1);
        let patience = match role {
            Role::Leader => 1,
            Role::Other => PATIENCE_OF_OTHERS,
        };
        let needed = match cover {
            Cover::Complete => return Verdict::Wait,
            // No reshard empties a table.
            Cover::NoLeases if self.needed == BEFORE_FILLING => 1,
            Cover::NoLeases | Cover::Hole { .. } | Cover::Undecided => self.needed,
        };
        if self.in_a_row < needed * patience {
            let is_news = self.needed == BEFORE_FILLING && role == Role::Leader;
            return if is_news { Verdict::LookSoon } else { Verdict::Wait };
        }
        (self.in_a_row, self.needed) = (0, (self.needed * 2).min(LONGEST_WAIT));
        if *cover == Cover::Undecided { Verdict::NoteRanges } else { Verdict::Fill }
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
    /// There is no lease at all, not even an ended one.
    NoLeases,
}

/// Looks for the first hole. Overlaps are normal: a parent that is still being read overlaps its children.
pub fn cover<'a>(leases: impl Iterator<Item = &'a Lease>) -> Cover {
    let mut leases = leases.peekable();
    if leases.peek().is_none() {
        return Cover::NoLeases;
    }
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
mod tests;
