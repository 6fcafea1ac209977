//! `cargo xtask run-example NAME [ARGS]`: runs an example, on the embedded endpoints unless its arguments name one.

use std::process::ExitCode;

use clap::Args;

use crate::binaries::Binaries;
use crate::console::not_printed;
use crate::endpoints::{Endpoints, Ports, STREAM, Shards};
use crate::failure::Failure;
use crate::foreground::{Local, run_program};

/// Options of this command that no example has.
const OWN_OPTIONS: [&str; 3] = ["--shards", "--kinesis-port", "--dynamodb-port"];

/// Run an example: KinesisWordCount or KinesisWordProducer (also with Spark's names, KinesisWordCountASL and
/// KinesisWordProducerASL), or KinesisRecordLog, which writes to the directory `records` unless it is given another.
///
/// With no further arguments, or only options, it runs on embedded endpoints, which are started if no other command has
/// done so. Arguments go to the example: `run-example KinesisWordCount <app-name> <stream-name> <endpoint-url>
/// [<region-name>]`; `run-example KinesisWordCount --help` lists them. The options below come before the example's name.
///
/// The exit code is the example's. The first Ctrl-C stops it gracefully, which is no failure (0); a second one kills it.
#[derive(Debug, clap::Args)]
#[command(disable_help_flag = true)]
pub(crate) struct Options {
    /// Print help: this one, or after the example's name that of the example.
    #[arg(short, long)]
    help: bool,
    #[command(flatten)]
    ports: Ports,
    #[command(flatten)]
    shards: Shards,
    /// The example.
    #[arg(required_unless_present = "help")]
    name: Option<Example>,
    /// Arguments of the example.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    args: Vec<String>,
}

/// The examples, by our names and by Spark's.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Example {
    #[value(name = "KinesisWordCount", alias = "KinesisWordCountASL", alias = "kinesis_word_count")]
    WordCount,
    #[value(name = "KinesisRecordLog", alias = "kinesis_record_log")]
    RecordLog,
    #[value(name = "KinesisWordProducer", alias = "KinesisWordProducerASL", alias = "kinesis_word_producer")]
    WordProducer,
}

impl Example {
    fn program(self) -> &'static str {
        match self {
            Self::WordCount => "kinesis_word_count",
            Self::RecordLog => "kinesis_record_log",
            Self::WordProducer => "kinesis_word_producer",
        }
    }

    /// The arguments that make it run on the embedded endpoints.
    fn local_args(self, endpoints: &Endpoints) -> Vec<String> {
        let args: &[&str] = match self {
            Self::WordCount => {
                &["KinesisWordCount", STREAM, &endpoints.kinesis, "--dynamodb-endpoint", &endpoints.dynamodb]
            }
            Self::RecordLog => {
                &["KinesisRecordLog", STREAM, &endpoints.kinesis, "records", "--dynamodb-endpoint", &endpoints.dynamodb]
            }
            Self::WordProducer => &[STREAM, &endpoints.kinesis, "1000", "10"],
        };
        args.iter().map(|arg| (*arg).to_owned()).collect()
    }
}

pub(crate) fn run(options: &Options) -> Result<ExitCode, Failure> {
    let Some(example) = options.name else { return print_help() };
    if let Some(option) = misplaced(&options.args) {
        return Err(Failure::Usage(format!(
            "{option} is an option of run-example: write it before the example's name, such as `run-example {option} <N> KinesisWordCount`"
        )));
    }
    let binaries = Binaries::build()?;
    if options.help {
        return run_program(&binaries, example.program(), vec!["--help".to_owned()], Local::No);
    }
    if !on_embedded_endpoints(&options.args) {
        return run_program(&binaries, example.program(), options.args.clone(), Local::No);
    }
    let endpoints = Endpoints::join_or_start(&binaries, options.ports, options.shards)?;
    let args = example.local_args(&endpoints).into_iter().chain(options.args.clone()).collect();
    let outcome = run_program(&binaries, example.program(), args, Local::Yes);
    endpoints.leave()?;
    outcome
}

fn print_help() -> Result<ExitCode, Failure> {
    let printed = Options::augment_args(clap::Command::new("cargo xtask run-example")).print_long_help();
    printed.map(|()| ExitCode::SUCCESS).map_err(|error| not_printed(&error))
}

/// Whether an example with these arguments runs on the embedded endpoints: if and only if they begin with no argument of
/// its own, which would be a stream or an application.
fn on_embedded_endpoints(args: &[String]) -> bool {
    args.first().is_none_or(|first| first.starts_with('-'))
}

/// The first of this command's own options among the arguments of the example.
fn misplaced(args: &[String]) -> Option<&'static str> {
    let name = |arg: &String| {
        let name = arg.split_once('=').map_or(arg.as_str(), |(name, _)| name);
        OWN_OPTIONS.into_iter().find(|own| *own == name)
    };
    args.iter().find_map(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(args: &[&str]) -> Vec<String> {
        args.iter().map(|arg| (*arg).to_owned()).collect()
    }

    #[test]
    fn an_example_runs_on_the_embedded_endpoints_unless_its_first_argument_is_one_of_its_own() {
        assert!(on_embedded_endpoints(&[]));
        assert!(on_embedded_endpoints(&args(&["--initial-position", "TRIM_HORIZON", "--totals"])));
        assert!(!on_embedded_endpoints(&args(&["app", "stream", "http://127.0.0.1:1", "--totals"])));
    }

    #[test]
    fn an_option_of_run_example_is_found_among_the_arguments_of_the_example() {
        assert_eq!(misplaced(&args(&["--totals", "--shards", "8"])), Some("--shards"));
        assert_eq!(misplaced(&args(&["app", "--kinesis-port=1"])), Some("--kinesis-port"));
        assert_eq!(misplaced(&args(&["app", "--shards-of", "dynamodb-port"])), None);
    }
}
