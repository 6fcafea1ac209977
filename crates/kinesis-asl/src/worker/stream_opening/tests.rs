//! Starts that have to wait, and of several streams some that do not exist.

use kpl_deagg::HashKeyRange;

use super::*;
use crate::api::ShardFilter;
use crate::config::Tuning;
use crate::consumer::settings::ReaderSettings;
use crate::lease::belonging::WrongStream;
use crate::lease::lease::Lease;
use crate::lease::memory_store::MemoryLeaseStore;
use crate::position::{Checkpoint, InitialPosition};
use crate::shard::{Shard, ShardState};
use crate::worker::stand_in::StandIn;

const NOW: Timestamp = Timestamp::from_millis(5_000);
const PATIENCE: Duration = Duration::from_secs(60);

fn whole(id: &str) -> Shard {
    Shard {
        id: id.into(),
        parents: [].into(),
        hash_range: Some(HashKeyRange::FULL),
        starting_sequence: "100".parse().ok(),
        ending_sequence: None,
        state: ShardState::Open,
    }
}

fn spec(name: &str, position: InitialPosition, api: &Arc<StandIn>) -> StreamSpec {
    let reading = ReaderSettings::new(&Tuning::new(Duration::from_secs(1)), Arc::default());
    let api: Arc<dyn KinesisApi> = Arc::<StandIn>::clone(api);
    StreamSpec { name: name.into(), position, api, reading }
}

fn stream(name: &'static str) -> Arc<StandIn> {
    Arc::new(StandIn::new(|_, _| Ok(vec![whole("s0")])).named(name))
}

/// A stream whose description fails like this.
fn without(name: &'static str, kind: ServiceErrorKind) -> Arc<StandIn> {
    Arc::new(StandIn::new(|_, _| Ok(Vec::new())).named(name).without_identity(kind))
}

fn opening(keys: LeaseKeys, store: &Arc<MemoryLeaseStore>) -> StreamOpening {
    let store: Arc<dyn LeaseStore> = Arc::<MemoryLeaseStore>::clone(store);
    StreamOpening { application: "word-count".into(), keys, store, now: NOW }
}

async fn rows(store: &MemoryLeaseStore) -> Vec<(String, Checkpoint, Option<Timestamp>)> {
    let leases = store.list().await.expect("listed").leases;
    leases.into_iter().map(|lease| (lease.shard.to_string(), lease.checkpoint, lease.start_at)).collect()
}

#[tokio::test(start_paused = true)]
async fn a_start_that_is_throttled_is_tried_again_and_given_up_when_its_time_is_over_sc_1() {
    let throttled = || ServiceError {
        kind: ServiceErrorKind::Throttled,
        ..ServiceError::invalid_response("ListShards", "stream 'words'", "slow down")
    };
    let store = Arc::new(MemoryLeaseStore::default());
    let api = Arc::new(StandIn::new(move |filter, call| match (filter, call) {
        (ShardFilter::All, 1..=3) => Err(throttled()),
        _ => Ok(vec![whole("s0")]),
    }));
    let one = [spec("words", InitialPosition::TrimHorizon, &api)];
    let opening = opening(LeaseKeys::OneStream, &store);
    opening.patiently(&one, PATIENCE, 1).await.map(|_| ()).expect("started in the end");
    assert_eq!((api.asked(ShardFilter::All), rows(&store).await.len()), (4, 1));

    let api = Arc::new(StandIn::new(move |_, _| Err(throttled())));
    let (begun, one) = (Instant::now(), [spec("words", InitialPosition::TrimHorizon, &api)]);
    let error = opening.patiently(&one, PATIENCE, 1).await.map(|_| ()).expect_err("given up");
    assert!(matches!(error, KinesisError::Service(error) if error.kind == ServiceErrorKind::Throttled));
    assert!(begun.elapsed() > PATIENCE && begun.elapsed() < PATIENCE * 3 / 2);
}

#[tokio::test]
async fn each_of_several_streams_gets_its_leases_at_its_own_position_in_one_table() {
    let store = Arc::new(MemoryLeaseStore::default());
    let at = Timestamp::from_millis(200);
    let specs = [
        spec("words", InitialPosition::TrimHorizon, &stream("words")),
        spec("sentences", InitialPosition::AtTimestamp(at), &stream("sentences")),
        spec("pages", InitialPosition::Latest, &stream("pages")),
    ];
    let opened = opening(LeaseKeys::SeveralStreams, &store).all(&specs).await.map_err(|e| e.to_string());
    let scopes: Vec<String> = opened.expect("opened").streams.iter().map(|stream| stream.scope.to_string()).collect();
    assert_eq!(scopes, ["1:words:20", "1:sentences:20", "1:pages:20"]);
    let expected = [
        ("1:pages:20:s0", Checkpoint::Latest, Some(NOW)),
        ("1:sentences:20:s0", Checkpoint::AtTimestamp, Some(at)),
        ("1:words:20:s0", Checkpoint::TrimHorizon, None),
    ];
    assert_eq!(rows(&store).await, expected.map(|(key, checkpoint, at)| (key.to_owned(), checkpoint, at)));
}

#[tokio::test]
async fn a_stream_that_is_missing_or_not_active_does_not_keep_the_others_from_being_read_hs_10() {
    let store = Arc::new(MemoryLeaseStore::default());
    let specs = [
        spec("gone", InitialPosition::Latest, &without("gone", ServiceErrorKind::NotFound)),
        spec("words", InitialPosition::TrimHorizon, &stream("words")),
        spec("new", InitialPosition::Latest, &without("new", ServiceErrorKind::InUse)),
    ];
    let several = opening(LeaseKeys::SeveralStreams, &store);
    let opened = several.all(&specs).await.map_err(|error| error.to_string()).expect("opened");
    let absent: Vec<&str> = opened.absent.iter().map(|spec| &*spec.name).collect();
    assert_eq!((opened.streams.len(), absent), (1, vec!["gone", "new"]));
    assert_eq!(rows(&store).await.len(), 1);

    let none = several.all(&specs[..1]).await.map(|_| ()).expect_err("there is nothing to read");
    assert!(matches!(none, KinesisError::Service(error) if error.kind == ServiceErrorKind::NotFound));
    let denied = [spec("words", InitialPosition::Latest, &without("words", ServiceErrorKind::AccessDenied))];
    several.all(&denied).await.map(|_| ()).expect_err("without its epoch a stream has no keys");
}

#[tokio::test]
async fn tables_of_one_stream_and_of_several_are_not_mixed_up_and_left_alone() {
    let words = [spec("words", InitialPosition::Latest, &stream("words"))];
    for (key, keys) in [("s0", LeaseKeys::SeveralStreams), ("1:words:20:s0", LeaseKeys::OneStream)] {
        let store = Arc::new(MemoryLeaseStore::default());
        store.create(&Lease::new(key.into(), Checkpoint::Latest)).await.expect("created");
        let error = opening(keys, &store).all(&words).await.map(|_| ()).expect_err("refused");
        let says_which = match &error {
            KinesisError::WrongStream(WrongStream::KeysOfOne { .. }) => keys == LeaseKeys::SeveralStreams,
            KinesisError::WrongStream(WrongStream::KeysOfSeveral { .. }) => keys == LeaseKeys::OneStream,
            _ => false,
        };
        assert!(says_which, "{error}");
        assert_eq!(rows(&store).await, [(key.to_owned(), Checkpoint::Latest, None)]);
    }
}

#[tokio::test]
async fn a_stream_that_is_added_to_an_application_begins_at_its_position_and_leaves_the_leases_of_the_others_alone() {
    let store = Arc::new(MemoryLeaseStore::default());
    let read = Lease::new("1:words:20:s0".into(), Checkpoint::ShardEnd);
    store.create(&read).await.expect("created");
    let specs = [
        spec("sentences", InitialPosition::TrimHorizon, &stream("sentences")),
        spec("words", InitialPosition::TrimHorizon, &stream("words")),
    ];
    opening(LeaseKeys::SeveralStreams, &store).all(&specs).await.map(|_| ()).expect("opened");
    let expected = [("1:sentences:20:s0", Checkpoint::TrimHorizon), ("1:words:20:s0", Checkpoint::ShardEnd)];
    assert_eq!(rows(&store).await, expected.map(|(key, checkpoint)| (key.to_owned(), checkpoint, None)));
}
