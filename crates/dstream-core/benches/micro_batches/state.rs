//! What a batch costs with many keys of state, of which it touches few: `map_with_state` over a million keys and fewer.

use std::time::Duration;

use bytes::Bytes;
use dstream_core::{State, StateSpec, StopMode};

use crate::program::Program;
use crate::text;

/// Rounds, over which the three programs take turns.
const ROUNDS: usize = 31;
/// Keys that a batch of the filling brings.
const FILLING: u64 = 100_000;

/// A program that has a state for each of `keys` keys, and `touched` of them in a batch.
struct Case {
    keys: u64,
    touched: u64,
    program: Program,
    times: Vec<Duration>,
}

pub async fn measure(threads: usize) {
    let mut cases = Vec::new();
    for (keys, touched) in [(1_000_000, 10_000), (100_000, 10_000), (1_000_000, 1_000)] {
        cases.push(Case::filled(threads, keys, touched).await);
    }
    for round in 0..ROUNDS {
        for case in &mut cases {
            let time = case.touch(threads, u64::try_from(round).unwrap()).await;
            case.times.push(time);
        }
    }
    for Case { keys, touched, program, mut times } in cases {
        times.sort();
        let median = times[times.len() / 2].as_secs_f64();
        println!(
            "state, local[{threads}], {keys} keys, {touched} touched: median {:.2} ms, {:.0} ns for each touched key",
            median * 1e3,
            median * 1e9 / touched as f64
        );
        program.ctx.stop(StopMode::Graceful).await.unwrap();
    }
}

impl Case {
    async fn filled(threads: usize, keys: u64, touched: u64) -> Self {
        let program = Program::start(threads, |lines| {
            let count = |_: &u64, value: Option<u64>, state: &mut State<'_, u64>| {
                let count = state.get_option().copied().unwrap_or(0) + value.unwrap_or(0);
                state.update(count);
                count
            };
            let pairs = lines.flat_map(text::Words::of).map(|word| (word.parse::<u64>().unwrap(), 1));
            pairs.map_with_state(StateSpec::function(count)).foreach_rdd(|rdd, _| {
                std::hint::black_box(rdd.count()?);
                Ok(())
            });
        })
        .await;
        let mut case = Self { keys, touched, program, times: Vec::new() };
        for begin in (0..keys).step_by(FILLING as usize) {
            case.batch(threads, (begin..begin + FILLING).collect()).await;
        }
        case
    }

    /// Keys from all over, other ones in each round.
    async fn touch(&mut self, threads: usize, round: u64) -> Duration {
        let step = self.keys / self.touched;
        let keys = (0..self.touched).map(|n| n * step + round % step).collect();
        self.batch(threads, keys).await
    }

    async fn batch(&mut self, threads: usize, keys: Vec<u64>) -> Duration {
        let line = |keys: &[u64]| Bytes::from(keys.iter().map(u64::to_string).collect::<Vec<_>>().join(" "));
        let lines: Vec<Bytes> = keys.chunks(10).map(line).collect();
        let parts: Vec<&[Bytes]> = lines.chunks(lines.len().div_ceil(threads)).collect();
        self.program.batch(&parts).await
    }
}
