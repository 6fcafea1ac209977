//! Stories made up from a seed: a setup, and a row of things that happen to a world.

use std::time::Duration;

use kinesis_asl::InitialPosition;
use rand::{Rng, SeedableRng, rngs::StdRng, seq::IndexedRandom};

use crate::clock::SimClock;
use crate::faults::{Faults, between_millis};
use crate::random_step::{reshard_tree, step};
use crate::report::Report;
use crate::setup::Setup;
use crate::weakness::Weakness;
use crate::world::{World, WorldError};

/// Things that happen in one story.
const STEPS: usize = 14;

/// What a story may contain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    /// A good network, graceful stops, reshards.
    Calm,
    /// A good network all the same, and crashes, pauses and freezes.
    Sudden,
    /// Crashes, pauses and freezes, batches that fail, and a few calls that go wrong.
    Rough,
    /// The same with one call in three that goes wrong.
    Harsh,
}

impl Mood {
    /// The mood of a seed's story: the seed modulo 4.
    #[must_use]
    pub fn of(seed: u64) -> Self {
        match seed % 4 {
            0 => Self::Calm,
            1 => Self::Sudden,
            2 => Self::Rough,
            _ => Self::Harsh,
        }
    }

    /// What goes wrong in such a story.
    pub(crate) fn faults(self) -> Faults {
        match self {
            Self::Calm | Self::Sudden => Faults::NONE,
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
    random_story_with(seed, Weakness::None).await
}

/// Plays the story of a seed with a rule that is broken on purpose. Some are seen only with KPL aggregates; then each record is one.
///
/// # Errors
/// When the world cannot be made; what goes wrong in it is in the report.
///
/// # Cancellation
/// The world is lost.
pub async fn random_story_with(seed: u64, weakness: Weakness) -> Result<Report, WorldError> {
    story(seed, weakness, weakness.aggregate()).await
}

/// Plays the story of a seed with KPL aggregates of so many user records in place of plain records.
///
/// # Errors
/// When the world cannot be made; what goes wrong in it is in the report.
///
/// # Cancellation
/// The world is lost.
pub async fn aggregated_story(seed: u64, aggregate: u64) -> Result<Report, WorldError> {
    story(seed, Weakness::None, aggregate).await
}

async fn story(seed: u64, weakness: Weakness, aggregate: u64) -> Result<Report, WorldError> {
    let mut rng = StdRng::seed_from_u64(seed);
    let mood = Mood::of(seed);
    let prologue = between_millis(0, Duration::from_secs(4), &mut rng);
    let setup = Setup { weakness, aggregate, ..random_setup(mood, prologue, &mut rng) };
    let mut world = World::new(seed, setup).await?;
    world.run_for(prologue).await;
    if rng.random_range(0..3) == 0 {
        reshard_tree(&mut world, &mut rng).await;
    }
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

/// `prologue` is the time in which records are produced and nobody reads them.
fn random_setup(mood: Mood, prologue: Duration, rng: &mut StdRng) -> Setup {
    let iterator_lives = [Duration::from_secs(300), Duration::from_secs(2)];
    let in_the_prologue = SimClock::wall(prologue.mul_f64(rng.random()));
    let positions =
        [InitialPosition::TrimHorizon, InitialPosition::Latest, InitialPosition::AtTimestamp(in_the_prologue)];
    Setup {
        shards: rng.random_range(1..=5),
        aggregate: 1,
        seats: rng.random_range(1..=3),
        records_per_second: rng.random_range(5..=60),
        slowest_batch: between_millis(100, Duration::from_secs(4), rng),
        memory_budget: if rng.random() { 1 << 20 } else { 8 << 10 },
        page_limit: *[10_000, 100, 20].choose(rng).unwrap_or(&10_000),
        iterator_life: *iterator_lives.choose(rng).unwrap_or(&Duration::from_secs(300)),
        initial_position: positions.choose(rng).copied().unwrap_or_default(),
        failover: between_millis(3_000, Duration::from_secs(12), rng),
        checkpoint_interval: between_millis(500, Duration::from_secs(4), rng),
        faults: mood.faults(),
        weakness: Weakness::None,
    }
}
