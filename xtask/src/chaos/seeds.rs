//! Many short runs, one after the other, each with a seed and a directory of its own.

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use crate::binaries::Binaries;
use crate::chaos::one_run::{Run, play};
use crate::chaos::plan::{Options, Plan};
use crate::chaos::report::Report;
use crate::chaos::stage::Talk;
use crate::chaos::table::table;
use crate::chaos::{make, picture_name, write, write_report};
use crate::console::{print, say};
use crate::failure::Failure;

/// What the run of a seed came to.
struct Finished {
    seed: u64,
    command: String,
    steps: String,
    /// The report, or why there is none.
    result: Result<Report, String>,
}

/// Plays a short run for each seed. The exit code is that of a failure when any of them failed.
pub(crate) fn run(
    options: &Options,
    seeds: &[u64],
    binaries: &Binaries,
    directory: &Path,
) -> Result<ExitCode, Failure> {
    let mut finished = Vec::new();
    for (number, seed) in (1..).zip(seeds) {
        let title = format!("run {number} of {}, seed {seed}, ", seeds.len());
        let one = one(options, *seed, binaries, directory, &title)?;
        say(format!("run {number} of {}: {}", seeds.len(), one.line()));
        finished.push(one);
    }
    let text = summary(&finished);
    if let Some(path) = Plan::of(options).map_err(Failure::Usage)?.report {
        write(&path, &text)?;
        say(format!("the table is in {}", path.display()));
    }
    print(text.trim_end())?;
    Ok(if finished.iter().all(Finished::is_well) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn one(options: &Options, seed: u64, binaries: &Binaries, directory: &Path, title: &str) -> Result<Finished, Failure> {
    let plan = Plan::of(&options.of_seed(seed)).map_err(Failure::Usage)?;
    let steps = plan.steps.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
    let directory = directory.join(format!("seed-{seed}"));
    make(&directory)?;
    let result = match play(&plan, binaries, &directory, title, Talk::Nothing) {
        Ok(Run { report, timeline }) => {
            if report.violations().is_empty() {
                // What is left there is removed with the directory of all runs.
                let _ = fs::remove_dir_all(&directory);
            } else {
                let path = directory.join("report.md");
                write_report(&path, &report.markdown(&picture_name(&path)), &timeline.svg())?;
            }
            Ok(report)
        }
        // A run that broke off is one that failed; the next one may go well.
        Err(Failure::Failed(why)) => Err(why),
        Err(other) => return Err(other),
    };
    Ok(Finished { seed, command: plan.command(), steps, result })
}

impl Finished {
    fn is_well(&self) -> bool {
        self.result.as_ref().is_ok_and(|report| report.violations().is_empty())
    }

    /// What is wrong.
    fn violations(&self) -> Vec<String> {
        self.result.as_ref().map_or_else(|why| vec![why.clone()], Report::violations)
    }

    /// The run in a line.
    fn line(&self) -> String {
        let Self { seed, steps, .. } = self;
        let (end, length) = match &self.result {
            Ok(report) => {
                let Report { acknowledged, length, verdict, state, files, .. } = report;
                let repeated: u64 = verdict.repeated.iter().sum();
                let twice = format!("{} counted twice, {} in files twice", state.doubled, files.doubled);
                let figures = format!("{acknowledged} records, {repeated} repeated, {twice}");
                (figures, format!(" in {length}"))
            }
            Err(_) => ("broke off".to_owned(), String::new()),
        };
        let wrong: Vec<String> =
            self.violations().into_iter().map(|violation| format!("; WRONG: {violation}")).collect();
        let verdict = if self.is_well() { "OK" } else { "FAILED" };
        format!("seed {seed} {verdict}{length}: {end}; {steps}{}", wrong.concat())
    }
}

const HEAD: [&str; 14] = [
    "seed",
    "",
    "time",
    "confirmed",
    "processed",
    "kills",
    "freezes",
    "thefts",
    "faults",
    "reshards",
    "repeated",
    "counted twice",
    "in files twice",
    "lost",
];

/// The table of all runs, what they came to together, and the commands that play the failed ones again.
fn summary(finished: &[Finished]) -> String {
    let mut rows = vec![HEAD.map(str::to_owned).to_vec()];
    let mut sums = [0_u64; 11];
    for one in finished {
        let verdict = if one.is_well() { "ok" } else { "FAILED" };
        let mut row = vec![one.seed.to_string(), verdict.to_owned()];
        if let Ok(report) = &one.result {
            let figures = figures(report);
            sums.iter_mut().zip(figures).for_each(|(sum, figure)| *sum = sum.saturating_add(figure));
            row.push(report.length.to_string());
            row.extend(figures.iter().map(ToString::to_string));
        }
        row.resize(HEAD.len(), String::new());
        rows.push(row);
    }
    let mut all = vec!["all".to_owned(), String::new(), String::new()];
    all.extend(sums.iter().map(ToString::to_string));
    rows.push(all);
    let failed: Vec<&Finished> = finished.iter().filter(|one| !one.is_well()).collect();
    let again = failed.iter().map(|one| format!("- {}: {}\n", one.command, one.violations().join("; ")));
    let verdict = format!("{} of {} runs without a violation\n", finished.len() - failed.len(), finished.len());
    format!("{}\n{verdict}{}", table(&rows), again.collect::<String>())
}

/// The numbers of a run, in the order of the columns.
fn figures(report: &Report) -> [u64; 11] {
    let steps = |kinds: &[&str]| u64::try_from(report.steps_of(kinds)).unwrap_or(u64::MAX);
    [
        report.acknowledged,
        report.processed,
        steps(&["kill", "restart"]),
        steps(&["freeze"]),
        steps(&["steal"]),
        steps(&["fault"]),
        steps(&["split", "merge"]),
        report.verdict.repeated.iter().sum(),
        report.state.doubled,
        report.files.doubled,
        report.verdict.lost,
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chaos::check::Verdict;
    use crate::chaos::report::tests::report;

    fn finished(seed: u64, result: Result<Report, String>) -> Finished {
        Finished { seed, command: format!("cargo xtask chaos --short --seed {seed}"), steps: "kill".to_owned(), result }
    }

    #[test]
    fn a_table_has_a_row_for_each_run_their_sum_and_the_commands_of_those_that_failed() {
        let lost = Report { verdict: Verdict { lost: 3, ..Verdict::default() }, ..report() };
        let runs = [finished(1, Ok(report())), finished(2, Ok(lost)), finished(3, Err("worker 2 ended".to_owned()))];
        let text = summary(&runs);
        let cells = |name: &str| {
            let row = text.lines().find(|line| line.starts_with(&format!("| {name} "))).expect("a row");
            row.split('|').map(str::trim).filter(|cell| !cell.is_empty()).map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(cells("1")[..5], ["1", "ok", "2.00 s", "100", "107"]);
        assert_eq!(cells("3"), ["3", "FAILED"]);
        assert_eq!(cells("all"), ["all", "200", "214", "2", "0", "0", "0", "0", "7", "0", "0", "3"]);
        assert!(text.contains("1 of 3 runs without a violation"), "{text}");
        assert!(text.contains("- cargo xtask chaos --short --seed 2: 3 records lost"), "{text}");
        assert!(text.contains("--seed 3: worker 2 ended"), "{text}");
    }

    #[test]
    fn a_run_that_failed_says_so_in_its_line() {
        assert!(finished(1, Ok(report())).line().starts_with("seed 1 OK in 2.00 s: 100 records, 7 repeated"));
        assert!(
            finished(3, Err("worker 2 ended".to_owned())).line().contains("FAILED: broke off; kill; WRONG: worker 2")
        );
    }
}
