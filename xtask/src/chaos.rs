//! `cargo xtask chaos`: a fleet of real processes on embedded endpoints, under load, to which things happen; at the end all
//! that was processed is compared with all that Kinesis has confirmed.

mod aws_call;
mod batch_files;
mod batch_log;
mod blows;
mod check;
mod disturbance;
mod drive;
mod embedded_stream;
mod fault_rules;
mod fleet;
mod journal;
mod key_counts;
mod lease_table;
mod listing;
mod one_run;
mod outcome;
mod plan;
mod producer;
mod random_steps;
mod record;
mod record_file;
mod report;
mod seeds;
mod stage;
mod state_rule;
mod step;
mod table;
mod timeline;
mod weakness;
mod worker;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::binaries::Binaries;
use crate::chaos::fleet::LOG;
use crate::chaos::one_run::Run;
pub(crate) use crate::chaos::plan::Options;
use crate::chaos::plan::Plan;
use crate::chaos::stage::Talk;
use crate::console::{print, say};
use crate::failure::Failure;

pub(crate) fn run(options: &Options) -> Result<ExitCode, Failure> {
    let plan = Plan::of(options).map_err(Failure::Usage)?;
    let binaries = if plan.prebuilt { Binaries::build_as_tests_do()? } else { Binaries::build()? };
    let directory = std::env::temp_dir().join(format!("dstream-chaos-{}", std::process::id()));
    make(&directory)?;
    let code = match options.seeds() {
        Some(seeds) => seeds::run(options, &seeds, &binaries, &directory),
        None => one(&plan, &binaries, &directory),
    };
    if matches!(&code, Ok(code) if *code == ExitCode::SUCCESS) {
        // Nobody needs them any more, and the system removes what is left there.
        let _ = fs::remove_dir_all(&directory);
    } else {
        say(format!("the workers' files and log ({LOG}) are in {}", directory.display()));
    }
    code
}

/// Plays one run, prints what it came to, and writes the report.
fn one(plan: &Plan, binaries: &Binaries, directory: &Path) -> Result<ExitCode, Failure> {
    let Run { report, timeline } = one_run::play(plan, binaries, directory, "", Talk::Steps)?;
    print(format!("{}\n{}\n{}", report.steps(), report.targets(), report.counts()))?;
    if let Some(path) = &plan.report {
        let picture = write_report(path, &report.markdown(&picture_name(path)), &timeline.svg())?;
        say(format!("the report is in {}, its picture in {}", path.display(), picture.display()));
    }
    print(report.conclusion().trim_end())?;
    Ok(if report.violations().is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn make(directory: &Path) -> Result<(), Failure> {
    fs::create_dir_all(directory).map_err(|error| Failure::of(&format!("cannot make {}", directory.display()), error))
}

fn picture_name(path: &Path) -> String {
    path.with_extension("svg").file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

/// Writes a report, and the picture beside it. Returns where that is.
fn write_report(path: &Path, markdown: &str, picture: &str) -> Result<PathBuf, Failure> {
    let beside = path.with_extension("svg");
    write(path, markdown)?;
    write(&beside, picture)?;
    Ok(beside)
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    fs::write(path, text).map_err(|error| Failure::of(&format!("cannot write {}", path.display()), error))
}
