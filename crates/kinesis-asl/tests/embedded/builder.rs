//! The builder: what it refuses before anything is started or sent.

use std::time::Duration;

use bytes::Bytes;
use dstream_core::{DStream, StorageLevel, StreamingContext};
use kinesis_asl::worker::hub::WorkerHub;
use kinesis_asl::{
    CheckpointAfter, ConfigError, Credentials, InitialPosition, KinesisInputDStream, KinesisInputDStreamBuilder,
    LeaseCleanup, Lifecycle, OnExpired, RangePolicy, ReadLimits, Retrieval, SubscriptionTiming, TableOptions,
    Timestamp,
};

use crate::support::consumer::Setup;

fn context() -> StreamingContext {
    Setup::context()
}

fn required(ctx: &StreamingContext) -> KinesisInputDStreamBuilder {
    KinesisInputDStream::builder().streaming_context(ctx).stream_name("words").checkpoint_app_name("word-count")
}

fn fan_out(consumer_name: &str) -> Retrieval {
    Retrieval::FanOut { consumer_name: consumer_name.to_owned(), lifecycle: Lifecycle::default() }
}

#[track_caller]
fn refusal(built: Result<DStream<Bytes>, ConfigError>) -> String {
    built.unwrap_err().to_string()
}

#[test]
fn a_builder_without_anything_names_all_that_is_missing_t300() {
    let text = refusal(KinesisInputDStream::builder().build());
    assert_eq!(text, "no value provided for required parameters: streaming_context, stream_name, checkpoint_app_name");
}

#[test]
fn a_builder_without_context_stream_or_application_names_it_t300_t301_t302() {
    let ctx = context();
    let builder = KinesisInputDStream::builder;
    for (missing, built) in [
        ("streaming_context", builder().stream_name("words").checkpoint_app_name("word-count").build()),
        ("stream_name", builder().streaming_context(&ctx).checkpoint_app_name("word-count").build()),
        ("checkpoint_app_name", builder().streaming_context(&ctx).stream_name("words").build()),
    ] {
        assert_eq!(refusal(built), format!("no value provided for required parameter: {missing}"));
    }
}

#[test]
fn the_three_required_values_are_enough_t303_t304() {
    let ctx = context();
    required(&ctx).build().unwrap();
}

#[test]
fn every_setting_can_be_given_t305() {
    let ctx = context();
    let all = required(&ctx)
        .endpoint_url("https://kinesis.eu-west-1.amazonaws.com")
        .region_name("eu-west-1")
        .dynamodb_endpoint_url("https://dynamodb.eu-west-1.amazonaws.com")
        .initial_position(InitialPosition::AtTimestamp(Timestamp::from_millis(1)))
        .checkpoint_interval(Duration::from_secs(30))
        .checkpoint_after(CheckpointAfter::Stored)
        .storage_level(StorageLevel::MemoryOnly)
        .kinesis_credentials(Credentials::basic("a", "b"))
        .dynamodb_credentials(Credentials::basic("c", "d"))
        .range_policy(RangePolicy::DiscardAggregate)
        .failover(Duration::from_secs(5))
        .max_leases_per_worker(3)
        .idle_between_reads(Duration::from_millis(250))
        .give_up_after(Duration::from_secs(10))
        .retrieval(Retrieval::FanOut { consumer_name: "job".to_owned(), lifecycle: Lifecycle::SelfManaged })
        .read_limits(ReadLimits::Unlimited)
        .subscription_timing(SubscriptionTiming::default())
        .on_expired(OnExpired::Continue)
        .retry_wait_time(Duration::from_secs(2))
        .retry_max_attempts(5)
        .stuck_after(Duration::from_secs(5))
        .lease_cleanup(LeaseCleanup::Keep)
        .lease_table(TableOptions::default().deletion_protection().tag("team", "search"));
    all.build().unwrap();
}

#[test]
fn calls_of_a_re_read_are_tried_as_the_options_say_within_the_batch_interval_t363() {
    let made = |build: fn(KinesisInputDStreamBuilder) -> KinesisInputDStreamBuilder| {
        let ctx = context();
        build(required(&ctx)).build().unwrap();
        let hub: std::sync::Arc<WorkerHub> = ctx.shared("word-count", || unreachable!("it was made with the stream"));
        let retry = hub.config().tuning.reread;
        assert_eq!(retry.timeout, ctx.batch_interval());
        (retry.wait_time, retry.max_attempts)
    };
    assert_eq!(made(|builder| builder), (Duration::from_millis(100), 3), "Spark's defaults");
    let given = made(|builder| builder.retry_wait_time(Duration::from_secs(2)).retry_max_attempts(5));
    assert_eq!(given, (Duration::from_secs(2), 5));
}

#[test]
fn values_that_cannot_be_right_are_refused_with_the_value_and_the_rule() {
    let ctx = context();
    for (built, parts) in [
        (required(&ctx).stream_name("my words").build(), ["stream_name 'my words'", "letters"]),
        (required(&ctx).checkpoint_app_name("a").build(), ["checkpoint_app_name 'a'", "3 to 255"]),
        (required(&ctx).region_name("eu-wst-1x!").build(), ["region_name", "eu-wst-1x!"]),
        (required(&ctx).endpoint_url("kinesis").build(), ["endpoint_url", "'kinesis'"]),
        (required(&ctx).endpoint_url("http://127.0.0.1:1").build(), ["dynamodb_endpoint_url is not set", "on AWS"]),
        (
            required(&ctx).endpoint_url("https://kinesis.eu-west-1.amazonaws.com").region_name("us-east-1").build(),
            ["eu-west-1", "us-east-1"],
        ),
        (required(&ctx).checkpoint_interval(Duration::ZERO).build(), ["checkpoint_interval is 0ns", "more than zero"]),
        (required(&ctx).idle_between_reads(Duration::ZERO).build(), ["idle_between_reads is 0ns", "more than zero"]),
        (required(&ctx).retry_wait_time(Duration::ZERO).build(), ["retry_wait_time is 0ns", "more than zero"]),
        (required(&ctx).retry_max_attempts(0).build(), ["retry_max_attempts is 0", "at least 1"]),
        (required(&ctx).stuck_after(Duration::ZERO).build(), ["stuck_after is 0ns", "more than zero"]),
        (required(&ctx).retrieval(fan_out("my job")).build(), ["consumer_name 'my job'", "1 to 128 letters"]),
        (required(&ctx).retrieval(fan_out("")).build(), ["consumer_name ''", "1 to 128 letters"]),
        (required(&ctx).give_up_after(Duration::ZERO).build(), ["give_up_after is 0ns", "more than zero"]),
        (required(&ctx).failover(Duration::from_millis(999)).build(), ["failover is 999ms", "at least 1 s"]),
    ] {
        let text = refusal(built);
        assert!(parts.iter().all(|part| text.contains(part)), "{parts:?} in: {text}");
    }
}

#[test]
fn input_streams_of_one_application_with_different_settings_are_refused_with_the_setting() {
    let ctx = context();
    required(&ctx).build().unwrap();
    for (built, field) in [
        (required(&ctx).initial_position(InitialPosition::TrimHorizon).build(), "the initial position"),
        (required(&ctx).region_name("eu-west-1").build(), "the Kinesis endpoint"),
        (required(&ctx).dynamodb_credentials(Credentials::basic("c", "d")).build(), "the DynamoDB endpoint"),
        (required(&ctx).failover(Duration::from_secs(3)).build(), "the checkpoint interval or another setting"),
    ] {
        let text = refusal(built);
        assert!(text.contains("application 'word-count' on stream 'words'") && text.contains(field), "{text}");
    }
    required(&ctx).build().unwrap();
}

#[test]
fn applications_of_different_names_may_differ_in_one_context() {
    let ctx = context();
    required(&ctx).build().unwrap();
    required(&ctx).checkpoint_app_name("other").failover(Duration::from_secs(3)).build().unwrap();
}

#[test]
fn one_application_on_two_streams_is_refused_because_their_shards_would_share_leases() {
    let ctx = context();
    required(&ctx).build().unwrap();
    let text = refusal(required(&ctx).stream_name("sentences").build());
    for part in [
        "application 'word-count'",
        "stream 'words'",
        "stream 'sentences'",
        "checkpoint_app_name of its own",
        "multi_stream()",
    ] {
        assert!(text.contains(part), "{part} in: {text}");
    }
}
