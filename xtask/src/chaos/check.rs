//! The checker: everything that was processed beside everything that Kinesis has confirmed. Pure.
//!
//! Lost, strange, and disordered records are violations, and so are records that come again although nothing crashed.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt::Display;

use crate::chaos::record::{Acknowledged, Millis, Place, Processed, Shard, WorkerNumber};
use crate::chaos::step::Repeats;

/// Examples of each kind of violation that are kept.
const EXAMPLES: u64 = 3;

/// What happened in a part of the run, which goes from one moment to that of the next part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Window {
    pub(crate) from: Millis,
    pub(crate) repeats: Repeats,
}

/// What the comparison has shown.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// Confirmed and never processed.
    pub(crate) lost: u64,
    /// Processed, and neither confirmed nor without an answer; or at another place than the confirmed one.
    pub(crate) strange: u64,
    /// Out of the order of their shard within one holding of a worker.
    pub(crate) disordered: u64,
    /// Out of the order of their key, over all shards and workers.
    pub(crate) key_disordered: u64,
    /// Processed again, for each window.
    pub(crate) repeated: Vec<u64>,
    /// Of those, the ones in windows in which nothing crashed.
    pub(crate) repeated_without_cause: u64,
    /// A few of each kind, for the eye.
    pub(crate) examples: Vec<String>,
}

impl Verdict {
    /// What is wrong, in words; nothing when all is well.
    pub(crate) fn violations(&self) -> Vec<String> {
        let kinds = [
            (self.lost, "lost: confirmed by Kinesis and never processed"),
            (self.strange, "strange: processed, but not as Kinesis has confirmed them"),
            (self.disordered, "out of order within their shard"),
            (self.key_disordered, "out of order within their key"),
            (self.repeated_without_cause, "processed again in steps in which nothing crashed"),
        ];
        let wrong = kinds.into_iter().filter(|(count, _)| *count > 0);
        wrong.map(|(count, what)| format!("{count} records {what}")).collect()
    }
}

/// Compares. `processed` is in the order in which it was seen, `windows` in that of time.
pub(crate) fn check(
    acknowledged: &[Acknowledged],
    unsure: &[u64],
    processed: &[Processed],
    windows: &[Window],
) -> Verdict {
    let mut checker = Checker::new(acknowledged, unsure, windows);
    for record in processed {
        checker.take(record);
    }
    checker.finish(acknowledged)
}

struct Checker<'a> {
    places: HashMap<u64, &'a Place>,
    unsure: HashSet<u64>,
    windows: &'a [Window],
    seen: HashSet<&'a Place>,
    numbers: HashSet<u64>,
    /// Who read a shard last, and up to where.
    readers: BTreeMap<&'a Shard, (WorkerNumber, &'a Place)>,
    /// The highest number of each key.
    keys: BTreeMap<u64, u64>,
    verdict: Verdict,
}

impl<'a> Checker<'a> {
    fn new(acknowledged: &'a [Acknowledged], unsure: &[u64], windows: &'a [Window]) -> Self {
        Self {
            places: acknowledged.iter().map(|record| (record.record.number, &record.place)).collect(),
            unsure: unsure.iter().copied().collect(),
            windows,
            seen: HashSet::new(),
            numbers: HashSet::new(),
            readers: BTreeMap::new(),
            keys: BTreeMap::new(),
            verdict: Verdict { repeated: vec![0; windows.len()], ..Verdict::default() },
        }
    }

    fn take(&mut self, record: &'a Processed) {
        let number = record.record.number;
        let known = match self.places.get(&number) {
            Some(place) => **place == record.place,
            None => self.unsure.contains(&number),
        };
        if !known {
            self.verdict.strange += 1;
            self.example(self.verdict.strange, "strange", record);
        }
        self.numbers.insert(number);
        let window = self.windows.partition_point(|window| window.from <= record.at).saturating_sub(1);
        let repeats = self.windows.get(window).map_or(Repeats::Forbidden, |window| window.repeats);
        let is_new = self.seen.insert(&record.place);
        if !is_new {
            self.repeated(record, window, repeats);
        }
        self.order_in_shard(record, is_new, repeats);
        if is_new {
            self.order_in_key(record);
        }
    }

    fn repeated(&mut self, record: &Processed, window: usize, repeats: Repeats) {
        if let Some(count) = self.verdict.repeated.get_mut(window) {
            *count += 1;
        }
        if repeats == Repeats::Forbidden {
            self.verdict.repeated_without_cause += 1;
            self.example(self.verdict.repeated_without_cause, "repeated", record);
        }
    }

    /// A worker that goes back in a shard which nobody else had in between. After a crash it may: it lost the lease and got
    /// it again; but even then only over records that were processed before.
    fn order_in_shard(&mut self, record: &'a Processed, is_new: bool, repeats: Repeats) {
        let before = self.readers.insert(&record.place.shard, (record.worker, &record.place));
        let Some((worker, place)) = before else { return };
        let goes_back = worker == record.worker && record.place < *place;
        if goes_back && (is_new || repeats == Repeats::Forbidden) {
            self.verdict.disordered += 1;
            self.example(self.verdict.disordered, "out of order in its shard", record);
        }
    }

    fn order_in_key(&mut self, record: &Processed) {
        let (key, number) = (record.record.key, record.record.number);
        let highest = self.keys.entry(key).or_insert(number);
        if number < *highest {
            self.verdict.key_disordered += 1;
            self.example(self.verdict.key_disordered, "out of order in its key", record);
        } else {
            *highest = number;
        }
    }

    fn finish(mut self, acknowledged: &[Acknowledged]) -> Verdict {
        for record in acknowledged.iter().filter(|record| !self.numbers.contains(&record.record.number)) {
            self.verdict.lost += 1;
            if self.verdict.lost <= EXAMPLES {
                let (number, shard, at) = (record.record.number, &record.place.shard, record.at);
                let example = format!("lost: number {number} of shard {shard}, confirmed at {at}");
                self.verdict.examples.push(example);
            }
        }
        self.verdict
    }

    /// Keeps the first few of a kind.
    fn example(&mut self, count: u64, kind: impl Display, record: &Processed) {
        if count <= EXAMPLES {
            let Processed { at, worker, record, place } = record;
            let (number, key, shard) = (record.number, record.key, &place.shard);
            self.verdict
                .examples
                .push(format!("{kind}: number {number} (key {key}) of shard {shard}, by {worker} at {at}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chaos::journal::tests::processed;

    fn confirmed(shards: &[(&str, u64)]) -> Vec<Acknowledged> {
        let of = |(name, number): &(&str, u64)| {
            let Processed { at, record, place, .. } = processed(0, 1, name, *number);
            Acknowledged { at, record, place }
        };
        shards.iter().map(of).collect()
    }

    /// A calm part, a crash from 10 on, and a calm part from 20 on.
    fn windows() -> [Window; 3] {
        [(0, Repeats::Forbidden), (10, Repeats::Allowed), (20, Repeats::Forbidden)]
            .map(|(from, repeats)| Window { from: Millis(from), repeats })
    }

    #[test]
    fn all_is_well_when_each_record_comes_once_and_in_order() {
        let records = [processed(1, 1, "a", 1), processed(2, 2, "b", 2), processed(3, 1, "a", 3)];
        let verdict = check(&confirmed(&[("a", 1), ("b", 2), ("a", 3)]), &[], &records, &windows());
        assert_eq!(verdict, Verdict { repeated: vec![0; 3], ..Verdict::default() });
        assert_eq!(verdict.violations(), [""; 0]);
    }

    #[test]
    fn a_confirmed_record_that_nobody_processed_is_lost() {
        let verdict = check(&confirmed(&[("a", 1), ("a", 2)]), &[], &[processed(1, 1, "a", 1)], &windows());
        assert_eq!((verdict.lost, verdict.examples.len()), (1, 1));
        assert!(verdict.violations()[0].contains("1 records lost"));
    }

    #[test]
    fn a_record_without_an_answer_may_be_processed_or_not() {
        let verdict = check(&confirmed(&[("a", 1)]), &[2, 3], &[1, 3].map(|n| processed(n, 1, "a", n)), &windows());
        assert_eq!(verdict.violations(), [""; 0]);
    }

    #[test]
    fn a_record_that_nobody_put_or_that_is_elsewhere_is_strange() {
        let records = [processed(1, 1, "a", 1), processed(2, 1, "b", 2)];
        let verdict = check(&confirmed(&[("a", 2)]), &[], &records, &windows());
        assert_eq!((verdict.strange, verdict.lost), (2, 0));
    }

    #[test]
    fn a_record_that_comes_again_is_counted_in_the_window_in_which_it_does_and_excused_only_by_a_crash() {
        let records = [(1, 1), (12, 1), (13, 1), (20, 1)].map(|(at, number)| processed(at, 1, "a", number));
        let verdict = check(&confirmed(&[("a", 1)]), &[], &records, &windows());
        assert_eq!((verdict.repeated, verdict.repeated_without_cause), (vec![0, 2, 1], 1));
    }

    #[test]
    fn a_worker_that_goes_back_in_a_shard_is_out_of_order() {
        let records = [processed(1, 1, "a", 2), processed(2, 1, "a", 1)];
        let verdict = check(&confirmed(&[("a", 1), ("a", 2)]), &[], &records, &windows());
        assert_eq!((verdict.disordered, verdict.key_disordered), (1, 1));
    }

    #[test]
    fn after_a_crash_a_worker_may_go_back_over_what_was_processed_and_over_nothing_else() {
        let all = confirmed(&[("a", 1), ("a", 2), ("a", 3)]);
        let again = [(1, 1), (2, 2), (12, 1), (13, 2), (14, 3)].map(|(at, number)| processed(at, 1, "a", number));
        assert_eq!(check(&all, &[], &again, &windows()).violations(), [""; 0]);
        let skipped = [(1, 1), (2, 3), (12, 2)].map(|(at, number)| processed(at, 1, "a", number));
        assert_eq!(check(&all, &[], &skipped, &windows()).disordered, 1);
    }

    #[test]
    fn a_shard_that_another_worker_had_in_between_is_a_new_holding() {
        let records = [processed(11, 1, "a", 2), processed(12, 2, "a", 2), processed(21, 1, "a", 1)];
        assert_eq!(check(&confirmed(&[("a", 2)]), &[1], &records, &windows()).disordered, 0);
    }

    #[test]
    fn a_child_that_is_read_before_its_parent_is_out_of_the_order_of_a_key() {
        let records = [processed(1, 1, "child", 2), processed(2, 2, "parent", 1)];
        let verdict = check(&confirmed(&[("parent", 1), ("child", 2)]), &[], &records, &windows());
        assert_eq!((verdict.disordered, verdict.key_disordered), (0, 1));
    }
}
