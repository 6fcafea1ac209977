//! Rounds, medians and the table of them.

use std::fmt;
use std::hint::black_box;
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::input::{AGGREGATES, Case};
use crate::{BARE_MD5, PLAIN, Way};

/// The figures of one case. Displayed as a table in Markdown.
pub(crate) struct Table {
    title: String,
    records: usize,
    bytes: usize,
    rows: Vec<Row>,
}

struct Row {
    name: String,
    /// The time of a page, in each round.
    times: Vec<Duration>,
}

/// A run of a way is repeated until it has taken this long, and its time divided.
const SHORTEST_RUN: Duration = Duration::from_millis(2);

/// Runs all ways in turn, as many times as `rounds`, on a page of `case`.
pub(crate) fn compare(case: &Case, with_range: bool, ways: &[Way], rounds: usize) -> Table {
    let page = case.page();
    let sums: Vec<u64> = ways.iter().filter(|way| way.name != BARE_MD5).map(|way| (way.run)(&page)).collect();
    assert!(sums.windows(2).all(|pair| pair[0] == pair[1]), "all ways hand out the same: {sums:?}");
    let mut rows: Vec<Row> = ways.iter().map(|way| Row { name: way.name.clone(), times: Vec::new() }).collect();
    for round in 0..rounds {
        // Each round starts with another way, so that none always follows the same one.
        for turn in 0..ways.len() {
            let at = (round + turn) % ways.len();
            rows[at].times.push(time(&ways[at], &page, if rounds > 1 { SHORTEST_RUN } else { Duration::ZERO }));
        }
    }
    let range = if with_range { "range known" } else { "no range" };
    let bytes = page.iter().map(Bytes::len).sum::<usize>() / AGGREGATES;
    Table { title: format!("{case}, {range} ({bytes} B an aggregate)"), records: case.records, bytes, rows }
}

#[expect(clippy::disallowed_methods, reason = "a benchmark reads the real clock")]
fn time(way: &Way, page: &[Bytes], shortest: Duration) -> Duration {
    let start = Instant::now();
    let mut runs = 0;
    loop {
        black_box((way.run)(black_box(page)));
        runs += 1;
        let elapsed = start.elapsed();
        if elapsed >= shortest {
            return elapsed / runs;
        }
    }
}

impl Table {
    /// How many times faster `other` is than `base`.
    pub(crate) fn speedup(&self, base: &str, other: &str) -> f64 {
        let row = |name: &str| self.rows.iter().find(|row| row.name == name).expect("a way of this name");
        ratio(row(base), row(other))
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "**{}**\n", self.title)?;
        writeln!(f, "| | µs an aggregate | M user records/s | MB/s | time / bare MD5 | speed / {PLAIN} |")?;
        writeln!(f, "| --- | ---: | ---: | ---: | ---: | ---: |")?;
        for row in &self.rows {
            let seconds = median(row.times.iter().map(Duration::as_secs_f64).collect()) / AGGREGATES as f64;
            let (micros, records) = (seconds * 1e6, self.records as f64 / seconds / 1e6);
            let megabytes = self.bytes as f64 / seconds / 1e6;
            let (md5, plain) = (1.0 / self.speedup(BARE_MD5, &row.name), self.speedup(PLAIN, &row.name));
            writeln!(f, "| {} | {micros:.1} | {records:.1} | {megabytes:.0} | {md5:.2} | {plain:.2} |", row.name)?;
        }
        Ok(())
    }
}

fn ratio(base: &Row, other: &Row) -> f64 {
    median(base.times.iter().zip(&other.times).map(|(base, other)| base.as_secs_f64() / other.as_secs_f64()).collect())
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Processor, features that matter here and load, where the system tells.
pub(crate) fn machine() -> String {
    let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let field = |name: &str| {
        let line = cpu.lines().find(|line| line.starts_with(name)).unwrap_or_default();
        line.split(':').nth(1).unwrap_or("unknown").trim().to_owned()
    };
    let flags = field("flags");
    let flags: Vec<&str> = flags
        .split(' ')
        .filter(|flag| ["sse4", "avx", "bmi", "sha", "gfni"].iter().any(|kind| flag.starts_with(kind)))
        .collect();
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let id = format!("{}, family {} model {}", field("model name"), field("cpu family"), field("model\t"));
    format!("processor: {id}; flags: {}; load: {}", flags.join(" "), load.trim())
}
