//! The keyed operators against naive models, over random pairs and numbers of partitions.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "part of tests, outside of their functions")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use dstream_core::testing::batches_of;
use dstream_core::{Rdd, error_chain};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};

type Pairs = Vec<(u8, i64)>;

#[derive(Clone, Debug)]
struct Case {
    left: Pairs,
    right: Pairs,
    sources: (usize, usize),
    buckets: usize,
}

fn cases() -> impl Strategy<Value = Case> {
    let pairs = || prop::collection::vec((0..12_u8, -50..50_i64), 0..60);
    (pairs(), pairs(), (1..6_usize, 1..6_usize), 1..9_usize).prop_map(|(left, right, sources, buckets)| Case {
        left,
        right,
        sources,
        buckets,
    })
}

/// Checks a property for many cases in one batch of one context.
async fn holds(check: impl Fn(&Rdd<()>, &Case) -> Result<(), TestCaseError> + Send + Sync + 'static) {
    let check = Arc::new(check);
    let batches = batches_of(1, |ctx| {
        Ok(ctx.constant_stream(Vec::new()).transform(move |rdd, _| {
            let mut runner = TestRunner::new(Config { cases: 200, failure_persistence: None, ..Config::default() });
            runner.run(&cases(), |case| check(rdd, &case)).map_err(|error| error.to_string())?;
            Ok(rdd.clone())
        }))
    });
    if let Err(error) = batches.await {
        panic!("{}", error_chain(&*error));
    }
}

fn left(rdd: &Rdd<()>, case: &Case) -> Rdd<(u8, i64)> {
    rdd.parallelize(case.left.clone(), case.sources.0)
}

fn right(rdd: &Rdd<()>, case: &Case) -> Rdd<(u8, i64)> {
    rdd.parallelize(case.right.clone(), case.sources.1)
}

/// The collected rows, sorted; their partitions are as many as wanted.
fn rows<T: Ord + Send + 'static>(rdd: &Rdd<T>, case: &Case) -> Result<Vec<T>, TestCaseError> {
    prop_assert_eq!(rdd.num_partitions(), case.buckets);
    let mut rows = rdd.collect().map_err(|error| TestCaseError::fail(error_chain(&error)))?;
    rows.sort();
    Ok(rows)
}

/// The values of each key, in the order of the pairs.
fn groups(pairs: &Pairs) -> BTreeMap<u8, Vec<i64>> {
    let mut groups = BTreeMap::new();
    pairs.iter().for_each(|(key, value)| groups.entry(*key).or_insert_with(Vec::new).push(*value));
    groups
}

#[tokio::test]
async fn group_by_key_gives_each_key_once_with_its_values_in_their_order() {
    holds(|rdd, case| {
        let grouped = rows(&left(rdd, case).group_by_key_into(case.buckets), case)?;
        prop_assert_eq!(grouped, Vec::from_iter(groups(&case.left)));
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn reduce_by_key_gives_each_key_once_with_its_sum() {
    holds(|rdd, case| {
        let sums = rows(&left(rdd, case).reduce_by_key_into(case.buckets, |m, n| m + n), case)?;
        let expected = groups(&case.left).into_iter().map(|(key, values)| (key, values.iter().sum::<i64>()));
        prop_assert_eq!(sums, Vec::from_iter(expected));
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn combine_by_key_creates_adds_and_merges_each_value_once_in_order() {
    holds(|rdd, case| {
        let pushed = |mut values: Vec<i64>, value| {
            values.push(value);
            values
        };
        let joined = |a: Vec<i64>, b: Vec<i64>| [a, b].concat();
        let combined = left(rdd, case).combine_by_key_into(case.buckets, |value| vec![value], pushed, joined);
        prop_assert_eq!(rows(&combined, case)?, Vec::from_iter(groups(&case.left)));
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn count_by_value_counts_each_record() {
    holds(|rdd, case| {
        let counts = rows(&left(rdd, case).count_by_value_into(case.buckets), case)?;
        let mut expected: BTreeMap<(u8, i64), u64> = BTreeMap::new();
        case.left.iter().for_each(|pair| *expected.entry(*pair).or_default() += 1);
        prop_assert_eq!(counts, Vec::from_iter(expected));
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn cogroup_gives_each_key_of_either_once_with_the_values_of_both() {
    holds(|rdd, case| {
        let both = rows(&left(rdd, case).cogroup_into(case.buckets, &right(rdd, case)), case)?;
        let (lefts, rights) = (groups(&case.left), groups(&case.right));
        let keys: BTreeSet<u8> = lefts.keys().chain(rights.keys()).copied().collect();
        let of = |groups: &BTreeMap<u8, Vec<i64>>, key: u8| groups.get(&key).cloned().unwrap_or_default();
        let expected = keys.into_iter().map(|key| (key, (of(&lefts, key), of(&rights, key))));
        prop_assert_eq!(both, Vec::from_iter(expected));
        Ok(())
    })
    .await;
}

/// Nested loops: the rows of a full outer join.
fn nested_loops(case: &Case) -> Vec<(u8, (Option<i64>, Option<i64>))> {
    let mut rows = Vec::new();
    for (key, v) in &case.left {
        let met: Vec<_> = case.right.iter().filter(|(other, _)| other == key).collect();
        rows.extend(met.iter().map(|(_, w)| (*key, (Some(*v), Some(*w)))));
        if met.is_empty() {
            rows.push((*key, (Some(*v), None)));
        }
    }
    let lonely = case.right.iter().filter(|(key, _)| case.left.iter().all(|(other, _)| other != key));
    rows.extend(lonely.map(|(key, w)| (*key, (None, Some(*w)))));
    rows.sort_unstable();
    rows
}

#[tokio::test]
async fn joins_give_the_rows_of_nested_loops() {
    holds(|rdd, case| {
        let (left, right, n) = (left(rdd, case), right(rdd, case), case.buckets);
        let full = nested_loops(case);
        let sorted = |mut rows: Vec<(u8, (Option<i64>, Option<i64>))>| {
            rows.sort_unstable();
            rows
        };
        let having = |v: bool, w: bool| {
            Vec::from_iter(full.iter().filter(|(_, row)| (!v || row.0.is_some()) && (!w || row.1.is_some())).copied())
        };
        prop_assert_eq!(rows(&left.full_outer_join_into(n, &right), case)?, full.clone());
        let rows_of_left = rows(&left.left_outer_join_into(n, &right), case)?;
        prop_assert_eq!(
            sorted(rows_of_left.into_iter().map(|(k, (v, w))| (k, (Some(v), w))).collect()),
            having(true, false)
        );
        let rows_of_right = rows(&left.right_outer_join_into(n, &right), case)?;
        prop_assert_eq!(
            sorted(rows_of_right.into_iter().map(|(k, (v, w))| (k, (v, Some(w)))).collect()),
            having(false, true)
        );
        let inner = rows(&left.join_into(n, &right), case)?;
        prop_assert_eq!(
            sorted(inner.into_iter().map(|(k, (v, w))| (k, (Some(v), Some(w)))).collect()),
            having(true, true)
        );
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn repartition_keeps_the_records_and_balances_them_to_one_for_each_source() {
    holds(|rdd, case| {
        let dealt = left(rdd, case).repartition(case.buckets);
        let mut expected = case.left.clone();
        expected.sort_unstable();
        prop_assert_eq!(rows(&dealt, case)?, expected);
        let sizes: Vec<usize> = dealt.glom().map(|part| part.len()).collect().unwrap();
        let (least, most) = (sizes.iter().min().unwrap(), sizes.iter().max().unwrap());
        prop_assert!(most - least <= case.sources.0, "{sizes:?}");
        Ok(())
    })
    .await;
}
