//! Times and durations as people read them: the time of a batch as a date, a duration in the unit that suits it.
//!
//! Pure. Dates are of the Gregorian calendar, in UTC, so that the processes of an application write the same text wherever
//! they run.

use std::fmt;
use std::time::Duration;

use crate::time::Time;

/// The time of a batch, as in `2015/05/14 14:04:40`; with milliseconds when the batch interval is under a second.
pub(crate) fn batch_time(time: Time, batch_interval: Duration) -> String {
    let (day, clock) = split(time);
    let (year, month, day) = date(day);
    format!("{year:04}/{month:02}/{day:02} {}", clock_text(clock, batch_interval))
}

/// The time of day of a batch, as in `14:04:40`; with milliseconds when the batch interval is under a second.
pub(crate) fn batch_time_of_day(time: Time, batch_interval: Duration) -> String {
    clock_text(split(time).1, batch_interval)
}

/// A duration in the unit that suits it, with two digits behind the point at most, as in `1.5 sec`.
pub(crate) fn duration_text(duration: Duration) -> String {
    let unit = TimeUnit::suited_to(duration);
    let hundredths = (unit.count(duration) * 100.0).round();
    format!("{} {unit}", hundredths / 100.0)
}

/// A unit to show durations in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TimeUnit {
    Milliseconds,
    Seconds,
    Minutes,
    Hours,
    Days,
}

impl TimeUnit {
    /// The largest unit of which `duration` has at least one; milliseconds for what is shorter than that.
    pub(crate) fn suited_to(duration: Duration) -> Self {
        [Self::Days, Self::Hours, Self::Minutes, Self::Seconds]
            .into_iter()
            .find(|unit| duration >= unit.length())
            .unwrap_or(Self::Milliseconds)
    }

    /// How many of this unit `duration` has.
    pub(crate) fn count(self, duration: Duration) -> f64 {
        duration.div_duration_f64(self.length())
    }

    /// One of this unit.
    pub(crate) const fn length(self) -> Duration {
        match self {
            Self::Milliseconds => Duration::from_millis(1),
            Self::Seconds => Duration::from_secs(1),
            Self::Minutes => Duration::from_secs(60),
            Self::Hours => Duration::from_secs(60 * 60),
            Self::Days => Duration::from_secs(24 * 60 * 60),
        }
    }
}

impl fmt::Display for TimeUnit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Milliseconds => "ms",
            Self::Seconds => "sec",
            Self::Minutes => "min",
            Self::Hours => "hrs",
            Self::Days => "days",
        })
    }
}

fn clock_text(millis_of_day: i64, batch_interval: Duration) -> String {
    let (seconds, millis) = (millis_of_day / 1_000, millis_of_day % 1_000);
    let text = format!("{:02}:{:02}:{:02}", seconds / 3_600, seconds / 60 % 60, seconds % 60);
    if batch_interval < Duration::from_secs(1) { format!("{text}.{millis:03}") } else { text }
}

/// The days since the epoch, and the milliseconds of the day.
const fn split(time: Time) -> (i64, i64) {
    (time.as_millis().div_euclid(MILLIS_OF_DAY), time.as_millis().rem_euclid(MILLIS_OF_DAY))
}

/// Year, month and day of the month of a day counted from the epoch.
///
/// Years are taken to begin in March here: then the leap day is the last one of a year, and each month begins on a day
/// of the year that does not depend on the year.
const fn date(day: i64) -> (i64, i64, i64) {
    let day = day + EPOCH_FROM_MARCH_0000;
    let (cycle, day) = (day.div_euclid(DAYS_OF_400_YEARS), day.rem_euclid(DAYS_OF_400_YEARS));
    // The last day of a cycle, or of four years, would otherwise begin a century, or a year, too many.
    let century = min(day / DAYS_OF_100_YEARS, 3);
    let day = day - century * DAYS_OF_100_YEARS;
    let quad = day / DAYS_OF_4_YEARS;
    let day = day % DAYS_OF_4_YEARS;
    let year = min(day / 365, 3);
    let day = day - year * 365;
    // From March on, every five months have 153 days.
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let year = cycle * 400 + century * 100 + quad * 4 + year;
    if month < 10 { (year, month + 3, day) } else { (year + 1, month - 9, day) }
}

const fn min(a: i64, b: i64) -> i64 {
    if a < b { a } else { b }
}

const MILLIS_OF_DAY: i64 = 24 * 60 * 60 * 1_000;
const DAYS_OF_4_YEARS: i64 = 4 * 365 + 1;
const DAYS_OF_100_YEARS: i64 = 25 * DAYS_OF_4_YEARS - 1;
const DAYS_OF_400_YEARS: i64 = 4 * DAYS_OF_100_YEARS + 1;
/// Days from 1 March of the year 0 to the epoch.
const EPOCH_FROM_MARCH_0000: i64 = 719_468;

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_batch_time_shows_milliseconds_only_below_an_interval_of_a_second_t282() {
        let time = Time::from_millis(1_431_612_280_452);
        assert_eq!(batch_time(time, SECOND), "2015/05/14 14:04:40");
        assert_eq!(batch_time(time, Duration::from_millis(999)), "2015/05/14 14:04:40.452");
        assert_eq!(batch_time_of_day(time, SECOND), "14:04:40");
        assert_eq!(batch_time_of_day(time, Duration::from_millis(999)), "14:04:40.452");
    }

    #[test]
    fn a_duration_is_shown_in_the_largest_unit_it_fills_t282() {
        let shown = |millis| duration_text(Duration::from_millis(millis));
        let minute = 60 * 1_000;
        assert_eq!(shown(900), "900 ms");
        assert_eq!(shown(0), "0 ms");
        assert_eq!(shown(1_000), "1 sec");
        assert_eq!(shown(1_500), "1.5 sec");
        assert_eq!(shown(1_234), "1.23 sec");
        assert_eq!(shown(minute), "1 min");
        assert_eq!(shown(60 * minute), "1 hrs");
        assert_eq!(shown(24 * 60 * minute), "1 days");
    }

    #[test]
    fn every_day_of_a_thousand_years_follows_the_one_before_it_in_the_calendar() {
        let leap = |year: i64| year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let last = |year, month| match month {
            2 => 28 + i64::from(leap(year)),
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        };
        assert_eq!(date(0), (1970, 1, 1));
        let mut expected = date(-250_000);
        for day in -250_000..150_000 {
            assert_eq!(date(day), expected);
            let (year, month, day) = expected;
            expected = match (day == last(year, month), month) {
                (true, 12) => (year + 1, 1, 1),
                (true, _) => (year, month + 1, 1),
                (false, _) => (year, month, day + 1),
            };
        }
    }
}
