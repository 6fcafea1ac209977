//! Records that expire before they are read: the application stops with the shard and the position, or goes on and counts it.
//! Time is made to pass for the stream by a day; its clock stands still then, which subscriptions do not bear, so that part is by
//! polling alone. What a cursor makes of what it gets is the same code for both.

use std::time::Duration;

use kinesis_asl::{InitialPosition, Lifecycle, OnExpired, Retrieval};
use kinesis_local::model::Settings;

use crate::errors::says;
use crate::support::consumer::{Setup, all_seen};
use crate::support::wait::eventually;
use crate::support::world::{World, shard};

/// Longer than records are kept.
const MORE_THAN_A_DAY: Duration = Duration::from_secs(25 * 3_600);

async fn endpoints() -> World {
    World::with(1, Settings { subscription_grace: Duration::ZERO, ..Settings::default() }).await
}

fn polling(world: &World) -> Setup {
    Setup { position: InitialPosition::TrimHorizon, ..Setup::of(world) }
}

fn subscribing(world: &World) -> Setup {
    let lifecycle = Lifecycle::ManagedByJob;
    Setup { retrieval: Retrieval::FanOut { consumer_name: "job".to_owned(), lifecycle }, ..polling(world) }
}

/// Has read the numbers below 10 and was stopped.
async fn read_ten(world: &World, setup: &Setup) {
    let app = setup.start().await;
    world.putter().numbers(0..10).await;
    all_seen(&[&app.notes], 10).await;
    app.stop().await;
}

#[tokio::test]
async fn records_that_expired_while_the_application_was_down_stop_it_or_are_counted_by_choice() {
    let world = endpoints().await;
    let setup = polling(&world);
    read_ten(&world, &setup).await;
    world.putter().numbers(10..20).await;
    world.passes(MORE_THAN_A_DAY);
    world.putter().numbers(20..30).await;

    let app = setup.build();
    app.ctx.start().await.unwrap();
    says(&app.fails().await, &[&shard(0), "have expired before they were read", "OnExpired::Continue"]);
    assert_eq!(app.notes.len(), 0);

    let app = Setup { on_expired: OnExpired::Continue, ..setup }.start().await;
    app.notes.reach(10).await;
    let readings = app.readings();
    assert_eq!(app.stop().await.numbers(), (20..30).collect::<Vec<_>>());
    assert_eq!(readings.losses(), 1);
    world.stop().await;
}

#[tokio::test]
async fn a_shard_that_was_quiet_for_longer_than_records_are_kept_goes_on() {
    let world = endpoints().await;
    let setup = polling(&world);
    read_ten(&world, &setup).await;
    world.passes(MORE_THAN_A_DAY);
    let app = setup.start().await;
    let readings = app.readings();
    eventually("the tip reached", async || match readings.millis_behind_latest() {
        Some(0) => Ok(()),
        other => Err(format!("{other:?}")),
    })
    .await;
    world.putter().numbers(10..20).await;
    app.notes.reach(10).await;
    assert_eq!(app.stop().await.numbers(), (10..20).collect::<Vec<_>>());
    assert_eq!(readings.losses(), 0);
    world.stop().await;
}

/// The checkpoint of shard 0 becomes one that its stream does not know for it, as after an expiry that the service refuses to bridge.
async fn make_the_checkpoint_unknown(world: &World) {
    let foreign = world.row(&shard(1)).await.unwrap()["checkpoint"].clone();
    world.set(&shard(0), &[("checkpoint", foreign)]).await;
}

#[tokio::test]
async fn a_checkpoint_that_the_service_does_not_know_stops_the_application_or_is_left_for_the_oldest_record_by_choice()
{
    for setup_on in [polling, subscribing] {
        let world = World::with(2, Settings { subscription_grace: Duration::ZERO, ..Settings::default() }).await;
        let setup = setup_on(&world);
        read_ten(&world, &setup).await;
        make_the_checkpoint_unknown(&world).await;
        world.putter().numbers(10..20).await;

        let app = setup.build();
        app.ctx.start().await.unwrap();
        says(&app.fails().await, &[&shard(0), "have expired", "InvalidArgumentException"]);

        let app = Setup { on_expired: OnExpired::Continue, ..setup }.start().await;
        eventually("what was put since, and the oldest records of shard 0", async || {
            let mut noted = app.notes.all().into_iter().filter(|noted| noted.shard == shard(0));
            let numbers = app.notes.numbers();
            let all = (10..20).all(|number| numbers.contains(&number)) && noted.any(|noted| noted.number() < 10);
            if all { Ok(()) } else { Err(format!("{numbers:?}")) }
        })
        .await;
        assert_eq!(app.readings().losses(), 1);
        app.stop().await;
        world.stop().await;
    }
}
