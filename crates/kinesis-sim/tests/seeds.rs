//! Random stories: each seed is one, and each invariant holds in all of them. `cargo xtask sim` plays thousands.
#![expect(clippy::expect_used, reason = "a test fails by panicking, its helpers too")]

use std::time::Duration;

use kinesis_sim::figures::Figures;
use kinesis_sim::random_story::{aggregated_story, random_story, random_story_with};
use kinesis_sim::report::Report;
use kinesis_sim::weakness::Weakness;

/// At least 50, and all four moods equally often.
const SEEDS: std::ops::Range<u64> = 0..72;

fn play(seed: u64) -> Report {
    kinesis_sim::run(random_story(seed)).expect("a world")
}

#[test]
fn no_promise_is_broken_in_any_random_story() {
    let mut figures = Figures::default();
    let mut broken = Vec::new();
    for seed in SEEDS {
        let report = play(seed);
        figures.add(&report);
        if !report.violations.is_empty() {
            eprintln!("{report}\n");
            broken.push(seed);
        }
    }
    println!("{figures}");
    assert!(broken.is_empty(), "seeds with broken promises: {broken:?}");
    assert!(figures.crashes > 20 && figures.freezes > 20 && figures.pauses > 20, "{figures}");
    assert!(figures.failed_batches > 20 && figures.reshards > 100 && figures.stops > 50, "{figures}");
    assert!(figures.slowest_after_release.time < Duration::from_secs(3), "{figures}");
    assert!(figures.slowest_after_crash.time < Duration::from_secs(5), "{figures}");
}

#[test]
fn a_seed_played_twice_gives_the_same_log() {
    for seed in [0, 1, 2, 3] {
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

#[test]
fn a_broken_promise_comes_with_the_line_that_plays_it_again() {
    let broken = (0..200).map(|seed| kinesis_sim::run(random_story_with(seed, Weakness::Renewals)).expect("a world"));
    let report = broken.into_iter().find(|report| !report.violations.is_empty()).expect("a broken promise");
    assert!(report.to_string().ends_with(&format!("cargo xtask sim --seed {}", report.seed)), "{report}");
}

#[test]
fn a_table_that_forgets_the_condition_of_any_kind_of_write_is_found_out_within_200_stories() {
    let kinds = [Weakness::Renewals, Weakness::Takes, Weakness::Checkpoints, Weakness::Releases, Weakness::HandOvers];
    for weakness in kinds {
        let is_broken = |seed: &u64| {
            let report = kinesis_sim::run(random_story_with(*seed, weakness)).expect("a world");
            !report.violations.is_empty()
        };
        let found = (0..200).find(is_broken);
        println!("{weakness:?}: seed {found:?}");
        assert!(found.is_some(), "{weakness:?}");
    }
}

#[test]
fn no_promise_is_broken_when_all_records_are_in_aggregates() {
    for seed in 0..24 {
        let report = kinesis_sim::run(aggregated_story(seed, 3)).expect("a world");
        assert!(report.violations.is_empty(), "{report}");
        assert!(report.records.is_multiple_of(3), "{report}");
    }
}

#[test]
fn each_rule_about_positions_is_missed_within_40_stories_when_it_is_broken() {
    for weakness in [Weakness::CheckpointAtReceive, Weakness::SubSequence, Weakness::ReleaseBeforeCommit] {
        let violations = |seed: u64| kinesis_sim::run(random_story_with(seed, weakness)).expect("a world").violations;
        let found = (0..40).map(|seed| (seed, violations(seed))).find(|(_, violations)| !violations.is_empty());
        let (seed, violations) = found.unwrap_or_else(|| panic!("{weakness:?} was not found out"));
        println!(
            "{weakness:?}: seed {seed}, {}",
            violations.first().map(|found| found.violation.to_string()).unwrap_or_default()
        );
    }
}
