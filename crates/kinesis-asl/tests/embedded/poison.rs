//! Records on which the program fails: by default the application stops at them and skips none; by choice they are set aside, or
//! skipped, and nothing else is.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_kinesis::types::ShardIteratorType;
use dstream_core::{BoxError, StopMode, Time};
use kinesis_asl::position::Checkpoint;
use kinesis_asl::{
    ConfigError, DeadLetterTarget, DeadLetters, InitialPosition, KinesisRecord, LeaseKeys, Letter, OnFailedRecord,
    Position,
};
use kpl_deagg::Aggregator;
use serde_json::Value;

use crate::errors::says;
use crate::support::consumer::{Consumer, Noted, Notes, Setup};
use crate::support::process::Process;
use crate::support::wait::eventually;
use crate::support::world::{World, shard};

const RECORDS: u64 = 10_000;
const BAD: [u64; 3] = [17, 4_711, 9_000];
const SHARDS: u32 = 4;

fn is_bad(number: u64) -> bool {
    BAD.contains(&number)
}

/// Where a program fails on the bad records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Handler,
    Map,
    Output,
}

/// What the output saw of each batch in its last run, which is the one that counts.
#[derive(Clone, Default)]
struct Batches(Arc<Mutex<BTreeMap<Time, Vec<Noted>>>>);

impl Batches {
    fn all(&self) -> Vec<Noted> {
        self.0.lock().unwrap().values().flatten().cloned().collect()
    }

    async fn reach(&self, count: usize) {
        let enough = async || if self.all().len() >= count { Ok(()) } else { Err(self.all().len().to_string()) };
        eventually(&format!("{count} records processed"), enough).await;
    }
}

fn number(record: &KinesisRecord) -> u64 {
    String::from_utf8_lossy(record.data()).parse().unwrap()
}

/// An application that fails on the bad records at `place`, from the oldest record on.
fn build(world: &World, policy: OnFailedRecord, place: Place) -> (Consumer, Batches) {
    let setup = Setup { position: InitialPosition::TrimHorizon, ..Setup::of(world) };
    let (ctx, seen) = (Setup::context(), Batches::default());
    let records = setup.input(&ctx).on_failed_record(policy).build_with_try_message_handler(move |record| {
        let number = number(record);
        if place == Place::Handler && is_bad(number) {
            Err(format!("no order {number}").into())
        } else {
            Ok(Noted::new(0, record))
        }
    });
    let records = records.unwrap().map(move |noted| {
        assert!(place != Place::Map || !is_bad(noted.number()), "no order {}", noted.number());
        noted
    });
    let sink = seen.clone();
    records.foreach_rdd(move |rdd, time| {
        let rows = rdd.collect()?;
        let refused = rows.iter().find(|noted| place == Place::Output && is_bad(noted.number()));
        if let Some(noted) = refused {
            return Err(format!("no order {}", noted.number()).into());
        }
        sink.0.lock().unwrap().insert(time, rows);
        Ok(())
    });
    (Consumer { ctx, notes: Notes::default() }, seen)
}

/// Letters in memory.
#[derive(Clone, Default)]
struct Letters(Arc<Mutex<Vec<(u64, String, Position, u32, String)>>>);

#[async_trait::async_trait]
impl DeadLetters for Letters {
    async fn put(&self, letter: &Letter<'_>) -> Result<(), BoxError> {
        let Letter { record, attempts, error, .. } = letter;
        let place = (record.shard().to_string(), record.position());
        self.0.lock().unwrap().push((number(record), place.0, place.1, *attempts, (*error).to_owned()));
        Ok(())
    }
}

/// Runs an application over ten thousand records until all good ones are processed, and checks what it did.
async fn ten_thousand(policy: OnFailedRecord, place: Place) -> u64 {
    let world = World::start(SHARDS).await;
    world.putter().numbers(0..RECORDS).await;
    let (app, seen) = build(&world, policy, place);
    app.ctx.start().await.unwrap();
    tokio::select! {
        () = seen.reach(9_997) => {}
        error = app.fails() => panic!("{error}"),
    }
    app.ctx.stop(StopMode::Graceful).await.unwrap();

    let notes = seen.all();
    let mut numbers: Vec<u64> = notes.iter().map(Noted::number).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (0..RECORDS).filter(|number| !is_bad(*number)).collect::<Vec<_>>(), "{place:?}");
    let mut last: BTreeMap<String, Position> = BTreeMap::new();
    for noted in &notes {
        let before = last.insert(noted.shard.clone(), noted.position);
        assert!(before.is_none_or(|before| before < noted.position), "{place:?}: out of order in {}", noted.shard);
    }
    let checkpoints = world.leases().await.into_iter().map(|(shard, lease)| (shard, lease.checkpoint));
    let ends = last.into_iter().map(|(shard, position)| (shard, Checkpoint::At(position)));
    // The last record of each shard is a good one, and stands behind the bad ones.
    assert_eq!(checkpoints.collect::<BTreeMap<_, _>>(), ends.collect());
    let metrics = app.ctx.metrics();
    world.stop().await;
    metrics.dead_lettered_records * 1_000 + metrics.skipped_records
}

async fn three_are_dead_lettered(place: Place) {
    let letters = Letters::default();
    let target = DeadLetterTarget::custom(letters.clone());
    let counted = ten_thousand(OnFailedRecord::DeadLetter(target), place).await;
    let mut letters = letters.0.lock().unwrap().clone();
    letters.sort();
    assert_eq!(letters.iter().map(|letter| letter.0).collect::<Vec<_>>(), BAD);
    for (number, shard, position, attempts, error) in letters {
        assert_eq!(attempts, 3);
        says(&error, &[&format!("no order {number}")]);
        if place == Place::Handler {
            says(&error, &[&format!("record {position} of shard '{shard}'")]);
        }
    }
    assert_eq!(counted, 3_000);
}

#[tokio::test]
async fn the_three_records_of_ten_thousand_that_the_handler_refuses_are_dead_lettered_and_the_checkpoint_passes_them() {
    three_are_dead_lettered(Place::Handler).await;
}

#[tokio::test]
async fn the_three_records_of_ten_thousand_that_an_operator_panics_on_are_dead_lettered() {
    three_are_dead_lettered(Place::Map).await;
}

#[tokio::test]
async fn the_three_records_of_ten_thousand_that_an_output_fails_on_are_dead_lettered() {
    three_are_dead_lettered(Place::Output).await;
}

#[tokio::test]
async fn the_three_bad_records_of_ten_thousand_are_skipped_by_choice_and_counted() {
    assert_eq!(ten_thousand(OnFailedRecord::Skip, Place::Handler).await, 3);
}

/// An aggregate of these numbers.
fn aggregate(numbers: std::ops::Range<u64>) -> kpl_deagg::Aggregate {
    let mut aggregator = Aggregator::new(1 << 20);
    for number in numbers {
        let _ = aggregator.try_add(&format!("user-{number}"), None, number.to_string().as_bytes());
    }
    aggregator.finish().unwrap()
}

#[tokio::test]
async fn regression_r3_a_record_that_fails_is_named_not_skipped_and_a_repaired_handler_goes_on_there_pt_3() {
    for place in [Place::Handler, Place::Map] {
        let world = World::start(1).await;
        world.putter().numbers(100..110).await;
        let (app, seen) = build(&world, OnFailedRecord::Stop, place);
        app.ctx.start().await.unwrap();
        seen.reach(10).await;
        let bad = aggregate(0..50);
        let sequence = world.putter().one(&bad.partition_key, &bad.data).await;
        world.putter().numbers(110..120).await;
        let text = app.fails().await;
        says(&text, &["after 3 attempts", &format!("record {sequence}.17 of shard '{}'", shard(0)), "no order 17"]);
        let checkpoint = world.leases().await[&shard(0)].checkpoint;
        assert!(checkpoint < Checkpoint::At(Position::new(sequence, 17)), "{place:?}: {checkpoint:?}");

        let mut numbers: Vec<u64> = seen.all().iter().map(Noted::number).collect();
        let repaired = Setup::of(&world).start().await;
        repaired.notes.reach(60).await;
        numbers.extend(repaired.stop().await.all().iter().map(Noted::number));
        numbers.sort_unstable();
        assert_eq!(numbers, (0..50).chain(100..120).collect::<Vec<_>>(), "{place:?}: each once");
        world.stop().await;
    }
}

#[tokio::test]
async fn a_kill_behind_record_37_of_an_aggregate_of_100_goes_on_at_record_38() {
    let world = World::start(1).await;
    let setup = Setup::of(&world);
    let first = Process::start(&setup).await;
    let hundred = aggregate(1..101);
    let sequence = world.putter().one(&hundred.partition_key, &hundred.data).await;
    first.notes.reach(100).await;
    first.crash();
    // What was stored of an aggregate is one block here; Java workers, and those that cut blocks elsewhere, stop within it.
    let number = |sub: u64| AttributeValue::N(sub.to_string());
    let at = [("checkpoint", AttributeValue::S(sequence.to_string())), ("checkpointSubSequenceNumber", number(36))];
    world.set(&shard(0), &at).await;
    let second = setup.start().await;
    second.notes.reach(63).await;
    let delivered: Vec<u64> = second.stop().await.all().iter().map(Noted::number).collect();
    assert_eq!(delivered, (38..101).collect::<Vec<_>>());
    world.stop().await;
}

/// A file of the test's own, gone at its end.
struct LetterFile(PathBuf);

impl Drop for LetterFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Puts an aggregate of fifty and runs an application until its record 17 is dealt with; the answer is the aggregate's number.
async fn one_bad_part(world: &World, policy: OnFailedRecord) -> kinesis_asl::SequenceNumber {
    let fifty = aggregate(0..50);
    let sequence = world.putter().one(&fifty.partition_key, &fifty.data).await;
    let (app, seen) = build(world, policy, Place::Handler);
    app.ctx.start().await.unwrap();
    seen.reach(49).await;
    app.ctx.stop(StopMode::Graceful).await.unwrap();
    assert_eq!(world.leases().await[&shard(0)].checkpoint, Checkpoint::At(Position::new(sequence, 49)));
    sequence
}

/// Checks the letter of record 17.
fn is_the_letter_of_17(letter: &Value, sequence: kinesis_asl::SequenceNumber) {
    let expected = [
        ("stream", Value::from("words")),
        ("shard", shard(0).into()),
        ("sequence_number", sequence.to_string().into()),
        ("sub_sequence_number", 17.into()),
        ("partition_key", "user-17".into()),
        ("application", "word-count".into()),
        ("attempts", 3.into()),
        ("data", "MTc=".into()),
    ];
    for (field, value) in expected {
        assert_eq!(letter[field], value, "{field} of {letter}");
    }
    assert!(letter["arrival_millis"].as_i64().unwrap() > 1_700_000_000_000, "{letter}");
    says(letter["error"].as_str().unwrap(), &["no order 17", &format!("record {sequence}.17 of shard")]);
}

#[tokio::test]
async fn a_letter_in_a_file_says_where_the_record_came_from_and_what_is_in_it() {
    let world = World::start(1).await;
    let path = std::env::temp_dir().join(format!("letters-{}.jsonl", std::process::id()));
    let file = LetterFile(path.clone());
    let sequence = one_bad_part(&world, OnFailedRecord::DeadLetter(DeadLetterTarget::File(path))).await;
    let text = std::fs::read_to_string(&file.0).unwrap();
    let letters: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(letters.len(), 1);
    is_the_letter_of_17(&letters[0], sequence);
    world.stop().await;
}

#[tokio::test]
async fn a_letter_in_a_stream_has_the_partition_key_of_its_record() {
    let world = World::start(1).await;
    world.kinesis.create_stream().stream_name("letters").shard_count(1).send().await.unwrap();
    let target = DeadLetterTarget::Stream("letters".to_owned());
    let sequence = one_bad_part(&world, OnFailedRecord::DeadLetter(target)).await;
    let iterator = world.kinesis.get_shard_iterator().stream_name("letters").shard_id(shard(0));
    let iterator = iterator.shard_iterator_type(ShardIteratorType::TrimHorizon).send().await.unwrap();
    let page = world.kinesis.get_records().set_shard_iterator(iterator.shard_iterator).send().await.unwrap();
    assert_eq!(page.records.len(), 1);
    assert_eq!(page.records[0].partition_key.as_deref(), Some("user-17"));
    is_the_letter_of_17(&serde_json::from_slice(page.records[0].data.as_ref()).unwrap(), sequence);
    world.stop().await;
}

#[tokio::test]
async fn a_dead_letter_stream_that_is_missing_stops_the_application_and_nothing_is_skipped() {
    let world = World::start(1).await;
    let setup = Setup { position: InitialPosition::TrimHorizon, ..Setup::of(&world) };
    world.putter().numbers(10..30).await;
    let target = DeadLetterTarget::Stream("nowhere".to_owned());
    let (app, _) = build(&world, OnFailedRecord::DeadLetter(target), Place::Handler);
    app.ctx.start().await.unwrap();
    let text = app.fails().await;
    says(&text, &["dead letter stream 'nowhere'", "PutRecord", &format!("of shard '{}'", shard(0))]);
    assert!(world.leases().await[&shard(0)].checkpoint.is_initial());

    let repaired = setup.start().await;
    repaired.notes.reach(20).await;
    assert_eq!(repaired.stop().await.numbers(), (10..30).collect::<Vec<_>>());
    world.stop().await;
}

#[tokio::test]
async fn targets_that_cannot_work_are_refused_when_the_stream_is_built() {
    let ctx = Setup::context();
    let setup = Setup::at("http://127.0.0.1:1".to_owned(), "http://127.0.0.1:1".to_owned());
    let refused = |target| {
        let builder: kinesis_asl::KinesisInputDStreamBuilder = setup.input(&ctx);
        let refused: Result<_, ConfigError> = builder.on_failed_record(OnFailedRecord::DeadLetter(target)).build();
        refused.unwrap_err().to_string()
    };
    says(&refused(DeadLetterTarget::Stream("words".to_owned())), &["on_failed_record", "'words'", "of their own"]);
    says(&refused(DeadLetterTarget::Stream("no spaces".to_owned())), &["on_failed_record's stream", "'no spaces'"]);
    says(&refused(DeadLetterTarget::File(PathBuf::new())), &["on_failed_record's file"]);
    // What was refused left nothing behind that another input stream would have to agree with.
    Setup { stream: "others".to_owned(), ..setup }.input(&ctx).build().unwrap();
}

#[tokio::test]
async fn letters_that_would_go_into_another_input_stream_of_the_application_are_refused_whichever_is_built_first() {
    let nowhere = "http://127.0.0.1:1".to_owned();
    let setup = Setup { keys: LeaseKeys::SeveralStreams, ..Setup::at(nowhere.clone(), nowhere) };
    let to_letters = || OnFailedRecord::DeadLetter(DeadLetterTarget::Stream("letters".to_owned()));
    let reading = |stream: &str, ctx: &_| Setup { stream: stream.to_owned(), ..setup.clone() }.input(ctx);

    let ctx = Setup::context();
    reading("words", &ctx).on_failed_record(to_letters()).build().unwrap();
    let refused = reading("letters", &ctx).build().unwrap_err().to_string();
    says(&refused, &["on_failed_record", "'letters', which is being read", "of their own"]);

    let ctx = Setup::context();
    reading("letters", &ctx).build().unwrap();
    let refused = reading("words", &ctx).on_failed_record(to_letters()).build().unwrap_err().to_string();
    says(&refused, &["on_failed_record", "'letters', which is being read", "of their own"]);
    // An application of its own may read the letters.
    reading("words", &ctx).checkpoint_app_name("orders").on_failed_record(to_letters()).build().unwrap();
}

#[tokio::test]
async fn input_streams_that_share_a_streams_shards_are_refused_different_policies_with_both_of_them() {
    let (ctx, nowhere) = (Setup::context(), "http://127.0.0.1:1".to_owned());
    let setup = Setup::at(nowhere.clone(), nowhere);
    let letters = OnFailedRecord::DeadLetter(DeadLetterTarget::Stream("letters".to_owned()));
    setup.input(&ctx).on_failed_record(letters.clone()).build().unwrap();
    let refused = |built: Result<_, ConfigError>| built.map(drop).unwrap_err().to_string();
    let text = refused(setup.input(&ctx).build());
    says(
        &text,
        &["'word-count' on stream 'words'", "on_failed_record", r#"DeadLetter(Stream("letters"))"#, "Stop here"],
    );
    says(&refused(setup.input(&ctx).on_failed_record(OnFailedRecord::Skip).build()), &["Skip here"]);
    setup.input(&ctx).on_failed_record(letters).build().unwrap();
}
