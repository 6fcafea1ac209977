//! The cases of the Java KCL's auditor.

use proptest::prelude::*;

use super::*;
use crate::position::Checkpoint;

const MAX: &str = "340282366920938463463374607431768211455";

fn lease(range: Option<(&str, &str)>) -> Lease {
    let mut lease = Lease::new(format!("{range:?}").as_str().into(), Checkpoint::TrimHorizon);
    lease.hash_range = range.map(|(start, end)| HashKeyRange::parse(start, end).expect("a range"));
    lease
}

fn leases(ranges: &[(&str, &str)]) -> Vec<Lease> {
    ranges.iter().map(|range| lease(Some(*range))).collect()
}

#[test]
fn the_first_gap_is_found_pa_1() {
    let mut leases = leases(&[("0", "1"), ("2", "3"), ("4", "23"), ("6", "23"), ("25", MAX)]);
    assert_eq!(cover(leases.iter()), Cover::Hole { from: 24 });
    leases[4] = lease(Some(("24", MAX)));
    assert_eq!(cover(leases.iter()), Cover::Complete);
}

#[test]
fn ranges_in_any_order_nested_or_overlapping_leave_no_gap_pa_2() {
    for ranges in [
        &[("25", MAX), ("0", "1"), ("6", "24"), ("2", "3"), ("4", "23")][..],
        &[("0", "9"), ("2", "3"), ("10", MAX)],
        &[("0", "9"), ("5", "20"), ("15", MAX)],
        &[("0", "9"), ("10", MAX), ("400", MAX), ("30", "500")],
    ] {
        assert_eq!(cover(leases(ranges).iter()), Cover::Complete, "{ranges:?}");
    }
}

#[test]
fn an_ended_lease_covers_nothing_pa_4() {
    let mut only = lease(Some(("0", MAX)));
    assert_eq!(cover([&only].into_iter()), Cover::Complete);
    only.checkpoint = Checkpoint::ShardEnd;
    assert_eq!(cover([&only].into_iter()), Cover::Hole { from: 0 });
}

/// The listings, counted from 1, at which this is done.
fn acts(listings: &[Cover], role: Role) -> Vec<(usize, Verdict)> {
    let mut watch = HoleWatch::default();
    let verdicts = listings.iter().map(|cover| watch.on_listing(cover, role)).zip(1..);
    let acts = |verdict: &Verdict| matches!(verdict, Verdict::Fill | Verdict::NoteRanges);
    verdicts.filter(|(verdict, _)| acts(verdict)).map(|(verdict, at)| (at, verdict)).collect()
}

#[test]
fn a_hole_is_filled_when_three_listings_in_a_row_show_it_and_a_hole_that_moves_is_another_pa_3() {
    let (hole, other) = (Cover::Hole { from: 5 }, Cover::Hole { from: 6 });
    assert_eq!(acts(&[hole.clone(), hole.clone()], Role::Leader), []);
    assert_eq!(acts(&[hole.clone(), hole.clone(), hole.clone()], Role::Leader), [(3, Verdict::Fill)]);
    assert_eq!(acts(&[hole.clone(), hole.clone(), other.clone(), other.clone()], Role::Leader), []);
    assert_eq!(acts(&[hole.clone(), hole.clone(), Cover::Complete, hole.clone()], Role::Leader), []);
    let moved = [hole.clone(), hole, other.clone(), other.clone(), other];
    assert_eq!(acts(&moved, Role::Leader), [(5, Verdict::Fill)]);
}

#[test]
fn a_worker_that_does_not_lead_fills_only_what_stays_three_times_as_long_pa_6() {
    let listings = vec![Cover::Hole { from: 5 }; 9];
    assert_eq!(acts(&listings[..8], Role::Other), []);
    assert_eq!(acts(&listings, Role::Other), [(9, Verdict::Fill)]);
}

#[test]
fn a_table_without_leases_is_filled_at_once_pa_6() {
    assert_eq!(cover([].into_iter()), Cover::NoLeases);
    assert_eq!(acts(&vec![Cover::NoLeases; 7], Role::Leader), [(1, Verdict::Fill), (7, Verdict::Fill)]);
}

#[test]
fn the_leader_finds_out_soon_whether_a_hole_stays_and_once_it_does_there_is_no_hurry() {
    let mut watch = HoleWatch::default();
    let verdicts = [(); 5].map(|()| watch.on_listing(&Cover::Hole { from: 5 }, Role::Leader));
    let (soon, wait) = (Verdict::LookSoon, Verdict::Wait);
    assert_eq!(verdicts, [soon, soon, Verdict::Fill, wait, wait]);
    assert_eq!(HoleWatch::default().on_listing(&Cover::Hole { from: 5 }, Role::Other), wait);
}

#[test]
fn a_hole_that_cannot_be_filled_is_looked_at_less_and_less_often() {
    let filled: Vec<usize> = acts(&vec![Cover::Hole { from: 5 }; 45], Role::Leader).iter().map(|act| act.0).collect();
    assert_eq!(filled, [3, 9, 21, 45]);
}

#[test]
fn leases_without_a_range_leave_it_open_until_theirs_are_noted_pa_5() {
    assert_eq!(cover([&lease(None), &lease(Some(("5", "6")))].into_iter()), Cover::Undecided);
    assert_eq!(acts(&vec![Cover::Undecided; 3], Role::Leader), [(3, Verdict::NoteRanges)]);
    let mut ended = lease(None);
    ended.checkpoint = Checkpoint::ShardEnd;
    assert_eq!(cover([&ended, &lease(Some(("0", MAX)))].into_iter()), Cover::Complete, "an ended one needs none");
}

/// A step of a stream and of those who read it; the number picks the shard.
#[derive(Debug, Clone, Copy)]
enum Step {
    Split(usize),
    Merge(usize),
    /// The reader of a closed shard comes to its end, after its children have got leases.
    End(usize),
    /// The children of a closed shard get leases while it is still read, as KCL 1.13 and older make them.
    MakeChildrenEarly(usize),
}

#[derive(Debug, Clone)]
struct Node {
    range: (u128, u128),
    children: Vec<usize>,
    is_leased: bool,
    has_ended: bool,
}

struct Tree(Vec<Node>);

impl Tree {
    fn new() -> Self {
        Self(vec![Node { range: (0, u128::MAX), children: vec![], is_leased: true, has_ended: false }])
    }

    fn having(&self, what: impl Fn(&Node) -> bool) -> Vec<usize> {
        (0..self.0.len()).filter(|number| what(&self.0[*number])).collect()
    }

    fn add(&mut self, range: (u128, u128), parents: &[usize]) {
        let number = self.0.len();
        self.0.push(Node { range, children: vec![], is_leased: false, has_ended: false });
        parents.iter().for_each(|parent| self.0[*parent].children.push(number));
    }

    fn lease_children(&mut self, parent: usize) {
        for child in self.0[parent].children.clone() {
            self.0[child].is_leased = true;
        }
    }

    fn step(&mut self, step: Step) {
        let mut open = self.having(|node| node.children.is_empty());
        open.sort_by_key(|number| self.0[*number].range);
        let closed = self.having(|node| node.is_leased && !node.has_ended && !node.children.is_empty());
        match step {
            Step::Split(number) => {
                let parent = open[number % open.len()];
                let (start, end) = self.0[parent].range;
                if end - start > 3 {
                    let middle = start + (end - start) / 2;
                    self.add((start, middle), &[parent]);
                    self.add((middle + 1, end), &[parent]);
                }
            }
            Step::Merge(number) if open.len() > 1 => {
                let at = number % (open.len() - 1);
                let (left, right) = (open[at], open[at + 1]);
                self.add((self.0[left].range.0, self.0[right].range.1), &[left, right]);
            }
            Step::End(number) if !closed.is_empty() => {
                let parent = closed[number % closed.len()];
                self.lease_children(parent);
                self.0[parent].has_ended = true;
            }
            Step::MakeChildrenEarly(number) if !closed.is_empty() => self.lease_children(closed[number % closed.len()]),
            Step::Merge(_) | Step::End(_) | Step::MakeChildrenEarly(_) => {}
        }
    }

    fn leases(&self) -> Vec<Lease> {
        let lease = |number: usize| {
            let node = &self.0[number];
            let (start, end) = (node.range.0.to_string(), node.range.1.to_string());
            let mut lease = lease(Some((&start, &end)));
            lease.checkpoint = if node.has_ended { Checkpoint::ShardEnd } else { Checkpoint::TrimHorizon };
            lease
        };
        self.having(|node| node.is_leased).into_iter().map(lease).collect()
    }
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        any::<usize>().prop_map(Step::Split),
        any::<usize>().prop_map(Step::Merge),
        any::<usize>().prop_map(Step::End),
        any::<usize>().prop_map(Step::MakeChildrenEarly),
    ];
    prop::collection::vec(step, 0..60)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    /// However a stream is split and merged, and however far it is read: there is never a hole. And a lease that no other
    /// overlaps leaves one when it is removed.
    #[test]
    fn no_tree_of_splits_and_merges_shows_a_hole_and_each_lease_that_is_removed_leaves_one_pa_7(steps in steps()) {
        let mut tree = Tree::new();
        for step in steps {
            tree.step(step);
            prop_assert_eq!(cover(tree.leases().iter()), Cover::Complete);
        }
        // Everything that is closed is read to its end: no two unfinished leases overlap any more.
        while let Some(parent) = tree.having(|n| n.is_leased && !n.has_ended && !n.children.is_empty()).first().copied() {
            tree.lease_children(parent);
            tree.0[parent].has_ended = true;
        }
        let leases = tree.leases();
        prop_assert_eq!(cover(leases.iter()), Cover::Complete);
        for removed in leases.iter().filter(|lease| !lease.is_ended()) {
            let rest: Vec<&Lease> = leases.iter().filter(|lease| *lease != removed).collect();
            let hole = cover(rest.into_iter());
            prop_assert!(matches!(hole, Cover::Hole { .. } | Cover::NoLeases), "{removed:?}");
        }
    }
}
