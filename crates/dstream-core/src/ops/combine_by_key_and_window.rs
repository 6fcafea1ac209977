//! What the keyed windows share: batches reduced by key and kept, and the windows over them. No operator of its own.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use crate::data::{Data, Key};
use crate::dstream::{DStream, Lineage};
use crate::kept::KeptStream;
use crate::ops::reduce_by_key::joined_by;
use crate::shuffle::Combine;
use crate::state::Expiry;
use crate::stateful::{KeyedStates, StateRows, StateStep};
use crate::windowed::{MergedWindow, Reducing, SlidingResult};

impl<K: Key, V: Data> DStream<(K, V)> {
    /// Each batch combined by key, in `buckets` partitions, and kept for at least `span`.
    pub(crate) fn combined_and_kept<C: Data>(
        &self,
        kind: &'static str,
        combine: Arc<dyn Combine<V, C>>,
        buckets: usize,
        span: Duration,
    ) -> KeptStream<(K, C)> {
        self.derive(kind, move |rdd| rdd.shuffled(&combine, buckets)).kept(span)
    }

    /// Every `slide`, the values of each key in the last `window`, combined in each batch first.
    pub(crate) fn combined_in_window<C: Data>(
        &self,
        kind: &'static str,
        combine: Arc<dyn Combine<V, C>>,
        partitions: usize,
        (window, slide): (Duration, Duration),
    ) -> DStream<(K, C)> {
        let buckets = partitions.max(1);
        let kept = self.combined_and_kept(kind, Arc::clone(&combine), buckets, window);
        let (parent, batches) = (Arc::clone(kept.stream.node()), kept.batches);
        let windowed = DStream::new(self.context(), kind, Lineage::of(&parent).sliding(slide), |operator| {
            Box::new(move |job| {
                let now = job.batch.time;
                // So that the batch of this very time is among the kept ones.
                parent.dataset(job)?;
                let batches = batches.between(now.minus(window), now);
                Ok(Arc::new(MergedWindow { operator, batches, combine: Arc::clone(&combine), buckets }))
            })
        });
        self.check_window(&windowed, window, slide);
        windowed
    }

    /// A window whose result is kept and corrected.
    pub(crate) fn sliding_result(
        &self,
        kind: &'static str,
        reducing: Reducing<K, V>,
        partitions: usize,
        (window, slide): (Duration, Duration),
    ) -> Self {
        let buckets = partitions.max(1);
        let add = Arc::clone(&reducing.add);
        let kept = self.combined_and_kept(kind, joined_by(move |m, n| add(m, n)), buckets, window);
        let states = Arc::new(KeyedStates::new(buckets, Expiry::Off, Vec::new()));
        let floor = Arc::clone(&states);
        // What is in the result is needed when it leaves, even if batch times are skipped until then.
        kept.batches.keep_after(move || Some(floor.oldest()?.minus(window)));
        let (parent, batches, reducing) = (Arc::clone(kept.stream.node()), kept.batches, Arc::new(reducing));
        let memory = Arc::clone(&states);
        let lineage = Lineage::of(&parent).sliding(slide).with_state(memory);
        let windowed = Self::new(self.context(), kind, lineage, |operator| {
            Box::new(move |job| {
                // So that the batch of this very time is among the kept ones.
                parent.dataset(job)?;
                let batch = Arc::clone(&job.batch);
                let (batches, reducing) = (Arc::clone(&batches), Arc::clone(&reducing));
                let slid = SlidingResult {
                    operator,
                    batch: Arc::clone(&batch),
                    window,
                    batches,
                    states: Arc::clone(&states),
                    reducing,
                    moved: OnceLock::new(),
                };
                let step = Arc::new(StateStep::new(operator, &batch, &states, slid));
                Ok(Arc::new(StateRows { batch, states: Arc::clone(&states), step }))
            })
        });
        self.check_window(&windowed, window, slide);
        windowed
    }
}
