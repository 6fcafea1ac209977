//! Enhanced fan-out end to end: the SDK's event stream from the embedded endpoints. What polling promises holds here too, and a
//! subscription that breaks, ends, falls silent or is renewed is not noticed by an application.

use std::time::Duration;

use kinesis_asl::{InitialPosition, Lifecycle, Retrieval, SubscriptionTiming};
use kinesis_local::faults::{Effect, Fault};
use kinesis_local::model::Settings;

use crate::errors::says;
use crate::reshard::splits_and_merges;
use crate::support::consumer::{Setup, all_seen};
use crate::support::process::Process;
use crate::support::wait::eventually;
use crate::support::world::{STREAM, World};

const NAME: &str = "word-count-job";

/// Endpoints at which a subscription may follow another at once.
async fn endpoints(shards: u32, settings: Settings) -> World {
    World::with(shards, Settings { subscription_grace: Duration::ZERO, ..settings }).await
}

fn fan_out(lifecycle: Lifecycle) -> Retrieval {
    Retrieval::FanOut { consumer_name: NAME.to_owned(), lifecycle }
}

fn subscribing(world: &World) -> Setup {
    Setup { retrieval: fan_out(Lifecycle::ManagedByJob), ..Setup::of(world) }
}

/// Counts subscriptions from now on, without doing anything to them.
fn count_subscriptions(world: &World) {
    world.faults().add(Fault::kinesis(Effect::Delay(Duration::ZERO)).operation("SubscribeToShard")).unwrap();
}

fn subscriptions(world: &World) -> u64 {
    world.faults().list()[0].hits
}

/// The names of the stream's registered consumers.
async fn consumers(world: &World) -> Vec<String> {
    let answer = world.kinesis.list_stream_consumers().stream_arn(arn(world).await).send().await.unwrap();
    answer.consumers.unwrap_or_default().into_iter().map(|consumer| consumer.consumer_name).collect()
}

async fn arn(world: &World) -> String {
    let answer = world.kinesis.describe_stream_summary().stream_name(STREAM).send().await.unwrap();
    answer.stream_description_summary.unwrap().stream_arn
}

/// Puts numbers while the application runs until `enough` holds; each must be seen exactly once.
async fn nothing_is_lost_or_doubled(world: &World, setup: Setup, mut enough: impl FnMut() -> bool) {
    let app = setup.start().await;
    let producing = world.putter().go_on(10);
    app.notes.reach(200).await;
    eventually("it happened often enough", async || if enough() { Ok(()) } else { Err("not yet".to_owned()) }).await;
    let put = producing.finish().await;
    all_seen(&[&app.notes], put).await;
    assert_eq!(app.stop().await.numbers(), (0..put).collect::<Vec<_>>());
}

#[tokio::test]
async fn both_ways_of_reading_give_equal_totals_and_the_consumer_is_registered_for_the_job_only() {
    let world = endpoints(4, Settings::default()).await;
    world.putter().numbers(0..500).await;
    let position = InitialPosition::TrimHorizon;
    let app = Setup { position, inputs: 2, ..subscribing(&world) }.start().await;
    assert_eq!(consumers(&world).await, [NAME]);
    world.putter().numbers(500..1_000).await;
    all_seen(&[&app.notes], 1_000).await;
    let readings = app.readings();
    assert_eq!(readings.shards().len(), 4);
    assert_eq!(readings.millis_behind_latest(), Some(0));
    let subscribed = app.stop().await;
    assert_eq!(consumers(&world).await, [""; 0], "deregistered at the stop");
    world.dynamodb.delete_table().table_name("word-count").send().await.unwrap();

    let app = Setup { position, inputs: 2, ..Setup::of(&world) }.start().await;
    all_seen(&[&app.notes], 1_000).await;
    let polled = app.stop().await;
    assert_eq!(subscribed.numbers(), (0..1_000).collect::<Vec<_>>());
    assert_eq!(polled.numbers(), subscribed.numbers());
    assert_eq!(polled.last_positions(), subscribed.last_positions());
    world.stop().await;
}

#[tokio::test]
async fn connections_that_are_cut_in_the_middle_of_events_lose_and_repeat_nothing_fo_6() {
    let world = endpoints(2, Settings::default()).await;
    world.faults().add(Fault::kinesis(Effect::CutStream { events: 3 }).times(8)).unwrap();
    nothing_is_lost_or_doubled(&world, subscribing(&world), || subscriptions(&world) >= 8).await;
    world.stop().await;
}

#[tokio::test]
async fn subscriptions_that_the_service_ends_are_followed_by_others_and_lose_and_repeat_nothing_fo_4() {
    let settings = Settings { subscription_life: Duration::from_millis(300), ..Settings::default() };
    let world = endpoints(2, settings).await;
    count_subscriptions(&world);
    nothing_is_lost_or_doubled(&world, subscribing(&world), || subscriptions(&world) >= 10).await;
    world.stop().await;
}

#[tokio::test]
async fn subscriptions_that_are_renewed_before_their_end_lose_and_repeat_nothing() {
    let world = endpoints(2, Settings::default()).await;
    count_subscriptions(&world);
    let timing = SubscriptionTiming { renew_after: Duration::from_millis(300), ..SubscriptionTiming::default() };
    let setup = Setup { timing, ..subscribing(&world) };
    nothing_is_lost_or_doubled(&world, setup, || subscriptions(&world) >= 10).await;
    world.stop().await;
}

#[tokio::test]
async fn a_renewal_that_comes_too_early_for_the_service_is_tried_again_until_it_is_taken() {
    let settings = Settings { subscription_grace: Duration::from_secs(1), ..Settings::default() };
    let world = World::with(1, settings).await;
    count_subscriptions(&world);
    let timing = SubscriptionTiming { renew_after: Duration::from_millis(300), ..SubscriptionTiming::default() };
    let setup = Setup { timing, ..subscribing(&world) };
    nothing_is_lost_or_doubled(&world, setup, || subscriptions(&world) >= 6).await;
    world.stop().await;
}

#[tokio::test]
async fn a_subscription_without_heartbeats_is_replaced_and_what_comes_then_is_seen_once() {
    let settings = Settings { heartbeat_interval: Duration::from_secs(3_600), ..Settings::default() };
    let world = endpoints(1, settings).await;
    count_subscriptions(&world);
    let timing = SubscriptionTiming { silence: Duration::from_millis(300), ..SubscriptionTiming::default() };
    let app = Setup { timing, ..subscribing(&world) }.start().await;
    let silent = async || if subscriptions(&world) >= 4 { Ok(()) } else { Err(subscriptions(&world).to_string()) };
    eventually("3 silent subscriptions replaced", silent).await;
    world.putter().numbers(0..100).await;
    all_seen(&[&app.notes], 100).await;
    assert_eq!(app.stop().await.numbers(), (0..100).collect::<Vec<_>>());
    world.stop().await;
}

#[tokio::test]
async fn a_quiet_subscription_with_heartbeats_is_left_alone() {
    let settings = Settings { heartbeat_interval: Duration::from_millis(100), ..Settings::default() };
    let world = endpoints(1, settings).await;
    count_subscriptions(&world);
    let timing = SubscriptionTiming { silence: Duration::from_secs(2), ..SubscriptionTiming::default() };
    let app = Setup { timing, ..subscribing(&world) }.start().await;
    let started = app.readings().shards().into_values().next().unwrap().last_progress;
    eventually("3 s of heartbeats", async || {
        let progress = app.readings().shards().into_values().next().unwrap().last_progress;
        let quiet = progress.saturating_duration_since(started);
        if quiet >= Duration::from_secs(3) { Ok(()) } else { Err(format!("{quiet:?}")) }
    })
    .await;
    assert_eq!(subscriptions(&world), 1);
    app.stop().await;
    world.stop().await;
}

#[tokio::test]
async fn a_split_and_a_merge_under_fan_out_lose_nothing_double_nothing_and_keep_the_order_by_key_fo_5() {
    let world = endpoints(2, Settings::default()).await;
    splits_and_merges(&world, subscribing(&world)).await;
    world.stop().await;
}

#[tokio::test]
async fn a_restart_goes_on_exactly_where_the_last_run_stopped() {
    let world = endpoints(2, Settings::default()).await;
    let setup = subscribing(&world);
    let producing = world.putter().go_on(10);
    let first = setup.start().await;
    first.notes.reach(200).await;
    let first = first.stop().await;
    let begun = first.numbers()[0];
    let second = setup.start().await;
    second.notes.reach(200).await;
    let put = producing.finish().await;
    let all = async || {
        let count = first.len() + second.notes.len();
        if u64::try_from(count).unwrap() >= put - begun { Ok(()) } else { Err(count.to_string()) }
    };
    eventually("all processed", all).await;
    let mut numbers = [first.numbers(), second.stop().await.numbers()].concat();
    numbers.sort_unstable();
    // Of the first batches of numbers some may have come before the first run had begun, shard by shard.
    numbers.retain(|number| *number >= begun + 50);
    assert_eq!(numbers, (begun + 50..put).collect::<Vec<_>>());
    world.stop().await;
}

#[tokio::test]
async fn a_process_that_crashes_leaves_its_consumer_to_the_next_which_loses_nothing() {
    let world = endpoints(2, Settings::default()).await;
    let setup = subscribing(&world);
    let first = Process::start(&setup).await;
    let producing = world.putter().go_on(10);
    first.notes.reach(100).await;
    let first = first.crash();
    let second = setup.start().await;
    let put = producing.finish().await;
    all_seen(&[&first, &second.notes], put).await;
    second.stop().await;
    assert_eq!(consumers(&world).await, [NAME], "the second did not register it");
    world.stop().await;
}

#[tokio::test]
async fn a_consumer_that_was_there_is_used_and_left_there() {
    let world = endpoints(1, Settings::default()).await;
    let register = world.kinesis.register_stream_consumer().stream_arn(arn(&world).await).consumer_name(NAME);
    register.send().await.unwrap();
    for lifecycle in [Lifecycle::ManagedByJob, Lifecycle::SelfManaged] {
        Setup { retrieval: fan_out(lifecycle), ..Setup::of(&world) }.start().await.stop().await;
        assert_eq!(consumers(&world).await, [NAME]);
    }
    world.stop().await;
}

#[tokio::test]
async fn the_first_of_two_workers_to_stop_leaves_the_consumer_to_the_other() {
    let world = endpoints(2, Settings::default()).await;
    let first = subscribing(&world).start().await;
    let second = subscribing(&world).start().await;
    world.settles_at(&[1, 1]).await;
    first.stop().await;
    assert_eq!(consumers(&world).await, [NAME]);
    world.putter().numbers(0..100).await;
    all_seen(&[&second.notes], 100).await;
    second.stop().await;
    world.stop().await;
}

#[tokio::test]
async fn a_missing_consumer_that_is_not_the_jobs_to_register_stops_the_application_with_its_name() {
    let world = endpoints(1, Settings::default()).await;
    let app = Setup { retrieval: fan_out(Lifecycle::SelfManaged), ..Setup::of(&world) }.build();
    app.ctx.start().await.unwrap();
    says(&app.fails().await, &["consumer 'word-count-job'", "not registered", "create it first"]);
    world.stop().await;
}

#[tokio::test]
async fn a_consumer_that_is_deregistered_behind_the_jobs_back_is_registered_again_and_nothing_is_lost() {
    let world = endpoints(1, Settings::default()).await;
    let app = subscribing(&world).start().await;
    world.putter().numbers(0..50).await;
    all_seen(&[&app.notes], 50).await;
    let deregister = world.kinesis.deregister_stream_consumer().stream_arn(arn(&world).await).consumer_name(NAME);
    deregister.send().await.unwrap();
    world.putter().numbers(50..100).await;
    all_seen(&[&app.notes], 100).await;
    assert_eq!(app.stop().await.numbers(), (0..100).collect::<Vec<_>>());
    world.stop().await;
}
