//! The program `kinesis-sim`: random stories by their thousands, for `cargo xtask sim`.
//!
//! Promises: equal arguments give equal verdicts, on any machine; a broken promise comes with the line that plays its seed
//! again, and with exit code 1.

#[path = "program/fleets.rs"]
mod fleets;
#[path = "program/seeds.rs"]
mod seeds;

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use clap::Parser;
use kinesis_sim::weakness::Weakness;

/// Why nothing could be told.
type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Play random stories of many workers under virtual time and check that no promise is broken.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask sim", bin_name = "cargo xtask sim", disable_version_flag = true)]
struct Options {
    /// How many stories.
    #[arg(long, default_value_t = 2000, value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    seeds: u64,
    /// The first seed.
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// Play this one story and tell more about it.
    #[arg(long, conflicts_with_all = ["seeds", "from"])]
    seed: Option<u64>,
    /// With --seed: print everything that happened.
    #[arg(long, requires = "seed")]
    log: bool,
    /// Stop after so many stories with a broken promise.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    failures: u64,
    /// Break a rule on purpose: no write of this kind to the lease table has its condition (renewals, takes, checkpoints,
    /// releases, hand-overs, asks), or checkpoint-at-receive, sub-sequence, release-before-commit.
    #[arg(long, default_value = "none", value_name = "KIND")]
    weakness: Weakness,
    /// Simulate fleets of lease coordinators instead, ours beside the KCL's, and print a Markdown table.
    #[arg(long)]
    fleet: bool,
    /// With --fleet: workers and leases, such as 3x10.
    #[arg(long, value_name = "WORKERSxLEASES", value_delimiter = ',', value_parser = fleets::size, requires = "fleet")]
    sizes: Vec<(usize, usize)>,
    /// Stories played at once; the default is one for each core.
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=256))]
    threads: Option<u16>,
    /// End when standard input ends, so that a parent that dies takes everything along.
    #[arg(long)]
    stop_with_stdin: bool,
}

fn main() -> ExitCode {
    let options = match Options::try_parse() {
        Ok(options) => options,
        Err(error) => {
            // Help asked for goes to standard output with code 0, complaints to standard error with code 2.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    if options.stop_with_stdin {
        end_with_stdin();
    }
    match run(&options) {
        Ok(code) => code,
        Err(error) => {
            say(&format!("error: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<ExitCode, Failure> {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let threads = options.threads.map_or(cores, usize::from);
    if options.fleet {
        return fleets::play(&options.sizes, options.seed.unwrap_or(options.from), threads);
    }
    if let Some(seed) = options.seed {
        return seeds::play_one(seed, options.weakness, options.log);
    }
    seeds::play_many(&seeds::Season {
        from: options.from,
        seeds: options.seeds,
        failures: options.failures,
        weakness: options.weakness,
        threads,
        shows_progress: io::stderr().is_terminal(),
    })
}

/// There is nothing to tidy up: a simulation holds no resource of the machine.
fn end_with_stdin() {
    std::thread::spawn(|| {
        let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
        std::process::abort();
    });
}

/// Prints a line of a result.
fn print(text: &str) -> io::Result<()> {
    writeln!(io::stdout().lock(), "{text}")
}

/// Tells the user something. There is nobody to tell when that fails.
fn say(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}
