//! First starts: the cases of the Java KCL, and tables of other streams.

use kpl_deagg::HashKeyRange;

use super::*;
use crate::lease::belonging::WrongStream;
use crate::lease::memory_store::MemoryLeaseStore;
use crate::position::Checkpoint;
use crate::shard::{Shard, ShardState};
use crate::worker::stand_in::StandIn;

const NOW: Timestamp = Timestamp::from_millis(5_000);
const HALF: &str = "170141183460469231731687303715884105727";
const OTHER_HALF: &str = "170141183460469231731687303715884105728";
const MAX: &str = "340282366920938463463374607431768211455";

fn shard(id: &str, start: &str, end: &str) -> Shard {
    Shard {
        id: id.into(),
        parents: [].into(),
        hash_range: Some(HashKeyRange::parse(start, end).expect("a range")),
        starting_sequence: "100".parse().ok(),
        ending_sequence: None,
        state: ShardState::Open,
    }
}

fn both_halves() -> Vec<Shard> {
    vec![shard("s0", "0", HALF), shard("s1", OTHER_HALF, MAX)]
}

async fn start(api: &StandIn, store: &MemoryLeaseStore, position: InitialPosition) -> Result<(), KinesisError> {
    let (application, stream) = ("word-count", "words");
    Bootstrap { api, store, application, stream, position, now: NOW }.run().await.map(|_| ())
}

async fn leases(store: &MemoryLeaseStore) -> Vec<Lease> {
    store.list().await.expect("listed").leases
}

const POSITIONS: [(InitialPosition, ShardFilter); 3] = [
    (InitialPosition::TrimHorizon, ShardFilter::AtTrimHorizon),
    (InitialPosition::Latest, ShardFilter::AtLatest),
    (InitialPosition::AtTimestamp(Timestamp::from_millis(200)), ShardFilter::AtTimestamp(Timestamp::from_millis(200))),
];

#[tokio::test]
async fn an_empty_table_gets_a_lease_for_each_shard_at_the_initial_position_hs_1_hs_2() {
    for (position, expected) in POSITIONS {
        let api = StandIn::new(move |filter, _| Ok(if filter == expected { both_halves() } else { Vec::new() }));
        let store = MemoryLeaseStore::default();
        start(&api, &store, position).await.expect("started");
        let made = leases(&store).await;
        assert_eq!(made.iter().map(|lease| lease.shard.as_str()).collect::<Vec<_>>(), ["s0", "s1"]);
        for lease in made {
            assert_eq!((lease.checkpoint, lease.start_at), (position.checkpoint(), position.resolved(NOW)));
            assert_eq!(lease.stream, Some(StreamIdentity::new("words", 20)));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn three_lists_that_leave_out_hash_keys_are_an_error_and_nothing_is_made_hs_8() {
    for shards in [vec![], both_halves()[1..].to_vec()] {
        let api = StandIn::new(move |_, _| Ok(shards.clone()));
        let store = MemoryLeaseStore::default();
        let error = start(&api, &store, InitialPosition::TrimHorizon).await.expect_err("refused").to_string();
        assert!(error.starts_with("ListShards on stream 'words' failed: "), "{error}");
        assert_eq!(api.asked(ShardFilter::AtTrimHorizon), 3);
        assert_eq!(leases(&store).await, []);
    }
}

#[tokio::test(start_paused = true)]
async fn a_list_that_is_complete_at_the_third_call_is_used_hs_9() {
    let api = StandIn::new(|filter, call| match (filter, call) {
        (ShardFilter::AtTrimHorizon, 1 | 2) => Ok(both_halves()[..1].to_vec()),
        _ => Ok(both_halves()),
    });
    let store = MemoryLeaseStore::default();
    start(&api, &store, InitialPosition::TrimHorizon).await.expect("started");
    assert_eq!((api.asked(ShardFilter::AtTrimHorizon), leases(&store).await.len()), (3, 2));
}

#[tokio::test]
async fn a_table_of_another_stream_or_of_an_earlier_one_is_refused_and_left_alone() {
    let api = StandIn::new(|_, _| Ok(both_halves()));
    for owner in [StreamIdentity::new("sentences", 20), StreamIdentity::new("words", 10)] {
        let store = MemoryLeaseStore::default();
        let lease = Lease { stream: Some(owner.clone()), ..Lease::new("s0".into(), Checkpoint::Latest) };
        store.create(&lease).await.expect("created");
        let error = start(&api, &store, InitialPosition::Latest).await.expect_err("refused");
        let says_what_is_wrong = match &error {
            KinesisError::WrongStream(WrongStream::Another { .. }) => *owner.name == *"sentences",
            KinesisError::WrongStream(WrongStream::CreatedAnew { .. }) => *owner.name == *"words",
            _ => false,
        };
        assert!(says_what_is_wrong, "{error}");
        assert_eq!(leases(&store).await, [lease]);
    }
}

#[tokio::test]
async fn a_caller_who_may_not_describe_the_stream_reads_it_all_the_same() {
    let api = StandIn::new(|_, _| Ok(both_halves())).without_identity(ServiceErrorKind::AccessDenied);
    let store = MemoryLeaseStore::default();
    start(&api, &store, InitialPosition::Latest).await.expect("started");
    let made = leases(&store).await;
    assert_eq!((made.len(), made.iter().filter(|lease| lease.stream.is_some()).count()), (2, 0));
    start(&api, &store, InitialPosition::Latest).await.expect("started again");

    let api = StandIn::new(|_, _| Ok(both_halves())).without_identity(ServiceErrorKind::Credentials);
    start(&api, &store, InitialPosition::Latest).await.expect_err("an error of another kind is one");
}
