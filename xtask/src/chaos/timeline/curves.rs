//! Curves over the time of a run: records a second, and records that wait. Pure.

use std::fmt::{self, Write as _};

use crate::chaos::record::Millis;
use crate::chaos::timeline::canvas::{Panel, Scale};

/// A curve: values at ascending moments.
pub(crate) type Curve = Vec<(Millis, u64)>;

/// Points of a curve of waiting records.
const POINTS: u64 = 500;

/// Records a second, counted by parts of the run of this length; each point is in the middle of its part.
pub(crate) fn rate(times: &[Millis], part: Millis, end: Millis) -> Curve {
    let part = part.0.max(1);
    let parts = usize::try_from(end.0 / part).unwrap_or(0).saturating_add(1);
    let mut counts = vec![0_u64; parts];
    for at in times {
        let index = usize::try_from(at.0 / part).unwrap_or(usize::MAX);
        if let Some(count) = counts.get_mut(index) {
            *count += 1;
        }
    }
    let middle = |number: u64| Millis(number.saturating_mul(part).saturating_add(part / 2));
    (0..).zip(counts).map(|(number, count)| (middle(number), count.saturating_mul(1000) / part)).collect()
}

/// How many records were put and not yet processed. Both are in the order of time.
pub(crate) fn lag(put: &[Millis], done: &[Millis], end: Millis) -> Curve {
    let step = (end.0 / POINTS).max(1);
    let until = |times: &[Millis], at: u64| times.partition_point(|time| time.0 <= at);
    let moments = (0..=end.0).step_by(usize::try_from(step).unwrap_or(1));
    let waiting = |at: u64| until(put, at).saturating_sub(until(done, at));
    moments.map(|at| (Millis(at), u64::try_from(waiting(at)).unwrap_or(u64::MAX))).collect()
}

/// The highest value of curves; at least one, so that it can be a scale.
pub(crate) fn highest(curves: &[&Curve]) -> u64 {
    curves.iter().flat_map(|curve| curve.iter()).map(|(_, value)| *value).max().unwrap_or(0).max(1)
}

/// Draws a curve as a line.
pub(crate) fn line(
    svg: &mut String,
    scale: Scale,
    panel: Panel,
    curve: &Curve,
    highest: u64,
    stroke: &str,
) -> fmt::Result {
    write!(svg, "<polyline fill=\"none\" {stroke} points=\"")?;
    for (at, value) in curve {
        write!(svg, "{},{} ", scale.x(*at), panel.y(*value, highest))?;
    }
    writeln!(svg, "\"/>")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(times: &[u64]) -> Vec<Millis> {
        times.iter().copied().map(Millis).collect()
    }

    #[test]
    fn a_rate_is_by_the_second_whatever_the_parts_are() {
        let rate = rate(&at(&[0, 100, 499, 500, 1_900]), Millis(500), Millis(1_999));
        assert_eq!(rate, [(250, 6), (750, 2), (1_250, 0), (1_750, 2)].map(|(at, value)| (Millis(at), value)));
    }

    #[test]
    fn what_was_put_and_not_processed_waits_and_what_was_seen_before_its_answer_does_not() {
        let lag = lag(&at(&[1, 2, 5]), &at(&[4, 5, 6]), Millis(6));
        assert_eq!(lag.iter().map(|(_, value)| *value).collect::<Vec<_>>(), [0, 1, 2, 2, 1, 1, 0]);
        let early = super::lag(&at(&[3]), &at(&[1]), Millis(3));
        assert!(early.iter().all(|(_, value)| *value == 0));
    }

    #[test]
    fn a_curve_of_nothing_has_a_scale_too() {
        assert_eq!(highest(&[&Curve::new()]), 1);
    }
}
