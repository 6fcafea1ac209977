//! The word count over a window of three batches, by dstream-core and by hand with rayon, side by side.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use rayon::prelude::*;

use crate::program::{INTERVAL, Program};
use crate::text;

const WORDS: usize = 1_000_000;
const ROUNDS: usize = 15;

/// A way to write the window: the reduced batches in it reduced again, or as one operator.
#[derive(Clone, Copy, Debug)]
enum Form {
    WindowThenReduce,
    ReduceByKeyAndWindow,
}

/// One of our programs, and what it was measured to take.
struct Ours {
    form: Form,
    program: Program,
    counted: Arc<Mutex<(usize, u64)>>,
    times: Vec<Duration>,
    ratios: Vec<f64>,
}

pub async fn compare(threads: usize) {
    let batches: Vec<Vec<Bytes>> = (0..3).map(|seed| text::lines(WORDS, seed + 1)).collect();
    let mut ours =
        [Ours::start(threads, Form::WindowThenReduce).await, Ours::start(threads, Form::ReduceByKeyAndWindow).await];
    let mut by_hand = ByHand::new(threads);
    let mut by_hand_times = Vec::new();
    for round in 0..ROUNDS + 3 {
        let batch = &batches[round % batches.len()];
        let parts: Vec<&[Bytes]> = batch.chunks(batch.len().div_ceil(threads)).collect();
        // All three take turns in being the first one of a round.
        let mut times = [Duration::ZERO; 2];
        let (mut theirs, mut expected) = (Duration::ZERO, (0, 0));
        for place in 0..3 {
            match (place + round) % 3 {
                2 => {
                    let begun = Instant::now();
                    expected = by_hand.batch(&parts);
                    theirs = begun.elapsed();
                }
                one => times[one] = ours[one].program.batch(&parts).await,
            }
        }
        for (ours, time) in ours.iter_mut().zip(times) {
            assert_eq!(*ours.counted.lock().unwrap(), expected, "both count the same");
            // The first rounds fill the windows and warm the caches.
            if round >= 3 {
                ours.times.push(time);
                ours.ratios.push(theirs.as_secs_f64() / time.as_secs_f64());
            }
        }
        if round >= 3 {
            by_hand_times.push(theirs);
        }
    }
    let by_hand = median(&mut by_hand_times);
    for mut ours in ours {
        ours.program.ctx.stop(dstream_core::StopMode::Graceful).await.unwrap();
        ours.ratios.sort_by(f64::total_cmp);
        let time = median(&mut ours.times);
        println!(
            "word count, local[{threads}], 1 M words, window of 3, {:?}: {:.0} ms ({:.2} M words/s); rayon by hand {:.0} ms; throughput ratio {:.2}",
            ours.form,
            time * 1e3,
            WORDS as f64 / time / 1e6,
            by_hand * 1e3,
            ours.ratios[ours.ratios.len() / 2]
        );
    }
}

fn median(times: &mut [Duration]) -> f64 {
    times.sort();
    times[times.len() / 2].as_secs_f64()
}

impl Ours {
    async fn start(threads: usize, form: Form) -> Self {
        let counted: Arc<Mutex<(usize, u64)>> = Arc::default();
        let seen = Arc::clone(&counted);
        let program = Program::start(threads, move |lines| {
            let pairs = lines.flat_map(text::Words::of).map(|word| (word, 1_u64));
            let counts = match form {
                Form::WindowThenReduce => {
                    pairs.reduce_by_key(|a, b| a + b).window(INTERVAL * 3, INTERVAL).reduce_by_key(|a, b| a + b)
                }
                Form::ReduceByKeyAndWindow => pairs.reduce_by_key_and_window(|a, b| a + b, INTERVAL * 3, INTERVAL),
            };
            counts.foreach_rdd(move |rdd, _| {
                let counts = rdd.collect()?;
                *seen.lock().unwrap() = (counts.len(), counts.iter().map(|(_, n)| n).sum());
                Ok(())
            });
        })
        .await;
        Self { form, program, counted, times: Vec::new(), ratios: Vec::new() }
    }
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
