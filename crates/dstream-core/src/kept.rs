//! The batches of a stream that windows look back at: computed in every batch, kept for as long as the longest window asks.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
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
    // Held for one map operation.
    batches: Mutex<BTreeMap<Time, Arc<Cached<T>>>>,
}

/// A stream and its kept batches.
pub(crate) struct KeptStream<T> {
    pub(crate) stream: DStream<T>,
    pub(crate) batches: Arc<Kept<T>>,
}

impl<T: Data> Kept<T> {
    fn new(operator: OperatorName) -> Self {
        Self { operator, span: Mutex::default(), batches: Mutex::default() }
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

    /// The kept batches after `after` and up to `through`, oldest first. Batches that never were are absent.
    pub(crate) fn between(&self, after: Time, through: Time) -> Vec<SharedDataset<T>> {
        let batches = lock(&self.batches);
        let later = batches.range(..=through).filter(|(time, _)| **time > after);
        later.map(|(_, batch)| Arc::<Cached<T>>::clone(batch) as SharedDataset<T>).collect()
    }
}

impl<T: Data> Memory for Kept<T> {
    fn forget_through(&self, batch: Time) {
        let oldest = batch.minus(*lock(&self.span)).plus(Duration::from_millis(1));
        let mut batches = lock(&self.batches);
        let kept = batches.split_off(&oldest);
        let forgotten = std::mem::replace(&mut *batches, kept);
        // Outside the lock: dropping rows takes a while.
        drop(batches);
        drop(forgotten);
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

    fn new_kept(&self) -> (Arc<Node<T>>, Arc<Kept<T>>) {
        let name = self.context().graph().name("keep");
        let batches = Arc::new(Kept::new(name));
        let lineage = Lineage::of(self.node()).remembering(Arc::<Kept<T>>::clone(&batches));
        let (parent, memory) = (Arc::clone(self.node()), Arc::clone(&batches));
        let compute = move |job: &Job| Ok(memory.batch(job.batch.time, parent.dataset(job)?));
        (Node::new(name, lineage, Box::new(compute)), batches)
    }
}
