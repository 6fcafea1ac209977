//! The program `kinesis-speed`: how fast an endpoint is, as a process of its own on one core, through the real SDK on another.
//!
//! Promises: the same measurements for every stand-in, in one run; a Markdown table; what it starts ends with it. Figures
//! of the dev profile say little about the release profile; the table names the profile.

mod endpoint;
mod process;
mod shards;
mod start;
mod throughput;

use std::io::{self, Write};
use std::process::{Command, ExitCode, Stdio};

use clap::Parser;
use kinesis_conformance::{Mismatch, Stage, StandInKind, Subject};

use crate::endpoint::{Endpoint, SERVER_CORE};

/// Why nothing was measured.
type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Measure the embedded endpoint, and others beside it.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask bench-local", bin_name = "cargo xtask bench-local", disable_version_flag = true)]
struct Options {
    /// Another stand-in to measure in the same run: moto or kinesis-local-npm; may be given more than once.
    #[arg(long, value_name = "STAND-IN")]
    against: Vec<StandInKind>,
    /// How long each throughput is measured.
    #[arg(long, default_value_t = 4)]
    seconds: u32,
    /// End when standard input ends, so that a parent that dies takes everything along.
    #[arg(long)]
    stop_with_stdin: bool,
}

/// One column: what was measured, and the figure.
type Column = Vec<(&'static str, String)>;

fn main() -> ExitCode {
    let options = match Options::try_parse() {
        Ok(options) => options,
        Err(error) => {
            // Help asked for goes to standard output with code 0, complaints to standard error with code 2.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    // Before the runtime, so that its threads inherit it.
    let pinned = pin_self();
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return complain(&error),
    };
    match runtime.block_on(measured_or_stopped(&options, pinned)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => complain(error.as_ref()),
    }
}

fn complain(error: &dyn std::error::Error) -> ExitCode {
    let _ = writeln!(io::stderr(), "bench-local: {error}");
    ExitCode::FAILURE
}

/// Moves this process to the core that the endpoint does not have. Whether there is such a core.
fn pin_self() -> bool {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let mut taskset = Command::new("taskset");
    taskset.args(["-cp", "1", &std::process::id().to_string()]).stdout(Stdio::null()).stderr(Stdio::null());
    cores > 1 && taskset.status().is_ok_and(|status| status.success())
}

async fn measured_or_stopped(options: &Options, pinned: bool) -> Result<(), Failure> {
    tokio::select! {
        outcome = measure_all(options, pinned) => outcome,
        () = stdin_end(options.stop_with_stdin) => Err("stopped".into()),
    }
}

async fn stdin_end(counts: bool) {
    if !counts {
        return std::future::pending().await;
    }
    let (ended, end) = tokio::sync::oneshot::channel::<()>();
    std::thread::spawn(move || {
        let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
        drop(ended);
    });
    let _ = end.await;
}

async fn measure_all(options: &Options, pinned: bool) -> Result<(), Failure> {
    let core = pinned.then_some(SERVER_CORE);
    let profile = if cfg!(debug_assertions) { "dev" } else { "release" };
    let mut columns = vec![(format!("ours ({profile})"), measure(Endpoint::ours(core).await?, options).await?)];
    if let Some((_, column)) = columns.first_mut() {
        column.insert(0, ("start, in this process", start::in_process().await?));
        column.insert(0, ("start, as a process", start::as_process(core).await?));
    }
    for kind in &options.against {
        columns.push((kind.label().to_owned(), measure(Endpoint::other(*kind, core).await?, options).await?));
    }
    let pinning = if pinned { "endpoint on core 0, client on core 1" } else { "not pinned" };
    print(format!("profile of this program and of ours: {profile}; {pinning}\n\n{}", table(&columns)))?;
    Ok(())
}

async fn measure(endpoint: Endpoint, options: &Options) -> Result<Column, Failure> {
    say(format!("{}: {}", endpoint.label(), endpoint.url()));
    let subject = Subject::kinesis(Some(endpoint.url()), "us-east-1").await;
    let stage = Stage::new(&subject);
    let mut column = vec![
        ("start until it listens", endpoint.started_in()),
        ("memory (RSS) at start", process::resident(endpoint.process_id())),
    ];
    throughput::measure(&stage, &endpoint, options.seconds, &mut column).await?;
    column.push(("memory (RSS) after that, peak", process::peak(endpoint.process_id())));
    stage.clean_up().await;
    shards::measure(&stage, &mut column).await;
    stage.clean_up().await;
    endpoint.stop().await;
    Ok(column)
}

/// All columns beside each other; what was not measured somewhere is a dash.
fn table(columns: &[(String, Column)]) -> String {
    let mut names: Vec<&str> = Vec::new();
    for (name, _) in columns.iter().flat_map(|(_, column)| column) {
        if !names.contains(name) {
            names.push(name);
        }
    }
    let head: Vec<_> = columns.iter().map(|(label, _)| label.as_str()).collect();
    let mut text = format!("| | {} |\n|---|{}\n", head.join(" | "), "---:|".repeat(head.len()));
    for name in names {
        let figure = |column: &Column| column.iter().find(|(own, _)| *own == name).map(|(_, figure)| figure.clone());
        let cells: Vec<_> =
            columns.iter().map(|(_, column)| figure(column).unwrap_or_else(|| "–".to_owned())).collect();
        text.push_str(&format!("| {name} | {} |\n", cells.join(" | ")));
    }
    text
}

fn print(text: impl std::fmt::Display) -> io::Result<()> {
    writeln!(io::stdout().lock(), "{text}")
}

fn say(text: impl std::fmt::Display) {
    // Nobody to tell is no reason to fail.
    let _ = writeln!(io::stderr(), "{text}");
}

/// A figure that could not be taken says why.
fn or_why(outcome: Result<String, Mismatch>) -> String {
    outcome.unwrap_or_else(|mismatch| mismatch.to_string().chars().take(60).collect())
}
