//! All records that workers have written so far, in the order in which they were seen.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use crate::chaos::record::{Millis, Processed, Shard, WorkerNumber};

/// What was processed. Times only ascend.
#[derive(Debug, Default)]
pub(crate) struct Journal {
    records: Vec<Processed>,
    numbers: HashSet<u64>,
    readers: BTreeMap<Shard, WorkerNumber>,
}

impl Journal {
    pub(crate) fn append(&mut self, records: Vec<Processed>) {
        for record in records {
            self.numbers.insert(record.record.number);
            self.readers.insert(record.place.shard.clone(), record.worker);
            self.records.push(record);
        }
    }

    pub(crate) fn all(&self) -> &[Processed] {
        &self.records
    }

    pub(crate) fn into_all(self) -> Vec<Processed> {
        self.records
    }

    /// How many different records there are.
    pub(crate) fn different(&self) -> u64 {
        u64::try_from(self.numbers.len()).unwrap_or(u64::MAX)
    }

    /// Whether a record was processed.
    pub(crate) fn has(&self, number: u64) -> bool {
        self.numbers.contains(&number)
    }

    /// What was seen at this moment or later.
    pub(crate) fn since(&self, at: Millis) -> &[Processed] {
        let first = self.records.partition_point(|record| record.at < at);
        self.records.get(first..).unwrap_or_default()
    }

    /// The shards among these that this worker was the last one to read.
    pub(crate) fn read_by(&self, worker: WorkerNumber, among: &BTreeSet<Shard>) -> BTreeSet<Shard> {
        let read = self.readers.iter().filter(|(shard, reader)| **reader == worker && among.contains(*shard));
        read.map(|(shard, _)| shard.clone()).collect()
    }
}

/// When the last of these shards was read by somebody other than `than`, if all were.
pub(crate) fn all_read(records: &[Processed], shards: &BTreeSet<Shard>, than: Option<WorkerNumber>) -> Option<Millis> {
    let mut missing = shards.clone();
    let mut last = records.first().map(|record| record.at);
    for record in records.iter().filter(|record| Some(record.worker) != than) {
        if missing.remove(&record.place.shard) {
            last = Some(record.at);
        }
        if missing.is_empty() {
            break;
        }
    }
    last.filter(|_| missing.is_empty())
}

/// A shard that went from one worker to another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HandOver {
    pub(crate) shard: Shard,
    /// From the last record that the one processed to the first one that the other did.
    pub(crate) gap: Millis,
}

/// Every change of a shard's reader at `from` or later.
pub(crate) fn hand_overs(records: &[Processed], from: Millis) -> Vec<HandOver> {
    let mut last: BTreeMap<&Shard, (WorkerNumber, Millis)> = BTreeMap::new();
    let mut found = Vec::new();
    for record in records {
        let before = last.insert(&record.place.shard, (record.worker, record.at));
        if let Some((worker, at)) = before
            && worker != record.worker
            && record.at >= from
        {
            found.push(HandOver { shard: record.place.shard.clone(), gap: record.at.since(at) });
        }
    }
    found
}

/// How long the first record of a child came after the last one of its parents; the longest of all children. `None` while
/// some child was not read.
pub(crate) fn child_after_parents(
    records: &[Processed],
    parents: &BTreeSet<Shard>,
    children: &BTreeSet<Shard>,
) -> Option<Millis> {
    let ended = records.iter().rev().find(|record| parents.contains(&record.place.shard))?.at;
    let first = |child: &Shard| records.iter().find(|record| record.place.shard == *child).map(|record| record.at);
    let firsts = children.iter().map(first).collect::<Option<Vec<_>>>()?;
    firsts.into_iter().map(|first| first.since(ended)).max()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::chaos::record::{Numbered, Place, Sequence};

    pub(crate) fn shard(name: &str) -> Shard {
        Shard(name.to_owned())
    }

    /// A record with its number as the sequence number, under the key 0.
    pub(crate) fn processed(at: u64, worker: u32, name: &str, number: u64) -> Processed {
        let sequence = Sequence::parse(&number.to_string()).expect("a sequence number");
        Processed {
            at: Millis(at),
            worker: WorkerNumber(worker),
            record: Numbered { number, key: 0 },
            place: Place { shard: shard(name), sequence, sub: 0 },
        }
    }

    fn shards(names: &[&str]) -> BTreeSet<Shard> {
        names.iter().map(|name| shard(name)).collect()
    }

    #[test]
    fn a_shard_is_read_again_when_another_worker_reads_it() {
        let records = [processed(5, 1, "a", 1), processed(7, 2, "a", 2), processed(9, 2, "b", 3)];
        assert_eq!(all_read(&records, &shards(&["a"]), Some(WorkerNumber(1))), Some(Millis(7)));
        assert_eq!(all_read(&records, &shards(&["a", "b"]), None), Some(Millis(9)));
        assert_eq!(all_read(&records, &shards(&["a", "c"]), None), None);
        assert_eq!(all_read(&records[..1], &shards(&["a"]), Some(WorkerNumber(1))), None);
    }

    #[test]
    fn a_gap_is_from_the_last_record_of_the_one_to_the_first_of_the_other() {
        let records = [
            processed(1, 1, "a", 1),
            processed(5, 1, "a", 2),
            processed(6, 1, "b", 3),
            processed(9, 2, "a", 4),
            processed(12, 2, "a", 5),
        ];
        assert_eq!(hand_overs(&records, Millis(0)), [HandOver { shard: shard("a"), gap: Millis(4) }]);
        assert_eq!(hand_overs(&records, Millis(10)), []);
    }

    #[test]
    fn a_child_is_measured_from_the_last_record_of_all_parents() {
        let records =
            [processed(1, 1, "p", 1), processed(4, 1, "q", 2), processed(9, 1, "c", 3), processed(11, 2, "d", 4)];
        let parents = shards(&["p", "q"]);
        assert_eq!(child_after_parents(&records, &parents, &shards(&["c"])), Some(Millis(5)));
        assert_eq!(child_after_parents(&records, &parents, &shards(&["c", "d"])), Some(Millis(7)));
        assert_eq!(child_after_parents(&records, &parents, &shards(&["c", "e"])), None);
    }

    #[test]
    fn the_last_reader_of_a_shard_has_it() {
        let mut journal = Journal::default();
        journal.append(vec![processed(1, 1, "a", 1), processed(2, 2, "a", 2), processed(3, 1, "b", 2)]);
        assert_eq!(journal.read_by(WorkerNumber(1), &shards(&["a", "b"])), shards(&["b"]));
        assert_eq!(journal.read_by(WorkerNumber(1), &shards(&["a"])), shards(&[]));
        assert_eq!((journal.different(), journal.since(Millis(2)).len()), (2, 2));
    }
}
