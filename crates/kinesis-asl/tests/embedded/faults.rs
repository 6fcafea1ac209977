//! Polling on endpoints that throttle, fail, cut connections and let iterators expire: nothing is lost or read twice.

use std::time::Duration;

use kinesis_local::faults::{Effect, Fault};
use kinesis_local::model::{Limits, Settings};

use crate::support::consumer::{Setup, all_seen};
use crate::support::wait::eventually;
use crate::support::world::World;

/// Puts numbers while the application runs; each must be seen exactly once.
async fn nothing_is_lost_or_doubled(world: &World) {
    let app = Setup::of(world).start().await;
    let producing = world.putter().go_on(10);
    app.notes.reach(400).await;
    let put = producing.finish().await;
    all_seen(&[&app.notes], put).await;
    assert_eq!(app.stop().await.numbers(), (0..put).collect::<Vec<_>>());
}

#[tokio::test]
async fn throttled_failed_cut_and_expired_reads_lose_and_repeat_nothing_pf_4_pf_5() {
    let world = World::start(2).await;
    let effects = [
        Effect::Throttle,
        Effect::ServerError { status: 500 },
        Effect::CutAfter,
        Effect::CutBefore,
        Effect::fail("ExpiredIteratorException"),
    ];
    for effect in effects {
        world.faults().add(Fault::kinesis(effect).operation("GetRecords").every(6).times(3)).unwrap();
    }
    nothing_is_lost_or_doubled(&world).await;
    assert!(world.faults().list().iter().all(|rule| rule.hits > 0), "{:?}", world.faults().list());
    world.stop().await;
}

#[tokio::test]
async fn iterators_that_expire_while_nothing_comes_lose_and_repeat_nothing_pf_4() {
    // A quiet shard is asked every 500 ms here, and its iterators are too old by then.
    let settings = Settings { iterator_life: Duration::from_millis(350), ..Settings::default() };
    let world = World::with(1, settings).await;
    let opened = Fault::kinesis(Effect::Delay(Duration::ZERO)).operation("GetShardIterator");
    world.faults().add(opened).unwrap();
    let app = Setup { idle: Duration::from_millis(500), ..Setup::of(&world) }.start().await;
    for round in 0..3 {
        let before = world.faults().list()[0].hits;
        eventually("2 more iterators", async || match world.faults().list()[0].hits - before {
            more if more >= 2 => Ok(()),
            more => Err(more.to_string()),
        })
        .await;
        world.putter().numbers(round * 100..(round + 1) * 100).await;
        all_seen(&[&app.notes], (round + 1) * 100).await;
    }
    assert_eq!(app.stop().await.numbers(), (0..300).collect::<Vec<_>>());
    world.stop().await;
}

#[tokio::test]
async fn an_application_that_is_alone_at_a_shard_with_the_services_limits_loses_and_repeats_nothing() {
    let world = World::with(2, Settings { limits: Limits::Aws, ..Settings::default() }).await;
    nothing_is_lost_or_doubled(&world).await;
    world.stop().await;
}
