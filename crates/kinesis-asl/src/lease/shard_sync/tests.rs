//! The cases of the Java KCL, and what differs from it.

use super::*;
use crate::position::Checkpoint;

/// Graph A of the reference: id, parents, first sequence number, open or closed.
const GRAPH_A: [(u8, &[u8], u64, ShardState); 11] = [
    (0, &[], 11, ShardState::Closed),
    (1, &[], 11, ShardState::Closed),
    (2, &[], 11, ShardState::Closed),
    (3, &[], 11, ShardState::Closed),
    (4, &[], 11, ShardState::Open),
    (5, &[], 11, ShardState::Closed),
    (6, &[0, 1], 103, ShardState::Closed),
    (7, &[2, 3], 103, ShardState::Closed),
    (8, &[6, 7], 206, ShardState::Open),
    (9, &[5], 206, ShardState::Open),
    (10, &[5], 206, ShardState::Open),
];

/// Graph C.
const GRAPH_C: [(u8, &[u8], u64, ShardState); 11] = [
    (0, &[], 11, ShardState::Closed),
    (1, &[], 11, ShardState::Open),
    (2, &[], 11, ShardState::Closed),
    (3, &[], 11, ShardState::Closed),
    (4, &[0], 103, ShardState::Closed),
    (5, &[0], 103, ShardState::Closed),
    (6, &[2, 3], 103, ShardState::Open),
    (7, &[4], 206, ShardState::Open),
    (8, &[4], 206, ShardState::Open),
    (9, &[5], 206, ShardState::Open),
    (10, &[5], 206, ShardState::Open),
];

const NOW: Timestamp = Timestamp::from_millis(5_000);

fn id(number: u8) -> ShardId {
    format!("shardId-{number:012}").as_str().into()
}

fn shards(graph: &[(u8, &[u8], u64, ShardState)]) -> Vec<Shard> {
    let shard = |(number, parents, sequence, state): &(u8, &[u8], u64, ShardState)| Shard {
        id: id(*number),
        parents: parents.iter().map(|parent| id(*parent)).collect(),
        hash_range: None,
        starting_sequence: sequence.to_string().parse().ok(),
        ending_sequence: None,
        state: *state,
    };
    graph.iter().map(shard).collect()
}

fn missing(graph: &[(u8, &[u8], u64, ShardState)], leased: &[u8], position: InitialPosition) -> Vec<u8> {
    let leased = leased.iter().map(|number| id(*number)).collect();
    let leases = missing_leases(&shards(graph), &leased, position, NOW);
    let mut numbers: Vec<u8> =
        leases.iter().map(|lease| lease.shard.as_str()[8..].parse().expect("a number")).collect();
    numbers.sort_unstable();
    numbers
}

/// A row of table 4.2: which shards have leases, and which get one at LATEST and at TRIM_HORIZON or AT_TIMESTAMP.
type Row<'a> = (&'a [u8], &'a [u8], &'a [u8]);

#[track_caller]
fn check(graph: &[(u8, &[u8], u64, ShardState)], rows: &[Row<'_>]) {
    let at = InitialPosition::AtTimestamp(Timestamp::from_millis(1_000));
    for (leased, latest, horizon) in rows {
        assert_eq!(missing(graph, leased, InitialPosition::Latest), *latest, "LATEST, leased {leased:?}");
        assert_eq!(missing(graph, leased, InitialPosition::TrimHorizon), *horizon, "TRIM_HORIZON, leased {leased:?}");
        assert_eq!(missing(graph, leased, at), *horizon, "AT_TIMESTAMP, leased {leased:?}");
    }
}

#[test]
fn graph_a_gets_the_leases_of_the_reference_table_4_2() {
    check(
        &GRAPH_A,
        &[
            (&[3, 4, 5], &[2, 6], &[0, 1, 2]),
            (&[4, 5, 7], &[6], &[0, 1]),
            (&[2, 6], &[3, 4, 9, 10], &[3, 4, 5]),
            (&[4, 9, 10], &[8], &[0, 1, 2, 3]),
            (&[4, 5, 6, 7], &[], &[]),
            (&[0, 1, 2, 3, 4, 5, 6, 7], &[], &[]),
            (&[0, 1, 4, 7, 9, 10], &[], &[]),
            (&[], &[4, 8, 9, 10], &[0, 1, 2, 3, 4, 5]),
            (&[0, 4, 5], &[1, 7], &[1, 2, 3]),
            (&[5], &[4, 8], &[0, 1, 2, 3, 4]),
            // Java: 4 and 5. 9 has a lease, so its parent 5 is done, and 10 is read alone.
            (&[6, 7, 9], &[4, 10], &[4, 10]),
        ],
    );
}

#[test]
fn graph_c_gets_the_leases_of_the_reference_table_4_2() {
    check(
        &GRAPH_C,
        &[
            // Java: 0 to 3. 9 and 10 have leases, so 0 is done, and 4 is read without it.
            (&[9, 10], &[1, 6, 7, 8], &[1, 2, 3, 4]),
            // Java: 0. 5 has a lease.
            (&[1, 5, 6], &[7, 8], &[4]),
            (&[2], &[1, 3, 7, 8, 9, 10], &[0, 1, 3]),
        ],
    );
}

/// Graph B: a chain of merges and splits.
const GRAPH_B: [(u8, &[u8], u64, ShardState); 11] = [
    (0, &[], 1_000, ShardState::Closed),
    (1, &[], 1_000, ShardState::Closed),
    (2, &[0, 1], 1_050, ShardState::Closed),
    (3, &[2], 1_100, ShardState::Closed),
    (4, &[2], 1_100, ShardState::Closed),
    (5, &[3, 4], 1_150, ShardState::Closed),
    (6, &[5], 1_200, ShardState::Closed),
    (7, &[5], 1_200, ShardState::Closed),
    (8, &[6, 7], 1_250, ShardState::Closed),
    (9, &[8], 1_300, ShardState::Open),
    (10, &[8], 1_300, ShardState::Open),
];

#[test]
fn a_missing_sibling_does_not_bring_back_what_was_read_before_it() {
    // Java goes back to 0 and 1, and reads everything that is kept again.
    check(&GRAPH_B, &[(&[6], &[7], &[7]), (&[9], &[10], &[10])]);
}

/// Table 4.3: what a worker of KCL 1.13 or older finds, and what it makes at LATEST and at TRIM_HORIZON or AT_TIMESTAMP: the
/// leases of all generations at once.
const MADE_BY_OLD_WORKERS: [(&[u8], &[u8], &[u8]); 7] = [
    (&[], &[4, 8, 9, 10], &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]),
    (&[3, 4, 5], &[2, 6, 7, 8, 9, 10], &[0, 1, 2, 6, 7, 8, 9, 10]),
    (&[4, 5, 7], &[6, 8, 9, 10], &[0, 1, 6, 8, 9, 10]),
    (&[2, 6], &[3, 4, 7, 8, 9, 10], &[3, 4, 5, 7, 8, 9, 10]),
    (&[4, 9, 10], &[8], &[0, 1, 2, 3, 6, 7, 8]),
    (&[4, 5, 6, 7], &[8, 9, 10], &[8, 9, 10]),
    (&[0, 1, 4, 7, 9, 10], &[6, 8], &[6, 8]),
];

#[test]
fn nothing_is_missing_once_a_worker_of_kcl_1_13_has_made_its_leases_table_4_3() {
    let at = InitialPosition::AtTimestamp(Timestamp::from_millis(1_000));
    for (found, latest, horizon) in MADE_BY_OLD_WORKERS {
        for (made, position) in
            [(latest, InitialPosition::Latest), (horizon, InitialPosition::TrimHorizon), (horizon, at)]
        {
            let leased = [found, made].concat();
            assert_eq!(missing(&GRAPH_A, &leased, position), [0; 0], "{leased:?} at {position:?}");
        }
    }
}

#[test]
fn what_a_worker_of_kcl_1_13_left_half_done_is_completed_without_going_back_table_4_3() {
    for (found, latest, horizon) in MADE_BY_OLD_WORKERS {
        for (made, position) in [(latest, InitialPosition::Latest), (horizon, InitialPosition::TrimHorizon)] {
            for count in 0..made.len() {
                let leased = [found, &made[..count]].concat();
                let completed = missing(&GRAPH_A, &leased, position);
                let all: BTreeSet<ShardId> = leased.iter().chain(&completed).map(|number| id(*number)).collect();
                let before = ancestors(&shards(&GRAPH_A), &leased.iter().map(|number| id(*number)).collect());
                assert!(completed.iter().all(|shard| !before.contains(&id(*shard))), "{leased:?} {completed:?}");
                for open in [4, 8, 9, 10].map(id) {
                    let comes_after_one = !all.is_disjoint(&ancestors_and(&open));
                    assert!(comes_after_one, "{open} is cut off: {leased:?} {completed:?} at {position:?}");
                }
            }
        }
    }
}

/// A shard of graph A and all that it comes from.
fn ancestors_and(shard: &ShardId) -> BTreeSet<ShardId> {
    let mut all = ancestors(&shards(&GRAPH_A), &[shard.clone()].into());
    all.insert(shard.clone());
    all
}

#[test]
fn the_shards_without_leases_but_0_6_and_8_lead_back_to_0_alone_hs_3() {
    let leased = [1, 2, 3, 4, 5, 7, 9, 10];
    check(&GRAPH_A, &[(&leased, &[0], &[0])]);
    let at = InitialPosition::AtTimestamp(Timestamp::from_millis(200));
    for position in [InitialPosition::TrimHorizon, InitialPosition::Latest, at] {
        let leases = missing_leases(&shards(&GRAPH_A), &leased.map(id).into(), position, NOW);
        let made: Vec<_> = leases.into_iter().map(|lease| (lease.checkpoint, lease.start_at)).collect();
        assert_eq!(made, [(position.checkpoint(), position.resolved(NOW))]);
    }
}

#[test]
fn a_child_of_an_open_parent_is_left_out_and_the_parent_is_read_hs_4_hs_5() {
    let mut graph = GRAPH_A;
    graph[5].3 = ShardState::Open;
    assert_eq!(missing(&graph, &[], InitialPosition::Latest), [4, 5, 8]);
    assert_eq!(missing(&graph, &[], InitialPosition::TrimHorizon), [0, 1, 2, 3, 4, 5]);
}

#[test]
fn an_inconsistent_child_is_left_out_and_a_leased_shard_stays_hs_6() {
    let graph: [(u8, &[u8], u64, ShardState); 4] = [
        (0, &[], 1, ShardState::Open),
        (1, &[], 1, ShardState::Open),
        (2, &[1], 2, ShardState::Open),
        (3, &[], 1, ShardState::Open),
    ];
    check(&graph, &[(&[3], &[0, 1], &[0, 1])]);
}

#[test]
fn a_closed_shard_without_open_descendants_gets_no_lease_hs_7() {
    let graph: [(u8, &[u8], u64, ShardState); 3] =
        [(0, &[], 303, ShardState::Closed), (1, &[], 1, ShardState::Open), (2, &[], 1, ShardState::Open)];
    check(&graph, &[(&[2], &[1], &[1])]);
}

#[test]
fn an_expired_parent_leads_nowhere_unless_it_has_a_lease_hs_11() {
    let graph: [(u8, &[u8], u64, ShardState); 1] = [(7, &[3], 1, ShardState::Open)];
    check(&graph, &[(&[], &[7], &[7]), (&[3], &[], &[]), (&[7], &[], &[])]);
}

#[test]
fn open_shards_without_parents_get_leases_at_each_position_hs_12() {
    let graph: [(u8, &[u8], u64, ShardState); 2] = [(0, &[], 1, ShardState::Open), (1, &[], 1, ShardState::Open)];
    for position in [InitialPosition::TrimHorizon, InitialPosition::Latest, InitialPosition::AtTimestamp(NOW)] {
        let leases = missing_leases(&shards(&graph), &BTreeSet::new(), position, NOW);
        assert_eq!(leases.len(), 2);
        for lease in leases {
            assert_eq!((lease.checkpoint, lease.parents.len()), (position.checkpoint(), 0));
        }
    }
}

/// What an application that began at LATEST, long before `NOW`, is missing.
fn missing_from(leased: &[u8], open_then: &[u8]) -> Vec<(u8, Option<Timestamp>)> {
    let beginning =
        Beginning { at: Timestamp::from_millis(7), open: open_then.iter().map(|number| id(*number)).collect() };
    let leases = missing_since(&shards(&GRAPH_A), &leased.iter().map(|number| id(*number)).collect(), &beginning);
    leases.iter().map(|lease| (lease.shard.as_str()[8..].parse().expect("a number"), lease.start_at)).collect()
}

#[test]
fn a_first_start_at_latest_that_died_half_way_is_completed_as_of_its_own_moment() {
    let then = Some(Timestamp::from_millis(7));
    assert_eq!(missing_from(&[4, 8], &[4, 8, 9, 10]), [(9, then), (10, then)]);
    // Since then 5 was split and 6 merged with 7: they were open, so they are what is to be read.
    assert_eq!(missing_from(&[4], &[4, 5, 6, 7]), [(5, then), (6, then), (7, then)]);
    assert_eq!(missing_from(&[4, 6], &[4, 5, 6, 7]), [(5, then), (7, then)]);
}

#[test]
fn what_was_open_at_the_beginning_and_has_been_read_since_is_not_read_again() {
    let then = Some(Timestamp::from_millis(7));
    assert_eq!(missing_from(&[4, 8, 9, 10], &[4, 5, 6, 7]), []);
    assert_eq!(missing_from(&[4, 8, 9], &[4, 5, 6, 7]), [(10, then)], "5 is done, for 9 has a lease");
}

#[test]
fn the_beginning_is_the_earliest_moment_that_a_lease_names() {
    let named = |millis: Option<i64>| {
        let mut lease = Lease::new(id(0), Checkpoint::Latest);
        lease.start_at = millis.map(Timestamp::from_millis);
        lease
    };
    let leases = [named(Some(9)), named(None), named(Some(7))];
    assert_eq!(Beginning::moment(leases.iter()), Some(Timestamp::from_millis(7)));
    assert_eq!(Beginning::moment([named(None)].iter()), None);
}

#[test]
fn a_first_lease_at_latest_remembers_the_moment_it_was_made() {
    let leases = first_leases(&shards(&GRAPH_A), InitialPosition::Latest, NOW);
    assert!(leases.iter().all(|lease| (lease.checkpoint, lease.start_at) == (Checkpoint::Latest, Some(NOW))));
}

#[test]
fn older_shards_get_their_lease_first_hs_15() {
    let mut reversed = shards(&GRAPH_A);
    reversed.reverse();
    let leases = first_leases(&reversed, InitialPosition::TrimHorizon, NOW);
    let order: Vec<&str> = leases.iter().map(|lease| &lease.shard.as_str()[18..]).collect();
    assert_eq!(order, ["00", "01", "02", "03", "04", "05", "06", "07", "08", "09", "10"]);
}

#[test]
fn the_child_of_a_merge_waits_for_a_parent_that_is_still_to_get_a_lease() {
    let shard = |number, parents: &[u8], state| Shard {
        id: id(number),
        parents: parents.iter().map(|parent| id(*parent)).collect(),
        hash_range: None,
        starting_sequence: None,
        ending_sequence: None,
        state,
    };
    let lease = |number, checkpoint| Lease::new(id(number), checkpoint);
    // 3 was split into 4 and 5, then 4 was merged with 0 into 6.
    let shards = [
        shard(0, &[], ShardState::Closed),
        shard(3, &[], ShardState::Closed),
        shard(4, &[3], ShardState::Closed),
        shard(6, &[0, 4], ShardState::Open),
    ];
    let child = ChildShard { id: id(6), parents: [id(0), id(4)].into(), hash_range: None };
    let ready = |leases: &[Lease]| is_ready_for_a_lease(&child, &shards, leases);
    let zero = lease(0, Checkpoint::TrimHorizon);
    assert!(!ready(&[zero.clone(), lease(3, Checkpoint::TrimHorizon)]), "4 gets its lease when 3 ends");
    assert!(ready(&[zero.clone(), lease(3, Checkpoint::ShardEnd), lease(4, Checkpoint::TrimHorizon)]));
    assert!(!ready(&[zero.clone(), lease(3, Checkpoint::ShardEnd)]), "4 was left behind, and gets its lease as such");
    assert!(ready(&[zero]), "nothing of 4's lineage is read");
}

#[test]
fn a_child_begins_at_the_horizon_and_names_both_parents_hs_13() {
    let child = ChildShard { id: id(8), parents: [id(6), id(7)].into(), hash_range: None };
    let leases = child_leases(&[child]);
    assert_eq!(leases[0].checkpoint, Checkpoint::TrimHorizon);
    assert_eq!(leases[0].parents, [id(6), id(7)].into());
}
