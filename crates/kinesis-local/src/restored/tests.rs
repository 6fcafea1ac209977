//! What is restored is what there was.

use std::net::{Ipv4Addr, SocketAddr};

use proptest::prelude::*;
use tokio::sync::watch;

use super::*;
use crate::journal::Scratch;
use crate::model::Millis;

fn face(model: Model) -> Arc<Face> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 1));
    Arc::new(Face::new(model, address, address, watch::channel(false).1))
}

fn open(scratch: &Scratch, settings: &Settings) -> (Arc<Face>, Option<Restored>) {
    open_with(scratch, settings, &[("words".to_owned(), 2)])
}

fn open_with(scratch: &Scratch, settings: &Settings, streams: &[(String, u32)]) -> (Arc<Face>, Option<Restored>) {
    let fresh = || Model::new(settings.clone(), 7);
    let (face, restored) = restore(Some(scratch.path()), Durability::Process, fresh, face).unwrap();
    prepare(&face, settings, streams, restored.is_some()).unwrap();
    (face, restored)
}

/// Everything that the model is, at a time after all that was done.
fn state(face: &Face) -> String {
    face.keep(Keeping::Ended);
    let mut json = Vec::new();
    face.with_model(|model, _| {
        model.advance(Millis::new(END));
        model.write_snapshot(&mut json)
    })
    .unwrap();
    String::from_utf8(json).unwrap()
}

const ARN: &str = "arn:aws:kinesis:us-east-1:000000000000:stream/words";
/// Later than any clock that this runs under, and than all calls.
const END: u64 = 10_000_000_000_000;
const START: u64 = END - 500_000_000;

#[derive(Debug, Clone)]
enum Step {
    Put { stream: u8, keys: Vec<u8> },
    Split { shard: u8, at: u128 },
    Merge { shard: u8 },
    Create { stream: u8 },
    Delete { stream: u8 },
    Retention { hours: u32 },
    Scale { shards: u32 },
    Register { consumer: u8 },
    Deregister { consumer: u8 },
    Tag { key: u8 },
    RecordSize { kib: u32 },
    Mode { on_demand: bool },
    Metrics,
    Restart { memory_cap: u64, status_delay: u64, limits: bool },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..3_u8, prop::collection::vec(any::<u8>(), 1..5)).prop_map(|(stream, keys)| Step::Put { stream, keys }),
        2 => (0..6_u8, any::<u128>()).prop_map(|(shard, at)| Step::Split { shard, at }),
        1 => (0..6_u8).prop_map(|shard| Step::Merge { shard }),
        1 => (0..3_u8).prop_map(|stream| Step::Create { stream }),
        1 => (0..3_u8).prop_map(|stream| Step::Delete { stream }),
        1 => (24..48_u32).prop_map(|hours| Step::Retention { hours }),
        1 => (1..6_u32).prop_map(|shards| Step::Scale { shards }),
        1 => (0..3_u8).prop_map(|consumer| Step::Register { consumer }),
        1 => (0..3_u8).prop_map(|consumer| Step::Deregister { consumer }),
        1 => any::<u8>().prop_map(|key| Step::Tag { key }),
        1 => (1_024..10_240_u32).prop_map(|kib| Step::RecordSize { kib }),
        1 => any::<bool>().prop_map(|on_demand| Step::Mode { on_demand }),
        1 => Just(Step::Metrics),
        1 => (300..5_000_u64, 0..50_u64, any::<bool>()).prop_map(|(memory_cap, status_delay, limits)| {
            Step::Restart { memory_cap, status_delay, limits }
        }),
    ]
}

fn name(stream: u8) -> String {
    if stream == 0 { "words".to_owned() } else { format!("s{stream}") }
}

fn request(step: &Step) -> (&'static str, serde_json::Value) {
    let shard = |n: u8| format!("shardId-{n:012}");
    match step {
        Step::Put { stream, keys } => {
            let records = keys.iter().map(|key| json!({"PartitionKey": key.to_string(), "Data": "YWJj"}));
            ("PutRecords", json!({"StreamName": name(*stream), "Records": records.collect::<Vec<_>>()}))
        }
        Step::Split { shard: id, at } => (
            "SplitShard",
            json!({"StreamName": "words", "ShardToSplit": shard(*id), "NewStartingHashKey": at.to_string()}),
        ),
        Step::Merge { shard: id } => (
            "MergeShards",
            json!({"StreamName": "words", "ShardToMerge": shard(*id), "AdjacentShardToMerge": shard(id + 1)}),
        ),
        Step::Create { stream } => ("CreateStream", json!({"StreamName": name(*stream), "ShardCount": 1})),
        Step::Delete { stream } => ("DeleteStream", json!({"StreamName": name(*stream)})),
        Step::Retention { hours } => {
            ("IncreaseStreamRetentionPeriod", json!({"StreamName": "words", "RetentionPeriodHours": hours}))
        }
        Step::Scale { shards } => (
            "UpdateShardCount",
            json!({"StreamName": "words", "TargetShardCount": shards, "ScalingType": "UNIFORM_SCALING"}),
        ),
        Step::Register { consumer } => {
            ("RegisterStreamConsumer", json!({"StreamARN": ARN, "ConsumerName": format!("c{consumer}")}))
        }
        Step::Deregister { consumer } => {
            ("DeregisterStreamConsumer", json!({"StreamARN": ARN, "ConsumerName": format!("c{consumer}")}))
        }
        Step::Tag { key } => ("AddTagsToStream", json!({"StreamName": "words", "Tags": {key.to_string(): "v"}})),
        Step::RecordSize { kib } => ("UpdateMaxRecordSize", json!({"StreamARN": ARN, "MaxRecordSizeInKiB": kib})),
        Step::Mode { on_demand } => {
            let mode = if *on_demand { "ON_DEMAND" } else { "PROVISIONED" };
            ("UpdateStreamMode", json!({"StreamARN": ARN, "StreamModeDetails": {"StreamMode": mode}}))
        }
        Step::Metrics => {
            ("EnableEnhancedMonitoring", json!({"StreamName": "words", "ShardLevelMetrics": ["IncomingBytes"]}))
        }
        Step::Restart { .. } => unreachable!("not a request"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// Calls that are refused, batches that are refused in part, other settings, status changes, retention: whatever
    /// happened, a restart finds what there was.
    #[test]
    fn a_restart_finds_the_streams_shards_records_and_numbers_that_there_were(
        steps in prop::collection::vec((step(), 0..20_000_000_u64), 1..40),
    ) {
        let scratch = Scratch::new();
        let mut settings = Settings { memory_cap: 3_000, ..Settings::default() };
        let (mut face, _) = open(&scratch, &settings);
        let mut now = START;
        for (step, pause) in &steps {
            now += pause / 100;
            if let Step::Restart { memory_cap, status_delay, limits } = step {
                settings.memory_cap = *memory_cap;
                settings.status_delay = Duration::from_millis(*status_delay);
                settings.limits = if *limits { Limits::Aws } else { Limits::Off };
                face.keep(Keeping::Ended);
                face = open(&scratch, &settings).0;
                continue;
            }
            let (operation, body) = request(step);
            let body = body.to_string();
            // Refused or not.
            let _ = call(&face, Command::at(Millis::new(now), operation, body.as_bytes()));
        }
        let before = state(&face);
        prop_assert_eq!(state(&open_with(&scratch, &settings, &[]).0), before);
    }
}

#[test]
fn a_change_that_cannot_be_kept_is_refused_and_nothing_is_accepted_after_it() {
    let scratch = Scratch::new();
    let (face, _) = open(&scratch, &Settings::default());
    face.keep(Keeping::Ended);
    let put = json!({"StreamName": "words", "PartitionKey": "k", "Data": "YQ=="}).to_string();
    let refused = call(&face, Command::now("PutRecord", put.as_bytes())).unwrap_err();
    assert_eq!(refused.kind, crate::model::ErrorKind::InternalFailure);
    call(&face, Command::now("ListStreams", b"")).unwrap();
    let (face, restored) = open(&scratch, &Settings::default());
    assert_eq!((restored.unwrap().bytes_cut_off, face.has_stream("words")), (0, true));
}

#[test]
fn a_hundred_thousand_records_are_restored_by_their_two_hundred_batches() {
    let scratch = Scratch::new();
    let (face, _) = open(&scratch, &Settings::default());
    let records: Vec<_> =
        (100..600).map(|n| json!({"PartitionKey": n.to_string(), "Data": "YWJj".repeat(33)})).collect();
    let batch = json!({"StreamName": "words", "Records": records}).to_string();
    for _ in 0..200 {
        call(&face, Command::now("PutRecords", batch.as_bytes())).unwrap();
    }
    face.keep(Keeping::Ended);
    let (face, restored) = open(&scratch, &Settings::default());
    assert_eq!(restored.unwrap().operations, 201);
    let memory = face.with_model(|model, _| model.stored_memory());
    assert_eq!(memory, 100_000 * (112 + 132 + 3), "the records are there");
}
