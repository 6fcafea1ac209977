//! The cases of the Java KCL, and that nothing that was read comes back after a cleanup.

use proptest::prelude::*;

use super::*;
use crate::lease::left_behind::leases_left_behind;
use crate::lease::lineage::ancestors;
use crate::lease::shard_sync::{
    Beginning, child_leases, first_leases, is_ready_for_a_lease, missing_leases, missing_since,
};
use crate::position::{InitialPosition, Timestamp};
use crate::sequence::{Position, SequenceNumber};
use crate::shard::{ChildShard, ShardState};

const NOW: Timestamp = Timestamp::from_millis(5_000);

fn at_a_record() -> Checkpoint {
    Checkpoint::At(Position::new(SequenceNumber::ZERO, 0))
}

fn id(number: usize) -> ShardId {
    format!("shardId-{number:012}").as_str().into()
}

fn shard(number: usize, parents: &[usize], state: ShardState) -> Shard {
    Shard {
        id: id(number),
        parents: parents.iter().map(|parent| id(*parent)).collect(),
        hash_range: None,
        starting_sequence: number.to_string().parse().ok(),
        ending_sequence: None,
        state,
    }
}

/// 0 was split into 1 and 2, which were merged into 3.
fn stream() -> Vec<Shard> {
    vec![
        shard(0, &[], ShardState::Closed),
        shard(1, &[0], ShardState::Closed),
        shard(2, &[0], ShardState::Closed),
        shard(3, &[1, 2], ShardState::Open),
    ]
}

/// A lease of the stream above. An ended one names its children.
fn lease(number: usize, checkpoint: Checkpoint) -> Lease {
    let mut lease = Lease::new(id(number), checkpoint);
    lease.parents = stream()[number].parents.clone();
    if lease.is_ended() {
        lease.children = children_of(&id(number), &stream()).into_iter().map(|child| child.id).collect();
    }
    lease
}

fn clean(leases: &[Lease], listed: &[Shard], rule: LeaseCleanup) -> Vec<usize> {
    let numbers = cleaning(leases.iter(), &BTreeSet::new(), listed, rule).deletions.into_iter();
    numbers.map(|lease| lease.shard.as_str()[8..].parse().expect("a number")).collect()
}

fn completed(leases: &[Lease]) -> Vec<usize> {
    clean(leases, &stream(), LeaseCleanup::Completed)
}

const END: Checkpoint = Checkpoint::ShardEnd;

#[test]
fn an_ended_lease_goes_when_the_children_of_its_split_or_merge_have_started_cl_1() {
    for started in [Checkpoint::Latest, at_a_record(), END] {
        assert_eq!(completed(&[lease(0, END), lease(1, started), lease(2, Checkpoint::Latest)]), [0], "{started}");
    }
    assert_eq!(completed(&[lease(1, END), lease(2, END), lease(3, Checkpoint::Latest)]), [1, 2]);
}

#[test]
fn without_cleanup_every_lease_stays_as_long_as_the_stream_knows_its_shard_cl_2() {
    let leases = [lease(0, END), lease(1, END), lease(2, END), lease(3, at_a_record())];
    assert_eq!(clean(&leases, &stream(), LeaseCleanup::Keep), [0; 0]);
}

#[test]
fn a_missing_lease_of_a_child_keeps_the_parents_lease_cl_3() {
    assert_eq!(completed(&[lease(0, END), lease(1, at_a_record())]), [0; 0]);
    assert_eq!(completed(&[lease(0, END)]), [0; 0]);
}

#[test]
fn a_child_that_has_not_started_keeps_the_parents_lease_cl_4() {
    for initial in [Checkpoint::TrimHorizon, Checkpoint::AtTimestamp] {
        assert_eq!(completed(&[lease(0, END), lease(1, at_a_record()), lease(2, initial)]), [0; 0], "{initial}");
    }
}

#[test]
fn a_lease_of_a_parent_keeps_the_lease_and_an_unfinished_or_lone_lease_is_safe_cl_5() {
    let row = [lease(0, END), lease(1, END), lease(2, END), lease(3, at_a_record())];
    assert_eq!(completed(&row), [0], "from the oldest on");
    assert_eq!(completed(&row[1..]), [1, 2]);
    assert_eq!(completed(&[lease(3, at_a_record())]), [0; 0]);
    assert_eq!(completed(&[lease(3, END)]), [0; 0], "no shard follows it yet");
}

#[test]
fn a_parent_whose_row_cannot_be_read_keeps_the_lease() {
    let leases = [lease(1, END), lease(3, at_a_record())];
    let kept = cleaning(leases.iter(), &[id(0)].into(), &stream(), LeaseCleanup::Completed);
    assert_eq!(kept.deletions, []);
}

#[test]
fn a_lease_of_a_shard_that_has_expired_goes_also_without_cleanup_cl_6() {
    let listed = &stream()[1..];
    let ended = [lease(0, END), lease(1, Checkpoint::TrimHorizon), lease(2, END)];
    assert_eq!(clean(&ended, listed, LeaseCleanup::Keep), [0]);
    let mut unread = lease(0, at_a_record());
    let leases = |unread: &Lease| [unread.clone(), lease(1, END), lease(2, END)];
    assert_eq!(clean(&leases(&unread), listed, LeaseCleanup::Keep), [0]);
    unread.owner = Some("reader".into());
    assert_eq!(clean(&leases(&unread), listed, LeaseCleanup::Keep), [0; 0], "its reader ends it");
}

#[test]
fn a_lease_of_an_expired_shard_stays_as_long_as_it_tells_where_to_go_on() {
    assert_eq!(clean(&[lease(0, END), lease(1, END)], &stream()[1..], LeaseCleanup::Completed), [0; 0], "2 has none");
}

#[test]
fn a_shard_younger_than_all_that_are_listed_has_not_expired() {
    assert_eq!(clean(&[lease(3, END)], &stream()[..3], LeaseCleanup::Completed), [0; 0]);
    assert_eq!(clean(&[lease(3, END)], &[], LeaseCleanup::Completed), [0; 0]);
}

#[test]
fn children_that_a_lease_does_not_name_are_taken_from_the_stream_and_noted_cl_7() {
    let nameless = Lease { children: BTreeSet::new(), ..lease(0, END) };
    assert_eq!(completed(&[nameless.clone(), lease(1, at_a_record()), lease(2, at_a_record())]), [0]);
    let waiting = [nameless, lease(1, at_a_record()), lease(2, Checkpoint::TrimHorizon)];
    let cleaning = cleaning(waiting.iter(), &BTreeSet::new(), &stream(), LeaseCleanup::Completed);
    let note = LeaseChange::Children { shard: id(0), children: [id(1), id(2)].into() };
    assert_eq!((cleaning.deletions, cleaning.notes), (vec![], vec![note]));
}

/// A stream and a table, and what has been read so far.
struct World {
    shards: Vec<Shard>,
    expired: usize,
    leases: BTreeMap<ShardId, Lease>,
    ended: BTreeSet<ShardId>,
    started: BTreeSet<ShardId>,
}

/// A step of the world; the number picks the shard.
#[derive(Debug, Clone, Copy)]
enum Step {
    Split(usize),
    Merge(usize),
    Start(usize),
    End(usize),
    Expire,
    CleanUp(LeaseCleanup),
    Sync,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let rule = prop_oneof![3 => Just(LeaseCleanup::Completed), 1 => Just(LeaseCleanup::Keep)];
    let step = prop_oneof![
        2 => any::<usize>().prop_map(Step::Split),
        2 => any::<usize>().prop_map(Step::Merge),
        4 => any::<usize>().prop_map(Step::Start),
        6 => any::<usize>().prop_map(Step::End),
        1 => Just(Step::Expire),
        3 => rule.prop_map(Step::CleanUp),
        2 => Just(Step::Sync),
    ];
    prop::collection::vec(step, 1..120)
}

impl World {
    fn new(position: InitialPosition) -> Self {
        let shards: Vec<Shard> = (0..3).map(|number| shard(number, &[], ShardState::Open)).collect();
        let leases = first_leases(&shards, position, NOW).into_iter().map(|l| (l.shard.clone(), l)).collect();
        Self { shards, expired: 0, leases, ended: BTreeSet::new(), started: BTreeSet::new() }
    }

    fn listed(&self) -> &[Shard] {
        &self.shards[self.expired..]
    }

    fn open(&self) -> Vec<usize> {
        (0..self.shards.len()).filter(|number| self.shards[*number].state == ShardState::Open).collect()
    }

    fn reshard(&mut self, parents: &[usize], children: usize) {
        parents.iter().for_each(|parent| self.shards[*parent].state = ShardState::Closed);
        for _ in 0..children {
            self.shards.push(shard(self.shards.len(), parents, ShardState::Open));
        }
    }

    /// The unfinished leases that may be read: their parents are out of the way.
    fn readable(&self) -> Vec<ShardId> {
        let done = |parent: &ShardId| self.leases.get(parent).is_none_or(Lease::is_ended);
        let readable = |lease: &&Lease| !lease.is_ended() && lease.parents.iter().all(done);
        self.leases.values().filter(readable).map(|lease| lease.shard.clone()).collect()
    }

    fn end(&mut self, id: &ShardId) {
        let closed = self.shards.iter().any(|shard| shard.id == *id && shard.state == ShardState::Closed);
        let leases: Vec<Lease> = self.leases.values().cloned().collect();
        if !closed {
            return;
        }
        let children = children_of(id, &self.shards);
        let ready = |child: &&ChildShard| is_ready_for_a_lease(child, self.listed(), &leases);
        let ready: Vec<ChildShard> = children.iter().filter(ready).cloned().collect();
        for lease in child_leases(&ready) {
            self.leases.entry(lease.shard.clone()).or_insert(lease);
        }
        let lease = self.leases.get_mut(id).expect("it is read");
        lease.children = children.into_iter().map(|child| child.id).collect();
        lease.checkpoint = Checkpoint::ShardEnd;
        self.ended.insert(id.clone());
        self.started.insert(id.clone());
    }

    /// What an application that begins at a position finds missing.
    fn missing(&self, position: InitialPosition) -> Vec<Lease> {
        let leases: Vec<Lease> = self.leases.values().cloned().collect();
        let leased: BTreeSet<ShardId> = self.leases.keys().cloned().collect();
        let mut missing = missing_leases(self.listed(), &leased, position, NOW);
        missing.extend(leases_left_behind(self.listed(), &leases, &BTreeSet::new()));
        missing
    }

    /// What a start or the filling of a hole makes at each position; the leases are made at that of the application.
    fn sync(&self, position: InitialPosition) -> BTreeSet<ShardId> {
        let leased: BTreeSet<ShardId> = self.leases.keys().cloned().collect();
        let beginning = Beginning { at: NOW, open: (0..3).map(id).collect() };
        let at = InitialPosition::AtTimestamp(NOW);
        let positions = [position, InitialPosition::TrimHorizon, InitialPosition::Latest, at];
        let found = positions.into_iter().flat_map(|position| self.missing(position));
        let found = found.chain(missing_since(self.listed(), &leased, &beginning));
        found.map(|lease| lease.shard).collect()
    }

    fn step(&mut self, step: Step, position: InitialPosition) -> BTreeSet<ShardId> {
        let pick = |number: usize, from: usize| number.checked_rem(from);
        match step {
            Step::Split(number) => {
                let open = self.open();
                pick(number, open.len()).into_iter().for_each(|at| self.reshard(&[open[at]], 2));
            }
            Step::Merge(number) => {
                let open = self.open();
                let pair = pick(number, open.len()).map(|at| (open[at], open[(at + 1) % open.len()]));
                pair.into_iter().filter(|(a, b)| a != b).for_each(|(a, b)| self.reshard(&[a, b], 1));
            }
            Step::Start(number) => {
                let readable = self.readable();
                if let Some(at) = pick(number, readable.len()) {
                    self.leases.get_mut(&readable[at]).expect("it is there").checkpoint = at_a_record();
                    self.started.insert(readable[at].clone());
                }
            }
            Step::End(number) => {
                let readable = self.readable();
                pick(number, readable.len()).into_iter().for_each(|at| self.end(&readable[at]));
            }
            Step::Expire => {
                self.expired += usize::from(self.shards[self.expired].state == ShardState::Closed);
            }
            Step::CleanUp(rule) => {
                for lease in cleaning(self.leases.values(), &BTreeSet::new(), self.listed(), rule).deletions {
                    self.leases.remove(&lease.shard);
                }
            }
            Step::Sync => return self.sync(position),
        }
        BTreeSet::new()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// However a stream is resharded, read and cleaned up: whoever looks for missing leases never makes one for a shard that
    /// has been read to its end, or that comes before one that has been started. And every open shard is read in the end: it
    /// has a lease, or comes after one that is unfinished, or, where all that was known of its ancestors has expired, whoever
    /// looks for missing leases makes one.
    #[test]
    fn what_was_read_never_comes_back_after_a_cleanup_and_nothing_is_cut_off(
        steps in steps(),
        position in prop_oneof![
            Just(InitialPosition::TrimHorizon), Just(InitialPosition::Latest), Just(InitialPosition::AtTimestamp(NOW))
        ],
    ) {
        let mut world = World::new(position);
        for step in steps.into_iter().chain([Step::Sync]) {
            let made = world.step(step, position);
            let before_started = ancestors(&world.shards, &world.started);
            for shard in &made {
                prop_assert!(!world.ended.contains(shard), "{shard} is read again, {step:?}");
                prop_assert!(!before_started.contains(shard), "{shard} comes before one that has started, {step:?}");
            }
            let unfinished = world.leases.values().filter(|lease| !lease.is_ended()).map(|l| l.shard.clone());
            let mut unfinished: BTreeSet<ShardId> = unfinished.collect();
            unfinished.extend(world.missing(position).into_iter().map(|lease| lease.shard));
            for open in world.open() {
                let reachable = unfinished.contains(&id(open))
                    || !unfinished.is_disjoint(&ancestors(&world.shards, &[id(open)].into()));
                prop_assert!(reachable, "{} is cut off, {step:?}", id(open));
            }
        }
    }
}
