//! The leases that a worker of KCL 1.13 or older adds to a table: a pure function of the shards and of the leases there.
//!
//! From each open shard without a lease it walks up to the leases that exist, and gives one to every shard on the way at
//! once, so children have leases long before their parents end. Whoever shares the table must wait for the parents itself.

use std::collections::{BTreeMap, BTreeSet};

use kinesis_asl::InitialPosition;
use kinesis_asl::shard::{Shard, ShardId, ShardState};

/// Where a lease begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// At the application's initial position.
    Initial,
    /// At the oldest record.
    Horizon,
}

/// The leases to be made, each with its start.
#[must_use]
pub fn older_leases(
    shards: &[Shard],
    leased: &BTreeSet<ShardId>,
    position: InitialPosition,
) -> BTreeMap<ShardId, Start> {
    let known: BTreeMap<&ShardId, &Shard> = shards.iter().map(|shard| (&shard.id, shard)).collect();
    let mut walk = Walk { known, leased, position, needed: BTreeMap::new(), wanted: BTreeMap::new() };
    for shard in shards.iter().filter(|shard| shard.state == ShardState::Open && !leased.contains(&shard.id)) {
        walk.visit(&shard.id);
        let start = walk.start(walk.is_needed(&shard.id));
        walk.wanted.insert(shard.id.clone(), start);
    }
    walk.wanted
}

/// Whether a shard's records belong to what the application reads: because an ancestor has a lease, or because it
/// reads from the past on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Needed {
    Yes,
    No,
}

struct Walk<'a> {
    known: BTreeMap<&'a ShardId, &'a Shard>,
    leased: &'a BTreeSet<ShardId>,
    position: InitialPosition,
    needed: BTreeMap<ShardId, Needed>,
    wanted: BTreeMap<ShardId, Start>,
}

impl Walk<'_> {
    /// Settles a shard after all its ancestors.
    fn visit(&mut self, shard: &ShardId) {
        let mut pending = vec![shard.clone()];
        while let Some(current) = pending.last().cloned() {
            let parents = self.listed_parents(&current);
            let before = pending.len();
            if !self.leased.contains(&current) {
                pending.extend(parents.iter().filter(|parent| !self.needed.contains_key(*parent)).cloned());
            }
            if pending.len() == before {
                pending.pop();
                let needed = self.settle(&current, &parents);
                self.needed.insert(current, needed);
            }
        }
    }

    fn settle(&mut self, shard: &ShardId, parents: &[ShardId]) -> Needed {
        if self.leased.contains(shard) {
            return Needed::Yes;
        }
        if parents.iter().all(|parent| self.is_needed(parent) == Needed::No) {
            let reads_the_past = self.position != InitialPosition::Latest;
            return if reads_the_past { Needed::Yes } else { Needed::No };
        }
        for parent in parents.iter().filter(|parent| !self.leased.contains(*parent)) {
            let start = self.start(self.is_needed(parent));
            self.wanted.insert(parent.clone(), start);
        }
        Needed::Yes
    }

    fn listed_parents(&self, shard: &ShardId) -> Vec<ShardId> {
        let parents = self.known.get(shard).map(|shard| &shard.parents);
        parents.into_iter().flatten().filter(|parent| self.known.contains_key(*parent)).cloned().collect()
    }

    fn is_needed(&self, shard: &ShardId) -> Needed {
        self.needed.get(shard).copied().unwrap_or(Needed::No)
    }

    /// What follows something that is read is read whole; a timestamp says by itself which records are wanted.
    fn start(&self, needed: Needed) -> Start {
        let by_time = matches!(self.position, InitialPosition::AtTimestamp(_));
        if needed == Needed::Yes && !by_time { Start::Horizon } else { Start::Initial }
    }
}

#[cfg(test)]
mod tests {
    use kinesis_asl::Timestamp;

    use super::*;

    /// Graph A of the reference: parents, and whether it is open.
    const GRAPH_A: [(&[usize], ShardState); 11] = [
        (&[], ShardState::Closed),
        (&[], ShardState::Closed),
        (&[], ShardState::Closed),
        (&[], ShardState::Closed),
        (&[], ShardState::Open),
        (&[], ShardState::Closed),
        (&[0, 1], ShardState::Closed),
        (&[2, 3], ShardState::Closed),
        (&[6, 7], ShardState::Open),
        (&[5], ShardState::Open),
        (&[5], ShardState::Open),
    ];

    const AT: InitialPosition = InitialPosition::AtTimestamp(Timestamp::from_millis(1_000));

    fn id(number: usize) -> ShardId {
        format!("shardId-{number:012}").as_str().into()
    }

    fn graph_a() -> Vec<Shard> {
        let shard = |(number, (parents, state)): (usize, &(&[usize], ShardState))| Shard {
            id: id(number),
            parents: parents.iter().map(|parent| id(*parent)).collect(),
            hash_range: None,
            starting_sequence: None,
            ending_sequence: None,
            state: *state,
        };
        GRAPH_A.iter().enumerate().map(shard).collect()
    }

    /// As the reference writes it: a number, with ^ for the horizon.
    fn made(leased: &[usize], position: InitialPosition) -> String {
        let leased = leased.iter().map(|number| id(*number)).collect();
        let leases = older_leases(&graph_a(), &leased, position);
        let text = |(shard, start): (&ShardId, &Start)| {
            let number: usize = shard.as_str()[8..].parse().expect("a number");
            format!("{number}{}", if *start == Start::Horizon { "^" } else { "" })
        };
        leases.iter().map(text).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn graph_a_gets_the_leases_of_the_reference_table_4_3() {
        let table: [(&[usize], &str, &str); 7] = [
            (&[], "4 8 9 10", "0 1 2 3 4 5 6 7 8 9 10"),
            (&[3, 4, 5], "2 6 7^ 8^ 9^ 10^", "0 1 2 6 7 8 9 10"),
            (&[4, 5, 7], "6 8^ 9^ 10^", "0 1 6 8 9 10"),
            (&[2, 6], "3 4 7^ 8^ 9 10", "3 4 5 7 8 9 10"),
            (&[4, 9, 10], "8", "0 1 2 3 6 7 8"),
            (&[4, 5, 6, 7], "8^ 9^ 10^", "8 9 10"),
            (&[0, 1, 4, 7, 9, 10], "6^ 8^", "6 8"),
        ];
        for (leased, latest, whole) in table {
            assert_eq!(made(leased, InitialPosition::Latest), latest, "LATEST, leased {leased:?}");
            let horizon = made(leased, InitialPosition::TrimHorizon).replace('^', "");
            assert_eq!(horizon, whole, "TRIM_HORIZON, leased {leased:?}");
            assert_eq!(made(leased, AT), whole, "AT_TIMESTAMP, leased {leased:?}: all at the timestamp");
        }
    }

    #[test]
    fn a_table_that_is_complete_gets_nothing() {
        let all: Vec<usize> = (0..11).collect();
        for position in [InitialPosition::Latest, InitialPosition::TrimHorizon, AT] {
            assert_eq!(made(&all, position), "", "{position:?}");
        }
    }
}
