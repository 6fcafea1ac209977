//! Pure: gathers records into requests within the limits. The next stage up, an aggregator, would feed it.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use crate::delivery::FailureCause;
use crate::record::Record;

/// A record on its way, with what belongs to it.
#[derive(Debug)]
pub(crate) struct Outgoing<T> {
    pub(crate) record: Record,
    /// The how-manieth record the producer accepted.
    pub(crate) number: u64,
    pub(crate) accepted: Instant,
    /// How often it has been sent.
    pub(crate) attempts: u32,
    /// What the last attempt failed with.
    pub(crate) last: Option<FailureCause>,
    /// What the shell needs to answer it.
    pub(crate) ticket: T,
}

/// The bounds of one request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RequestLimits {
    pub(crate) records: usize,
    pub(crate) bytes: usize,
}

/// Records waiting for a request. A record larger than a request's bound goes alone.
#[derive(Debug)]
pub(crate) struct Collector<T> {
    limits: RequestLimits,
    linger: Duration,
    waiting: VecDeque<Waiting<T>>,
    bytes: usize,
    /// Records numbered below this do not linger.
    urgent_below: u64,
}

#[derive(Debug)]
struct Waiting<T> {
    due: Instant,
    outgoing: Outgoing<T>,
}

impl<T> Collector<T> {
    pub(crate) fn new(limits: RequestLimits, linger: Duration) -> Self {
        Self { limits, linger, waiting: VecDeque::new(), bytes: 0, urgent_below: 0 }
    }

    /// Takes a new record, which may linger.
    pub(crate) fn push(&mut self, outgoing: Outgoing<T>) {
        self.bytes += outgoing.record.size();
        self.waiting.push_back(Waiting { due: outgoing.accepted + self.linger, outgoing });
    }

    /// Takes records whose back-off is over: they go before all others, in their order, without lingering.
    pub(crate) fn push_again(&mut self, now: Instant, again: Vec<Outgoing<T>>) {
        for outgoing in again.into_iter().rev() {
            self.bytes += outgoing.record.size();
            self.waiting.push_front(Waiting { due: now, outgoing });
        }
    }

    /// Lets every record numbered below `number` go without lingering.
    pub(crate) fn hurry(&mut self, number: u64) {
        self.urgent_below = self.urgent_below.max(number);
    }

    /// The records of the next request, if one is full or due.
    pub(crate) fn next_request(&mut self, now: Instant) -> Option<Vec<Outgoing<T>>> {
        if self.due()? > now {
            return None;
        }
        let mut request = Vec::with_capacity(self.waiting.len().min(self.limits.records));
        let mut bytes = 0;
        while let Some(next) = self.waiting.pop_front_if(|next| {
            let fits = request.len() < self.limits.records && bytes + next.outgoing.record.size() <= self.limits.bytes;
            fits || request.is_empty()
        }) {
            bytes += next.outgoing.record.size();
            request.push(next.outgoing);
        }
        self.bytes -= bytes;
        (!request.is_empty()).then_some(request)
    }

    /// When a request is full or its first record has lingered long enough. An instant in the past means at once.
    pub(crate) fn due(&self) -> Option<Instant> {
        let first = self.waiting.front()?;
        let full = self.waiting.len() >= self.limits.records || self.bytes >= self.limits.bytes;
        let hurried = first.outgoing.number < self.urgent_below;
        Some(if full || hurried { first.outgoing.accepted.min(first.due) } else { first.due })
    }

    /// The records for which `over` holds, in their order.
    pub(crate) fn remove(&mut self, over: impl Fn(&Outgoing<T>) -> bool) -> Vec<Outgoing<T>> {
        let waiting = std::mem::take(&mut self.waiting).into_iter();
        let (removed, kept): (Vec<_>, Vec<_>) = waiting.partition(|waiting| over(&waiting.outgoing));
        self.waiting = kept.into();
        let removed: Vec<_> = removed.into_iter().map(|waiting| waiting.outgoing).collect();
        self.bytes -= removed.iter().map(|outgoing| outgoing.record.size()).sum::<usize>();
        removed
    }

    /// The earliest acceptance of a record here.
    pub(crate) fn oldest(&self) -> Option<Instant> {
        self.waiting.iter().map(|waiting| waiting.outgoing.accepted).min()
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.waiting.len()
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use proptest::prelude::*;

    use super::*;

    const LINGER: Duration = Duration::from_millis(100);

    fn outgoing(number: u64, size: usize, accepted: Instant) -> Outgoing<()> {
        let record = Record::new("k", Bytes::from(vec![0; size.saturating_sub(1)])).unwrap();
        Outgoing { record, number, accepted, attempts: 0, last: None, ticket: () }
    }

    fn numbers(request: &[Outgoing<()>]) -> Vec<u64> {
        request.iter().map(|outgoing| outgoing.number).collect()
    }

    proptest! {
        #[test]
        fn every_record_leaves_once_in_order_in_requests_within_the_limits(
            sizes in proptest::collection::vec(1..120_usize, 0..60), records in 1..7_usize, bytes in 1..200_usize,
        ) {
            let now = Instant::now();
            let mut collector = Collector::new(RequestLimits { records, bytes }, LINGER);
            for (number, &size) in (0..).zip(&sizes) {
                collector.push(outgoing(number, size, now));
            }
            let mut seen = Vec::new();
            while let Some(request) = collector.next_request(now + LINGER) {
                let size: usize = request.iter().map(|outgoing| outgoing.record.size()).sum();
                prop_assert!(request.len() <= records && (size <= bytes || request.len() == 1));
                seen.extend(numbers(&request));
            }
            prop_assert_eq!(seen, (0..u64::try_from(sizes.len()).unwrap()).collect::<Vec<_>>());
            prop_assert_eq!((collector.len(), collector.bytes), (0, 0));
        }
    }

    #[test]
    fn a_record_lingers_until_its_time_or_until_a_request_is_full() {
        let now = Instant::now();
        let mut collector = Collector::new(RequestLimits { records: 2, bytes: 100 }, LINGER);
        collector.push(outgoing(0, 10, now));
        assert!(collector.next_request(now + LINGER / 2).is_none());
        assert_eq!(collector.due(), Some(now + LINGER));
        collector.push(outgoing(1, 10, now + LINGER / 2));
        assert_eq!(numbers(&collector.next_request(now + LINGER / 2).unwrap()), [0, 1]);
    }

    #[test]
    fn a_hurried_record_and_one_sent_again_do_not_linger() {
        let now = Instant::now();
        let mut collector = Collector::new(RequestLimits { records: 9, bytes: 100 }, LINGER);
        collector.push(outgoing(5, 10, now));
        collector.hurry(5);
        assert!(collector.next_request(now).is_none());
        collector.hurry(6);
        assert_eq!(numbers(&collector.next_request(now).unwrap()), [5]);
        collector.push(outgoing(6, 10, now));
        collector.push_again(now, vec![outgoing(1, 10, now), outgoing(2, 10, now)]);
        assert_eq!(numbers(&collector.next_request(now).unwrap()), [1, 2, 6]);
    }
}
