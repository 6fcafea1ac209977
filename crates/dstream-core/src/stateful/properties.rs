//! Both state operators against a naive model: random programs with removals and time-outs, gaps, failed attempts and
//! restarts.

use std::collections::BTreeMap;

use proptest::prelude::*;

use crate::dstream::DStream;
use crate::state::State;
use crate::stateful::{StateSpec, UpdateSpec};
use crate::stepper::{Fuse, SECOND, Stepper, context};

type Row = (u8, u32);

/// What happens: how many seconds after the batch before, with which rows, and whether attempts fail or a restart precedes.
#[derive(Clone, Debug)]
struct Step {
    wait: u32,
    rows: Vec<Row>,
    blow: u8,
    restart: Option<usize>,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let rows = proptest::collection::vec((0..6_u8, 0..10_u32), 0..6);
    let wait = prop_oneof![6 => Just(1_u32), 1 => 2..9_u32];
    let restart = prop_oneof![8 => Just(None), 1 => (1..4_usize).prop_map(Some)];
    let step = (wait, rows, 0..12_u8, restart);
    let step = step.prop_map(|(wait, rows, blow, restart)| Step { wait, rows, blow, restart });
    proptest::collection::vec(step, 1..25)
}

fn initial() -> impl Strategy<Value = Vec<Row>> {
    proptest::collection::btree_map(0..8_u8, 0..10_u32, 0..4).prop_map(|pairs| pairs.into_iter().collect())
}

/// Runs `steps` through the stream that `build` makes and compares every batch with what `model` says.
fn check<T: Send + std::fmt::Debug + Ord + 'static>(
    steps: &[Step],
    build: impl Fn(&DStream<Row>, &Fuse) -> DStream<T>,
    mut model: impl FnMut(u32, &[Row]) -> Vec<T>,
) {
    let fuse = Fuse::default();
    let start = |threads, steps: &[Step]| {
        let inputs: Vec<Vec<Row>> = steps.iter().map(|step| step.rows.clone()).collect();
        Stepper::new(&build(&context(threads).queue_stream(inputs), &fuse))
    };
    let mut stepper = start(2, steps);
    let mut now = 0;
    for (done, step) in steps.iter().enumerate() {
        if let Some(threads) = step.restart {
            let restarted = start(threads, &steps[done..]);
            restarted.restore(now, &stepper);
            stepper = restarted;
        }
        now += step.wait;
        fuse.fail_at_call(step.blow);
        let mut found = stepper.batch(now).unwrap();
        found.sort();
        let mut expected = model(now, &step.rows);
        expected.sort();
        assert_eq!(found, expected, "at {now} s");
        assert!(stepper.held().into_iter().all(|held| held <= 2), "{:?} versions are held", stepper.held());
    }
}

/// The sum of the values of a key, the last one, and how often none came.
type Sum = (u32, u32, u32);

/// Forgets keys that were idle twice, and those whose sum has a remainder.
fn next_sum(new: &[u32], sum: Option<Sum>) -> Option<Sum> {
    let (sum, last, idle) = sum.unwrap_or_default();
    if new.is_empty() {
        return (idle < 2).then_some((sum, last, idle + 1));
    }
    let sum = sum + new.iter().sum::<u32>();
    (sum % 7 != 3).then_some((sum, *new.last().unwrap(), 0))
}

fn values_of(rows: &[Row], key: u8) -> Vec<u32> {
    rows.iter().filter(|row| row.0 == key).map(|row| row.1).collect()
}

/// A naive `map_with_state`.
struct Naive {
    /// State and time of the last update.
    states: BTreeMap<u8, (u32, u32)>,
    timeout: Option<u32>,
    now: u32,
    mapped: Vec<Mapped>,
}

/// Key, value, and the state that the function found.
type Mapped = (u8, Option<u32>, Option<u32>);

impl Naive {
    /// All batch times up to `now`; only the last one has rows.
    fn batch(&mut self, now: u32, rows: &[Row]) {
        self.mapped.clear();
        let first = if self.now == 0 { now } else { self.now + 1 };
        if self.now == 0 {
            self.states.values_mut().for_each(|(_, updated)| *updated = now);
        }
        for time in first..=now {
            self.one(time, if time == now { rows } else { &[] });
        }
        self.now = now;
    }

    fn one(&mut self, time: u32, rows: &[Row]) {
        for (key, value) in rows {
            let held = self.states.get(key).map(|(state, _)| *state);
            self.mapped.push((*key, Some(*value), held));
            match (value, held) {
                (0..3, _) => {
                    self.states.remove(key);
                }
                (3..5, None) => {}
                (3..5, Some(state)) => {
                    if self.timeout.is_some() {
                        self.states.insert(*key, (state, time));
                    }
                }
                _ => {
                    self.states.insert(*key, (held.unwrap_or(0) + value, time));
                }
            }
        }
        let Some(timeout) = self.timeout else { return };
        let out = |(_, updated): &(u32, u32)| updated + timeout < time;
        self.mapped
            .extend(self.states.iter().filter(|(_, state)| out(state)).map(|(key, (n, _))| (*key, None, Some(*n))));
        self.states.retain(|_, state| !out(state));
    }
}

/// The program that `Naive` is a model of.
fn program(fuse: &Fuse) -> StateSpec<u8, u32, u32, Mapped> {
    let fuse = fuse.clone();
    StateSpec::function(move |key: &u8, value: Option<u32>, state: &mut State<'_, u32>| {
        fuse.burn();
        let held = state.get_option().copied();
        match value {
            None => assert!(state.is_timing_out()),
            Some(0..3) => state.remove(),
            Some(3..5) => {}
            Some(value) => state.update(held.unwrap_or(0) + value),
        }
        (*key, value, held)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn update_state_by_key_equals_a_naive_map_in_every_batch(
        steps in steps(), initial in initial(), partitions in 0..4_usize,
    ) {
        let sums: Vec<(u8, Sum)> = initial.iter().map(|(key, n)| (*key, (*n, 0, 0))).collect();
        let build = |rows: &DStream<Row>, fuse: &Fuse| {
            let fuse = fuse.clone();
            let spec = UpdateSpec::function(move |new: Vec<u32>, sum| {
                fuse.burn();
                next_sum(&new, sum)
            });
            rows.update_state_by_key_with(spec.initial_state(sums.clone()).partitions(partitions))
        };
        let mut states: BTreeMap<u8, Sum> = sums.iter().copied().collect();
        let mut before = None;
        check(&steps, build, |now, rows| {
            for time in before.map_or(now, |before| before + 1)..=now {
                let rows = if time == now { rows } else { &[] };
                let next = |key| Some((key, next_sum(&values_of(rows, key), states.get(&key).copied())?));
                let known = |key: &u8| states.contains_key(key) || rows.iter().any(|row| row.0 == *key);
                states = (0..8).filter(known).filter_map(next).collect();
            }
            before = Some(now);
            states.iter().map(|(key, sum)| (*key, *sum)).collect()
        });
    }

    #[test]
    fn map_with_state_gives_what_a_naive_map_gives(
        steps in steps(), initial in initial(), timeout in proptest::option::of(0..6_u32),
    ) {
        let build = |rows: &DStream<Row>, fuse: &Fuse| {
            let spec = program(fuse).initial_state(initial.clone());
            let spec = if let Some(t) = timeout { spec.timeout(SECOND * t) } else { spec };
            (*rows.map_with_state(spec)).clone()
        };
        let mut naive = naive(&initial, timeout);
        check(&steps, build, |now, rows| {
            naive.batch(now, rows);
            naive.mapped.clone()
        });
    }

    #[test]
    fn snapshots_of_map_with_state_equal_a_naive_map(
        steps in steps(), initial in initial(), timeout in proptest::option::of(0..6_u32),
    ) {
        let build = |rows: &DStream<Row>, fuse: &Fuse| {
            let spec = program(fuse).initial_state(initial.clone()).partitions(3);
            let spec = if let Some(t) = timeout { spec.timeout(SECOND * t) } else { spec };
            rows.map_with_state(spec).state_snapshots()
        };
        let mut naive = naive(&initial, timeout);
        check(&steps, build, |now, rows| {
            naive.batch(now, rows);
            naive.states.iter().map(|(key, (state, _))| (*key, *state)).collect()
        });
    }
}

fn naive(initial: &[Row], timeout: Option<u32>) -> Naive {
    let states = initial.iter().map(|(key, n)| (*key, (*n, 0))).collect();
    Naive { states, timeout, now: 0, mapped: Vec::new() }
}
