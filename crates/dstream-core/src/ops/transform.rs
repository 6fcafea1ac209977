//! `transform`, `transform_with` and `StreamingContext::transform`: any function of the datasets of a batch.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crate::context::StreamingContext;
use crate::dataset::{SharedDataset, TaskError};
use crate::dstream::{DStream, Lineage};
use crate::error::{BoxError, panic_message};
use crate::graph_error::GraphError;
use crate::job::{Job, JobError};
use crate::operator::OperatorName;
use crate::rdd::Rdd;
use crate::time::Time;

impl<T: Send + 'static> DStream<T> {
    /// Gives, for each batch, the dataset that `f` makes of the batch's records and time.
    ///
    /// `f` runs on the task pool, once for each batch and once more for each attempt that failed in it; it may use actions.
    /// Its error or panic fails the attempt, as [`JobError::Transform`]. What it returns must be made of what it was given.
    ///
    /// ```
    /// # use dstream_core::testing::batches_of;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), dstream_core::BoxError> {
    /// let batches = batches_of(1, |ctx| {
    ///     let logins = ctx.queue_stream([vec![('a', 10), ('b', 20)]]);
    ///     Ok(logins.transform(|rdd, _time| {
    ///         // Data that does not come in batches.
    ///         let banned = rdd.parallelize(vec![('a', "since May".to_owned())], 1);
    ///         Ok(rdd.join(&banned))
    ///     }))
    /// })
    /// .await?;
    /// assert_eq!(batches, [[('a', (10, "since May".to_owned()))]]);
    /// # Ok(()) }
    /// ```
    pub fn transform<U: Send + 'static>(
        &self,
        f: impl Fn(&Rdd<T>, Time) -> Result<Rdd<U>, BoxError> + Send + Sync + 'static,
    ) -> DStream<U> {
        let parent = Arc::clone(self.node());
        DStream::new(self.context(), "transform", Lineage::of(self.node()), |name| {
            Box::new(move |job| {
                let rdd = Rdd::new(parent.dataset(job)?, job.clone(), name);
                transformed(name, job, |time| f(&rdd, time))
            })
        })
    }

    /// Gives, for each batch, the dataset that `f` makes of those of this stream and of `other`, which must have the same
    /// context and slide. See [`transform`](Self::transform).
    ///
    /// ```
    /// # use dstream_core::testing::batches_of;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), dstream_core::BoxError> {
    /// let batches = batches_of(1, |ctx| {
    ///     let (numbers, more) = (ctx.queue_stream([vec![1, 2]]), ctx.queue_stream([vec![3]]));
    ///     Ok(numbers.transform_with(&more, |numbers, more, _time| Ok(more.union(numbers))))
    /// })
    /// .await?;
    /// assert_eq!(batches, [[3, 1, 2]]);
    /// # Ok(()) }
    /// ```
    pub fn transform_with<U: Send + 'static, W: Send + 'static>(
        &self,
        other: &DStream<U>,
        f: impl Fn(&Rdd<T>, &Rdd<U>, Time) -> Result<Rdd<W>, BoxError> + Send + Sync + 'static,
    ) -> DStream<W> {
        let (left, right) = (Arc::clone(self.node()), Arc::clone(other.node()));
        let parents = vec![self.as_parent(), other.as_parent()];
        DStream::joining(self.context(), "transform_with", parents, |name| {
            Box::new(move |job| {
                let left = Rdd::new(left.dataset(job)?, job.clone(), name);
                let right = left.with(right.dataset(job)?);
                transformed(name, job, |time| f(&left, &right, time))
            })
        })
    }
}

impl StreamingContext {
    /// Gives, for each batch, the dataset that `f` makes of those of all `streams`, in their order. There must be at least
    /// one stream; all must be of this context and have the same slide. See [`DStream::transform`].
    ///
    /// ```
    /// # use dstream_core::testing::batches_of;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), dstream_core::BoxError> {
    /// let batches = batches_of(1, |ctx| {
    ///     let streams = [1, 2, 3].map(|n| ctx.queue_stream([vec![n]]));
    ///     Ok(ctx.transform(streams, |rdds, _time| match rdds {
    ///         [first, .., last] => Ok(last.union(first)),
    ///         _ => Err("two streams are needed".into()),
    ///     }))
    /// })
    /// .await?;
    /// assert_eq!(batches, [[3, 1]]);
    /// # Ok(()) }
    /// ```
    pub fn transform<T: Send + 'static, U: Send + 'static>(
        &self,
        streams: impl IntoIterator<Item = DStream<T>>,
        f: impl Fn(&[Rdd<T>], Time) -> Result<Rdd<U>, BoxError> + Send + Sync + 'static,
    ) -> DStream<U> {
        let streams: Vec<DStream<T>> = streams.into_iter().collect();
        if streams.is_empty() {
            self.graph().note_defect(GraphError::NoStreamsToTransform);
        }
        let parents = streams.iter().map(DStream::as_parent).collect();
        let nodes: Vec<_> = streams.iter().map(|stream| Arc::clone(stream.node())).collect();
        DStream::joining(self, "transform", parents, |name| {
            Box::new(move |job| {
                let mut rdds: Vec<Rdd<T>> = Vec::with_capacity(nodes.len());
                for node in &nodes {
                    let dataset = node.dataset(job)?;
                    // All of one scope, which numbers the shuffles.
                    let rdd = match rdds.first() {
                        Some(first) => first.with(dataset),
                        None => Rdd::new(dataset, job.clone(), name),
                    };
                    rdds.push(rdd);
                }
                transformed(name, job, |time| f(&rdds, time))
            })
        })
    }
}

/// What the user's function gives, its error and its panic named.
fn transformed<U: Send + 'static>(
    operator: OperatorName,
    job: &Job,
    f: impl FnOnce(Time) -> Result<Rdd<U>, BoxError>,
) -> Result<SharedDataset<U>, JobError> {
    let batch = job.batch.time;
    let made = catch_unwind(AssertUnwindSafe(|| f(batch)))
        .unwrap_or_else(|panic| Err(TaskError::Panicked(panic_message(&*panic)).into()));
    made.map(Rdd::into_dataset).map_err(|source| JobError::Transform { operator, batch, source })
}
