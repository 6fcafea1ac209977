//! `map_with_state`: a state for each key, seen and changed by the records of the key.

use std::fmt;
use std::ops::{ControlFlow, Deref};
use std::sync::Arc;
use std::time::Duration;

use crate::batch::Batch;
use crate::data::{Data, Key};
use crate::dataset::{SharedDataset, Task, TaskError};
use crate::dstream::{DStream, Lineage};
use crate::job::{Job, JobError};
use crate::operator::OperatorName;
use crate::ops::group_by_key_and_window::into_lists;
use crate::rdd::Rdd;
use crate::state::Expiry;
use crate::stateful::{
    HeldStates, KeyedStates, MapRecord, Outcome, Records, StateRows, StateSpec, StateStep, StateWork, update_records,
};
use crate::time::Time;

impl<K: Key, V: Data> DStream<(K, V)> {
    /// Gives what the function of `spec` makes of each record and the state of its key, which it may read, update and
    /// remove; see [`StateSpec`] and [`State`](crate::State). The function is called once for each record, key by key, for
    /// each key in the order of partitions and in each of them; then, without a value, for each key that times out. All
    /// states of a batch are had from [`state_snapshots`](MapWithState::state_snapshots).
    ///
    /// A batch costs in proportion to the keys of its records and those that time out, however many others there are.
    /// Time-outs are exact: a key is removed in the first batch whose time is later than that of its last record or update
    /// by more than the time-out, also when the batch has no records. (Spark looks for such keys in every tenth batch.) Keys
    /// that would have timed out at a batch time that was skipped time out in the next batch, before its records.
    ///
    /// An attempt of a batch that fails changes no state. The stream is a stateful one: without a checkpoint directory, a
    /// restart loses the states.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use dstream_core::{State, StateSpec, testing::batches_of};
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), dstream_core::BoxError> {
    /// // Counts the records of each key, and says goodbye to keys that nothing came for in two seconds.
    /// fn count(key: &char, value: Option<()>, state: &mut State<'_, u32>) -> String {
    ///     let count = state.get_option().copied().unwrap_or(0);
    ///     if value.is_none() {
    ///         return format!("goodbye {key} {count}");
    ///     }
    ///     state.update(count + 1);
    ///     format!("{key} {}", count + 1)
    /// }
    /// let batches = batches_of(5, |ctx| {
    ///     let spec = StateSpec::function(count).timeout(Duration::from_secs(2));
    ///     let pairs = ctx.queue_stream([vec![('a', ()), ('a', ())], vec![('a', ())]]);
    ///     Ok((*pairs.map_with_state(spec)).clone())
    /// })
    /// .await?;
    /// assert_eq!(batches, [vec!["a 1", "a 2"], vec!["a 3"], vec![], vec![], vec!["goodbye a 3"]]);
    /// # Ok(()) }
    /// ```
    pub fn map_with_state<S: Data, T>(&self, spec: StateSpec<K, V, S, T>) -> MapWithState<K, S, T>
    where
        T: Clone + Send + Sync + 'static,
    {
        let StateSpec { function, initial, timeout, partitions } = spec;
        let partitions = partitions.unwrap_or_else(|| self.context().parallelism()).max(1);
        let expiry = if timeout.is_some() { Expiry::ByTime } else { Expiry::Off };
        let states = Arc::new(KeyedStates::new(partitions, expiry, initial));
        let (parent, slide, memory) = (Arc::clone(self.node()), self.slide_duration(), Arc::clone(&states));
        let (made, lineage) = (Arc::clone(&states), Lineage::of(&parent).with_state(memory));
        let mapped = DStream::new(self.context(), "map_with_state", lineage, |operator| {
            Box::new(move |job| {
                let pairs = Rdd::new(parent.dataset(job)?, job.clone(), operator);
                let mapping = Mapping {
                    operator,
                    batch: Arc::clone(&job.batch),
                    slide,
                    timeout,
                    states: Arc::clone(&made),
                    function: Arc::clone(&function),
                    values: pairs.shuffled(&into_lists(), partitions).into_dataset(),
                };
                Ok(Arc::new(StateStep::new(operator, &job.batch, &made, mapping)))
            })
        });
        MapWithState { mapped, states }
    }
}

/// The stream of mapped records of [`map_with_state`](DStream::map_with_state), and behind it the stream of its states.
pub struct MapWithState<K, S, T> {
    mapped: DStream<T>,
    states: Arc<KeyedStates<K, S>>,
}

impl<K: Key, S: Data, T: Send + 'static> MapWithState<K, S, T> {
    /// In each batch, every key and its state as of the end of the batch. Costs in proportion to all keys.
    ///
    /// ```
    /// # use dstream_core::{State, StateSpec, testing::batches_of};
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), dstream_core::BoxError> {
    /// let mut batches = batches_of(3, |ctx| {
    ///     let sum = |_: &char, value: Option<i32>, state: &mut State<'_, i32>| {
    ///         state.update(state.get_option().copied().unwrap_or(0) + value.unwrap_or(0));
    ///     };
    ///     let pairs = ctx.queue_stream([vec![('a', 1)], vec![('b', 5), ('a', 1)]]);
    ///     Ok(pairs.map_with_state(StateSpec::function(sum)).state_snapshots())
    /// })
    /// .await?;
    /// batches.iter_mut().for_each(|batch| batch.sort());
    /// assert_eq!(batches, [vec![('a', 1)], vec![('a', 2), ('b', 5)], vec![('a', 2), ('b', 5)]]);
    /// # Ok(()) }
    /// ```
    pub fn state_snapshots(&self) -> DStream<(K, S)> {
        let (mapped, states) = (Arc::clone(self.mapped.node()), Arc::clone(&self.states));
        DStream::new(self.mapped.context(), "state_snapshots", Lineage::of(&mapped), |_| {
            Box::new(move |job| {
                let (batch, states) = (Arc::clone(&job.batch), Arc::clone(&states));
                Ok(Arc::new(StateRows { batch, states, step: mapped.dataset(job)? }))
            })
        })
    }
}

impl<K, S, T> Deref for MapWithState<K, S, T> {
    type Target = DStream<T>;

    fn deref(&self) -> &DStream<T> {
        &self.mapped
    }
}

impl<K, S, T> fmt::Debug for MapWithState<K, S, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("MapWithState").field(&self.mapped).finish()
    }
}

/// One batch of the operator.
struct Mapping<K, V, S, T> {
    operator: OperatorName,
    batch: Arc<Batch>,
    slide: Duration,
    timeout: Option<Duration>,
    states: Arc<KeyedStates<K, S>>,
    function: MapRecord<K, V, S, T>,
    values: SharedDataset<(K, Vec<V>)>,
}

impl<K: Key, V: Data, S: Data, T: Send + Sync + 'static> StateWork<K, S, T> for Mapping<K, V, S, T> {
    fn prepare(&self, job: &Job) -> Result<(), JobError> {
        self.values.prepare(job)
    }

    fn compute(&self, partition: usize, task: &Task<'_>) -> Result<Outcome<K, S, T>, TaskError> {
        let mut values = Vec::new();
        self.values.run(partition, task, &mut |row| {
            values.push(row);
            ControlFlow::Continue(())
        })?;
        let Some(records) = self.records(partition, values)? else { return Ok(Outcome::default()) };
        update_records(records, |key, value, state| {
            task.check()?;
            task.enter(self.operator);
            Ok((self.function)(self.batch.time, key, value, state))
        })
    }
}

impl<K: Key, V: Data, S: Data, T> Mapping<K, V, S, T> {
    /// `None` when another output of the batch has done all this meanwhile.
    fn records(&self, partition: usize, values: Vec<(K, Vec<V>)>) -> Result<Option<Records<K, V, S>>, TaskError> {
        let now = self.batch.time;
        let version = self.states.version_before(partition, now);
        let Some(expiring) = self.timed_out_at(partition, Some(now))? else { return Ok(None) };
        // The last batch time that was skipped, if any was.
        let skipped = version.map(|version| (version, now.minus(self.slide)));
        let skipped = skipped.filter(|(version, last)| version < last).map(|(_, last)| last);
        let Some(gone) = self.timed_out_at(partition, skipped)? else { return Ok(None) };
        let held = self.states.read(partition, version, values.iter().map(|(key, _)| key));
        let held = held.map_err(TaskError::of_state)?;
        let records = values.into_iter().zip(held).map(|((key, values), held)| (key, values, held)).collect();
        let expiry = if self.timeout.is_some() { Expiry::ByTime } else { Expiry::Off };
        Ok(Some(Records { expiry, gone, records, expiring }))
    }

    /// The states that time out when it is `time`, unless they are kept alive.
    fn timed_out_at(&self, partition: usize, time: Option<Time>) -> Result<Option<HeldStates<K, S>>, TaskError> {
        let Some((time, timeout)) = time.zip(self.timeout) else { return Ok(Some(Vec::new())) };
        self.states.expired(partition, self.batch.time, time.minus(timeout)).map_err(TaskError::of_state)
    }
}
