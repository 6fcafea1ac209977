//! Which leases to take next: a pure function of what is known, the moment and a seed.
//!
//! The KCL's rule with three changes that its users asked for: leases of ended shards weigh nothing, the whole deficit
//! is stolen in one round instead of one lease, and shares that differ by two are evened out (7 leases on 3 workers end
//! as 2, 2, 3 and not as 3, 3, 1). A donor never ends below the thief, so shares settle.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rand::seq::SliceRandom;
use rand::{SeedableRng, rngs::StdRng};

use crate::lease::lease::{Lease, WorkerId};
use crate::lease::snapshot::{Snapshot, Standing};

/// What limits a worker's appetite.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TakeLimits {
    /// After which time without a change a lease counts as abandoned.
    pub failover: Duration,
    /// The most leases a worker holds.
    pub max_leases: usize,
}

/// The leases that `me` should take now, as last seen.
///
/// First what nobody holds, up to the fair share; if there is nothing free and the share is not reached, from workers
/// that hold more than theirs. Equal input gives equal output; `seed` differs between workers so that they do not race
/// for the same leases.
#[must_use]
pub fn leases_to_take(snapshot: &Snapshot, me: &WorkerId, limits: TakeLimits, now: Instant, seed: u64) -> Vec<Lease> {
    let mut free = Vec::new();
    let mut held: BTreeMap<&WorkerId, Vec<&Lease>> = BTreeMap::from([(me, Vec::new())]);
    let mut total = 0_usize;
    for (lease, standing) in snapshot.standings(now, limits.failover) {
        match (standing, &lease.owner) {
            (Standing::Ended, _) => continue,
            (Standing::Live, Some(owner)) => held.entry(owner).or_default().push(lease),
            _ => free.push(lease),
        }
        total += 1;
    }
    let target = total.div_ceil(held.len()).min(limits.max_leases);
    let mine = held.get(me).map_or(0, Vec::len);
    let needed = target.saturating_sub(mine);
    let mut rng = StdRng::seed_from_u64(seed);
    if !free.is_empty() {
        free.shuffle(&mut rng);
        return free.into_iter().take(needed).cloned().collect();
    }
    held.remove(me);
    steal(held.into_values().collect(), mine, needed, &mut rng)
}

/// Takes from those who hold most, one at a time, as long as that brings the two shares closer.
fn steal(mut donors: Vec<Vec<&Lease>>, mine: usize, needed: usize, rng: &mut StdRng) -> Vec<Lease> {
    for leases in &mut donors {
        leases.shuffle(rng);
    }
    let mut stolen = Vec::new();
    while stolen.len() < needed {
        let after = mine + stolen.len() + 1;
        let Some(richest) = donors.iter_mut().max_by_key(|leases| leases.len()).filter(|leases| leases.len() > after)
        else {
            break;
        };
        stolen.extend(richest.pop().cloned());
    }
    stolen
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::lease::lease::LeaseCounter;
    use crate::lease::store::Listing;
    use crate::position::Checkpoint;

    const LIMITS: TakeLimits = TakeLimits { failover: Duration::from_secs(10), max_leases: usize::MAX };

    fn now() -> Instant {
        tokio::time::Instant::now().into_std()
    }

    /// A snapshot of leases named s0, s1, … with these owners.
    fn fleet(owners: &[Option<&str>], now: Instant) -> Snapshot {
        let leases = owners.iter().enumerate().map(|(number, owner)| {
            let mut lease = Lease::new(format!("s{number:04}").as_str().into(), Checkpoint::TrimHorizon);
            lease.owner = owner.map(WorkerId::from);
            lease.counter = LeaseCounter(1);
            lease
        });
        let mut snapshot = Snapshot::default();
        snapshot.update(Listing { leases: leases.collect(), unreadable: Vec::new() }, now);
        snapshot
    }

    fn count(owners: &[Option<&str>], limits: TakeLimits) -> usize {
        let now = now();
        leases_to_take(&fleet(owners, now), &"me".into(), limits, now, 7).len()
    }

    #[test]
    fn a_lone_worker_takes_every_free_lease() {
        assert_eq!(count(&[None; 4], LIMITS), 4);
    }

    #[test]
    fn a_second_worker_takes_its_half_from_the_first() {
        assert_eq!(count(&[Some("bar"); 4], LIMITS), 2);
    }

    #[test]
    fn stealing_stops_when_it_would_only_swap_the_shares_lt_6_lt_7() {
        assert_eq!(count(&[Some("bar"), Some("baz"), Some("baz"), Some("baz"), Some("baz"), Some("baz")], LIMITS), 2);
        assert_eq!(count(&[Some("me"), Some("bar"), Some("bar"), Some("baz"), Some("baz")], LIMITS), 0);
    }

    #[test]
    fn nothing_is_stolen_while_something_is_free_lt_8() {
        let now = now();
        let mut owners = vec![Some("bar"); 5];
        owners.push(None);
        let taken = leases_to_take(&fleet(&owners, now), &"me".into(), LIMITS, now, 7);
        assert_eq!(taken.iter().map(|lease| lease.owner.clone()).collect::<Vec<_>>(), [None]);
    }

    #[test]
    fn the_cap_holds_for_free_and_stolen_leases_lt_13() {
        let capped = TakeLimits { max_leases: 1, ..LIMITS };
        assert_eq!(count(&[None; 4], capped), 1);
        assert_eq!(count(&[Some("me"), None, None], capped), 0);
        assert_eq!(count(&[Some("bar"); 4], capped), 1);
    }

    #[test]
    fn leases_of_a_silent_worker_are_free() {
        let start = now();
        let snapshot = fleet(&[Some("dead"); 4], start);
        let later = start + Duration::from_secs(11);
        assert_eq!(leases_to_take(&snapshot, &"me".into(), LIMITS, later, 7).len(), 4);
    }

    proptest! {
        /// From any distribution: each worker plans and writes in turn, and after at most three rounds shares differ by
        /// at most one, every lease is held, and planning again changes nothing.
        #[test]
        fn any_fleet_settles_within_three_rounds(shards in 1_usize..60, workers in 1_usize..12, owners in prop::collection::vec(0_usize..14, 60), seed: u64) {
            let now = now();
            let names: Vec<String> = (0..workers).map(|n| format!("w{n:02}")).collect();
            let mut owned: Vec<Option<String>> = owners.iter().take(shards).map(|n| names.get(*n).cloned()).collect();
            for round in 0..4 {
                let mut moved = 0;
                for (number, name) in names.iter().enumerate() {
                    let view: Vec<Option<&str>> = owned.iter().map(Option::as_deref).collect();
                    let seed = seed.wrapping_add(u64::try_from(number).expect("small"));
                    for lease in leases_to_take(&fleet(&view, now), &name.as_str().into(), LIMITS, now, seed) {
                        let index: usize = lease.shard.as_str()[1..].parse().expect("a number");
                        owned[index] = Some(name.clone());
                        moved += 1;
                    }
                }
                if round == 3 {
                    prop_assert_eq!(moved, 0, "settled");
                }
            }
            prop_assert!(owned.iter().all(Option::is_some));
            let mut shares: Vec<usize> = names.iter().map(|n| owned.iter().flatten().filter(|o| *o == n).count()).collect();
            shares.sort_unstable();
            let (least, most) = (shares[0], shares[shares.len() - 1]);
            prop_assert!(most - least <= 1 || (least == 0 && shards < workers), "{shares:?}");
        }
    }
}
