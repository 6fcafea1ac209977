//! `cargo xtask chaos`: a fleet of real processes on embedded endpoints, under load, to which things happen; at the end all
//! that was processed is compared with all that Kinesis has confirmed.

mod aws_call;
mod check;
mod drive;
mod embedded_stream;
mod fleet;
mod journal;
mod lease_table;
mod outcome;
mod plan;
mod producer;
mod random_steps;
mod record;
mod record_file;
mod report;
mod stage;
mod step;
mod timeline;
mod worker;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::binaries::Binaries;
use crate::chaos::check::{Window, check};
use crate::chaos::embedded_stream::Stream;
use crate::chaos::fleet::{Fleet, LOG};
use crate::chaos::journal::Journal;
use crate::chaos::lease_table::LeaseTable;
use crate::chaos::outcome::Outcome;
pub(crate) use crate::chaos::plan::Options;
use crate::chaos::plan::Plan;
use crate::chaos::producer::{Produced, Producer};
use crate::chaos::random_steps::Dice;
use crate::chaos::record::Millis;
use crate::chaos::report::Report;
use crate::chaos::stage::{Bar, Stage};
use crate::chaos::timeline::Timeline;
use crate::chaos::worker::WorkerSettings;
use crate::child::now;
use crate::console::{print, say};
use crate::endpoints::{Endpoints, Ports, Shards};
use crate::failure::Failure;

pub(crate) fn run(options: &Options) -> Result<ExitCode, Failure> {
    let plan = Plan::of(options).map_err(Failure::Usage)?;
    let programs = ["kinesis-local", worker::PROGRAM];
    let binaries = if plan.prebuilt { Binaries::build_unless_fresh(&programs)? } else { Binaries::build()? };
    let directory = std::env::temp_dir().join(format!("dstream-chaos-{}", std::process::id()));
    fs::create_dir_all(&directory)
        .map_err(|error| Failure::of(&format!("cannot make {}", directory.display()), error))?;
    let any = Ports { kinesis_port: 0, dynamodb_port: 0 };
    let mut endpoints = Endpoints::start(&binaries, any, Shards::of(plan.shards))?;
    let load = load();
    let outcome = play(&plan, &binaries, &mut endpoints, &directory);
    endpoints.leave()?;
    let conclusion = outcome.and_then(|played| conclude(&plan, played, load));
    match &conclusion {
        Ok(code) if *code == ExitCode::SUCCESS => {
            // Nobody needs them any more, and the system removes what is left there.
            let _ = fs::remove_dir_all(&directory);
        }
        _ => say(format!("the workers' files and log ({LOG}) are in {}", directory.display())),
    }
    conclusion
}

/// What was done and what was seen.
struct Played {
    outcomes: Vec<Outcome>,
    produced: Produced,
    journal: Journal,
    length: Millis,
}

fn play(plan: &Plan, binaries: &Binaries, endpoints: &mut Endpoints, directory: &Path) -> Result<Played, Failure> {
    let begun = now();
    let (kinesis, dynamodb) = (endpoints.kinesis.clone(), endpoints.dynamodb.clone());
    let stream = Stream::new(&kinesis).map_err(Failure::Failed)?;
    let table = LeaseTable::new(&dynamodb).map_err(Failure::Failed)?;
    let settings = WorkerSettings {
        binaries,
        kinesis: &kinesis,
        dynamodb: &dynamodb,
        directory,
        batch: plan.batch,
        failover: plan.timing.failover,
    };
    let fleet = Fleet::new(settings, directory, begun)?;
    let producer = Some(Producer::start(stream.clone(), plan.rate, plan.form, begun));
    let mut stage = Stage {
        fleet,
        endpoints,
        stream,
        table,
        producer,
        journal: Journal::default(),
        dice: Dice::new(plan.seed),
        exits: Vec::new(),
        last_moment: plan.limit,
        bar: Bar::new(u64::try_from(plan.steps.len()).unwrap_or(0).saturating_add(2)),
        table_seen: None,
    };
    stage.bar.begin(0, &"start");
    let mut outcomes = vec![drive::begin(&mut stage, plan.timing)?];
    for (number, step) in (1_u64..).zip(&plan.steps) {
        stage.bar.say(format!("{} step {number}: {step}", stage.now()));
        stage.bar.begin(number, step);
        outcomes.push(drive::step(&mut stage, plan.timing, *step)?);
    }
    stage.bar.begin(u64::try_from(outcomes.len()).unwrap_or(0), &"end");
    let (end, produced) = drive::end(&mut stage, plan.timing)?;
    outcomes.push(end);
    let length = stage.now();
    Ok(Played { outcomes, produced, journal: stage.journal, length })
}

/// Checks, prints and writes the report.
fn conclude(plan: &Plan, played: Played, load: String) -> Result<ExitCode, Failure> {
    let Played { outcomes, produced, journal, length } = played;
    let window = |outcome: &Outcome| Window { from: outcome.at, repeats: outcome.repeats };
    let windows: Vec<Window> = outcomes.iter().map(window).collect();
    let verdict = check(&produced.acknowledged, &produced.unsure, journal.all(), &windows);
    let count = |length: usize| u64::try_from(length).unwrap_or(u64::MAX);
    let timeline = Timeline {
        put: produced.acknowledged.iter().map(|record| record.at).collect(),
        processed: journal.all().iter().map(|record| (record.worker, record.at)).collect(),
        steps: outcomes.iter().map(|outcome| (outcome.at, outcome.name.clone())).collect(),
    };
    let report = Report {
        command: plan.command(),
        failover: plan.timing.failover,
        outcomes,
        verdict,
        acknowledged: count(produced.acknowledged.len()),
        unsure: count(produced.unsure.len()),
        processed: count(journal.all().len()),
        complaint: produced.complaint,
        length,
        load,
    };
    print(format!("{}\n{}\n{}", report.steps(), report.targets(), report.counts()))?;
    if let Some(path) = &plan.report {
        write(path, &report, &timeline)?;
    }
    print(report.conclusion().trim_end())?;
    Ok(if report.violations().is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Writes the report, and the picture beside it.
fn write(path: &Path, report: &Report, timeline: &Timeline) -> Result<(), Failure> {
    let picture: PathBuf = path.with_extension("svg");
    let name = picture.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let put = |path: &Path, text: String| {
        fs::write(path, text).map_err(|error| Failure::of(&format!("cannot write {}", path.display()), error))
    };
    put(path, report.markdown(&name))?;
    put(&picture, timeline.svg())?;
    say(format!("the report is in {}, its picture in {}", path.display(), picture.display()));
    Ok(())
}

/// The load of the machine, where the system says it.
fn load() -> String {
    let said = fs::read_to_string("/proc/loadavg").ok();
    let first = said.as_deref().and_then(|text| text.split(' ').next());
    first.map_or("unknown".to_owned(), str::to_owned)
}
