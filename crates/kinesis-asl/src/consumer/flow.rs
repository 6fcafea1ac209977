//! How long a subscription of enhanced fan-out is good for, and whether an event of it makes sense. Pure.

use std::time::Instant;

use crate::consumer::retrieval::SubscriptionTiming;
use crate::sequence::SequenceNumber;
use crate::shard::ChildShard;
use crate::subscription::SubscribedPage;

/// One subscription's times.
#[derive(Debug, Clone)]
pub struct Flow {
    timing: SubscriptionTiming,
    opened: Instant,
    /// Since when an event is waited for.
    waiting: Instant,
}

/// Why a subscription is replaced although it did not end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overdue {
    /// It is about to end.
    Renewal,
    /// Nothing was heard of it.
    Silence,
}

/// What comes after an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// More, behind this number.
    After(SequenceNumber),
    /// Nothing: the shard has ended, and these follow it.
    ShardEnd(Vec<ChildShard>),
}

impl Flow {
    /// A subscription that has just begun.
    #[must_use]
    pub fn opened(now: Instant, timing: SubscriptionTiming) -> Self {
        Self { timing, opened: now, waiting: now }
    }

    /// The reader waits for an event from now on. While it stored the one before, nobody listened, so silence counts from here.
    pub fn waits(&mut self, now: Instant) {
        self.waiting = now;
    }

    /// Until when to wait.
    #[must_use]
    pub fn deadline(&self) -> Instant {
        (self.opened + self.timing.renew_after).min(self.waiting + self.timing.silence)
    }

    /// Why the wait is over without an event.
    #[must_use]
    pub fn overdue(&self, now: Instant) -> Overdue {
        if now >= self.opened + self.timing.renew_after { Overdue::Renewal } else { Overdue::Silence }
    }
}

/// What comes after an event: it says where to go on, or which shards follow.
///
/// # Errors
/// When it says both or neither; its records are not to be used.
pub fn next_of(event: &SubscribedPage) -> Result<Next, &'static str> {
    match (event.continuation, event.children.is_empty()) {
        (Some(after), true) => Ok(Next::After(after)),
        (None, false) => Ok(Next::ShardEnd(event.children.clone())),
        (Some(_), false) => Err("an event goes on and ends the shard at once"),
        (None, true) => Err("an event neither goes on nor ends the shard"),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const TIMING: SubscriptionTiming =
        SubscriptionTiming { renew_after: Duration::from_secs(270), silence: Duration::from_secs(11) };

    #[test]
    fn two_missed_events_make_a_subscription_silent_and_one_does_not() {
        let opened = tokio::time::Instant::now().into_std();
        let mut flow = Flow::opened(opened, TIMING);
        let heard = opened + Duration::from_secs(60);
        flow.waits(heard);
        assert!(flow.deadline() > heard + Duration::from_secs(10));
        assert_eq!(flow.overdue(flow.deadline()), Overdue::Silence);
    }

    #[test]
    fn a_subscription_is_renewed_before_its_five_minutes_are_over_however_lively_it_is() {
        let opened = tokio::time::Instant::now().into_std();
        let mut flow = Flow::opened(opened, TIMING);
        for second in 0..270 {
            flow.waits(opened + Duration::from_secs(second));
        }
        assert!(flow.deadline() < opened + Duration::from_secs(300));
        assert_eq!(flow.overdue(flow.deadline()), Overdue::Renewal);
    }

    #[test]
    fn an_event_that_goes_on_and_ends_or_does_neither_is_refused_fo_2() {
        let number: Option<SequenceNumber> = "7".parse().ok();
        let child = ChildShard { id: "c".into(), parents: ["p".into()].into(), hash_range: None };
        let event = |continuation, children: &[ChildShard]| SubscribedPage {
            records: Vec::new(),
            continuation,
            children: children.to_vec(),
            millis_behind_latest: None,
        };
        let children = [child];
        assert_eq!(next_of(&event(number, &[])), Ok(Next::After(number.expect("digits"))));
        assert_eq!(next_of(&event(None, &children)), Ok(Next::ShardEnd(children.to_vec())));
        assert!(next_of(&event(number, &children)).is_err());
        assert!(next_of(&event(None, &[])).is_err());
    }
}
