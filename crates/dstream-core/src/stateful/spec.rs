//! What a program says about a stateful operator besides its function: initial states, time-out, partitions.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::state::State;
use crate::time::Time;

/// The function of `map_with_state` in its general form.
pub(crate) type MapRecord<K, V, S, T> = Arc<dyn Fn(Time, &K, Option<V>, &mut State<'_, S>) -> Option<T> + Send + Sync>;

/// The function of `update_state_by_key` for a key.
pub(crate) type UpdateKey<K, V, S> = Arc<dyn Fn(Time, &K, Vec<V>, Option<S>) -> Option<S> + Send + Sync>;

/// The function of `update_state_by_key` for a whole partition.
pub(crate) type UpdatePartition<K, V, S> = Arc<dyn Fn(Time, Vec<(K, Vec<V>, Option<S>)>) -> Vec<(K, S)> + Send + Sync>;

/// What `update_state_by_key` calls.
pub(crate) enum UpdateFunction<K, V, S> {
    Key(UpdateKey<K, V, S>),
    Partition(UpdatePartition<K, V, S>),
}

/// What [`map_with_state`](crate::DStream::map_with_state) does: a function, and how its states begin and end.
///
/// ```
/// use std::time::Duration;
/// use dstream_core::{State, StateSpec};
///
/// // Counts the records of each key, from 10 on for "a", and forgets keys that nothing came for in an hour.
/// let spec = StateSpec::function(|key: &String, value: Option<u32>, state: &mut State<'_, u64>| {
///     let count = state.get_option().copied().unwrap_or(0) + u64::from(value.is_some());
///     if !state.is_timing_out() {
///         state.update(count);
///     }
///     (key.clone(), count)
/// })
/// .initial_state([("a".to_owned(), 10)])
/// .timeout(Duration::from_secs(3_600));
/// ```
pub struct StateSpec<K, V, S, T> {
    pub(crate) function: MapRecord<K, V, S, T>,
    pub(crate) initial: Vec<(K, S)>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) partitions: Option<usize>,
}

impl<K: 'static, V: 'static, S: 'static, T: 'static> StateSpec<K, V, S, T> {
    /// Gives one mapped record for each call of `f`: for each record with its value, and for each key that times out
    /// with `None`.
    pub fn function(f: impl Fn(&K, Option<V>, &mut State<'_, S>) -> T + Send + Sync + 'static) -> Self {
        Self::function_with_time(move |_, key, value, state| Some(f(key, value, state)))
    }

    /// As [`function`](Self::function); `f` is also given the batch time, and gives a mapped record or none.
    pub fn function_with_time(
        f: impl Fn(Time, &K, Option<V>, &mut State<'_, S>) -> Option<T> + Send + Sync + 'static,
    ) -> Self {
        Self { function: Arc::new(f), initial: Vec::new(), timeout: None, partitions: None }
    }

    /// The states before the first batch, in which they count as updated. None, unless this is called. Of two for one key
    /// the later one counts. A restart that finds a checkpoint goes on from its states instead.
    #[must_use]
    pub fn initial_state(mut self, pairs: impl IntoIterator<Item = (K, S)>) -> Self {
        self.initial = pairs.into_iter().collect();
        self
    }

    /// Keys that have had no record and no update for longer than `timeout` lose their state, in the first batch whose time
    /// is later than that of their last one by more than `timeout`. Never, unless this is called. With a time-out, records
    /// keep the state of their key alive even if the function does not update it.
    #[must_use]
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// How many partitions the states are in; 0 counts as 1. Default: one for each thread of the task pool. More let more
    /// threads work on them, each costs a task in every batch.
    #[must_use]
    pub const fn partitions(mut self, partitions: usize) -> Self {
        self.partitions = Some(partitions);
        self
    }
}

impl<K, V, S, T> fmt::Debug for StateSpec<K, V, S, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut spec = f.debug_struct("StateSpec");
        spec.field("initial", &self.initial.len()).field("timeout", &self.timeout);
        spec.field("partitions", &self.partitions).finish_non_exhaustive()
    }
}

/// What [`update_state_by_key_with`](crate::DStream::update_state_by_key_with) does: a function, and how its states begin.
///
/// ```
/// use dstream_core::UpdateSpec;
///
/// // Sums the values of each key, from 10 on for 'a'.
/// let sum = |new: Vec<u32>, sum: Option<u32>| Some(sum.unwrap_or(0) + new.iter().sum::<u32>());
/// let spec = UpdateSpec::function(sum).initial_state([('a', 10)]).partitions(4);
/// ```
pub struct UpdateSpec<K, V, S> {
    pub(crate) function: UpdateFunction<K, V, S>,
    pub(crate) initial: Vec<(K, S)>,
    pub(crate) partitions: Option<usize>,
}

impl<K: 'static, V: 'static, S: 'static> UpdateSpec<K, V, S> {
    /// `f` is given the new values of a key and its state, and returns its new state, or `None` to remove it.
    pub fn function(f: impl Fn(Vec<V>, Option<S>) -> Option<S> + Send + Sync + 'static) -> Self {
        Self::function_with_time(move |_, _, values, state| f(values, state))
    }

    /// As [`function`](Self::function); `f` is also given the batch time and the key.
    pub fn function_with_time(f: impl Fn(Time, &K, Vec<V>, Option<S>) -> Option<S> + Send + Sync + 'static) -> Self {
        Self::calling(UpdateFunction::Key(Arc::new(f)))
    }

    /// `f` is given the batch time and a whole partition: every key that has a state or new values, with both; and returns
    /// the new states. It may leave keys out, make new ones, and give a key twice: then the stream has both rows, and the
    /// first one is what `f` is given in the next batch. What it gives is shuffled to the partitions of its keys.
    ///
    /// ```
    /// # use dstream_core::{UpdateSpec, testing::batches_of};
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), dstream_core::BoxError> {
    /// let batches = batches_of(2, |ctx| {
    ///     // Sums, for the two largest keys of each partition only.
    ///     let spec = UpdateSpec::function_of_partitions(|_, keys| {
    ///         let mut sums: Vec<(u32, u32)> =
    ///             keys.map(|(key, new, sum)| (key, sum.unwrap_or(0) + new.iter().sum::<u32>())).collect();
    ///         sums.sort();
    ///         sums.into_iter().rev().take(2)
    ///     });
    ///     let pairs = ctx.queue_stream([vec![(1, 5), (2, 5)], vec![(2, 1), (3, 7)]]);
    ///     Ok(pairs.update_state_by_key_with(spec.partitions(1)))
    /// })
    /// .await?;
    /// assert_eq!(batches, [[(2, 5), (1, 5)], [(3, 7), (2, 6)]]);
    /// # Ok(()) }
    /// ```
    pub fn function_of_partitions<I>(
        f: impl Fn(Time, std::vec::IntoIter<(K, Vec<V>, Option<S>)>) -> I + Send + Sync + 'static,
    ) -> Self
    where
        I: IntoIterator<Item = (K, S)>,
    {
        Self::calling(UpdateFunction::Partition(Arc::new(move |time, keys: Vec<_>| {
            f(time, keys.into_iter()).into_iter().collect()
        })))
    }

    const fn calling(function: UpdateFunction<K, V, S>) -> Self {
        Self { function, initial: Vec::new(), partitions: None }
    }

    /// The states before the first batch. None, unless this is called. Of two for one key the later one counts. A restart
    /// that finds a checkpoint goes on from its states instead.
    #[must_use]
    pub fn initial_state(mut self, pairs: impl IntoIterator<Item = (K, S)>) -> Self {
        self.initial = pairs.into_iter().collect();
        self
    }

    /// How many partitions the states are in; 0 counts as 1. Default: one for each thread of the task pool. More let more
    /// threads work on them, each costs a task in every batch.
    #[must_use]
    pub const fn partitions(mut self, partitions: usize) -> Self {
        self.partitions = Some(partitions);
        self
    }
}

impl<K, V, S> fmt::Debug for UpdateSpec<K, V, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut spec = f.debug_struct("UpdateSpec");
        spec.field("initial", &self.initial.len()).field("partitions", &self.partitions).finish_non_exhaustive()
    }
}
