//! Leases that are missing, on tables that fail at any write.

use kpl_deagg::HashKeyRange;

use super::*;
use crate::lease::faulty_store::{Fate, FaultyStore};
use crate::lease::memory_store::MemoryLeaseStore;
use crate::position::Checkpoint;
use crate::shard::ShardState;
use crate::worker::stand_in::StandIn;

const NOW: Timestamp = Timestamp::from_millis(5_000);

fn rules(position: InitialPosition) -> SyncRules {
    SyncRules { position, now: NOW, stream: Some(StreamIdentity::new("words", 20)) }
}

fn shard(number: u8, parents: &[u8], state: ShardState) -> Shard {
    Shard {
        id: id(number),
        parents: parents.iter().map(|parent| id(*parent)).collect(),
        hash_range: Some(HashKeyRange::FULL),
        starting_sequence: number.to_string().parse().ok(),
        ending_sequence: None,
        state,
    }
}

fn id(number: u8) -> ShardId {
    format!("shardId-{number:012}").as_str().into()
}

/// 0 and 1 are open, 2 was split into 3 and 4.
fn stream() -> Vec<Shard> {
    let parents: [&[u8]; 5] = [&[], &[], &[], &[2], &[2]];
    let state = |number: u8| if number == 2 { ShardState::Closed } else { ShardState::Open };
    (0..5).zip(parents).map(|(number, parents)| shard(number, parents, state(number))).collect()
}

fn api() -> StandIn {
    StandIn::new(|filter, _| {
        let is_shown = |shard: &Shard| filter == ShardFilter::All || shard.state == ShardState::Open;
        Ok(stream().into_iter().filter(is_shown).collect())
    })
}

async fn table(leases: &[Lease]) -> FaultyStore<MemoryLeaseStore> {
    let store = FaultyStore::new(MemoryLeaseStore::default());
    for lease in leases {
        store.create(lease).await.expect("created");
    }
    store
}

async fn rows(store: &FaultyStore<MemoryLeaseStore>) -> Vec<(ShardId, Checkpoint, Option<Timestamp>)> {
    let leases = store.inner().list().await.expect("listed").leases;
    leases.into_iter().map(|lease| (lease.shard, lease.checkpoint, lease.start_at)).collect()
}

#[tokio::test]
async fn leases_that_were_made_half_way_are_completed_to_the_same_table_hs_15() {
    for position in [InitialPosition::TrimHorizon, InitialPosition::Latest, InitialPosition::AtTimestamp(NOW)] {
        let whole = table(&[]).await;
        let count = create_missing(&api(), &whole, &rules(position)).await.expect("made");
        for made in 0..count {
            for fate in [Fate::Refused, Fate::DoneUnreported, Fate::NotDoneUnreported] {
                let store = table(&[]).await;
                store.next_writes(std::iter::repeat_n(Fate::Done, made).chain([fate]));
                create_missing(&api(), &store, &rules(position)).await.expect_err("it fails");
                let later = SyncRules { now: Timestamp::from_millis(9_000), ..rules(position) };
                let now = if made == 0 && fate != Fate::DoneUnreported { rules(position) } else { later };
                create_missing(&api(), &store, &now).await.expect("completed");
                assert_eq!(rows(&store).await, rows(&whole).await, "{position:?}, {made} made, then {fate:?}");
            }
        }
    }
}

#[tokio::test]
async fn an_error_of_any_call_is_passed_on_and_what_was_made_before_is_in_order_hs_16() {
    let refused = StandIn::new(|_, _| Err(ServiceError::invalid_response("ListShards", "stream 'words'", "no")));
    create_missing(&refused, &table(&[]).await, &rules(InitialPosition::Latest)).await.expect_err("list of shards");

    let store = table(&[]).await;
    store.next_reads([Fate::Refused]);
    let error = create_missing(&api(), &store, &rules(InitialPosition::Latest)).await.expect_err("list of leases");
    assert_eq!(error.kind, ServiceErrorKind::Throttled);

    store.next_writes([Fate::Done, Fate::Done, Fate::Refused]);
    create_missing(&api(), &store, &rules(InitialPosition::TrimHorizon)).await.expect_err("third lease");
    assert_eq!(rows(&store).await.into_iter().map(|row| row.0).collect::<Vec<_>>(), [id(0), id(1)]);
}

#[tokio::test]
async fn a_hole_at_latest_is_filled_as_of_the_first_start_and_with_the_shards_of_then() {
    let then = Timestamp::from_millis(7);
    let mut first = Lease::new(id(0), Checkpoint::Latest);
    first.start_at = Some(then);
    let store = table(&[first]).await;
    let api = StandIn::new(move |filter, _| {
        let open_then = |shard: &Shard| filter != ShardFilter::AtTimestamp(then) || shard.id <= id(2);
        Ok(stream().into_iter().filter(open_then).collect())
    });
    create_missing(&api, &store, &rules(InitialPosition::Latest)).await.expect("made");
    let expected = [0, 1, 2].map(|number| (id(number), Checkpoint::Latest, Some(then)));
    assert_eq!(rows(&store).await, expected, "2 was open then, and leads to 3 and 4");
}

#[tokio::test]
async fn a_moment_that_the_service_refuses_is_used_with_the_shards_of_now() {
    let mut first = Lease::new(id(0), Checkpoint::Latest);
    first.start_at = Some(NOW);
    let store = table(&[first]).await;
    let api = StandIn::new(|filter, _| match filter {
        ShardFilter::AtTimestamp(_) => Err(ServiceError {
            kind: ServiceErrorKind::InvalidRequest,
            ..ServiceError::invalid_response("ListShards", "stream 'words'", "in the future")
        }),
        _ => Ok(stream()),
    });
    create_missing(&api, &store, &rules(InitialPosition::Latest)).await.expect("made");
    let expected = [0, 1, 3, 4].map(|number| (id(number), Checkpoint::Latest, Some(NOW)));
    assert_eq!(rows(&store).await, expected);
}

#[tokio::test]
async fn a_complete_table_costs_one_list_of_shards_and_no_write() {
    let leases = [0, 1, 2].map(|number| Lease::new(id(number), Checkpoint::Latest));
    let (api, store) = (api(), table(&leases).await);
    store.next_writes([Fate::Refused]);
    assert_eq!(create_missing(&api, &store, &rules(InitialPosition::Latest)).await.expect("nothing to do"), 0);
    assert_eq!(api.asked(ShardFilter::All), 1);
}

#[tokio::test]
async fn shards_behind_an_ended_one_that_nobody_would_read_are_read_from_the_horizon() {
    let mut leases = [0, 1, 2].map(|number| Lease::new(id(number), Checkpoint::Latest));
    leases[2].checkpoint = Checkpoint::ShardEnd;
    let store = table(&leases).await;
    create_missing(&api(), &store, &rules(InitialPosition::Latest)).await.expect("made");
    let made: Vec<_> = rows(&store).await.into_iter().skip(3).collect();
    assert_eq!(made, [3, 4].map(|number| (id(number), Checkpoint::TrimHorizon, None)));
    let lease = store.get(&id(3)).await.expect("read").expect("it is there");
    assert_eq!(lease.stream, Some(StreamIdentity::new("words", 20)));
}

#[tokio::test]
async fn hash_ranges_that_older_workers_left_out_are_noted_and_the_counter_stays_pa_5() {
    let mut leases = [0, 1, 2, 9].map(|number| Lease::new(id(number), Checkpoint::Latest));
    leases[0].hash_range = HashKeyRange::parse("0", "9").ok();
    leases[1].checkpoint = Checkpoint::ShardEnd;
    let store = table(&leases).await;
    assert_eq!(note_hash_ranges(&api(), &store).await.expect("noted"), 1);
    let mut expected = leases;
    expected[2].hash_range = Some(HashKeyRange::FULL);
    assert_eq!(store.list().await.expect("listed").leases, expected, "an unknown shard's stays open");
}
