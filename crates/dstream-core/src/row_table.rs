//! Rows joined by key, in as little memory as they need.
//!
//! Joining rows is one look into the table for each row, and that is as fast as the table is small: an entry is the key and the
//! value, nothing else. The order of the rows depends on nothing but what was put in, and in which order.

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

use crate::data::{Data, Key};
use crate::key_hash::{bucket_of_hash, hash_of};

/// The values of each key, joined into one.
pub(crate) struct RowTable<K, C> {
    rows: HashTable<(K, C)>,
    // Stands in a row while its value is out being joined. If that panics, the whole table is thrown away.
    stand_in: Option<C>,
}

impl<K: Key, C: Data> RowTable<K, C> {
    pub(crate) fn with_capacity(keys: usize) -> Self {
        Self { rows: HashTable::with_capacity(keys), stand_in: None }
    }

    /// Puts what `join` makes of the key's value so far in its place.
    pub(crate) fn join(&mut self, key: K, join: impl FnOnce(Option<C>) -> C) {
        match self.rows.entry(hash_of(&key), |row| row.0 == key, |row| hash_of(&row.0)) {
            Entry::Occupied(entry) => replace(&mut entry.into_mut().1, &mut self.stand_in, join),
            Entry::Vacant(entry) => {
                entry.insert((key, join(None)));
            }
        }
    }

    /// The same for a key that is only copied if it is new.
    pub(crate) fn join_shared(&mut self, key: &K, join: impl FnOnce(Option<C>) -> C) {
        match self.rows.entry(hash_of(key), |row| row.0 == *key, |row| hash_of(&row.0)) {
            Entry::Occupied(entry) => replace(&mut entry.into_mut().1, &mut self.stand_in, join),
            Entry::Vacant(entry) => {
                entry.insert((key.clone(), join(None)));
            }
        }
    }

    pub(crate) fn into_rows(self) -> Vec<(K, C)> {
        self.rows.into_iter().collect()
    }

    /// The rows by the bucket that their key belongs to.
    pub(crate) fn into_buckets(self, buckets: usize) -> Vec<Vec<(K, C)>> {
        if buckets == 1 {
            return vec![self.into_rows()];
        }
        // Keys spread evenly, so a little more than the fair share is enough for most buckets.
        let share = self.rows.len().checked_div(buckets).unwrap_or(0);
        let capacity = share.saturating_add(share / 8);
        let mut rows: Vec<Vec<(K, C)>> =
            std::iter::repeat_with(|| Vec::with_capacity(capacity)).take(buckets).collect();
        for row in self.rows {
            if let Some(rows) = rows.get_mut(bucket_of_hash(hash_of(&row.0), buckets)) {
                rows.push(row);
            }
        }
        rows
    }
}

fn replace<C: Clone>(value: &mut C, stand_in: &mut Option<C>, join: impl FnOnce(Option<C>) -> C) {
    // Cloned once for a table; afterwards the same one is passed on.
    let spare = stand_in.take().unwrap_or_else(|| value.clone());
    let before = std::mem::replace(value, spare);
    *stand_in = Some(std::mem::replace(value, join(Some(before))));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key_hash::bucket_of;

    #[test]
    fn each_key_has_the_joined_value_in_the_bucket_that_its_hash_names() {
        let mut table = RowTable::with_capacity(0);
        for n in 0..1_000_u32 {
            let add = move |before: Option<u32>| before.unwrap_or(0) + n;
            if n % 2 == 0 { table.join(n % 10, add) } else { table.join_shared(&(n % 10), add) }
        }
        let buckets = table.into_buckets(3);
        assert_eq!(buckets.iter().map(Vec::len).sum::<usize>(), 10);
        for (bucket, rows) in buckets.iter().enumerate() {
            for (key, sum) in rows {
                assert_eq!(*sum, (0..1_000).filter(|n| n % 10 == *key).sum::<u32>());
                assert_eq!(bucket_of(key, 3), bucket);
            }
        }
    }
}
