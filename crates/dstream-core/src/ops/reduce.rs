//! `reduce`: all records of a batch become one.

use std::ops::ControlFlow;
use std::sync::Arc;

use crate::data::Data;
use crate::dataset::{SharedRows, Sink, TaskError};
use crate::dstream::DStream;
use crate::job::JobError;
use crate::rdd::Rdd;
use crate::wide::{Part, Wide, empty_buckets};

impl<T: Data> DStream<T> {
    /// Joins all records of a batch by `f`, which must be associative and commutative. Gives one record, or none for an
    /// empty batch.
    ///
    /// ```
    /// # use dstream_core::testing::batches_of;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), dstream_core::BoxError> {
    /// let batches = batches_of(2, |ctx| Ok(ctx.queue_stream([vec![1, 2, 3]]).reduce(|m, n| m + n))).await?;
    /// assert_eq!(batches, [vec![6], vec![]]);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn reduce(&self, f: impl Fn(T, T) -> T + Send + Sync + 'static) -> Self {
        let f = Arc::new(f);
        self.derive("reduce", move |rdd| rdd.wide(Reducing(Arc::clone(&f)), 1))
    }
}

impl<T: Send + 'static> Rdd<T> {
    /// All records joined by `f`, which must be associative and commutative; `None` if there is none. An action.
    ///
    /// # Errors
    /// See [`Rdd`].
    pub fn reduce(&self, f: impl Fn(T, T) -> T + Send + Sync) -> Result<Option<T>, JobError> {
        let join = |joined: Option<T>, record| Some(join_to(joined, record, &f));
        self.fold(|| None, join, |left, right| right.into_iter().fold(left, join))
    }
}

fn join_to<T>(joined: Option<T>, record: T, f: impl Fn(T, T) -> T) -> T {
    match joined {
        Some(before) => f(before, record),
        None => record,
    }
}

struct Reducing<F>(Arc<F>);

impl<T: Data, F: Fn(T, T) -> T + Send + Sync> Wide<T, T> for Reducing<F> {
    type Row = T;
    type Kept = T;

    const BY_KEY: bool = false;

    fn scatter(&self, part: &Part<'_, T>, buckets: usize) -> Result<Vec<Vec<T>>, TaskError> {
        let mut joined = None;
        part.each(|record| joined = Some(join_to(joined.take(), record, &*self.0)))?;
        let mut rows = empty_buckets(buckets);
        if let Some(first) = rows.first_mut() {
            first.extend(joined);
        }
        Ok(rows)
    }

    fn gather(&self, sources: Vec<Vec<T>>) -> Vec<T> {
        Vec::from_iter(sources.into_iter().flatten().reduce(&*self.0))
    }

    fn in_memory(kept: &SharedRows<T>) -> Option<SharedRows<T>> {
        Some(Arc::clone(kept))
    }

    fn emit(&self, joined: &T, sink: &mut Sink<'_, T>) -> ControlFlow<()> {
        sink(joined.clone())
    }
}
