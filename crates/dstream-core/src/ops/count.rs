//! `count`: how many records a batch has.

use std::ops::ControlFlow;
use std::sync::Arc;

use crate::dataset::{Dataset, SharedDataset, Sink, Task, TaskError};
use crate::dstream::DStream;
use crate::job::{Job, JobError};
use crate::ops::combine_by_key::Functions;
use crate::shuffle::Combine;

impl<T: Send + 'static> DStream<T> {
    /// Gives exactly one record for each batch: the number of its records, 0 for an empty batch.
    ///
    /// ```
    /// # use dstream_core::testing::batches_of;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), dstream_core::BoxError> {
    /// let batches = batches_of(2, |ctx| Ok(ctx.queue_stream([vec!['a', 'b']]).count())).await?;
    /// assert_eq!(batches, [[2], [0]]);
    /// # Ok(()) }
    /// ```
    pub fn count(&self) -> DStream<u64> {
        let combine: Arc<dyn Combine<(), u64>> = Arc::new(Functions {
            create: |()| 1_u64,
            add: |n: u64, ()| n.saturating_add(1),
            merge: u64::saturating_add,
        });
        self.derive("count", move |rdd| {
            let total = rdd.map(|_| ((), ())).shuffled(&combine, 1);
            total.with(Arc::new(ValueOrZero { total: Arc::clone(total.dataset()) }))
        })
    }
}

/// The one value of the one key, or 0 if no record brought it.
struct ValueOrZero {
    total: SharedDataset<((), u64)>,
}

impl Dataset<u64> for ValueOrZero {
    fn partitions(&self) -> usize {
        1
    }

    fn prepare(&self, job: &Job) -> Result<(), JobError> {
        self.total.prepare(job)
    }

    fn run(&self, partition: usize, task: &Task<'_>, sink: &mut Sink<'_, u64>) -> Result<(), TaskError> {
        let mut count = 0;
        self.total.run(partition, task, &mut |((), total)| {
            count = total;
            ControlFlow::Break(())
        })?;
        // There is no second record that a break could spare.
        let _ = sink(count);
        Ok(())
    }

    fn origin(&self, _partition: usize) -> Option<String> {
        None
    }
}
