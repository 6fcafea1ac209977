//! The rows of one bucket of a kept batch, whatever number of partitions it was kept in.

use crate::cached::Partitions;
use crate::data::Key;
use crate::key_hash::bucket_of;

/// The rows of `bucket`, of `buckets`, in the order in which they are kept. A batch with that many partitions is kept by
/// bucket; one that was restored from a run with another number of threads is looked through.
pub(crate) fn bucket_rows<K: Key, C>(
    rows: &Partitions<(K, C)>,
    bucket: usize,
    buckets: usize,
) -> impl Iterator<Item = &(K, C)> {
    let cut_alike = rows.len() == buckets;
    let wanted = if cut_alike { bucket..bucket.saturating_add(1) } else { 0..rows.len() };
    let rows = rows.get(wanted).unwrap_or_default().iter().flat_map(|rows| rows.iter());
    rows.filter(move |(key, _)| cut_alike || bucket_of(key, buckets) == bucket)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    /// The keys from 0 to 99 in `partitions` partitions.
    fn kept(partitions: usize) -> Partitions<(u32, ())> {
        let of = |p: usize| (0..100).filter(move |key| bucket_of(key, partitions) == p).map(|key| (key, ()));
        (0..partitions).map(|p| Arc::new(of(p).collect::<Vec<_>>())).collect()
    }

    #[test]
    fn a_bucket_has_the_same_keys_whatever_number_of_partitions_a_batch_was_kept_in() {
        for bucket in 0..3 {
            let mut of_two: Vec<u32> = bucket_rows(&kept(2), bucket, 3).map(|row| row.0).collect();
            of_two.sort_unstable();
            let of_three: Vec<u32> = bucket_rows(&kept(3), bucket, 3).map(|row| row.0).collect();
            assert_eq!(of_two, of_three);
        }
    }
}
