//! The word count over a window of three batches, by dstream-core and by hand with rayon, side by side.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use rayon::prelude::*;

use crate::program::{INTERVAL, Program};
use crate::text;

const WORDS: usize = 1_000_000;
const ROUNDS: usize = 9;

pub async fn compare(threads: usize) {
    let batches: Vec<Vec<Bytes>> = (0..3).map(|seed| text::lines(WORDS, seed + 1)).collect();
    let counted: Arc<Mutex<(usize, u64)>> = Arc::default();
    let seen = Arc::clone(&counted);
    let mut program = Program::start(threads, move |lines| {
        lines
            .flat_map(text::Words::of)
            .map(|word| (word, 1_u64))
            .reduce_by_key(|a, b| a + b)
            .window(INTERVAL * 3, INTERVAL)
            .reduce_by_key(|a, b| a + b)
            .foreach_rdd(move |rdd, _| {
                let counts = rdd.collect()?;
                *seen.lock().unwrap() = (counts.len(), counts.iter().map(|(_, n)| n).sum());
                Ok(())
            });
    })
    .await;
    let mut by_hand = ByHand::new(threads);
    let mut ratios = Vec::new();
    let mut times: (Vec<Duration>, Vec<Duration>) = Default::default();
    for round in 0..ROUNDS + 2 {
        let batch = &batches[round % batches.len()];
        let parts: Vec<&[Bytes]> = batch.chunks(batch.len().div_ceil(threads)).collect();
        let ours = program.batch(&parts).await;
        let begun = Instant::now();
        let expected = by_hand.batch(&parts);
        let theirs = begun.elapsed();
        assert_eq!(*counted.lock().unwrap(), expected, "both count the same");
        // The first rounds fill the windows and warm the caches.
        if round >= 2 {
            ratios.push(theirs.as_secs_f64() / ours.as_secs_f64());
            times.0.push(ours);
            times.1.push(theirs);
        }
    }
    program.ctx.stop(dstream_core::StopMode::Graceful).await.unwrap();
    ratios.sort_by(f64::total_cmp);
    let median = |mut times: Vec<Duration>| {
        times.sort();
        times[times.len() / 2].as_secs_f64()
    };
    let (ours, theirs) = (median(times.0), median(times.1));
    println!(
        "word count, local[{threads}], 1 M words, window of 3: {:.0} ms ({:.2} M words/s); rayon by hand {:.0} ms; throughput ratio {:.2}",
        ours * 1e3,
        WORDS as f64 / ours / 1e6,
        theirs * 1e3,
        ratios[ratios.len() / 2]
    );
}

/// An iterator of one line's words that does not borrow a temporary.
fn words(line: &Bytes) -> impl Iterator<Item = &str> {
    std::str::from_utf8(line).unwrap_or_default().split(' ')
}

/// What one would write without a streaming engine.
struct ByHand {
    pool: rayon::ThreadPool,
    window: VecDeque<HashMap<String, u64>>,
}

impl ByHand {
    fn new(threads: usize) -> Self {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        Self { pool, window: VecDeque::new() }
    }

    /// Distinct words and their sum.
    fn batch(&mut self, parts: &[&[Bytes]]) -> (usize, u64) {
        let counts = self.pool.install(|| parts.par_iter().map(|part| count(part)).reduce(HashMap::new, merge));
        self.window.push_back(counts);
        if self.window.len() > 3 {
            self.window.pop_front();
        }
        let total = self.window.iter().cloned().reduce(merge).unwrap_or_default();
        let rows: Vec<(String, u64)> = total.into_iter().collect();
        (rows.len(), rows.iter().map(|(_, n)| n).sum())
    }
}

fn count(lines: &[Bytes]) -> HashMap<String, u64> {
    let mut counts = HashMap::new();
    for line in lines {
        for word in words(line) {
            *counts.entry(word.to_owned()).or_insert(0) += 1;
        }
    }
    counts
}

fn merge(mut into: HashMap<String, u64>, from: HashMap<String, u64>) -> HashMap<String, u64> {
    for (word, n) in from {
        *into.entry(word).or_insert(0) += n;
    }
    into
}
