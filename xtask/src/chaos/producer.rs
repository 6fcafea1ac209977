//! The load: producers, a thread each, that put numbered records at a steady rate and remember which of them Kinesis has
//! confirmed.
//!
//! Numbers of a key ascend, since each producer has keys of its own. Nothing is put a second time: a record that was not
//! taken, or not answered, is none that may be missed.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use clap::ValueEnum;
use kpl_deagg::{Aggregator, TryAdd};

use crate::chaos::aws_call::CallError;
use crate::chaos::embedded_stream::Stream;
use crate::chaos::record::{Acknowledged, Millis, Numbered, Place};
use crate::child::{now, pause};

/// Keys in use: enough to reach every shard after a few splits, few enough that each has many records.
const KEYS: u64 = 256;
/// User records of an aggregate.
const AGGREGATE: u64 = 5;
/// Time between two puts; a machine that is late puts more at once.
const PUT_EVERY: Duration = Duration::from_millis(40);
/// Records of a put, at most: Kinesis takes 500.
const MOST_AT_ONCE: u64 = 500;

/// How records are put.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Form {
    /// By one producer plain, by another one aggregated.
    Mixed,
    /// Each as a Kinesis record.
    Plain,
    /// Several in a KPL aggregate.
    Aggregated,
}

/// What one producer puts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Lane {
    packing: Packing,
    /// Which of the producers it is, and of how many: its numbers and keys leave this remainder.
    number: u64,
    of: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Packing {
    Plain,
    Aggregated,
}

impl Form {
    fn lanes(self) -> Vec<Lane> {
        let packings = match self {
            Self::Mixed => vec![Packing::Plain, Packing::Aggregated],
            Self::Plain => vec![Packing::Plain],
            Self::Aggregated => vec![Packing::Aggregated],
        };
        let of = u64::try_from(packings.len()).unwrap_or(1);
        (0..).zip(packings).map(|(number, packing)| Lane { packing, number, of }).collect()
    }
}

impl Lane {
    /// A record of this producer. Records of an aggregate have one key, so that they belong to one shard.
    fn record(self, index: u64) -> Numbered {
        let group = match self.packing {
            Packing::Plain => 1,
            Packing::Aggregated => AGGREGATE,
        };
        let key = index / group % (KEYS / self.of.max(1)).max(1);
        let spread = |index: u64| index.saturating_mul(self.of).saturating_add(self.number);
        Numbered { number: spread(index), key: spread(key) }
    }
}

/// What was put.
#[derive(Debug, Default)]
pub(crate) struct Produced {
    pub(crate) acknowledged: Vec<Acknowledged>,
    /// Numbers whose put was not answered: they may be in the stream or not.
    pub(crate) unsure: Vec<u64>,
    /// The first put that did not go well.
    pub(crate) complaint: Option<String>,
}

/// All producers of a run.
pub(crate) struct Load {
    producers: Vec<Producer>,
}

impl Load {
    /// Begins to put so many records a second, until it is stopped.
    pub(crate) fn start(stream: &Stream, rate: u64, form: Form, begun: Instant) -> Self {
        let start = |lane: Lane| Producer::start(stream.clone(), rate, lane, begun);
        Self { producers: form.lanes().into_iter().map(start).collect() }
    }

    /// How many records are confirmed so far.
    pub(crate) fn confirmed(&self) -> u64 {
        self.producers.iter().map(|producer| producer.confirmed.load(Ordering::Relaxed)).sum()
    }

    /// Ends it; the answer is what was put, in the order of the answers.
    pub(crate) fn finish(self) -> Produced {
        let mut all = Produced::default();
        for producer in self.producers {
            let Produced { acknowledged, unsure, complaint } = producer.finish();
            all.acknowledged.extend(acknowledged);
            all.unsure.extend(unsure);
            all.complaint = all.complaint.take().or(complaint);
        }
        all.acknowledged.sort_by_key(|record| record.at);
        all
    }
}

/// A producer under way.
struct Producer {
    stop: Arc<AtomicBool>,
    confirmed: Arc<AtomicU64>,
    produced: Arc<Mutex<Produced>>,
    thread: Option<JoinHandle<()>>,
}

impl Producer {
    /// Begins to put this producer's part of so many records a second.
    fn start(stream: Stream, rate: u64, lane: Lane, begun: Instant) -> Self {
        let (stop, confirmed) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let produced = Arc::new(Mutex::new(Produced::default()));
        let (stopped, counted, kept) = (Arc::clone(&stop), Arc::clone(&confirmed), Arc::clone(&produced));
        let thread = std::thread::spawn(move || {
            let started = now();
            let mut next = 0_u64;
            let mut last_put = started;
            while !stopped.load(Ordering::Relaxed) {
                pause();
                if last_put.elapsed() < PUT_EVERY {
                    continue;
                }
                last_put = now();
                let due = millis(started).saturating_mul(rate) / lane.of.saturating_mul(1000).max(1);
                let until = due.min(next.saturating_add(MOST_AT_ONCE));
                let records: Vec<Numbered> = (next..until).map(|index| lane.record(index)).collect();
                next = next.max(until);
                let outcome = put(&stream, &records, lane.packing, begun);
                let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
                counted.fetch_add(count(&outcome.acknowledged), Ordering::Relaxed);
                kept.acknowledged.extend(outcome.acknowledged);
                kept.unsure.extend(outcome.unsure);
                kept.complaint = kept.complaint.take().or(outcome.complaint);
            }
        });
        Self { stop, confirmed, produced, thread: Some(thread) }
    }

    fn finish(mut self) -> Produced {
        self.end();
        std::mem::take(&mut *self.produced.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn end(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // If it panicked, what it had put until then is still there.
            let _ = thread.join();
        }
    }
}

impl Drop for Producer {
    fn drop(&mut self) {
        self.end();
    }
}

fn millis(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}

fn count<T>(of: &[T]) -> u64 {
    u64::try_from(of.len()).unwrap_or(u64::MAX)
}

/// Records that go into one Kinesis record, with its data.
struct Packed {
    records: Vec<Numbered>,
    data: Vec<u8>,
}

fn pack(records: &[Numbered], packing: Packing) -> Vec<Packed> {
    let alone = |record: &Numbered| Packed { records: vec![*record], data: record.to_string().into_bytes() };
    match packing {
        Packing::Plain => records.iter().map(alone).collect(),
        Packing::Aggregated => records.chunk_by(|one, next| one.key == next.key).filter_map(aggregate).collect(),
    }
}

fn aggregate(records: &[Numbered]) -> Option<Packed> {
    let mut aggregator = Aggregator::new(LARGEST_AGGREGATE);
    let add = |record: &&Numbered| {
        aggregator.try_add(&record.partition_key(), None, record.to_string().as_bytes()) == TryAdd::Added
    };
    let packed = records.iter().take_while(add).copied().collect();
    aggregator.finish().map(|finished| Packed { records: packed, data: finished.data.to_vec() })
}

/// Far more than so few and so short records need.
const LARGEST_AGGREGATE: usize = 50_000;

fn put(stream: &Stream, records: &[Numbered], packing: Packing, begun: Instant) -> Produced {
    let packed = pack(records, packing);
    let entry = |packed: &Packed| Some((packed.records.first()?.partition_key(), packed.data.clone()));
    let entries: Vec<(String, Vec<u8>)> = packed.iter().filter_map(entry).collect();
    let mut produced = Produced::default();
    if entries.is_empty() {
        return produced;
    }
    match stream.put(&entries) {
        Ok(places) => {
            let at = Millis(millis(begun));
            for (packed, place) in packed.iter().zip(places) {
                match place {
                    Some((shard, sequence)) => {
                        let place = |sub| Place { shard: shard.clone(), sequence: sequence.clone(), sub };
                        let confirmed = packed.records.iter().zip(0..);
                        produced.acknowledged.extend(confirmed.map(|(record, sub)| Acknowledged {
                            at,
                            record: *record,
                            place: place(sub),
                        }));
                    }
                    None => produced.complaint = Some("PutRecords did not take a record".to_owned()),
                }
            }
        }
        Err(CallError::Refused(message)) => produced.complaint = Some(message),
        Err(CallError::Unanswered(message)) => {
            produced.unsure.extend(records.iter().map(|record| record.number));
            produced.complaint = Some(message);
        }
    }
    produced
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lane(form: Form, number: usize) -> Lane {
        form.lanes()[number]
    }

    #[test]
    fn an_aggregate_holds_records_of_one_key_and_loses_none() {
        let lane = lane(Form::Aggregated, 0);
        let records: Vec<Numbered> = (3..12).map(|index| lane.record(index)).collect();
        let packed = pack(&records, Packing::Aggregated);
        let numbers = |packed: &Packed| packed.records.iter().map(|record| record.number).collect::<Vec<_>>();
        assert_eq!(packed.iter().map(numbers).collect::<Vec<_>>(), [vec![3, 4], vec![5, 6, 7, 8, 9], vec![10, 11]]);
        assert!(packed.iter().all(|packed| packed.records.iter().all(|record| record.key == packed.records[0].key)));
        assert_eq!(pack(&records, Packing::Plain).len(), 9);
    }

    #[test]
    fn producers_side_by_side_share_neither_numbers_nor_keys_and_the_numbers_of_a_key_ascend() {
        let (plain, aggregated) = (lane(Form::Mixed, 0), lane(Form::Mixed, 1));
        assert_eq!((plain.packing, aggregated.packing), (Packing::Plain, Packing::Aggregated));
        for (index, other) in (0..2_000).zip(0..2_000) {
            let (one, two) = (plain.record(index), aggregated.record(other));
            assert!(one.number % 2 == 0 && two.number % 2 == 1);
            assert!(one.key % 2 == 0 && two.key % 2 == 1 && one.key < KEYS && two.key < KEYS);
        }
        assert!(aggregated.record(6).number > aggregated.record(5).number);
        assert_eq!(aggregated.record(6).key, aggregated.record(5).key);
    }
}
