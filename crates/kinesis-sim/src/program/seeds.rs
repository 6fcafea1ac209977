//! Many random stories on all cores, until promises are broken or the seeds are used up; or one story in detail.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};

use indicatif::{ProgressBar, ProgressStyle};
use kinesis_sim::figures::Figures;
use kinesis_sim::random_story::random_story_with;
use kinesis_sim::report::Report;
use kinesis_sim::weakness::Weakness;

use crate::{Failure, print, say};

/// Outcomes that wait to be counted: a few for each core, so that nobody waits for the counting.
const OUTCOMES: usize = 64;

/// The stories to be played.
pub(crate) struct Season {
    pub(crate) from: u64,
    pub(crate) seeds: u64,
    /// Stories with broken promises after which no other is begun.
    pub(crate) failures: u64,
    pub(crate) weakness: Weakness,
    pub(crate) threads: usize,
    pub(crate) shows_progress: bool,
}

/// A story that was played.
struct Outcome {
    seed: u64,
    figures: Figures,
    /// What is wrong, and what to print about it; `None` when nothing is.
    broken: Option<(String, String)>,
}

/// Plays one story and prints what it came to.
pub(crate) fn play_one(seed: u64, weakness: Weakness, log: bool) -> Result<ExitCode, Failure> {
    let report = kinesis_sim::run(random_story_with(seed, weakness))?;
    if log {
        for entry in &report.log {
            print(&entry.to_string())?;
        }
    }
    print(&report.to_string())?;
    let mut figures = Figures::default();
    figures.add(&report);
    print(&figures.to_string())?;
    Ok(if report.violations.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Plays many stories and prints what they came to.
pub(crate) fn play_many(season: &Season) -> Result<ExitCode, Failure> {
    let (next, failures) = (AtomicU64::new(0), AtomicU64::new(0));
    let bar = progress_bar(season);
    let (mut figures, mut broken) = (Figures::default(), Vec::new());
    std::thread::scope(|scope| {
        let (outcomes, played) = sync_channel::<Outcome>(OUTCOMES);
        for _ in 0..season.threads {
            let outcomes = outcomes.clone();
            let (next, failures) = (&next, &failures);
            scope.spawn(move || play_on(season, next, failures, &outcomes));
        }
        drop(outcomes);
        for outcome in played {
            bar.inc(1);
            figures.merge(&outcome.figures);
            if let Some((what, report)) = outcome.broken {
                bar.suspend(|| say(&format!("seed {}: {what}", outcome.seed)));
                broken.push((outcome.seed, report));
            }
        }
    });
    bar.finish_and_clear();
    broken.sort();
    print(&figures.to_string())?;
    let Some((_, report)) = broken.first() else {
        print(&format!("OK: no promise was broken with the seeds {} to {}", season.from, season.last()))?;
        return Ok(ExitCode::SUCCESS);
    };
    print(report)?;
    let seeds: Vec<String> = broken.iter().map(|(seed, _)| seed.to_string()).collect();
    print(&format!("FAILED: {} of {} stories, seeds {}", broken.len(), figures.stories, seeds.join(" ")))?;
    Ok(ExitCode::FAILURE)
}

/// One thread's part.
fn play_on(season: &Season, next: &AtomicU64, failures: &AtomicU64, outcomes: &SyncSender<Outcome>) {
    while failures.load(Ordering::Relaxed) < season.failures {
        let number = next.fetch_add(1, Ordering::Relaxed);
        if number >= season.seeds {
            return;
        }
        let outcome = play(season.from.saturating_add(number), season.weakness);
        failures.fetch_add(u64::from(outcome.broken.is_some()), Ordering::Relaxed);
        if outcomes.send(outcome).is_err() {
            return;
        }
    }
}

fn play(seed: u64, weakness: Weakness) -> Outcome {
    let mut figures = Figures::default();
    let played = catch_unwind(AssertUnwindSafe(|| kinesis_sim::run(random_story_with(seed, weakness))));
    let broken = match played {
        Ok(Ok(report)) => {
            figures.add(&report);
            first_of(&report).map(|what| (what, report.to_string()))
        }
        Ok(Err(error)) => Some((error.to_string(), again(seed))),
        // The panic itself was printed when it happened.
        Err(_) => Some(("the simulation panicked".to_owned(), again(seed))),
    };
    Outcome { seed, figures, broken }
}

fn first_of(report: &Report) -> Option<String> {
    report.violations.first().map(|found| found.violation.to_string())
}

fn again(seed: u64) -> String {
    format!("play it again: cargo xtask sim --seed {seed}")
}

fn progress_bar(season: &Season) -> ProgressBar {
    if !season.shows_progress {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{bar:30} {pos} of {len} stories, {per_sec}, {eta} left");
    ProgressBar::new(season.seeds).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

impl Season {
    fn last(&self) -> u64 {
        self.from.saturating_add(self.seeds).saturating_sub(1)
    }
}
