//! Which subscriptions wait for news of which shard, and which of them have got some.
//!
//! Promises: a subscription that was told that there is nothing is woken by the first write to its shard, by a take-over
//! and by every change of a stream; waking one too many is harmless, none is forgotten. A write to a shard that nobody
//! waits for costs one look-up. It holds at most one entry per consumer and shard.

use std::collections::{BTreeMap, BTreeSet};

use super::shard::ShardId;
use super::subscription::SubscriptionId;

/// The waiting and the woken.
#[derive(Debug, Clone, Default)]
pub(crate) struct Wakeups {
    waiting: BTreeMap<String, BTreeMap<ShardId, BTreeSet<SubscriptionId>>>,
    woken: BTreeSet<SubscriptionId>,
}

impl Wakeups {
    /// Notes that a subscription waits for news of a shard.
    pub(crate) fn wait(&mut self, stream: &str, shard: ShardId, id: SubscriptionId) {
        self.woken.remove(&id);
        if !self.waiting.contains_key(stream) {
            self.waiting.insert(stream.to_owned(), BTreeMap::new());
        }
        if let Some(shards) = self.waiting.get_mut(stream) {
            shards.entry(shard).or_default().insert(id);
        }
    }

    /// Wakes those that wait for this shard.
    pub(crate) fn wake_shard(&mut self, stream: &str, shard: ShardId) {
        if let Some(ids) = self.waiting.get_mut(stream).and_then(|shards| shards.remove(&shard)) {
            self.woken.extend(ids);
        }
    }

    /// Wakes all of them: some stream, or some consumer, changes.
    pub(crate) fn wake_all(&mut self) {
        let waiting = std::mem::take(&mut self.waiting);
        self.woken.extend(waiting.into_values().flat_map(BTreeMap::into_values).flatten());
    }

    /// Those that were woken since the last call.
    pub(crate) fn take(&mut self) -> BTreeSet<SubscriptionId> {
        std::mem::take(&mut self.woken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_write_wakes_the_waiters_of_its_shard_once_and_a_change_wakes_everybody() {
        let mut wakeups = Wakeups::default();
        let [a, b, c] = [1, 2, 3].map(SubscriptionId);
        wakeups.wait("words", ShardId(0), a);
        wakeups.wait("words", ShardId(1), b);
        wakeups.wait("other", ShardId(0), c);
        wakeups.wake_shard("words", ShardId(0));
        wakeups.wake_shard("nobody", ShardId(0));
        assert_eq!(wakeups.take(), BTreeSet::from([a]));
        wakeups.wake_shard("words", ShardId(0));
        assert_eq!(wakeups.take(), BTreeSet::new());
        wakeups.wake_all();
        assert_eq!(wakeups.take(), BTreeSet::from([b, c]));
    }
}
