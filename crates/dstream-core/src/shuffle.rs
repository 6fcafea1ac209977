//! The shuffle: the one way in which records change partitions.
//!
//! A [wide operator](Wide) cuts each partition into buckets; the blocks go through the
//! [`Exchange`](crate::exchange::Exchange), and the operator makes its result from those of each bucket that this process
//! owns. Both sides run in parallel on the task pool. Rows that lie in the right buckets already stay where they are. Equal input in equal partitions gives equal output, order included,
//! whatever the number of threads and the order in which blocks arrive.

use std::sync::{Arc, Mutex};

use crate::dataset::{Dataset, SharedRows};
use crate::exchange::{Epoch, ExchangeError, OpenEpoch, Seat, ShuffleBlock, ShuffleName, Source};
use crate::job::{Job, JobError};
use crate::lock::lock;
use crate::rows::Rows;
use crate::wide::{Part, Wide};

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

/// The buckets that this process owns, in order, each with what a wide operator keeps of it.
pub(crate) type Buckets<Kept> = Vec<SharedRows<Kept>>;

impl Shuffle<'_> {
    /// Returns all buckets that this process owns, empty ones too.
    pub(crate) fn run<T, U, W: Wide<T, U>>(
        &self,
        parent: &dyn Dataset<T>,
        wide: &W,
    ) -> Result<Buckets<W::Kept>, JobError> {
        parent.prepare(self.job)?;
        if W::BY_KEY && parent.buckets() == Some(self.buckets) {
            return self.run_in_place(parent, wide);
        }
        let epoch = Epoch { batch: self.job.batch.time, shuffle: self.name };
        let open = self.job.engine.exchange.open(epoch).map_err(|error| self.failed(error))?;
        self.send(parent, wide, &*open)?;
        let arrived = open.finish().map_err(|error| self.failed(error))?;
        self.receive(arrived, wide)
    }

    /// Rows of equal keys lie in one partition already: nothing goes through the exchange.
    fn run_in_place<T, U, W: Wide<T, U>>(
        &self,
        parent: &dyn Dataset<T>,
        wide: &W,
    ) -> Result<Buckets<W::Kept>, JobError> {
        self.job.run_tasks(0..parent.partitions(), &|p| parent.origin(p), &|number, task| {
            let part = Part { parent, number, task, operator: self.name.operator };
            let rows = wide.scatter(&part, 1)?;
            task.enter(self.name.operator);
            Ok(Arc::new(wide.gather(rows)))
        })
    }

    fn send<T, U, W: Wide<T, U>>(
        &self,
        parent: &dyn Dataset<T>,
        wide: &W,
        open: &dyn OpenEpoch,
    ) -> Result<(), JobError> {
        let exchange = &*self.job.engine.exchange;
        let (seat, seats) = (exchange.seat(), exchange.seats().max(1));
        let pushed = self.job.run_tasks(0..parent.partitions(), &|p| parent.origin(p), &|number, task| {
            let part = Part { parent, number, task, operator: self.name.operator };
            let buckets = wide.scatter(&part, self.buckets)?;
            let source = Source { seat, partition: number };
            Ok(buckets.into_iter().enumerate().filter(|(_, rows)| !rows.is_empty()).try_for_each(|(bucket, rows)| {
                open.push(Seat(bucket % seats), ShuffleBlock { bucket, source, rows: Rows::of(rows) })
            }))
        })?;
        pushed.into_iter().collect::<Result<(), ExchangeError>>().map_err(|error| self.failed(error))
    }

    fn receive<T, U, W: Wide<T, U>>(&self, arrived: Vec<ShuffleBlock>, wide: &W) -> Result<Buckets<W::Kept>, JobError> {
        let slots = self.by_bucket(arrived).map_err(|error| self.failed(error))?;
        let buckets = self.job.run_tasks(0..slots.len(), &|_| None, &|slot, task| {
            task.enter(self.name.operator);
            // Each slot belongs to one task; the lock only lets it take the blocks out of a shared list.
            let mut blocks = slots.get(slot).map(|slot| std::mem::take(&mut *lock(slot))).unwrap_or_default();
            blocks.sort_unstable_by_key(|block| block.source);
            let rows: Result<Vec<_>, _> = blocks.into_iter().map(|block| block.rows.into_rows::<W::Row>()).collect();
            Ok(rows.map(|sources| Arc::new(wide.gather(sources))).map_err(ExchangeError::new))
        })?;
        buckets.into_iter().collect::<Result<_, ExchangeError>>().map_err(|error| self.failed(error))
    }

    /// The blocks of each bucket that this process owns.
    fn by_bucket(&self, arrived: Vec<ShuffleBlock>) -> Result<Vec<Mutex<Vec<ShuffleBlock>>>, ExchangeError> {
        let exchange = &*self.job.engine.exchange;
        let seats = exchange.seats().max(1);
        let mut mine: Vec<Vec<ShuffleBlock>> = exchange.owned(self.buckets).map(|_| Vec::new()).collect();
        for block in arrived {
            let bucket = block.bucket;
            let slot = if bucket % seats == exchange.seat().0 { mine.get_mut(bucket / seats) } else { None };
            let slot = slot.ok_or_else(|| ExchangeError::new(format!("bucket {bucket} is not of this process")))?;
            slot.push(block);
        }
        Ok(mine.into_iter().map(Mutex::new).collect())
    }

    fn failed(&self, source: ExchangeError) -> JobError {
        JobError::Exchange { operator: self.name.operator, batch: self.job.batch.time, source }
    }
}
