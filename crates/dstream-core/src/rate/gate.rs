//! Holds the pages of one receiver to its rate limit: the limiter, and those who wait for it.
//!
//! Promises: pages pass in the order in which they came; a new limit counts at once, also for the page that waits already; a
//! page that gives up costs nothing. Time is tokio's, so that tests can pause it.

use std::time::Duration;

use tokio::sync::{Mutex, watch};
use tokio::time::Instant;

use crate::rate::limiter::{Admission, RateCap, RateLimiter};
use crate::rate::records_per_second::RecordsPerSecond;
use crate::time::Time;

#[derive(Debug)]
pub(crate) struct RateGate {
    began: Instant,
    // Asynchronous, since it is held by the page that waits; the others wait behind it.
    turn: Mutex<()>,
    state: watch::Sender<State>,
}

#[derive(Debug)]
struct State {
    limiter: RateLimiter,
    closed: bool,
}

/// No page passes any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct GateClosed;

/// Records that passed. Unless they are [`kept`](Self::kept), they are given back when this is dropped.
#[derive(Debug)]
pub(crate) struct Passed<'a> {
    gate: &'a RateGate,
    records: u64,
}

impl Passed<'_> {
    /// The records were stored: they count.
    pub(crate) fn kept(mut self) {
        self.records = 0;
    }
}

impl Drop for Passed<'_> {
    fn drop(&mut self) {
        if self.records > 0 {
            let records = self.records;
            self.gate.state.send_modify(|state| state.limiter.give_back(records));
        }
    }
}

impl RateGate {
    pub(crate) fn new(cap: RateCap) -> Self {
        let limiter = RateLimiter::new(cap, Time::default());
        Self {
            began: Instant::now(),
            turn: Mutex::default(),
            state: watch::Sender::new(State { limiter, closed: false }),
        }
    }

    /// The limit in force; `None`: there is none.
    pub(crate) fn limit(&self) -> Option<RecordsPerSecond> {
        self.state.borrow().limiter.limit()
    }

    /// Takes an estimate, within the cap, for the limit; returns the limit.
    pub(crate) fn update(&self, estimate: RecordsPerSecond) -> Option<RecordsPerSecond> {
        let now = self.now();
        self.state.send_modify(|state| state.limiter.update(estimate, now));
        self.limit()
    }

    /// Whoever waits, now or later, gets [`GateClosed`].
    pub(crate) fn close(&self) {
        self.state.send_modify(|state| state.closed = true);
    }

    /// Waits until `records` may pass, and lets them.
    ///
    /// # Cancellation
    /// Safe: a dropped call has let nothing pass, and only loses its place in the queue.
    pub(crate) async fn pass(&self, records: u64) -> Result<Passed<'_>, GateClosed> {
        let _turn = self.turn.lock().await;
        let mut changes = self.state.subscribe();
        loop {
            let Some(wait) = self.try_pass(records)? else { return Ok(Passed { gate: self, records }) };
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                // The sender lives in `self`: this cannot fail.
                _ = changes.changed() => {}
            }
        }
    }

    /// How long to wait before the next try; `None`: the records have passed.
    fn try_pass(&self, records: u64) -> Result<Option<Duration>, GateClosed> {
        let now = self.now();
        let mut answer = Err(GateClosed);
        // Nobody waits for what this changes.
        self.state.send_if_modified(|state| {
            if !state.closed {
                answer = Ok(state.limiter.acquire(records, now));
            }
            false
        });
        match answer? {
            Admission::Go => Ok(None),
            Admission::Wait(wait) => Ok(Some(wait)),
        }
    }

    fn now(&self) -> Time {
        Time::default().plus(self.began.elapsed())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(rate: f64) -> RecordsPerSecond {
        RecordsPerSecond::new(rate).unwrap()
    }

    fn gate(max: f64) -> RateGate {
        RateGate::new(RateCap { max: Some(rate(max)), initial: None })
    }

    async fn took(gate: &RateGate, pages: &[u64]) -> Duration {
        let begun = Instant::now();
        for page in pages {
            gate.pass(*page).await.unwrap().kept();
        }
        begun.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn forty_one_thousand_records_at_ten_thousand_a_second_take_four_seconds_t122() {
        let took = took(&gate(10_000.0), &[1_000; 42]).await;
        assert!((Duration::from_secs(4)..Duration::from_millis(4_200)).contains(&took), "{took:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_hundred_milliseconds_bring_about_a_hundred_records_at_a_rate_of_1001_t268() {
        let gate = gate(1_001.0);
        for _ in 0..10 {
            let deadline = Instant::now() + Duration::from_millis(100);
            let mut passed = 0;
            while Instant::now() < deadline {
                gate.pass(1).await.unwrap().kept();
                passed += 1;
            }
            assert!((95..=105).contains(&passed), "{passed}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_new_limit_counts_for_the_page_that_waits_already_t118() {
        let gate = gate(10.0);
        gate.pass(1_000).await.unwrap().kept();
        let begun = Instant::now();
        let waits = async { gate.pass(1).await.unwrap().kept() };
        let raise = async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            // The cap wins over the estimate.
            assert_eq!(gate.update(rate(50.0)), Some(rate(10.0)));
            assert_eq!(gate.update(rate(5.0)), Some(rate(5.0)));
        };
        tokio::join!(waits, raise);
        // One second at 10, the other 990 records at 5 a second.
        assert_eq!(begun.elapsed().as_secs(), 199);
    }

    #[tokio::test(start_paused = true)]
    async fn a_page_that_gives_up_costs_nothing() {
        let gate = gate(10.0);
        drop(gate.pass(1_000).await.unwrap());
        assert_eq!(took(&gate, &[1, 1]).await, Duration::from_millis(100));
        let waits = tokio::time::timeout(Duration::from_millis(1), gate.pass(1_000));
        assert!(waits.await.is_err());
        assert!(took(&gate, &[1]).await <= Duration::from_millis(100));
    }

    #[tokio::test(start_paused = true)]
    async fn a_closed_gate_lets_nobody_pass_and_nobody_wait() {
        let gate = gate(10.0);
        gate.pass(1_000).await.unwrap().kept();
        let (waited, ()) = tokio::join!(gate.pass(1), async { gate.close() });
        assert_eq!(waited.unwrap_err(), GateClosed);
        assert_eq!(gate.pass(0).await.unwrap_err(), GateClosed);
    }
}
