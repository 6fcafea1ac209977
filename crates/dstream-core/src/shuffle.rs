//! The shuffle: the one way in which records change partitions.
//!
//! Rows are combined by key inside each partition first, cut into buckets by the key's hash, handed through the
//! [`Exchange`](crate::exchange::Exchange), and merged by key for each bucket that this process owns. Both sides run
//! in parallel on the task pool. Equal input gives equal output, order included.

use std::collections::BTreeMap;
use std::collections::hash_map::Entry;
use std::hash::Hash;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex};

use crate::data::{Data, Key};
use crate::dataset::{Dataset, Task, TaskError};
use crate::exchange::{Epoch, ExchangeError, OpenEpoch, Seat, ShuffleBlock, ShuffleName};
use crate::job::{Job, JobError};
use crate::key_hash::{KeyMap, bucket_of};
use crate::lock::lock;
use crate::rows::Rows;

/// How the values of a key become one.
pub(crate) trait Combine<V, C>: Send + Sync {
    fn create(&self, value: V) -> C;
    fn add(&self, combined: C, value: V) -> C;
    fn merge(&self, left: C, right: C) -> C;
}

/// One shuffle of one batch.
pub(crate) struct Shuffle<'a> {
    pub(crate) job: &'a Job,
    pub(crate) name: ShuffleName,
    /// Over all processes.
    pub(crate) buckets: usize,
}

/// The merged rows of a bucket.
pub(crate) type Bucket<K, C> = Arc<Vec<(K, C)>>;

/// The buckets that this process owns, in order.
pub(crate) type Buckets<K, C> = Vec<Bucket<K, C>>;

impl Shuffle<'_> {
    /// Returns the buckets that this process owns, in order.
    pub(crate) fn run<K, V, C>(
        &self,
        parent: &dyn Dataset<(K, V)>,
        combine: &dyn Combine<V, C>,
    ) -> Result<Buckets<K, C>, JobError>
    where
        K: Key,
        V: 'static,
        C: Data,
    {
        parent.prepare(self.job)?;
        let exchange = &*self.job.engine.exchange;
        let seats = exchange.seats().max(1);
        let epoch = Epoch { batch: self.job.batch.time, shuffle: self.name };
        let open = exchange.open(epoch).map_err(|error| self.failed(error))?;
        self.send(parent, combine, seats, &*open)?;
        let arrived = open.finish().map_err(|error| self.failed(error))?;
        self.receive(arrived, combine)
    }

    fn send<K: Key, V: 'static, C: Data>(
        &self,
        parent: &dyn Dataset<(K, V)>,
        combine: &dyn Combine<V, C>,
        seats: usize,
        open: &dyn OpenEpoch,
    ) -> Result<(), JobError> {
        let pushed = self.job.run_tasks(0..parent.partitions(), &|p| parent.origin(p), &|source, task| {
            let combined = self.combine_partition(parent, combine, source, task)?;
            let push = |(bucket, rows): (usize, Vec<(K, C)>)| {
                open.push(Seat(bucket % seats), ShuffleBlock { bucket, source, rows: Rows::of(rows) })
            };
            Ok(into_buckets(combined, self.buckets).into_iter().enumerate().try_for_each(push))
        })?;
        pushed.into_iter().collect::<Result<(), ExchangeError>>().map_err(|error| self.failed(error))
    }

    fn combine_partition<K: Key, V, C>(
        &self,
        parent: &dyn Dataset<(K, V)>,
        combine: &dyn Combine<V, C>,
        partition: usize,
        task: &Task<'_>,
    ) -> Result<KeyMap<K, Option<C>>, TaskError> {
        let mut combined = KeyMap::default();
        parent.run(partition, task, &mut |(key, value)| {
            task.enter(self.name.operator);
            match combined.entry(key) {
                Entry::Vacant(entry) => {
                    entry.insert(Some(combine.create(value)));
                }
                Entry::Occupied(mut entry) => {
                    // The slot is empty only while user code runs; if that panics, the whole map is thrown away.
                    let slot: &mut Option<C> = entry.get_mut();
                    *slot = Some(match slot.take() {
                        Some(before) => combine.add(before, value),
                        None => combine.create(value),
                    });
                }
            }
            ControlFlow::Continue(())
        })?;
        Ok(combined)
    }

    fn receive<K, V, C>(
        &self,
        arrived: Vec<ShuffleBlock>,
        combine: &dyn Combine<V, C>,
    ) -> Result<Buckets<K, C>, JobError>
    where
        K: Key,
        C: Data,
    {
        let mine = by_bucket::<(K, C)>(arrived).map_err(|error| self.failed(error))?;
        let slots: Vec<Slot<(K, C)>> = mine.into_values().map(|sources| Mutex::new(Some(sources))).collect();
        self.job.run_tasks(0..slots.len(), &|_| None, &|slot, task| {
            task.enter(self.name.operator);
            // Each slot belongs to one task; the lock only lets it take the rows out of a shared list.
            let sources = slots.get(slot).and_then(|slot| lock(slot).take()).unwrap_or_default();
            Ok(Arc::new(merge_sources(sources, combine)))
        })
    }

    fn failed(&self, source: ExchangeError) -> JobError {
        JobError::Exchange { operator: self.name.operator, batch: self.job.batch.time, source }
    }
}

fn into_buckets<K: Hash, C>(combined: KeyMap<K, Option<C>>, buckets: usize) -> Vec<Vec<(K, C)>> {
    let mut rows: Vec<Vec<(K, C)>> = std::iter::repeat_with(Vec::new).take(buckets).collect();
    for (key, value) in combined {
        let bucket = bucket_of(&key, buckets);
        if let (Some(rows), Some(value)) = (rows.get_mut(bucket), value) {
            rows.push((key, value));
        }
    }
    rows
}

/// The rows of a bucket, by the partition that they come from.
type Sources<Row> = BTreeMap<usize, Vec<Row>>;

/// The rows of a bucket until its task takes them.
type Slot<Row> = Mutex<Option<Sources<Row>>>;

/// Gives the blocks their type back. Every bucket of this process is there, since every partition pushes all buckets,
/// empty ones too.
fn by_bucket<Row: Data>(arrived: Vec<ShuffleBlock>) -> Result<BTreeMap<usize, Sources<Row>>, ExchangeError> {
    let mut mine: BTreeMap<usize, Sources<Row>> = BTreeMap::new();
    for ShuffleBlock { bucket, source, rows } in arrived {
        let rows = rows.into_rows().map_err(ExchangeError::new)?;
        mine.entry(bucket).or_default().insert(source, rows);
    }
    Ok(mine)
}

fn merge_sources<K: Hash + Eq, V, C>(sources: Sources<(K, C)>, combine: &dyn Combine<V, C>) -> Vec<(K, C)> {
    let mut sources = sources.into_values().filter(|rows| !rows.is_empty());
    let Some(first) = sources.next() else { return Vec::new() };
    let mut merged: KeyMap<K, Option<C>> = first.into_iter().map(|(key, value)| (key, Some(value))).collect();
    for (key, value) in sources.flatten() {
        let slot = merged.entry(key).or_default();
        *slot = Some(match slot.take() {
            Some(before) => combine.merge(before, value),
            None => value,
        });
    }
    merged.into_iter().filter_map(|(key, value)| Some((key, value?))).collect()
}
