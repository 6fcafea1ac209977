//! Stories made up from a seed: a setup, and a row of things that happen to a world.

use std::time::Duration;

use kinesis_asl::InitialPosition;
use rand::{Rng, SeedableRng, rngs::StdRng, seq::IndexedRandom};

use crate::faults::{Faults, between_millis};
use crate::report::Report;
use crate::setup::Setup;
use crate::world::{World, WorldError};

/// Things that happen in one story.
const STEPS: usize = 12;
/// More processes than this are not started.
const MOST_WORKERS: usize = 4;
/// More open shards than this are not made by splits.
const MOST_SHARDS: usize = 8;

/// What a story may contain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    /// A good network, graceful stops, reshards.
    Calm,
    /// Crashes and pauses too, and a few calls that go wrong.
    Rough,
    /// The same with one call in three that goes wrong.
    Harsh,
}

impl Mood {
    /// The mood of a seed's story: the seed modulo 3.
    #[must_use]
    pub fn of(seed: u64) -> Self {
        match seed % 3 {
            0 => Self::Calm,
            1 => Self::Rough,
            _ => Self::Harsh,
        }
    }

    fn faults(self) -> Faults {
        match self {
            Self::Calm => Faults::NONE,
            Self::Rough => Faults::ROUGH,
            Self::Harsh => Faults::HARSH,
        }
    }
}

/// Plays the story of a seed.
///
/// # Errors
/// When the world cannot be made; what goes wrong in it is in the report.
///
/// # Cancellation
/// The world is lost.
pub async fn random_story(seed: u64) -> Result<Report, WorldError> {
    let mut rng = StdRng::seed_from_u64(seed);
    let mood = Mood::of(seed);
    let mut world = World::new(seed, random_setup(mood, &mut rng)).await?;
    for _ in 0..rng.random_range(1..=2) {
        world.start_worker()?;
    }
    world.run_for(Duration::from_secs(5)).await;
    for _ in 0..STEPS {
        step(&mut world, mood, &mut rng).await?;
        world.run_for(between_millis(200, Duration::from_secs(8), &mut rng)).await;
    }
    world.finish().await
}

fn random_setup(mood: Mood, rng: &mut StdRng) -> Setup {
    let iterator_lives = [Duration::from_secs(300), Duration::from_secs(2)];
    let positions = [InitialPosition::TrimHorizon, InitialPosition::Latest];
    Setup {
        shards: rng.random_range(1..=5),
        seats: rng.random_range(1..=3),
        records_per_second: rng.random_range(5..=60),
        slowest_batch: between_millis(100, Duration::from_secs(4), rng),
        memory_budget: if rng.random() { 1 << 20 } else { 8 << 10 },
        iterator_life: *iterator_lives.choose(rng).unwrap_or(&Duration::from_secs(300)),
        initial_position: positions.choose(rng).copied().unwrap_or_default(),
        failover: between_millis(3_000, Duration::from_secs(12), rng),
        checkpoint_interval: between_millis(500, Duration::from_secs(4), rng),
        faults: mood.faults(),
    }
}

async fn step(world: &mut World, mood: Mood, rng: &mut StdRng) -> Result<(), WorldError> {
    let running = world.running();
    let someone = running.choose(rng).copied();
    let shards = world.open_shards();
    let kinds = if mood == Mood::Calm { 4 } else { 6 };
    match (rng.random_range(0..kinds), someone) {
        (0, _) if running.len() < MOST_WORKERS => {
            world.start_worker()?;
        }
        (1, Some(worker)) if running.len() > 1 => world.stop_worker(worker),
        (2, _) if shards.len() < MOST_SHARDS => {
            // What the stream refuses (a reshard is under way) does not happen.
            let _ = shards.choose(rng).map(|shard| world.split(shard));
        }
        (3, _) => {
            let pairs: Vec<_> = shards.windows(2).collect();
            let _ = pairs.choose(rng).and_then(|pair| Some(world.merge(pair.first()?, pair.last()?)));
        }
        (4, Some(worker)) => world.crash_worker(worker).await,
        (5, Some(worker)) => world.pause_worker(worker, between_millis(500, Duration::from_secs(20), rng)),
        _ => {}
    }
    Ok(())
}
