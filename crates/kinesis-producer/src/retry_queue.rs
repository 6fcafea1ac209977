//! Pure: records that wait for their back-off to end, by time.

use std::collections::BTreeMap;

use tokio::time::Instant;

use crate::collector::Outgoing;

/// Records ordered by when they may be sent again, then by number.
#[derive(Debug)]
pub(crate) struct RetryQueue<T>(BTreeMap<(Instant, u64), Outgoing<T>>);

impl<T> RetryQueue<T> {
    pub(crate) fn new() -> Self {
        Self(BTreeMap::new())
    }

    /// Keeps a record until `at`.
    pub(crate) fn push(&mut self, at: Instant, outgoing: Outgoing<T>) {
        self.0.insert((at, outgoing.number), outgoing);
    }

    /// The records whose time has come, in their order.
    pub(crate) fn take_due(&mut self, now: Instant) -> Vec<Outgoing<T>> {
        let mut due = Vec::new();
        while let Some(first) = self.0.first_entry()
            && first.key().0 <= now
        {
            due.push(first.remove());
        }
        due
    }

    /// The records for which `over` holds.
    pub(crate) fn remove(&mut self, over: impl Fn(&Outgoing<T>) -> bool) -> Vec<Outgoing<T>> {
        self.0.extract_if(.., |_, outgoing| over(outgoing)).map(|(_, outgoing)| outgoing).collect()
    }

    /// The earliest acceptance of a record here.
    pub(crate) fn oldest(&self) -> Option<Instant> {
        self.0.values().map(|outgoing| outgoing.accepted).min()
    }

    /// When the first record's time comes.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        self.0.first_key_value().map(|((at, _), _)| *at)
    }
}
