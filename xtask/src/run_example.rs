//! `cargo xtask run-example NAME [ARGS]`: runs an example, on the embedded endpoints unless its arguments name one.

use std::os::unix::process::ExitStatusExt;
use std::process::{ExitCode, ExitStatus};

use clap::Args;

use crate::binaries::Binaries;
use crate::child::{Child, Output};
use crate::endpoints::{Endpoints, Ports, STREAM};
use crate::failure::Failure;

/// Run an example: KinesisWordCount or KinesisWordProducer (also with Spark's names, KinesisWordCountASL and
/// KinesisWordProducerASL).
///
/// With no further arguments it runs on embedded endpoints, which are started if no other command has done so. With
/// arguments they go to the example: `run-example KinesisWordCount <app-name> <stream-name> <endpoint-url> [<region-name>]`;
/// `run-example KinesisWordCount --help` lists them.
#[derive(Debug, clap::Args)]
#[command(disable_help_flag = true)]
pub(crate) struct Options {
    /// Print help: this one, or after the example's name that of the example.
    #[arg(short, long)]
    help: bool,
    #[command(flatten)]
    ports: Ports,
    /// Shards of the stream, if the endpoints are started.
    #[arg(long, default_value_t = 4)]
    shards: u32,
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
    #[value(name = "KinesisWordProducer", alias = "KinesisWordProducerASL", alias = "kinesis_word_producer")]
    WordProducer,
}

impl Example {
    fn program(self) -> &'static str {
        match self {
            Self::WordCount => "kinesis_word_count",
            Self::WordProducer => "kinesis_word_producer",
        }
    }

    /// The arguments that make it run on the embedded endpoints.
    fn local_args(self, endpoints: &Endpoints) -> Vec<String> {
        let args: &[&str] = match self {
            Self::WordCount => {
                &["KinesisWordCount", STREAM, &endpoints.kinesis, "--dynamodb-endpoint", &endpoints.dynamodb]
            }
            Self::WordProducer => &[STREAM, &endpoints.kinesis, "1000", "10"],
        };
        args.iter().map(|arg| (*arg).to_owned()).collect()
    }
}

pub(crate) fn run(options: &Options) -> Result<ExitCode, Failure> {
    let Some(example) = options.name else { return print_help() };
    let binaries = Binaries::build()?;
    if options.help {
        return run_program(&binaries, example.program(), vec!["--help".to_owned()], Local::No);
    }
    if options.args.iter().any(|arg| !arg.starts_with('-') && !follows_an_option(&options.args, arg)) {
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
    printed.map(|()| ExitCode::SUCCESS).map_err(|error| Failure::of("cannot print", error))
}

/// Whether a program runs on the embedded endpoints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Local {
    Yes,
    No,
}

/// Runs a program of ours in the foreground and hands its exit code on.
pub(crate) fn run_program(
    binaries: &Binaries,
    program: &'static str,
    mut args: Vec<String>,
    local: Local,
) -> Result<ExitCode, Failure> {
    args.push("--stop-with-stdin".to_owned());
    let mut command = binaries.command(program, &args);
    if local == Local::Yes {
        Endpoints::confine(&mut command);
    }
    let mut child = Child::start::<()>(program, command, Output::Shared)?;
    let status = child.wait()?;
    if let Some(signal) = status.signal() {
        eprintln!("{program} was ended by signal {signal}");
    }
    Ok(exit_code(status))
}

fn exit_code(status: ExitStatus) -> ExitCode {
    status.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from)
}

/// Whether an argument is the value of the option before it; all options of the examples that take a value are `--name value`.
fn follows_an_option(args: &[String], arg: &String) -> bool {
    const WITHOUT_VALUE: [&str; 3] = ["--totals", "--numbers", "--stop-with-stdin"];
    let before = args.iter().take_while(|other| !std::ptr::eq(*other, arg)).last();
    before.is_some_and(|before| {
        before.starts_with("--") && !before.contains('=') && !WITHOUT_VALUE.contains(&before.as_str())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn positional(args: &[&str]) -> usize {
        let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
        args.iter().filter(|arg| !arg.starts_with('-') && !follows_an_option(&args, arg)).count()
    }

    #[test]
    fn values_of_options_are_not_taken_for_arguments_of_their_own() {
        assert_eq!(positional(&["--initial-position", "TRIM_HORIZON", "--totals"]), 0);
        assert_eq!(positional(&["--totals", "app", "stream", "--batch-ms=500", "http://127.0.0.1:1"]), 3);
    }
}
