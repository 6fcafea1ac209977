//! One thing that happens in a random story.

use std::time::Duration;

use kinesis_asl::InitialPosition;
use rand::{Rng, rngs::StdRng, seq::IndexedRandom};

use crate::faults::{Faults, between_millis};
use crate::random_story::Mood;
use crate::world::{World, WorldError};

/// More processes than this are not started.
const MOST_WORKERS: usize = 4;
/// More open shards than this are not made by splits.
const MOST_SHARDS: usize = 8;
/// Things that happen in calm stories, and in all others.
const KINDS: (u32, u32) = (8, 13);

/// Lets something happen.
pub(crate) async fn step(world: &mut World, mood: Mood, rng: &mut StdRng) -> Result<(), WorldError> {
    let running = world.running();
    let someone = running.choose(rng).copied();
    let kinds = if mood == Mood::Calm { KINDS.0 } else { KINDS.1 };
    match (rng.random_range(0..kinds), someone) {
        (0, _) if running.len() < MOST_WORKERS => {
            world.start_worker()?;
        }
        // Somebody restarts what has ended by itself.
        (_, None) => {
            world.start_worker()?;
        }
        (1, Some(worker)) if running.len() > 1 => world.stop_worker(worker),
        (2, _) => split(world, rng),
        (3, _) => merge(world, rng),
        (4, _) => reshard_tree(world, rng).await,
        (5, _) => world.burst(rng.random_range(50..=500)),
        (6, _) => restart_fleet(world, mood, rng).await?,
        // The moment behind a peer's LATEST is its own, and nobody can say what is owed then.
        (7, _) if world.setup.initial_position != InitialPosition::Latest => {
            world.older_peer_syncs().await?;
        }
        (8, Some(worker)) => world.crash_worker(worker).await,
        (9, Some(worker)) => world.pause_worker(worker, between_millis(500, Duration::from_secs(20), rng)),
        (10, Some(worker)) => world.freeze_worker(worker, between_millis(500, Duration::from_secs(30), rng)),
        (11, Some(worker)) => {
            // A frozen process is ended by SIGKILL all the same.
            world.freeze_worker(worker, Duration::from_secs(20));
            world.run_for(between_millis(0, Duration::from_secs(5), rng)).await;
            world.crash_worker(worker).await;
        }
        (12, _) => {
            world.set_stream_faults(Faults::STORM);
            world.run_for(between_millis(500, Duration::from_secs(10), rng)).await;
            world.set_stream_faults(mood.faults());
        }
        _ => {}
    }
    Ok(())
}

/// Shards that follow shards that follow shards, faster than anybody reads.
pub(crate) async fn reshard_tree(world: &mut World, rng: &mut StdRng) {
    for _ in 0..rng.random_range(2..=5) {
        if rng.random() {
            split(world, rng);
        } else {
            merge(world, rng);
        }
        world.run_for(between_millis(100, Duration::from_millis(1_500), rng)).await;
    }
}

fn split(world: &World, rng: &mut StdRng) {
    let shards = world.open_shards();
    if shards.len() < MOST_SHARDS {
        // What the stream refuses (a reshard is under way) does not happen.
        let _ = shards.choose(rng).map(|shard| world.split(shard));
    }
}

fn merge(world: &World, rng: &mut StdRng) {
    let shards = world.open_shards();
    let pairs: Vec<_> = shards.windows(2).collect();
    let _ = pairs.choose(rng).and_then(|pair| Some(world.merge(pair.first()?, pair.last()?)));
}

/// All processes end, and after a while, in which shards may be split and merged, there are new ones.
async fn restart_fleet(world: &mut World, mood: Mood, rng: &mut StdRng) -> Result<(), WorldError> {
    let gracefully = mood == Mood::Calm || rng.random();
    for worker in world.running() {
        if gracefully {
            world.stop_worker(worker);
        } else {
            world.crash_worker(worker).await;
        }
    }
    world.run_for(between_millis(0, Duration::from_secs(15), rng)).await;
    if rng.random() {
        reshard_tree(world, rng).await;
    }
    for _ in 0..rng.random_range(1..=3) {
        world.start_worker()?;
    }
    Ok(())
}
