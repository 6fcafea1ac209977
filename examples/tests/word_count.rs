//! The main job from end to end: word count and word producer as processes on embedded endpoints.
#![allow(clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use kinesis_local::Local;
use support::{Program, eventually, plus, word_count, word_count_with, word_producer};

async fn endpoints(shards: u32) -> Local {
    Local::builder().stream("words", shards).start().await.expect("the endpoints start")
}

#[tokio::test]
async fn every_word_is_counted_once_although_the_consumer_is_stopped_in_the_middle_and_started_again() {
    let local = endpoints(4).await;
    let mut first = word_count(&local, "restarted");
    first.ready().await;
    let mut producer = word_producer(&local, 500, 4);
    eventually(|| first.printed().values().sum::<u64>() > 5_000).await;
    let (status, first) = first.stop().await;
    assert!(status.success(), "{}", first.err());

    let mut second = word_count(&local, "restarted");
    second.ready().await;
    assert!(producer.end().await.success(), "{}", producer.err());
    let produced = producer.totals();
    assert_eq!(produced.values().sum::<u64>(), 20_000);
    let missing = produced.values().sum::<u64>() - first.totals().values().sum::<u64>();
    eventually(|| second.printed().values().sum::<u64>() >= missing).await;
    let (status, second) = second.stop().await;
    assert!(status.success(), "{}", second.err());
    assert_eq!(plus(first.totals(), &second.totals()), produced);
    local.stop().await;
}

#[tokio::test]
async fn polling_and_fan_out_count_the_same_words_from_one_stream_at_the_same_time() {
    let local = endpoints(4).await;
    let (mut polling, mut fan_out) = (
        word_count_with(&local, "by-polling", &["--reader", "polling"]),
        word_count_with(&local, "by-fan-out", &["--reader", "fan-out"]),
    );
    polling.ready().await;
    fan_out.ready().await;
    let mut producer = word_producer(&local, 500, 3);
    assert!(producer.end().await.success(), "{}", producer.err());
    let produced = producer.totals();
    let words = produced.values().sum::<u64>();
    eventually(|| [&polling, &fan_out].iter().all(|program| program.printed().values().sum::<u64>() >= words)).await;
    for program in [polling, fan_out] {
        let (status, program) = program.stop().await;
        assert!(status.success(), "{}", program.err());
        assert_eq!(program.totals(), produced);
    }
    local.stop().await;
}

#[tokio::test]
async fn a_process_that_is_killed_loses_nothing_because_the_other_reads_its_shards() {
    let local = endpoints(4).await;
    let mut survivor = word_count(&local, "killed");
    survivor.ready().await;
    let mut victim = word_count(&local, "killed");
    victim.ready().await;
    let mut producer = word_producer(&local, 200, 12);
    eventually(|| victim.printed().values().sum::<u64>() > 2_000).await;
    victim.signal("-KILL");
    assert!(!victim.end().await.success());

    assert!(producer.end().await.success(), "{}", producer.err());
    let produced = producer.totals();
    let counted_at_least = |survivor: &Program| {
        let both = plus(victim.printed(), &survivor.printed());
        produced.iter().all(|(word, count)| both.get(word).is_some_and(|counted| counted >= count))
    };
    eventually(|| counted_at_least(&survivor)).await;
    survivor.signal("-TERM");
    assert!(survivor.end().await.success(), "SIGTERM stops gracefully: {}", survivor.err());
    local.stop().await;
}

#[tokio::test]
async fn an_unknown_stream_stops_the_program_with_an_error_that_names_call_and_stream() {
    let local = Local::start().await.expect("the endpoints start");
    let mut program = word_count(&local, "unknown-stream");
    assert_eq!(program.end().await.code(), Some(1));
    let complaint = program.err();
    assert!(complaint.contains("ListShards on stream 'words' failed"), "{complaint}");
    assert!(complaint.contains("check the name, the region and the endpoint"), "{complaint}");
    local.stop().await;
}

#[tokio::test]
async fn wrong_arguments_end_with_the_usage_on_standard_error_and_code_2() {
    for (program, args) in [
        (env!("CARGO_BIN_EXE_kinesis_word_count"), &["only-an-application"][..]),
        (env!("CARGO_BIN_EXE_kinesis_word_producer"), &["words", "http://127.0.0.1:1", "0", "10"][..]),
    ] {
        let mut program = Program::start(program, args);
        assert_eq!(program.end().await.code(), Some(2));
        assert!(program.err().contains("For more information, try '--help'"), "{}", program.err());
        assert_eq!(program.out(), "");
    }
}
