//! Every kind of window against a naive model: random batches, windows, gaps, failed attempts and restarts.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;

use proptest::prelude::*;

use crate::dstream::DStream;
use crate::stepper::{Fuse, SECOND, Stepper, context};

type Row = (String, u64);

/// What happens: how many seconds after the batch before, with which rows, and whether attempts fail or a restart precedes.
#[derive(Clone, Debug)]
struct Step {
    wait: u32,
    rows: Vec<Row>,
    blow: u8,
    restart: Option<usize>,
}

fn step() -> impl Strategy<Value = Step> {
    let rows = proptest::collection::vec(("[a-d]", 1..5_u64), 0..6);
    let wait = prop_oneof![6 => Just(1_u32), 1 => 2..9_u32];
    let restart = prop_oneof![8 => Just(None), 1 => (1..4_usize).prop_map(Some)];
    (wait, rows, 0..12_u8, restart).prop_map(|(wait, rows, blow, restart)| Step { wait, rows, blow, restart })
}

/// The batches in the window that ends at `now`, oldest first.
fn inside(
    batches: &BTreeMap<u32, Vec<Row>>,
    window: u32,
    now: u32,
) -> impl DoubleEndedIterator<Item = (&u32, &Vec<Row>)> {
    batches.range(..=now).filter(move |(time, _)| **time + window > now)
}

fn sums(rows: impl IntoIterator<Item = Row>) -> Vec<Row> {
    let mut sums = BTreeMap::new();
    rows.into_iter().for_each(|(key, n)| *sums.entry(key).or_insert(0) += n);
    sums.into_iter().collect()
}

/// What the model is given: the batches until now, the times at which the window was due, its length in seconds.
struct Past<'a> {
    batches: &'a BTreeMap<u32, Vec<Row>>,
    due: &'a [u32],
    window: u32,
    now: u32,
}

impl Past<'_> {
    fn rows(&self) -> Vec<Row> {
        inside(self.batches, self.window, self.now).flat_map(|(_, rows)| rows.clone()).collect()
    }

    /// All rows that ever were in a window.
    fn ever(&self) -> Vec<Row> {
        self.due
            .iter()
            .flat_map(|now| inside(self.batches, self.window, *now))
            .flat_map(|(_, rows)| rows.clone())
            .collect()
    }
}

/// Runs `steps` through the stream that `build` makes and compares every window with what `model` says.
fn check<T: Send + Debug + PartialEq + 'static>(
    steps: Vec<Step>,
    (window, slide): (u32, u32),
    build: impl Fn(&DStream<Row>, &Fuse) -> DStream<T>,
    model: impl Fn(&Past<'_>) -> Vec<T>,
    order: impl Fn(&mut [T]),
) {
    let fuse = Fuse::default();
    let mut inputs: Vec<Vec<Row>> = steps.iter().map(|step| step.rows.clone()).collect();
    inputs.reverse();
    let start = |threads, inputs: &[Vec<Row>]| {
        let ctx = context(threads);
        let inputs: Vec<_> = inputs.iter().rev().cloned().collect();
        Stepper::new(&build(&ctx.queue_stream(inputs), &fuse))
    };
    let mut stepper = start(2, &inputs);
    let (mut now, mut batches, mut due) = (0, BTreeMap::new(), Vec::new());
    for step in steps {
        if let Some(threads) = step.restart {
            let restarted = start(threads, &inputs);
            restarted.restore(now, &stepper);
            stepper = restarted;
        }
        now += step.wait;
        inputs.pop();
        batches.insert(now, step.rows);
        fuse.fail_at_call(step.blow);
        let found = stepper.batch(now);
        let expected = (now % slide == 0).then(|| {
            due.push(now);
            model(&Past { batches: &batches, due: &due, window, now })
        });
        let sorted = |rows: Option<Vec<T>>| {
            rows.map(|mut rows| {
                order(&mut rows);
                rows
            })
        };
        assert_eq!(sorted(found), sorted(expected), "at {now} s");
        let most = stepper.held().into_iter().max().unwrap_or(0);
        // A window, the slide until the next, and the version before: all of them, and no more.
        assert!(most <= 40, "{most} batches are held");
    }
}

/// A window and a slide, in batches.
fn sizes() -> impl Strategy<Value = (u32, u32)> {
    (1..6_u32, 1..5_u32)
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    proptest::collection::vec(step(), 1..25)
}

fn unordered<T: Ord>(rows: &mut [T]) {
    rows.sort();
}

/// A function that adds, and fails when the fuse blows.
fn adding(fuse: &Fuse) -> impl Fn(u64, u64) -> u64 + Send + Sync + use<> {
    let fuse = fuse.clone();
    move |m, n| {
        fuse.burn();
        m + n
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_window_has_the_rows_of_its_batches_in_their_order(steps in steps(), (w, s) in sizes()) {
        check(steps, (w, s), |rows, _| rows.window(SECOND * w, SECOND * s), |past| past.rows(), |_| {});
    }

    #[test]
    fn a_window_of_windows_has_the_rows_of_its_windows(steps in steps(), (w, s) in sizes(), (outer, by) in sizes()) {
        let build = |rows: &DStream<Row>, _: &Fuse| {
            rows.window(SECOND * w, SECOND * s).window(SECOND * s * outer, SECOND * s * by)
        };
        let model = |past: &Past<'_>| {
            let inner = inside(past.batches, past.window, past.now).filter(|(time, _)| **time % s == 0);
            inner.flat_map(|(time, _)| inside(past.batches, w, *time)).flat_map(|(_, rows)| rows.clone()).collect()
        };
        check(steps, (s * outer, s * by), build, model, |_| {});
    }

    #[test]
    fn a_reduced_window_is_the_reduction_of_its_rows(steps in steps(), (w, s) in sizes()) {
        let build = |rows: &DStream<Row>, fuse: &Fuse| {
            rows.reduce_by_key_and_window(adding(fuse), SECOND * w, SECOND * s)
        };
        check(steps, (w, s), build, |past| sums(past.rows()), unordered);
    }

    #[test]
    fn a_corrected_window_is_the_reduction_of_its_rows_with_neutral_values_for_keys_that_left(
        steps in steps(), (w, s) in sizes(),
    ) {
        let build = |rows: &DStream<Row>, fuse: &Fuse| {
            rows.reduce_by_key_and_window_inverse(adding(fuse), |m, n| m - n, SECOND * w, SECOND * s)
        };
        let model = |past: &Past<'_>| sums(past.rows().into_iter().chain(past.ever().into_iter().map(|(key, _)| (key, 0))));
        check(steps, (w, s), build, model, unordered);
    }

    #[test]
    fn a_corrected_window_with_a_filter_is_the_reduction_of_its_rows(steps in steps(), (w, s) in sizes()) {
        let build = |rows: &DStream<Row>, fuse: &Fuse| {
            let (w, s) = (SECOND * w, SECOND * s);
            rows.reduce_by_key_and_window_filtered_into(3, adding(fuse), |m, n| m - n, w, s, |_, n| *n != 0)
        };
        check(steps, (w, s), build, |past| sums(past.rows()), unordered);
    }

    #[test]
    fn a_grouped_window_has_the_values_of_a_key_in_their_order(steps in steps(), (w, s) in sizes()) {
        let build = |rows: &DStream<Row>, _: &Fuse| rows.group_by_key_and_window(SECOND * w, SECOND * s);
        let model = |past: &Past<'_>| {
            let mut groups: BTreeMap<String, Vec<u64>> = BTreeMap::new();
            past.rows().into_iter().for_each(|(key, n)| groups.entry(key).or_default().push(n));
            groups.into_iter().collect::<Vec<_>>()
        };
        check(steps, (w, s), build, model, unordered);
    }

    #[test]
    fn a_window_is_reduced_to_one_record_or_none(steps in steps(), (w, s) in sizes()) {
        let build = |rows: &DStream<Row>, fuse: &Fuse| {
            rows.map(|(_, n)| n).reduce_by_window(adding(fuse), SECOND * w, SECOND * s)
        };
        let model = |past: &Past<'_>| past.rows().into_iter().map(|(_, n)| n).reduce(|m, n| m + n).into_iter().collect();
        check(steps, (w, s), build, model, unordered);
    }

    #[test]
    fn a_corrected_reduction_to_one_record_stays_when_the_window_is_empty(steps in steps(), (w, s) in sizes()) {
        let build = |rows: &DStream<Row>, fuse: &Fuse| {
            let numbers = rows.map(|(_, n)| n);
            numbers.reduce_by_window_inverse(adding(fuse), |m, n| m - n, SECOND * w, SECOND * s)
        };
        let model = |past: &Past<'_>| {
            let sum = past.rows().into_iter().map(|(_, n)| n).sum::<u64>();
            (!past.ever().is_empty()).then_some(sum).into_iter().collect()
        };
        check(steps, (w, s), build, model, unordered);
    }

    #[test]
    fn a_window_is_counted_and_so_are_its_values(steps in steps(), (w, s) in sizes()) {
        let all = |rows: &DStream<Row>, _: &Fuse| {
            rows.count_by_window(SECOND * w, SECOND * s).map(|n| usize::try_from(n).unwrap())
        };
        check(steps.clone(), (w, s), all, |past| vec![past.rows().len()], |_| {});
        let each = |rows: &DStream<Row>, _: &Fuse| rows.count_by_value_and_window(SECOND * w, SECOND * s);
        let model = |past: &Past<'_>| {
            let rows = past.rows();
            let distinct: BTreeSet<Row> = rows.iter().cloned().collect();
            distinct.into_iter().map(|row| (row.clone(), rows.iter().filter(|other| **other == row).count())).collect()
        };
        let each = move |rows: &DStream<Row>, fuse: &Fuse| each(rows, fuse).map(|(row, n)| (row, usize::try_from(n).unwrap()));
        check(steps, (w, s), each, model, unordered);
    }
}
