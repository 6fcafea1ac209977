//! Grouping: the values of each key are brought together, whole, in the order in which their partitions had them.
//!
//! Nothing is combined before the shuffle: that would make the rows no fewer.

use std::hash::Hash;
use std::ops::ControlFlow;
use std::sync::Arc;

use crate::data::{Data, Key};
use crate::dataset::{SharedRows, Sink, TaskError};
use crate::key_hash::{KeyMap, bucket_of};
use crate::wide::{Part, Wide, empty_buckets};

/// Brings the values of a key together in a `G`, and pushes what comes of each group.
pub(crate) struct Grouping<K, V, G, U> {
    pub(crate) add: fn(&mut G, V),
    pub(crate) emit: fn(&K, &G, &mut Sink<'_, U>) -> ControlFlow<()>,
}

impl<K, V, G, U> Wide<(K, V), U> for Grouping<K, V, G, U>
where
    K: Key,
    V: Data,
    G: Default + Send + Sync,
{
    type Row = (K, V);
    type Kept = (K, G);

    const BY_KEY: bool = true;

    fn scatter(&self, part: &Part<'_, (K, V)>, buckets: usize) -> Result<Vec<Vec<(K, V)>>, TaskError> {
        scatter_by_key(part, buckets)
    }

    fn gather(&self, sources: Vec<Vec<(K, V)>>) -> Vec<(K, G)> {
        let mut groups: KeyMap<K, G> = KeyMap::default();
        for (key, value) in sources.into_iter().flatten() {
            (self.add)(groups.entry(key).or_default(), value);
        }
        groups.into_iter().collect()
    }

    /// Groups are large, and seldom what is asked for: they are pushed.
    fn in_memory(_: &SharedRows<(K, G)>) -> Option<SharedRows<U>> {
        None
    }

    fn emit(&self, (key, group): &(K, G), sink: &mut Sink<'_, U>) -> ControlFlow<()> {
        (self.emit)(key, group, sink)
    }
}

/// Brings each row to the partition of its key, and joins nothing.
pub(crate) struct Placing;

impl<K: Key, V: Data> Wide<(K, V), (K, V)> for Placing {
    type Row = (K, V);
    type Kept = (K, V);

    const BY_KEY: bool = true;

    fn scatter(&self, part: &Part<'_, (K, V)>, buckets: usize) -> Result<Vec<Vec<(K, V)>>, TaskError> {
        scatter_by_key(part, buckets)
    }

    fn gather(&self, sources: Vec<Vec<(K, V)>>) -> Vec<(K, V)> {
        sources.into_iter().flatten().collect()
    }

    fn in_memory(kept: &SharedRows<(K, V)>) -> Option<SharedRows<(K, V)>> {
        Some(Arc::clone(kept))
    }

    fn emit(&self, row: &(K, V), sink: &mut Sink<'_, (K, V)>) -> ControlFlow<()> {
        sink(row.clone())
    }
}

/// Each row to the bucket of its key, as it is.
fn scatter_by_key<K: Hash, V>(part: &Part<'_, (K, V)>, buckets: usize) -> Result<Vec<Vec<(K, V)>>, TaskError> {
    let mut rows = empty_buckets(buckets);
    part.each(|(key, value)| {
        if let Some(rows) = rows.get_mut(bucket_of(&key, buckets)) {
            rows.push((key, value));
        }
    })?;
    Ok(rows)
}
