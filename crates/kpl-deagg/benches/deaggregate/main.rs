//! What taking aggregates apart costs, beside `prost` + `md-5` done plainly and beside the bare MD5 of the same bytes.
//!
//! All ways run interleaved in one process, round after round; the figures are medians over the rounds, and ratios are
//! medians of each round's ratio, so that a neighbour on the machine disturbs both sides alike. `cargo bench -p kpl-deagg`
//! prints the tables of `docs/benchmarks.md`; under `cargo test --benches` one short round checks that all ways agree.

#![expect(clippy::print_stdout, reason = "a benchmark prints its result")]
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::as_conversions,
    reason = "a benchmark that cannot go on ends, and its figures are not exact"
)]

mod input;
mod plain;
mod timing;

use bytes::Bytes;
use kpl_deagg::{Deaggregated, Deaggregator, HashKey, HashKeyRange, Lanes, RangePolicy};
use md5::{Digest as _, Md5};

use crate::input::{AGGREGATES, Case};
use crate::timing::{Table, compare};

/// One way to do the job on a page of aggregates. The answer is a sum over everything that came out, equal for all ways
/// that hand out records.
pub(crate) struct Way {
    name: String,
    run: Run,
}

type Run = Box<dyn Fn(&[Bytes]) -> u64>;

/// The ways that all others are compared with.
pub(crate) const BARE_MD5: &str = "bare md-5";
pub(crate) const PLAIN: &str = "prost + md-5";

const SCALAR: &str = "kpl-deagg, record by record, 1 (portable)";

fn main() {
    // Cargo passes this to benchmarks only when it is to measure.
    let measure = std::env::args().any(|argument| argument == "--bench");
    let rounds = if measure { 61 } else { 1 };
    println!("{}", timing::machine());
    println!("lanes available: {}", Lanes::available().map(|lanes| lanes.to_string()).collect::<Vec<_>>().join(", "));
    for (records, bytes) in [(100, 100), (500, 20)] {
        for own_keys in [false, true] {
            let case = Case { records, bytes, own_keys };
            for with_range in [true, false] {
                let table = compare(&case, with_range, &ways(with_range), rounds);
                println!("\n{table}");
                if measure && with_range && !own_keys && bytes == 100 {
                    print_bars(&table);
                }
            }
        }
    }
}

/// Everything is in this range, but no one can know without hashing.
fn range() -> HashKeyRange {
    HashKeyRange::new(HashKey::new(1), HashKey::MAX)
}

fn ways(with_range: bool) -> Vec<Way> {
    let range = with_range.then(range);
    let deaggregator = Deaggregator::new(range.as_ref(), RangePolicy::DiscardAggregate);
    let mut ways = vec![
        way(BARE_MD5, |page| page.iter().map(|data| bare_md5(data)).fold(0, u64::wrapping_add)),
        way(PLAIN, move |page| page.iter().map(|data| plain::expand(data, range.as_ref(), plain::Hash::Entries)).sum()),
    ];
    if with_range {
        ways.push(way("prost + md-5, a hash for each record", move |page| {
            page.iter().map(|data| plain::expand(data, range.as_ref(), plain::Hash::Records)).sum()
        }));
    }
    for lanes in Lanes::available() {
        let deaggregator = deaggregator.with_lanes(lanes);
        ways.push(way(&format!("kpl-deagg, record by record, {lanes}"), move |page| {
            page.iter().map(|data| sum(&deaggregator.one(data))).sum()
        }));
    }
    for lanes in Lanes::available() {
        let deaggregator = deaggregator.with_lanes(lanes);
        ways.push(way(&format!("kpl-deagg, page of {AGGREGATES}, {lanes}"), move |page| {
            deaggregator.all(page).iter().map(sum).sum()
        }));
    }
    ways
}

fn way(name: &str, run: impl Fn(&[Bytes]) -> u64 + 'static) -> Way {
    Way { name: name.to_owned(), run: Box::new(run) }
}

fn bare_md5(data: &[u8]) -> u64 {
    let digest = Md5::digest(&data[4..data.len() - 16]);
    u64::from(digest[0])
}

/// Looks at every record that came out, as a consumer would.
fn sum(outcome: &Deaggregated) -> u64 {
    let Deaggregated::Expanded(batch) = outcome else { unreachable!("the input is aggregates") };
    batch.iter().map(|record| look(record.partition_key, record.data)).sum()
}

pub(crate) fn look(partition_key: &str, data: &[u8]) -> u64 {
    (partition_key.len() + data.len()) as u64 + u64::from(data[0])
}

/// The bars, for the case they are set for.
fn print_bars(table: &Table) {
    let times = |ratio: f64| format!("{ratio:.2}x");
    let (speedup, against_md5) = (table.speedup(PLAIN, SCALAR), table.speedup(BARE_MD5, SCALAR).recip());
    println!("bar: record by record, portable, at least 1.2x of {PLAIN}: {}", times(speedup));
    println!("bar: record by record, portable, at most 1.3x the time of the bare MD5: {}", times(against_md5));
    if let Some(lanes) = Lanes::available().find(|lanes| lanes.to_string().contains("AVX2")) {
        let name = format!("kpl-deagg, page of {AGGREGATES}, {lanes}");
        println!("bar: page, AVX2, at least 5x of {PLAIN}: {}", times(table.speedup(PLAIN, &name)));
    }
}
