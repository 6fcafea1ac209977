//! Batch time: milliseconds since the Unix epoch, and the arithmetic of grids on it.
//!
//! Pure: nothing here reads a clock. Divisions round towards minus infinity, so a grid is even on both sides of zero.

use std::fmt;
use std::iter::successors;
use std::ops::{Add, Sub};
use std::time::Duration;

/// A point in time, in whole milliseconds since 1970-01-01T00:00:00Z.
///
/// ```
/// use dstream_core::Time;
/// use std::time::Duration;
///
/// let t = Time::from_millis(1_350);
/// assert_eq!(t.floor(Duration::from_millis(200)), Time::from_millis(1_200));
/// assert_eq!(t.to_string(), "1350 ms");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(i64);

impl Time {
    /// The time `millis` milliseconds after the epoch (before it, if negative).
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Milliseconds since the epoch.
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// The latest multiple of `interval` that is not after this time. An interval under 1 ms counts as 1 ms.
    pub fn floor(self, interval: Duration) -> Self {
        self.floor_from(interval, Self(0))
    }

    /// The latest time of the grid `zero + k * interval` that is not after this time.
    pub fn floor_from(self, interval: Duration, zero: Self) -> Self {
        let since = self.0.saturating_sub(zero.0);
        Self(self.0.saturating_sub(since.rem_euclid(millis(interval))))
    }

    /// True when this time is a multiple of `interval`.
    pub fn is_multiple_of(self, interval: Duration) -> bool {
        self.0.rem_euclid(millis(interval)) == 0
    }

    /// The first multiple of `interval` strictly after this time.
    pub fn next_multiple(self, interval: Duration) -> Self {
        self.floor(interval).plus(interval)
    }

    /// This time, `duration` later; saturates at the end of time.
    pub fn plus(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)))
    }

    /// This time, `duration` earlier; saturates at the beginning of time.
    pub fn minus(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)))
    }

    /// How long after `earlier` this time is; zero when it is not after it.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// The times from this one on, one every `step`, that are before `end`. A step under 1 ms counts as 1 ms.
    ///
    /// ```
    /// use dstream_core::Time;
    /// use std::time::Duration;
    ///
    /// let times: Vec<i64> = Time::from_millis(0)
    ///     .until(Time::from_millis(90), Duration::from_millis(30))
    ///     .map(Time::as_millis)
    ///     .collect();
    /// assert_eq!(times, [0, 30, 60]);
    /// ```
    pub fn until(self, end: Self, step: Duration) -> impl Iterator<Item = Self> + use<> {
        self.every(step).take_while(move |time| *time < end)
    }

    /// The times from this one on, one every `step`, that are not after `end`: `end` is among them when the steps meet it.
    /// A step under 1 ms counts as 1 ms.
    ///
    /// ```
    /// use dstream_core::Time;
    /// use std::time::Duration;
    ///
    /// let times: Vec<i64> =
    ///     Time::from_millis(0).to(Time::from_millis(90), Duration::from_millis(30)).map(Time::as_millis).collect();
    /// assert_eq!(times, [0, 30, 60, 90]);
    /// ```
    pub fn to(self, end: Self, step: Duration) -> impl Iterator<Item = Self> + use<> {
        self.every(step).take_while(move |time| *time <= end)
    }

    /// This time and all later ones, `step` apart, up to the end of time.
    fn every(self, step: Duration) -> impl Iterator<Item = Self> + use<> {
        let step = millis(step);
        successors(Some(self), move |time| time.0.checked_add(step).map(Self))
    }
}

/// The same as [`Time::plus`].
impl Add<Duration> for Time {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        self.plus(duration)
    }
}

/// The same as [`Time::minus`].
impl Sub<Duration> for Time {
    type Output = Self;

    fn sub(self, duration: Duration) -> Self {
        self.minus(duration)
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ms", self.0)
    }
}

/// An interval in milliseconds, at least 1 so that it can divide.
fn millis(interval: Duration) -> i64 {
    i64::try_from(interval.as_millis()).unwrap_or(i64::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    #[test]
    fn floor_rounds_down_on_the_grid_of_the_given_zero_t283() {
        let t = Time::from_millis(1_350);
        assert_eq!(t.floor(ms(200)).as_millis(), 1_200);
        assert_eq!(t.floor_from(ms(200), Time::from_millis(50)).as_millis(), 1_250);
        assert_eq!(t.floor_from(ms(200), Time::from_millis(150)).as_millis(), 1_350);
        assert_eq!(Time::from_millis(-1).floor(ms(200)).as_millis(), -200);
    }

    #[test]
    fn times_order_and_add_like_their_milliseconds_t283() {
        let (early, late) = (Time::from_millis(1_000), Time::from_millis(1_500));
        assert!(early < late);
        assert_eq!((early.min(late), early.max(late)), (early, late));
        assert_eq!((early + ms(500), late - ms(500)), (late, early));
        assert_eq!(late.since(early), ms(500));
        assert_eq!(Time::from_millis(i64::MAX) + ms(1), Time::from_millis(i64::MAX));
        assert_eq!(Time::from_millis(i64::MIN) - ms(1), Time::from_millis(i64::MIN));
        assert_eq!(late.to_string(), "1500 ms");
    }

    #[test]
    fn until_leaves_the_end_out_and_to_includes_it_when_the_steps_meet_it_t283() {
        let (begin, step) = (Time::from_millis(1_000), ms(30));
        let until = |end| begin.until(Time::from_millis(end), step).map(Time::as_millis).collect::<Vec<_>>();
        let to = |end| begin.to(Time::from_millis(end), step).map(Time::as_millis).collect::<Vec<_>>();
        assert_eq!(until(1_100), [1_000, 1_030, 1_060, 1_090]);
        assert_eq!(to(1_100), [1_000, 1_030, 1_060, 1_090]);
        assert_eq!(until(1_090), [1_000, 1_030, 1_060]);
        assert_eq!(to(1_090), [1_000, 1_030, 1_060, 1_090]);
        assert_eq!(until(1_000), [0_i64; 0]);
        assert_eq!(to(1_000), [1_000]);
        assert_eq!(to(999), [0_i64; 0]);
    }

    #[test]
    fn steps_of_nothing_count_as_a_millisecond_and_stop_at_the_end_of_time_t283() {
        assert_eq!(Time::from_millis(0).until(Time::from_millis(3), Duration::ZERO).count(), 3);
        let last = Time::from_millis(i64::MAX);
        assert_eq!(last.minus(ms(1)).to(last, ms(1)).count(), 2);
    }

    #[test]
    fn the_next_multiple_is_strictly_later() {
        assert_eq!(Time::from_millis(1_000).next_multiple(ms(1_000)).as_millis(), 2_000);
        assert_eq!(Time::from_millis(1_001).next_multiple(ms(1_000)).as_millis(), 2_000);
    }

    #[test]
    fn a_multiple_is_recognised_and_its_neighbour_is_not() {
        assert!(Time::from_millis(400).is_multiple_of(ms(200)));
        assert!(!Time::from_millis(401).is_multiple_of(ms(200)));
    }

    #[test]
    fn time_since_a_later_time_is_zero() {
        assert_eq!(Time::from_millis(1).since(Time::from_millis(2)), Duration::ZERO);
        assert_eq!(Time::from_millis(5).since(Time::from_millis(2)), ms(3));
    }
}
