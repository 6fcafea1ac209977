//! The shuffle: the one way in which records change partitions.
//!
//! Rows are combined by key inside each partition first, cut into buckets by the key's hash, handed through the
//! [`Exchange`](crate::exchange::Exchange), and merged by key for each bucket that this process owns. Both sides run
//! in parallel on the task pool. Equal input gives equal output, order included.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex};

use crate::data::{Data, Key};
use crate::dataset::{Dataset, SharedRows, Task, TaskError};
use crate::exchange::{Epoch, ExchangeError, OpenEpoch, Seat, ShuffleBlock, ShuffleName};
use crate::job::{Job, JobError};
use crate::lock::lock;
use crate::row_table::RowTable;
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
pub(crate) type Bucket<K, C> = SharedRows<(K, C)>;

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
        V: Data,
        C: Data,
    {
        parent.prepare(self.job)?;
        if parent.buckets() == Some(self.buckets) {
            return self.combine_in_place(parent, combine);
        }
        let exchange = &*self.job.engine.exchange;
        let seats = exchange.seats().max(1);
        let epoch = Epoch { batch: self.job.batch.time, shuffle: self.name };
        let open = exchange.open(epoch).map_err(|error| self.failed(error))?;
        self.send(parent, combine, seats, &*open)?;
        let arrived = open.finish().map_err(|error| self.failed(error))?;
        self.receive(arrived, combine)
    }

    fn send<K: Key, V: Data, C: Data>(
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
            Ok(combined.into_buckets(self.buckets).into_iter().enumerate().try_for_each(push))
        })?;
        pushed.into_iter().collect::<Result<(), ExchangeError>>().map_err(|error| self.failed(error))
    }

    /// The rows of a partition, joined by key.
    fn combine_partition<K: Key, V: Data, C: Data>(
        &self,
        parent: &dyn Dataset<(K, V)>,
        combine: &dyn Combine<V, C>,
        partition: usize,
        task: &Task<'_>,
    ) -> Result<RowTable<K, C>, TaskError> {
        let join = |before: Option<C>, value: V| match before {
            Some(before) => combine.add(before, value),
            None => combine.create(value),
        };
        let Some(pieces) = parent.in_memory(partition) else {
            let mut table = RowTable::with_capacity(0);
            parent.run(partition, task, &mut |(key, value)| {
                task.enter(self.name.operator);
                table.join(key, |before| join(before, value));
                ControlFlow::Continue(())
            })?;
            return Ok(table);
        };
        let most = pieces.iter().map(|rows| rows.len()).max().unwrap_or(0);
        let mut table = RowTable::with_capacity(most);
        for (key, value) in pieces.iter().flat_map(|rows| rows.iter()) {
            task.check()?;
            task.enter(self.name.operator);
            table.join_shared(key, |before| join(before, value.clone()));
        }
        Ok(table)
    }

    /// Rows of equal keys lie in one partition already: joins them there.
    fn combine_in_place<K: Key, V: Data, C: Data>(
        &self,
        parent: &dyn Dataset<(K, V)>,
        combine: &dyn Combine<V, C>,
    ) -> Result<Buckets<K, C>, JobError> {
        self.job.run_tasks(0..parent.partitions(), &|p| parent.origin(p), &|partition, task| {
            Ok(Arc::new(self.combine_partition(parent, combine, partition, task)?.into_rows()))
        })
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

fn merge_sources<K: Key, V, C: Data>(sources: Sources<(K, C)>, combine: &dyn Combine<V, C>) -> Vec<(K, C)> {
    let mut sources: Vec<_> = sources.into_values().filter(|rows| !rows.is_empty()).collect();
    if sources.len() <= 1 {
        // The keys of one source are different from each other already.
        return sources.pop().unwrap_or_default();
    }
    let mut table = RowTable::with_capacity(sources.iter().map(Vec::len).max().unwrap_or(0));
    for (key, value) in sources.into_iter().flatten() {
        table.join(key, |before| match before {
            Some(before) => combine.merge(before, value),
            None => value,
        });
    }
    table.into_rows()
}
