//! One run: its endpoints, its producers, its workers, its steps, and what the checker says of them.

use std::fs;
use std::path::Path;

use crate::binaries::Binaries;
use crate::chaos::batch_files::{self, Saved};
use crate::chaos::check::{Window, check};
use crate::chaos::drive;
use crate::chaos::embedded_stream::Stream;
use crate::chaos::fault_rules::Faults;
use crate::chaos::fleet::Fleet;
use crate::chaos::journal::Journal;
use crate::chaos::key_counts::{Counts, compare};
use crate::chaos::lease_table::LeaseTable;
use crate::chaos::outcome::Outcome;
use crate::chaos::plan::Plan;
use crate::chaos::producer::{Load, Produced};
use crate::chaos::random_steps::Dice;
use crate::chaos::record::Millis;
use crate::chaos::report::Report;
use crate::chaos::stage::{Bar, Stage, Talk};
use crate::chaos::timeline::{Span, Timeline};
use crate::chaos::worker::WorkerSettings;
use crate::child::now;
use crate::endpoints::{Endpoints, Ports, Shards};
use crate::failure::Failure;

/// What a run came to, in words and as a picture.
pub(crate) struct Run {
    pub(crate) report: Report,
    pub(crate) timeline: Timeline,
}

/// What was done and what was seen.
struct Played {
    outcomes: Vec<Outcome>,
    produced: Produced,
    journal: Journal,
    counts: Vec<Counts>,
    saved: Saved,
    length: Millis,
}

/// Plays a run in a directory of its own, and checks it. `title` stands before the steps in the progress bar.
pub(crate) fn play(
    plan: &Plan,
    binaries: &Binaries,
    directory: &Path,
    title: &str,
    talk: Talk,
) -> Result<Run, Failure> {
    let load = load();
    let any = Ports { kinesis_port: 0, dynamodb_port: 0 };
    let shards = Shards::of(plan.shards);
    let mut endpoints = match talk {
        Talk::Steps => Endpoints::start(binaries, any, shards)?,
        Talk::Nothing => Endpoints::start_silently(binaries, any, shards)?,
    };
    let bar = Bar::new(u64::try_from(plan.steps.len()).unwrap_or(0).saturating_add(2), title, talk);
    let played = tell(plan, binaries, &mut endpoints, directory, bar);
    endpoints.leave()?;
    Ok(conclude(plan, played?, load))
}

fn tell(
    plan: &Plan,
    binaries: &Binaries,
    endpoints: &mut Endpoints,
    directory: &Path,
    bar: Bar,
) -> Result<Played, Failure> {
    let begun = now();
    let (kinesis, dynamodb) = (endpoints.kinesis.clone(), endpoints.dynamodb.clone());
    let stream = Stream::new(&kinesis).map_err(Failure::Failed)?;
    let settings = WorkerSettings {
        binaries,
        kinesis: &kinesis,
        dynamodb: &dynamodb,
        directory,
        batch: plan.batch,
        checkpoint: plan.checkpoint,
        failover: plan.timing.failover,
        weakness: plan.weakness,
    };
    let mut stage = Stage {
        fleet: Fleet::new(settings, directory, begun)?,
        endpoints,
        load: Some(Load::start(&stream, plan.rate, plan.form, begun)),
        stream,
        table: LeaseTable::new(&dynamodb).map_err(Failure::Failed)?,
        faults: Faults::new(&kinesis).map_err(Failure::Failed)?,
        journal: Journal::default(),
        dice: Dice::new(plan.seed),
        exits: Vec::new(),
        last_moment: plan.limit,
        bar,
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
    let (length, mut counts, mut saved) = (stage.now(), Vec::new(), Saved::default());
    for slot in stage.fleet.slots() {
        counts.extend(stage.fleet.counts(slot)?.map(|file| file.counts));
        saved.read(&settings.text_files(slot), slot).map_err(Failure::Failed)?;
    }
    Ok(Played { outcomes, produced, journal: stage.journal, counts, saved, length })
}

fn conclude(plan: &Plan, played: Played, load: String) -> Run {
    let Played { outcomes, produced, journal, counts, saved, length } = played;
    let window = |outcome: &Outcome| Window { from: outcome.at, repeats: outcome.repeats };
    let windows: Vec<Window> = outcomes.iter().map(window).collect();
    let verdict = check(&produced.acknowledged, &produced.unsure, journal.all(), &windows);
    let count = |length: usize| u64::try_from(length).unwrap_or(u64::MAX);
    let span = |outcome: &Outcome| Span { name: outcome.name.clone(), from: outcome.at, until: outcome.until };
    let steps = outcomes.iter().map(span).collect();
    let report = Report {
        command: plan.command(),
        failover: plan.timing.failover,
        rule: plan.state,
        outcomes,
        verdict,
        state: compare(journal.all(), &counts),
        files: batch_files::compare(&produced.acknowledged, journal.all(), &saved),
        acknowledged: count(produced.acknowledged.len()),
        unsure: count(produced.unsure.len()),
        processed: count(journal.all().len()),
        complaint: produced.complaint,
        length,
        load,
    };
    let put = produced.acknowledged.iter().map(|record| (record.record.number, record.at)).collect();
    Run { report, timeline: Timeline { put, processed: journal.into_all(), steps } }
}

/// The load of the machine, where the system says it.
fn load() -> String {
    let said = fs::read_to_string("/proc/loadavg").ok();
    let first = said.as_deref().and_then(|text| text.split(' ').next());
    first.map_or("unknown".to_owned(), str::to_owned)
}
