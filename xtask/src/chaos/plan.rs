//! What a run is to do: the arguments, checked as a whole. Pure.

use std::path::PathBuf;
use std::time::Duration;

use clap::value_parser;

use crate::chaos::drive::Timing;
use crate::chaos::producer::Form;
use crate::chaos::random_steps::random_steps;
use crate::chaos::step::{Situation, Step, after_all};

/// Records a second, at most: more than one thread of this program can put.
const MOST_RATE: i64 = 5_000;
/// Shards at the start, at most.
const MOST_SHARDS: i64 = 64;
/// Random steps, at most.
const MOST_STEPS: i64 = 1_000;
/// The longest run: a day.
const MOST_SECONDS: i64 = 86_400;
/// Failover time of the workers, at most: ten minutes.
const MOST_FAILOVER: i64 = 600;
/// A worker stands still for this many failover times.
const FREEZE: u32 = 3;

/// Run a fleet of workers on embedded endpoints under load, do things to it, and check that no record was lost, doubled or
/// put out of order.
///
/// The steps of --story come first, then random ones. scale:N starts workers, or stops them by SIGTERM, until N run; kill is
/// `kill -9` of one; freeze is SIGSTOP of one for three failover times and then SIGCONT; split and merge are those of shards.
/// Records may come again after kill and freeze only.
///
/// The exit code is 0 when all is well, and 1 when a record was lost, strange, out of order or repeated without a crash, or
/// when something did not come about in time.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Options {
    /// What is done to the fleet, in this order, separated by commas: scale:N, kill, freeze, split, merge.
    #[arg(
        long,
        value_name = "STEPS",
        value_delimiter = ',',
        default_value = "scale:3,kill,scale:3,freeze,split,merge,scale:1"
    )]
    story: Vec<Step>,
    /// How many random steps follow.
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = value_parser!(u32).range(0..=MOST_STEPS))]
    steps: u32,
    /// Decides the random steps, and which worker or shard each step meets.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Records to put each second.
    #[arg(long, default_value_t = 500, value_parser = value_parser!(u32).range(1..=MOST_RATE))]
    rate: u32,
    /// Put several records in one KPL aggregate.
    #[arg(long)]
    aggregate: bool,
    /// Shards of the stream at the start.
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = value_parser!(u32).range(1..=MOST_SHARDS))]
    shards: u32,
    /// Failover time of the workers, in seconds.
    #[arg(long, value_name = "S", default_value_t = 10, value_parser = value_parser!(u32).range(1..=MOST_FAILOVER))]
    failover: u32,
    /// Batch interval of the workers, in milliseconds.
    #[arg(long, value_name = "MS", default_value_t = 500, value_parser = value_parser!(u32).range(50..=10_000))]
    batch_ms: u32,
    /// The run is given up after so many seconds.
    #[arg(long, value_name = "S", default_value_t = 900, value_parser = value_parser!(u32).range(10..=MOST_SECONDS))]
    max_seconds: u32,
    /// Where to write a report (Markdown); a picture of the time line goes beside it, with the extension svg.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Build the programs only if their sources have changed: for tests, after which cargo has built them.
    #[arg(long, hide = true)]
    prebuilt: bool,
}

/// A run that makes sense.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) steps: Vec<Step>,
    pub(crate) seed: u64,
    pub(crate) rate: u64,
    pub(crate) form: Form,
    pub(crate) shards: u32,
    pub(crate) batch: Duration,
    pub(crate) timing: Timing,
    pub(crate) limit: Duration,
    pub(crate) report: Option<PathBuf>,
    pub(crate) prebuilt: bool,
    options: Options,
}

impl Plan {
    /// Adds the random steps and checks that each step can be done, or says what to change.
    pub(crate) fn of(options: &Options) -> Result<Self, String> {
        let start = Situation { workers: 1, shards: options.shards };
        let after_story = after_all(&options.story, start).map_err(|why| format!("--story: {why}"))?;
        let mut steps = options.story.clone();
        steps.extend(random_steps(options.seed, options.steps, after_story));
        let failover = Duration::from_secs(options.failover.into());
        let batch = Duration::from_millis(options.batch_ms.into());
        let calm = batch.saturating_mul(2).saturating_add(Duration::from_millis(500));
        if let Some(report) = options.report.as_ref().filter(|path| path.extension().is_some_and(|end| end == "svg")) {
            return Err(format!(
                "--report {}: that is where the picture goes; give a name such as chaos.md",
                report.display()
            ));
        }
        Ok(Self {
            steps,
            seed: options.seed,
            rate: options.rate.into(),
            form: if options.aggregate { Form::Aggregated } else { Form::Plain },
            shards: options.shards,
            batch,
            timing: Timing { failover, freeze: failover.saturating_mul(FREEZE), calm, spread: batch.saturating_mul(2) },
            limit: Duration::from_secs(options.max_seconds.into()),
            report: options.report.clone(),
            prebuilt: options.prebuilt,
            options: options.clone(),
        })
    }

    /// The command that plays it again, the same steps written out or drawn from the seed.
    pub(crate) fn command(&self) -> String {
        let Options { story, steps, seed, rate, aggregate, shards, failover, batch_ms, .. } = &self.options;
        let story: Vec<String> = story.iter().map(ToString::to_string).collect();
        let aggregate = if *aggregate { " --aggregate" } else { "" };
        format!(
            "cargo xtask chaos --story {} --steps {steps} --seed {seed} --rate {rate}{aggregate} --shards {shards} \
             --failover {failover} --batch-ms {batch_ms}",
            story.join(",")
        )
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        options: Options,
    }

    fn plan(args: &[&str]) -> Result<Plan, String> {
        let line = Line::try_parse_from([&["chaos"], args].concat()).map_err(|error| error.to_string())?;
        Plan::of(&line.options)
    }

    #[test]
    fn the_default_run_has_the_steps_of_the_issue_with_the_products_failover_time() {
        let plan = plan(&[]).expect("a plan");
        let names: Vec<String> = plan.steps.iter().map(ToString::to_string).collect();
        assert_eq!(names[..7], ["scale:3", "kill", "scale:3", "freeze", "split", "merge", "scale:1"]);
        assert_eq!(
            (names.len(), plan.timing.failover, plan.timing.freeze.as_secs()),
            (11, Duration::from_secs(10), 30)
        );
    }

    #[test]
    fn a_story_that_cannot_be_told_is_refused_with_the_step_and_the_fix() {
        assert!(plan(&["--story", "kill"]).expect_err("refused").starts_with("--story: kill needs another worker"));
        assert!(plan(&["--story", "merge", "--shards", "1"]).expect_err("refused").contains("--shards 2"));
        assert!(plan(&["--story", "explode"]).expect_err("refused").contains("'explode' is no step"));
    }

    #[test]
    fn numbers_beyond_the_limits_are_refused() {
        for wrong in [["--rate", "0"], ["--rate", "5001"], ["--failover", "0"], ["--shards", "0"], ["--steps", "1001"]]
        {
            assert!(plan(&wrong).is_err(), "{wrong:?}");
        }
        assert!(plan(&["--steps", "0", "--rate", "5000"]).is_ok());
    }

    #[test]
    fn the_command_of_a_run_plays_the_same_run_again() {
        let args = ["--story", "scale:2,split", "--steps", "3", "--seed", "9", "--aggregate", "--failover", "2"];
        let first = plan(&args).expect("a plan");
        let command = first.command();
        let again: Vec<&str> = command.split(' ').skip(3).collect();
        let again = plan(&again).expect("its own command");
        assert_eq!(
            (&again.steps, again.form, again.timing.failover),
            (&first.steps, first.form, first.timing.failover)
        );
    }

    #[test]
    fn a_report_that_its_own_picture_would_overwrite_is_refused() {
        assert!(plan(&["--report", "run.svg"]).expect_err("refused").contains("chaos.md"));
    }
}
