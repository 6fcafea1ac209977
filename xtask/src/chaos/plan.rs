//! What a run is to do: the arguments, checked as a whole. Pure.

use std::path::PathBuf;
use std::time::Duration;

use clap::{ValueEnum, value_parser};

use crate::chaos::drive::Timing;
use crate::chaos::producer::Form;
use crate::chaos::random_steps::random_steps;
use crate::chaos::state_rule::StateRule;
use crate::chaos::step::{Situation, Step, after_all};
use crate::chaos::weakness::Weakness;

/// Records a second, at most: more than one thread of this program can put.
const MOST_RATE: i64 = 5_000;
/// Shards at the start, at most.
const MOST_SHARDS: i64 = 64;
/// Random steps, at most.
const MOST_STEPS: i64 = 1_000;
/// Runs of one command, at most.
const MOST_SEEDS: i64 = 1_000;
/// The longest run: a day.
const MOST_SECONDS: i64 = 86_400;
/// Failover time of the workers, at most: ten minutes.
const MOST_FAILOVER: i64 = 600;
/// Batches from one checkpoint of state to the next, at most.
const MOST_CHECKPOINT_BATCHES: i64 = 100;
/// A worker stands still for this many failover times.
const FREEZE: u32 = 3;

/// What is done to a fleet unless said otherwise: each kind of step once.
const STORY: &str = "scale:3,kill,scale:3,freeze,split,merge,restart,steal,steal:crash,fault:lost,scale:1";
/// The beginning of a short run; random steps follow.
const SHORT_STORY: &str = "scale:2";

/// Run a fleet of workers on embedded endpoints under load, do things to it, and check that no record was lost, doubled or
/// put out of order, and that each was counted once in the workers' state and stands once in the files of their batches.
///
/// The steps of --story come first, then random ones. scale:N starts workers, or stops them by SIGTERM, until N run; kill is
/// `kill -9` of one; restart is the same and a start in its place at once; freeze is SIGSTOP of one for three failover times
/// and then SIGCONT; split and merge are those of shards; steal and steal:crash take a lease as an outsider, who gives it back
/// or dies; fault:KIND lets calls go wrong for a while: throttle, errors, delays, cut (not done), lost (done and not answered),
/// with @kinesis or @dynamodb behind it if only one service is meant. Records may come again after kill, restart, freeze,
/// steal, and faults of DynamoDB only.
///
/// The exit code is 0 when all is well, and 1 when a record was lost, strange, out of order, repeated without such a cause or
/// missing from the state or the files, or when something did not come about in time.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Options {
    /// What is done to the fleet, in this order, separated by commas; default: each kind of step once, with --short scale:2.
    #[arg(long, value_name = "STEPS", value_delimiter = ',')]
    story: Option<Vec<Step>>,
    /// How many random steps follow; default 4, with --short 6.
    #[arg(long, value_name = "N", value_parser = value_parser!(u32).range(0..=MOST_STEPS))]
    steps: Option<u32>,
    /// Decides the random steps, what they do, and which worker or shard each step meets.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Many short runs, one after the other, each with a seed of its own.
    #[arg(long, value_name = "N", conflicts_with = "seed", value_parser = value_parser!(u32).range(1..=MOST_SEEDS))]
    seeds: Option<u32>,
    /// The seed of the first of them; default 1.
    #[arg(long, value_name = "SEED", requires = "seeds")]
    first_seed: Option<u64>,
    /// A run of half a minute: failover time 2 s, batches of 200, 400 or 800 ms, as the seed has it. What --seeds does many
    /// times.
    #[arg(long)]
    short: bool,
    /// Records to put each second.
    #[arg(long, default_value_t = 500, value_parser = value_parser!(u32).range(1..=MOST_RATE))]
    rate: u32,
    /// How records are put.
    #[arg(long, value_enum, default_value_t = Form::Mixed)]
    form: Form,
    /// Whether a record that is twice in the workers' state or in the files of their batches, after a crash, is a violation, or
    /// only reported.
    #[arg(long, value_enum, default_value_t = StateRule::DEFAULT)]
    state: StateRule,
    /// Shards of the stream at the start.
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = value_parser!(u32).range(1..=MOST_SHARDS))]
    shards: u32,
    /// Failover time of the workers, in seconds; default 10, with --short 2.
    #[arg(long, value_name = "S", value_parser = value_parser!(u32).range(1..=MOST_FAILOVER))]
    failover: Option<u32>,
    /// Batch interval of the workers, in milliseconds; default 500.
    #[arg(long, value_name = "MS", value_parser = value_parser!(u32).range(50..=10_000))]
    batch_ms: Option<u32>,
    /// The workers checkpoint their state once in so many batches. Between two checkpoints, a crash leaves batches that run again.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = value_parser!(u32).range(1..=MOST_CHECKPOINT_BATCHES))]
    checkpoint_batches: u32,
    /// A run is given up after so many seconds; default 900, with --short 180.
    #[arg(long, value_name = "S", value_parser = value_parser!(u32).range(10..=MOST_SECONDS))]
    max_seconds: Option<u32>,
    /// Where to write a report (Markdown); a picture of the time line goes beside it, with the extension svg. With --seeds, a
    /// table of the runs.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Let the workers break a rule, to see that it is found out.
    #[arg(long, value_enum, default_value_t = Weakness::None, hide = true)]
    weakness: Weakness,
    /// Build the programs as `cargo test --workspace` does, which has done it when a test calls this.
    #[arg(long, hide = true)]
    prebuilt: bool,
}

impl Options {
    /// The seeds of many runs, if there are to be many.
    pub(crate) fn seeds(&self) -> Option<Vec<u64>> {
        let count = self.seeds?;
        let first = self.first_seed.unwrap_or(1);
        Some((0..u64::from(count)).map(|number| first.saturating_add(number)).collect())
    }

    /// The run of one of many seeds.
    pub(crate) fn of_seed(&self, seed: u64) -> Self {
        Self { seed, seeds: None, first_seed: None, short: true, report: None, ..self.clone() }
    }
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
    /// How often workers checkpoint their state.
    pub(crate) checkpoint: Duration,
    pub(crate) timing: Timing,
    pub(crate) limit: Duration,
    pub(crate) report: Option<PathBuf>,
    pub(crate) prebuilt: bool,
    pub(crate) state: StateRule,
    pub(crate) weakness: Weakness,
    options: Options,
}

impl Plan {
    /// Adds the random steps and checks that each step can be done, or says what to change.
    pub(crate) fn of(options: &Options) -> Result<Self, String> {
        let either =
            |given: Option<u32>, short: u32, long: u32| given.unwrap_or(if options.short { short } else { long });
        let start = Situation { workers: 1, shards: options.shards };
        let story = options.story.clone().map_or_else(|| default_story(options.short), Ok)?;
        let after_story = after_all(&story, start).map_err(|why| format!("--story: {why}"))?;
        let mut steps = story;
        steps.extend(random_steps(options.seed, either(options.steps, 6, 4), after_story));
        let failover = Duration::from_secs(either(options.failover, 2, 10).into());
        let batch = Duration::from_millis(either(options.batch_ms, short_batch(options.seed), 500).into());
        let checkpoint = batch.saturating_mul(options.checkpoint_batches);
        // Batches that no checkpoint has are read again about as fast as they came.
        let calm = checkpoint.saturating_add(batch).saturating_add(Duration::from_millis(500));
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
            form: options.form,
            shards: options.shards,
            batch,
            checkpoint,
            timing: Timing { failover, freeze: failover.saturating_mul(FREEZE), calm, spread: batch.saturating_mul(2) },
            limit: Duration::from_secs(either(options.max_seconds, 180, 900).into()),
            report: options.report.clone(),
            prebuilt: options.prebuilt,
            state: options.state,
            weakness: options.weakness,
            options: options.clone(),
        })
    }

    /// The command that plays it again, the same steps written out or drawn from the seed.
    pub(crate) fn command(&self) -> String {
        let Options { story, steps, seed, short, rate, form, state, shards, failover, batch_ms, weakness, .. } =
            &self.options;
        let checkpoint_batches = self.options.checkpoint_batches.to_string();
        let mut command = "cargo xtask chaos".to_owned();
        let mut add = |name: &str, value: Option<String>| {
            if let Some(value) = value {
                command.push_str(&format!(" --{name}"));
                command.push_str(&if value.is_empty() { value } else { format!(" {value}") });
            }
        };
        add("short", short.then(String::new));
        let written = |story: &Vec<Step>| story.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
        add("story", story.as_ref().map(written));
        let unless = |value: String, usual: &str| (value != usual).then_some(value);
        add("steps", steps.map(|steps| steps.to_string()));
        add("seed", Some(seed.to_string()));
        add("rate", unless(rate.to_string(), "500"));
        add("form", name_of(form).filter(|_| *form != Form::Mixed));
        add("state", name_of(state).filter(|_| *state != StateRule::DEFAULT));
        add("shards", unless(shards.to_string(), "4"));
        add("failover", failover.map(|failover| failover.to_string()));
        add("batch-ms", batch_ms.map(|batch| batch.to_string()));
        add("checkpoint-batches", unless(checkpoint_batches, "1"));
        add("weakness", name_of(weakness).filter(|_| *weakness != Weakness::None));
        command
    }
}

/// Batches of short runs, in milliseconds. Short ones make much happen in little time; long ones leave more time for a crash
/// between what is stored and what is processed.
fn short_batch(seed: u64) -> u32 {
    match seed % 3 {
        0 => 200,
        1 => 400,
        _ => 800,
    }
}

fn default_story(short: bool) -> Result<Vec<Step>, String> {
    if short { SHORT_STORY } else { STORY }.split(',').map(str::parse).collect()
}

/// How a value is written as an argument.
fn name_of(value: &impl ValueEnum) -> Option<String> {
    value.to_possible_value().map(|value| value.get_name().to_owned())
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

    fn names(plan: &Plan) -> Vec<String> {
        plan.steps.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_default_run_has_each_kind_of_step_and_the_products_failover_time() {
        let plan = plan(&[]).expect("a plan");
        let names = names(&plan);
        assert_eq!(names[..7], ["scale:3", "kill", "scale:3", "freeze", "split", "merge", "restart"]);
        assert_eq!(names[7..11], ["steal", "steal:crash", "fault:lost", "scale:1"]);
        assert_eq!(
            (names.len(), plan.timing.failover, plan.timing.freeze.as_secs()),
            (15, Duration::from_secs(10), 30)
        );
    }

    #[test]
    fn each_of_many_seeds_is_a_short_run_that_its_command_plays_again() {
        let line = Line::try_parse_from(["chaos", "--seeds", "3", "--first-seed", "7", "--form", "plain"]);
        let options = line.expect("arguments").options;
        assert_eq!(options.seeds(), Some(vec![7, 8, 9]));
        let short = Plan::of(&options.of_seed(8)).expect("a plan");
        assert_eq!((short.steps.len(), short.timing.failover, short.seed), (7, Duration::from_secs(2), 8));
        let batches = (6..9).map(|seed| Plan::of(&options.of_seed(seed)).expect("a plan").batch.as_millis());
        assert_eq!(batches.collect::<Vec<_>>(), [200, 400, 800]);
        assert_eq!(short.command(), "cargo xtask chaos --short --seed 8 --form plain");
        assert_eq!(names(&plan(&["--short", "--seed", "8", "--form", "plain"]).expect("a plan")), names(&short));
        assert!(plan(&["--seeds", "3", "--seed", "7"]).is_err() && plan(&["--first-seed", "7"]).is_err());
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
        let args =
            ["--story", "scale:2,split", "--steps", "3", "--seed", "9", "--form", "aggregated", "--failover", "2"];
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
