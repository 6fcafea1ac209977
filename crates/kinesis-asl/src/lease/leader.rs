//! Which worker leads: a pure function of the owners in the lease table, the same one that KCL 1.14 to 2.x use, so that
//! Java and Rust workers of one table agree without a word.
//!
//! The leader looks for holes and cleans up. Nothing that is unsafe hangs on there being exactly one: every write is
//! conditional, and two workers that see different tables may both lead for a while.

use std::collections::BTreeSet;

use crate::lease::java_random::JavaRandom;
use crate::lease::lease::WorkerId;
use crate::lease::snapshot::Snapshot;

/// The seed that every worker uses, Java or Rust.
const SEED: u64 = 1947;

/// The owners in the order that all workers agree on; the first leads.
#[must_use]
pub fn order_of<'a>(owners: impl Iterator<Item = &'a WorkerId>) -> Vec<&'a WorkerId> {
    let mut order: Vec<&WorkerId> = owners.collect::<BTreeSet<_>>().into_iter().collect();
    // Java orders texts by their 16-bit units, which differs from the order of characters beyond U+FFFF.
    order.sort_by(|a, b| a.as_str().encode_utf16().cmp(b.as_str().encode_utf16()));
    JavaRandom::new(SEED).shuffle(&mut order);
    order
}

/// Whether this worker leads, by the owners of all leases as last read. Ended leases count, as they do in Java. As long
/// as nobody owns anything, everybody leads.
#[must_use]
pub fn is_leader(me: &WorkerId, snapshot: &Snapshot) -> bool {
    let owners = snapshot.leases().filter_map(|lease| lease.owner.as_ref());
    order_of(owners).first().is_none_or(|leader| *leader == me)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lease::lease::Lease;
    use crate::lease::store::Listing;
    use crate::position::Checkpoint;

    /// Orders of `host-000:uuid`, `host-001:uuid`, … by number, made with Java 17: a set of names, `stream().sorted()`,
    /// `Collections.shuffle(names, new Random(1947))`.
    const GOLDEN: [&[usize]; 9] = [
        &[0],
        &[0, 1],
        &[2, 0, 1],
        &[3, 0, 1, 2],
        &[4, 0, 2, 1, 3],
        &[2, 3, 0, 6, 4, 7, 1, 5],
        &[12, 2, 6, 8, 0, 4, 11, 3, 7, 9, 5, 1, 10],
        &[11, 3, 9, 2, 0, 6, 12, 5, 7, 1, 8, 14, 4, 13, 15, 10],
        &[
            95, 33, 83, 68, 3, 24, 72, 87, 10, 77, 27, 37, 89, 40, 51, 70, 88, 56, 17, 39, 55, 99, 84, 43, 92, 45, 94,
            91, 76, 86, 19, 26, 4, 15, 60, 20, 29, 14, 75, 71, 48, 54, 96, 53, 6, 36, 1, 62, 73, 65, 80, 98, 82, 28,
            21, 5, 67, 44, 34, 42, 78, 79, 49, 9, 61, 52, 12, 30, 23, 13, 41, 7, 69, 0, 50, 57, 64, 35, 90, 66, 2, 58,
            74, 47, 59, 18, 31, 8, 32, 22, 11, 85, 16, 81, 93, 46, 38, 97, 25, 63,
        ],
    ];

    fn table(owners: &[Option<&str>]) -> Snapshot {
        let lease = |(number, owner): (usize, &Option<&str>)| {
            let mut lease = Lease::new(format!("s{number}").as_str().into(), Checkpoint::TrimHorizon);
            lease.owner = owner.map(WorkerId::from);
            lease
        };
        let leases = owners.iter().enumerate().map(lease).collect();
        let mut snapshot = Snapshot::default();
        snapshot.update(Listing { leases, unreadable: Vec::new() }, tokio::time::Instant::now().into_std());
        snapshot
    }

    #[test]
    fn the_order_of_workers_is_the_one_that_java_workers_come_to() {
        for golden in GOLDEN {
            let name = |number: usize| WorkerId::from(format!("host-{number:03}:uuid").as_str());
            let names: Vec<WorkerId> = (0..golden.len()).map(name).collect();
            // Owners come in any order and more than once.
            let order = order_of(names.iter().rev().chain(&names));
            let expected: Vec<WorkerId> = golden.iter().map(|number| name(*number)).collect();
            assert_eq!(order, expected.iter().collect::<Vec<_>>(), "{} workers", golden.len());
        }
    }

    #[test]
    fn names_are_sorted_by_16_bit_units_as_java_sorts_them() {
        let names = ["\u{ff5e}", "\u{1f600}", "z", "Z", "a:1", "a"].map(WorkerId::from);
        let order: Vec<&str> = order_of(names.iter()).into_iter().map(WorkerId::as_str).collect();
        assert_eq!(order, ["a:1", "z", "\u{ff5e}", "\u{1f600}", "Z", "a"]);
    }

    #[test]
    fn exactly_one_owner_leads_and_everybody_as_long_as_nobody_owns_anything() {
        let owned = table(&[Some("a"), Some("b"), None, Some("b"), Some("c")]);
        let leaders: Vec<&str> =
            ["a", "b", "c", "d"].into_iter().filter(|me| is_leader(&(*me).into(), &owned)).collect();
        assert_eq!(leaders, ["c"], "the third of three, as in the golden orders");
        assert!(is_leader(&"d".into(), &table(&[None, None])));
        assert!(is_leader(&"d".into(), &table(&[])));
    }
}
