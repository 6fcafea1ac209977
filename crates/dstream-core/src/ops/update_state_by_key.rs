//! `update_state_by_key`: a state for each key, updated in every batch.

use std::sync::{Arc, OnceLock};

use crate::data::{Data, Key};
use crate::dstream::{DStream, Lineage};
use crate::ops::group_by_key_and_window::into_lists;
use crate::rdd::Rdd;
use crate::stateful::{UpdateFunction, UpdateSpec, UpdatedPartitions, UpdatedStates, WholeStates};

impl<K: Key, V: Data> DStream<(K, V)> {
    /// Gives a state to each key, and every state in every batch. In each batch, `f` is called once for every key that has
    /// a state or new values, with the new values in the order of partitions and in each of them, and returns the key's new
    /// state; `None` removes it. Batch times that were skipped are batches without values.
    ///
    /// A batch costs in proportion to **all** keys that have a state; [`map_with_state`](Self::map_with_state) costs in
    /// proportion to those that a batch touches. The first batch after a gap, such as the time in which the program did not
    /// run, costs that for each batch time in it. An attempt of a batch that fails changes no state. The stream is a stateful
    /// one: without a checkpoint directory, a restart loses the states.
    ///
    /// ```
    /// # use dstream_core::testing::batches_of;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), dstream_core::BoxError> {
    /// let mut batches = batches_of(3, |ctx| {
    ///     let pairs = ctx.queue_stream([vec![('a', 1)], vec![('a', 1), ('b', 5)]]);
    ///     // Sums, as long as values come.
    ///     Ok(pairs.update_state_by_key(|new, sum| match new.len() {
    ///         0 => None,
    ///         _ => Some(sum.unwrap_or(0) + new.iter().sum::<i32>()),
    ///     }))
    /// })
    /// .await?;
    /// batches.iter_mut().for_each(|batch| batch.sort());
    /// assert_eq!(batches, [vec![('a', 1)], vec![('a', 2), ('b', 5)], vec![]]);
    /// # Ok(()) }
    /// ```
    pub fn update_state_by_key<S: Data>(
        &self,
        f: impl Fn(Vec<V>, Option<S>) -> Option<S> + Send + Sync + 'static,
    ) -> DStream<(K, S)> {
        self.update_state_by_key_with(UpdateSpec::function(f))
    }

    /// As [`update_state_by_key`](Self::update_state_by_key), with initial states, a number of partitions, or a function
    /// that is given the time and the key, or whole partitions. The time is the batch time; a batch time that was skipped is given as well.
    ///
    /// ```
    /// # use dstream_core::{UpdateSpec, testing::batches_of};
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), dstream_core::BoxError> {
    /// let batches = batches_of(2, |ctx| {
    ///     let count = |new: Vec<()>, count: Option<usize>| Some(count.unwrap_or(0) + new.len());
    ///     let spec = UpdateSpec::function(count).initial_state([('a', 10)]);
    ///     Ok(ctx.queue_stream([vec![('a', ())]]).update_state_by_key_with(spec))
    /// })
    /// .await?;
    /// assert_eq!(batches, [[('a', 11)], [('a', 11)]]);
    /// # Ok(()) }
    /// ```
    pub fn update_state_by_key_with<S: Data>(&self, spec: UpdateSpec<K, V, S>) -> DStream<(K, S)> {
        let UpdateSpec { function, initial, partitions } = spec;
        let partitions = partitions.unwrap_or_else(|| self.context().parallelism()).max(1);
        let states = Arc::new(WholeStates::new(partitions, initial));
        let parent = Arc::clone(self.node());
        let slide = self.slide_duration();
        let memory = Arc::clone(&states);
        let lineage = Lineage::of(&parent).with_state(memory);
        DStream::new(self.context(), "update_state_by_key", lineage, |operator| {
            Box::new(move |job| {
                let pairs = Rdd::new(parent.dataset(job)?, job.clone(), operator);
                let values = pairs.shuffled(&into_lists(), partitions);
                let (batch, states) = (Arc::clone(&job.batch), Arc::clone(&states));
                Ok(match &function {
                    UpdateFunction::Key(function) => Arc::new(UpdatedStates {
                        operator,
                        batch,
                        slide,
                        states,
                        function: Arc::clone(function),
                        values: values.into_dataset(),
                        rows: OnceLock::new(),
                    }),
                    UpdateFunction::Partition(function) => Arc::new(UpdatedPartitions {
                        operator,
                        batch,
                        slide,
                        states,
                        function: Arc::clone(function),
                        values,
                        rows: OnceLock::new(),
                    }),
                })
            })
        })
    }
}
