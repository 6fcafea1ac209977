//! What a step came to, and what was hoped for.

use std::fmt::Display;
use std::time::Duration;

use crate::chaos::record::Millis;
use crate::chaos::step::Repeats;

/// After a planned stop or a hand-over, a shard should be read again within this time.
const HAND_OVER_TARGET: Millis = Millis(2_000);
/// The first record of a child should be processed within this time after the last one of its parents.
const CHILD_TARGET: Millis = Millis(5_000);
/// After a crash, shards should be read again within the failover time and this.
const CRASH_RESERVE: Duration = Duration::from_secs(5);

/// What a part of the run came to: the start, a step, or the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) name: String,
    /// To whom or what it was done.
    pub(crate) detail: String,
    pub(crate) repeats: Repeats,
    pub(crate) at: Millis,
    /// When what was done was over, if it took a while.
    pub(crate) until: Option<Millis>,
    /// Until every shard that it concerned was read again.
    pub(crate) read_again: Option<Millis>,
    /// The longest time without a record of a shard that went from one worker to another, and how many did.
    pub(crate) gap: Option<Millis>,
    pub(crate) handed_over: usize,
    /// Until the lease table was balanced.
    pub(crate) balanced: Option<Millis>,
    /// Shards of each worker at the end.
    pub(crate) shares: Vec<usize>,
    /// From SIGTERM to the end of the slowest worker.
    pub(crate) exit: Option<Millis>,
    /// From the last record of the parents to the first of the last child.
    pub(crate) child: Option<Millis>,
    /// What did not come about in time.
    pub(crate) missed: Vec<String>,
}

impl Outcome {
    /// What kind of step it is: its name without numbers and details.
    pub(crate) fn kind(&self) -> &str {
        match self.name.split_once(':') {
            Some(("fault", _)) | None => &self.name,
            Some((kind, _)) => kind,
        }
    }

    pub(crate) fn new(name: impl Display, repeats: Repeats, at: Millis) -> Self {
        Self {
            name: name.to_string(),
            detail: String::new(),
            repeats,
            at,
            until: None,
            read_again: None,
            gap: None,
            handed_over: 0,
            balanced: None,
            shares: Vec::new(),
            exit: None,
            child: None,
            missed: Vec::new(),
        }
    }

    /// The target of this part, if it has one: what it is, the measured time, and the time that was hoped for.
    pub(crate) fn target(&self, failover: Duration) -> Option<Target> {
        let millis = |time: Duration| Millis(u64::try_from(time.as_millis()).unwrap_or(u64::MAX));
        let crash = millis(failover.saturating_add(CRASH_RESERVE));
        let of = |what, measured: Option<Millis>, hoped| measured.map(|measured| Target { what, measured, hoped });
        match self.repeats {
            Repeats::Allowed => of("every shard that it concerned read again", self.read_again, crash),
            Repeats::Forbidden => of("first record of a child after its parents' last", self.child, CHILD_TARGET)
                .or_else(|| of("longest gap of a shard that was handed over", self.gap, HAND_OVER_TARGET)),
        }
    }
}

/// A time that was measured, and how long it should be at most. A time that is missed is no violation: machines differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) what: &'static str,
    pub(crate) measured: Millis,
    pub(crate) hoped: Millis,
}

impl Target {
    pub(crate) fn verdict(&self) -> &'static str {
        if self.measured <= self.hoped { "met" } else { "missed" }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crash_is_measured_against_the_failover_time_and_a_reserve() {
        let kill = Outcome { read_again: Some(Millis(14_000)), ..Outcome::new("kill", Repeats::Allowed, Millis(0)) };
        let target = |seconds| kill.target(Duration::from_secs(seconds)).expect("a target");
        assert_eq!((target(10).hoped, target(10).verdict()), (Millis(15_000), "met"));
        assert_eq!(target(8).verdict(), "missed");
    }

    #[test]
    fn a_reshard_is_measured_by_its_children_and_a_step_without_a_measure_has_no_target() {
        let calm = Outcome::new("split", Repeats::Forbidden, Millis(0));
        let split = Outcome { child: Some(Millis(900)), gap: Some(Millis(3_000)), ..calm.clone() };
        assert_eq!(split.target(Duration::ZERO).map(|target| target.measured), Some(Millis(900)));
        assert_eq!(calm.target(Duration::ZERO), None);
    }
}
