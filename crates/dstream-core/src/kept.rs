//! The batches of a stream that windows look back at: computed in every batch, kept for as long as the longest window asks.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use bytes::Bytes;

use crate::cached::{Cached, Partitions};
use crate::codec::{self, CodecError};
use crate::data::Data;
use crate::dataset::{Dataset as _, SharedDataset};
use crate::dstream::{DStream, Lineage, Node};
use crate::job::Job;
use crate::lock::lock;
use crate::operator::OperatorName;
use crate::stream_node::Memory;
use crate::time::Time;

/// What is kept of a stream.
pub(crate) struct Kept<T> {
    operator: OperatorName,
    // Raised while the graph is made, read afterwards.
    span: Mutex<Duration>,
    // As the span. Cloned to be asked, so that no lock is held meanwhile.
    floors: Mutex<Vec<Floor>>,
    // The time from which batches are counted, once there was one.
    zero: OnceLock<Time>,
    // The newest batch that was let go. Held to copy or set it.
    forgotten: Mutex<Option<Time>>,
    // Held for one map operation.
    batches: Mutex<BTreeMap<Time, Arc<Cached<T>>>>,
}

/// Gives a time after which all batches are wanted.
type Floor = Arc<dyn Fn() -> Option<Time> + Send + Sync>;

/// A stream and its kept batches.
pub(crate) struct KeptStream<T> {
    pub(crate) stream: DStream<T>,
    pub(crate) batches: Arc<Kept<T>>,
}

impl<T: Data> Kept<T> {
    fn new(operator: OperatorName) -> Self {
        Self {
            operator,
            span: Mutex::default(),
            floors: Mutex::default(),
            zero: OnceLock::new(),
            forgotten: Mutex::default(),
            batches: Mutex::default(),
        }
    }

    /// Batches are wanted for at least `span`.
    fn keep_for(&self, span: Duration) {
        let mut longest = lock(&self.span);
        *longest = longest.max(span);
    }

    /// The kept dataset of a batch, made of `parent` if it is new.
    fn batch(&self, batch: Time, parent: SharedDataset<T>) -> SharedDataset<T> {
        let mut batches = lock(&self.batches);
        Arc::<Cached<T>>::clone(batches.entry(batch).or_insert_with(|| Arc::new(Cached::new(self.operator, parent))))
    }

    /// Batches later than what `floor` gives are wanted as well; it is asked whenever batches can be forgotten.
    pub(crate) fn keep_after(&self, floor: impl Fn() -> Option<Time> + Send + Sync + 'static) {
        lock(&self.floors).push(Arc::new(floor));
    }

    /// The time from which batches are counted; `None` before the first one.
    pub(crate) fn zero(&self) -> Option<Time> {
        self.zero.get().copied()
    }

    /// The newest batch that is kept no more.
    pub(crate) fn newest_forgotten(&self) -> Option<Time> {
        *lock(&self.forgotten)
    }

    /// The records of the batches from `from` to `to`, both included, that were computed.
    pub(crate) fn records(&self, from: Time, to: Time) -> Vec<(Time, Vec<T>)> {
        let batches = lock(&self.batches);
        let wanted = batches.iter().filter(|(time, _)| (from..=to).contains(*time));
        let wanted: Vec<_> = wanted.map(|(time, batch)| (*time, Arc::clone(batch))).collect();
        drop(batches);
        let computed = wanted.iter().filter_map(|(time, batch)| Some((*time, batch.all_rows()?)));
        computed.map(|(time, rows)| (time, rows.iter().flat_map(|rows| rows.iter().cloned()).collect())).collect()
    }

    /// The kept batches after `after` and up to `through`, oldest first. Batches that never were are absent.
    pub(crate) fn between(&self, after: Time, through: Time) -> Vec<Arc<Cached<T>>> {
        let batches = lock(&self.batches);
        let later = batches.range(..=through).filter(|(time, _)| **time > after);
        later.map(|(_, batch)| Arc::clone(batch)).collect()
    }
}

impl<T: Data> Memory for Kept<T> {
    fn forget_through(&self, batch: Time) {
        let floors = lock(&self.floors).clone();
        let after = batch.minus(*lock(&self.span));
        let after = floors.iter().filter_map(|floor| floor()).fold(after, Time::min);
        let oldest = after.plus(Duration::from_millis(1));
        let mut batches = lock(&self.batches);
        let kept = batches.split_off(&oldest);
        let forgotten = std::mem::replace(&mut *batches, kept);
        // Outside the lock: dropping rows takes a while.
        drop(batches);
        if let Some((newest, _)) = forgotten.last_key_value() {
            *lock(&self.forgotten) = Some(*newest);
        }
        drop(forgotten);
    }

    fn undo(&self, batch: Time) {
        let undone = lock(&self.batches).remove(&batch);
        drop(undone);
    }

    /// What the batch was made of is gone, so it could not be computed later either.
    fn leave_out(&self, batch: Time) {
        let mut batches = lock(&self.batches);
        let uncomputed = batches.get(&batch).is_some_and(|kept| kept.all_rows().is_none());
        let left_out = if uncomputed { batches.remove(&batch) } else { None };
        drop(batches);
        drop(left_out);
    }

    /// Each batch has rows of its own, and later ones only look back.
    fn allows_overlap(&self) -> bool {
        true
    }

    fn encode(&self, through: Time) -> Result<Vec<Bytes>, CodecError> {
        let batches: Vec<_> =
            lock(&self.batches).range(..=through).map(|(time, batch)| (*time, Arc::clone(batch))).collect();
        let computed = batches.iter().filter_map(|(time, batch)| Some((time, batch.buckets(), batch.all_rows()?)));
        computed.map(|(time, buckets, rows)| encode_batch(*time, buckets, rows)).collect()
    }

    fn decode(&self, _through: Time, parts: &[Bytes]) -> Result<(), CodecError> {
        let mut restored = BTreeMap::new();
        for part in parts {
            let (time, buckets, rows) = codec::decode::<(i64, Option<usize>, Vec<Vec<T>>)>(part)?;
            let rows: Partitions<T> = rows.into_iter().map(Arc::new).collect();
            restored.insert(Time::from_millis(time), Arc::new(Cached::of(self.operator, buckets, rows)));
        }
        *lock(&self.batches) = restored;
        Ok(())
    }

    #[cfg(test)]
    fn held(&self) -> usize {
        lock(&self.batches).len()
    }
}

fn encode_batch<T: Data>(time: Time, buckets: Option<usize>, rows: &Partitions<T>) -> Result<Bytes, CodecError> {
    let rows: Vec<&Vec<T>> = rows.iter().map(|rows| &**rows).collect();
    codec::encode(&(time.as_millis(), buckets, rows))
}

impl<T: Data> DStream<T> {
    /// This stream with its batches kept for at least `span`. All who ask share one memory.
    pub(crate) fn kept(&self, span: Duration) -> KeptStream<T> {
        let mut slot = lock(&self.node().kept);
        let known = slot.as_ref().and_then(|(node, batches)| {
            let batches = Arc::clone(batches).downcast::<Kept<T>>().ok()?;
            Some((node.upgrade()?, batches))
        });
        let (node, batches) = known.unwrap_or_else(|| {
            let (node, batches) = self.new_kept();
            *slot = Some((Arc::downgrade(&node), Arc::<Kept<T>>::clone(&batches)));
            (node, batches)
        });
        batches.keep_for(span);
        KeptStream { stream: Self::of_node(self.context(), node), batches }
    }

    /// What is kept of this stream, if anything is.
    pub(crate) fn kept_batches(&self) -> Option<Arc<Kept<T>>> {
        let (_, batches) = lock(&self.node().kept).clone()?;
        batches.downcast().ok()
    }

    fn new_kept(&self) -> (Arc<Node<T>>, Arc<Kept<T>>) {
        let name = self.context().name_operator("keep");
        let batches = Arc::new(Kept::new(name));
        let lineage = Lineage::of(self.node()).remembering(Arc::<Kept<T>>::clone(&batches));
        let (parent, memory) = (Arc::clone(self.node()), Arc::clone(&batches));
        let compute = move |job: &Job| {
            memory.zero.get_or_init(|| job.batch.zero);
            Ok(memory.batch(job.batch.time, parent.dataset(job)?))
        };
        let node = Node::new(name, lineage, Box::new(compute));
        // What is kept is not kept once more.
        *lock(&node.kept) = Some((Arc::downgrade(&node), Arc::<Kept<T>>::clone(&batches)));
        (node, batches)
    }
}
