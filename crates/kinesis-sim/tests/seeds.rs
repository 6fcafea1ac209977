//! Random stories: each seed is one, and each invariant holds in all of them.
//!
//! With `KINESIS_SIM_SEED` set, that one seed is played; with `KINESIS_SIM_SEEDS`, seeds from 0 up to that number.
#![expect(clippy::expect_used, reason = "a test fails by panicking, its helpers too")]

use kinesis_sim::random_story::random_story;
use kinesis_sim::report::Report;

const SEEDS: u64 = 51;

fn play(seed: u64) -> Report {
    kinesis_sim::run(random_story(seed)).expect("a world")
}

fn from_environment(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().expect("a number"))
}

#[test]
fn no_promise_is_broken_in_any_random_story() {
    let seeds = match from_environment("KINESIS_SIM_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..from_environment("KINESIS_SIM_SEEDS").unwrap_or(SEEDS),
    };
    let mut broken = Vec::new();
    for seed in seeds {
        let report = play(seed);
        if report.violations.is_empty() {
            println!("{report}");
        } else {
            eprintln!("{report}\n");
            broken.push(seed);
        }
    }
    assert!(broken.is_empty(), "seeds with broken promises: {broken:?}");
}

#[test]
fn a_seed_played_twice_gives_the_same_log() {
    for seed in [0, 1, 2] {
        let (first, second) = (play(seed), play(seed));
        let difference = first.log.iter().zip(&second.log).find(|(a, b)| a != b);
        assert_eq!(difference, None, "seed {seed}");
        assert_eq!(first, second, "seed {seed}");
    }
}

#[test]
fn the_stories_of_different_seeds_differ() {
    assert_ne!(play(1).log, play(4).log);
}
