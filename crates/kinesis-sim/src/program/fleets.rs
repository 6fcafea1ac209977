//! Fleets of many sizes, ours beside the KCL's, as a Markdown table.

use std::io::{self, IsTerminal};
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::sync_channel;

use indicatif::{ProgressBar, ProgressStyle};
use kinesis_sim::fleet::kcl::KclVersion;
use kinesis_sim::fleet::plan_time::{PlanTime, of_a_joining_worker, of_the_first_worker};
use kinesis_sim::fleet::report::HEAD;
use kinesis_sim::fleet::scenario::life;
use kinesis_sim::fleet::simulation::Kind;

use crate::{Failure, print};

/// Workers and leases.
const SIZES: [(usize, usize); 8] =
    [(1, 10), (2, 4), (3, 10), (10, 100), (50, 1_000), (200, 1_000), (10, 10_000), (200, 10_000)];
const KINDS: [Kind; 3] = [Kind::Ours, Kind::Kcl(KclVersion::Two), Kind::Kcl(KclVersion::One)];

/// Plays the life of each fleet and prints its figures.
pub(crate) fn play(sizes: &[(usize, usize)], seed: u64, threads: usize) -> Result<ExitCode, Failure> {
    let sizes = if sizes.is_empty() { &SIZES } else { sizes };
    let rows: Vec<(Kind, usize, usize)> =
        sizes.iter().flat_map(|(workers, leases)| KINDS.map(|kind| (kind, *workers, *leases))).collect();
    let (next, bar) = (AtomicUsize::new(0), progress_bar(rows.len()));
    let (outcomes, played) = sync_channel(rows.len());
    let mut figures = std::thread::scope(|scope| {
        for _ in 0..threads {
            let (outcomes, rows, next) = (outcomes.clone(), &rows, &next);
            scope.spawn(move || {
                // The largest first, so that the last ones are short.
                while let Some((number, row)) = rows.iter().enumerate().rev().nth(next.fetch_add(1, Ordering::Relaxed))
                {
                    let (kind, workers, leases) = *row;
                    if outcomes.send((number, life(kind, workers, leases, seed).to_string())).is_err() {
                        return;
                    }
                }
            });
        }
        drop(outcomes);
        played.into_iter().inspect(|_| bar.inc(1)).collect::<Vec<_>>()
    });
    bar.finish_and_clear();
    figures.sort();
    print(HEAD)?;
    for (_, row) in figures {
        print(&row)?;
    }
    print_plan_times()?;
    Ok(ExitCode::SUCCESS)
}

/// Reads a size such as `3x10`.
pub(crate) fn size(text: &str) -> Result<(usize, usize), String> {
    let parts = text.split_once('x').and_then(|(workers, leases)| Some((workers.parse().ok()?, leases.parse().ok()?)));
    parts
        .filter(|(workers, leases)| *workers > 0 && *leases > 0)
        .ok_or_else(|| format!("'{text}' is no size such as 3x10"))
}

fn print_plan_times() -> io::Result<()> {
    let profile = if cfg!(debug_assertions) { "dev" } else { "release" };
    let text = |time: PlanTime| format!("{:.2?} (longest {:.2?}, {} wanted)", time.median, time.longest, time.wanted);
    print("")?;
    print(&format!("One plan ({profile} profile), 10 000 leases:"))?;
    print(&format!("* of a worker that joins 200: {}", text(of_a_joining_worker(200, 10_000))))?;
    print(&format!("* of the first worker: {}", text(of_the_first_worker(10_000))))
}

fn progress_bar(rows: usize) -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{bar:30} {pos} of {len} fleets");
    let bar = ProgressBar::new(u64::try_from(rows).unwrap_or(0));
    bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}
