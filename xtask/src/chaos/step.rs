//! The steps of a run, and which orders of them make sense.

use std::fmt;
use std::str::FromStr;

use crate::chaos::disturbance::{Fault, LetsGo, Place};

/// The most workers at a time: each is a process with threads of its own.
pub(crate) const MOST_WORKERS: u32 = 8;

/// Something that is done to the fleet, to the stream, or to the ways between them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// Starts workers, or stops them by SIGTERM, all at once, until this many run.
    Scale(u32),
    /// `kill -9` of one worker.
    Kill,
    /// `kill -9` of one worker, and a start in its slot at once.
    Restart,
    /// SIGSTOP of one worker, for longer than the failover time, then SIGCONT.
    Freeze,
    /// Splits a shard in two.
    Split,
    /// Merges two adjacent shards.
    Merge,
    /// An outsider takes a lease, reads nothing, and lets it go.
    Steal(LetsGo),
    /// Calls go wrong for a while.
    Fault(Fault),
}

/// Whether a step may make workers process records again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Repeats {
    /// A worker died, was taken for dead, or lost a lease that it did not give: what it had not checkpointed comes again.
    Allowed,
    /// Everything was handed over, or nothing was.
    Forbidden,
}

impl Step {
    pub(crate) const fn repeats(self) -> Repeats {
        match self {
            Self::Kill | Self::Restart | Self::Freeze | Self::Steal(_) => Repeats::Allowed,
            // Who cannot renew its leases loses them. What happens on the way to the stream costs no lease.
            Self::Fault(Fault { at: Place::Both | Place::DynamoDb, .. }) => Repeats::Allowed,
            Self::Fault(_) | Self::Scale(_) | Self::Split | Self::Merge => Repeats::Forbidden,
        }
    }

    /// How things stand after it, or why it cannot be done where they stand before.
    pub(crate) fn after(self, before: Situation) -> Result<Situation, String> {
        let Situation { workers, shards } = before;
        match self {
            Self::Scale(to) if (1..=MOST_WORKERS).contains(&to) => Ok(Situation { workers: to, ..before }),
            Self::Scale(to) => Err(format!("scale:{to} is out of range: give 1 to {MOST_WORKERS} workers")),
            Self::Kill | Self::Freeze if workers < 2 => {
                Err(format!("{self} needs another worker that takes over: put scale:2 or more before it"))
            }
            Self::Kill => Ok(Situation { workers: workers.saturating_sub(1), ..before }),
            Self::Restart | Self::Freeze | Self::Steal(_) | Self::Fault(_) => Ok(before),
            Self::Split => Ok(Situation { shards: shards.saturating_add(1), ..before }),
            Self::Merge if shards < 2 => {
                Err("merge needs two shards: give --shards 2 or more, or split before".to_owned())
            }
            Self::Merge => Ok(Situation { shards: shards.saturating_sub(1), ..before }),
        }
    }
}

/// How many workers run, and how many shards take records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Situation {
    pub(crate) workers: u32,
    pub(crate) shards: u32,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Scale(to) => write!(f, "scale:{to}"),
            Self::Kill => f.write_str("kill"),
            Self::Restart => f.write_str("restart"),
            Self::Freeze => f.write_str("freeze"),
            Self::Split => f.write_str("split"),
            Self::Merge => f.write_str("merge"),
            Self::Steal(LetsGo::Release) => f.write_str("steal"),
            Self::Steal(LetsGo::Crash) => f.write_str("steal:crash"),
            Self::Fault(fault) => write!(f, "fault:{fault}"),
        }
    }
}

impl FromStr for Step {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let unknown = || {
            format!(
                "'{text}' is no step: write scale:N, kill, restart, freeze, split, merge, steal, steal:crash or fault:KIND"
            )
        };
        match text {
            "kill" => Ok(Self::Kill),
            "restart" => Ok(Self::Restart),
            "freeze" => Ok(Self::Freeze),
            "split" => Ok(Self::Split),
            "merge" => Ok(Self::Merge),
            "steal" => Ok(Self::Steal(LetsGo::Release)),
            "steal:crash" => Ok(Self::Steal(LetsGo::Crash)),
            _ => match text.split_once(':') {
                Some(("fault", fault)) => fault.parse().map(Self::Fault),
                Some(("scale", to)) => to.parse().map(Self::Scale).map_err(|_| unknown()),
                _ => Err(unknown()),
            },
        }
    }
}

/// How things stand after these steps, or which step cannot be done.
pub(crate) fn after_all(steps: &[Step], start: Situation) -> Result<Situation, String> {
    steps.iter().try_fold(start, |situation, step| step.after(situation))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chaos::disturbance::FaultKind;

    const fn fault(at: Place) -> Step {
        Step::Fault(Fault { kind: FaultKind::Lost, at })
    }

    #[test]
    fn a_step_is_read_as_it_is_written() {
        let steals = LetsGo::ALL.map(Step::Steal);
        let faults = Place::ALL.map(fault);
        let others = [Step::Scale(3), Step::Kill, Step::Restart, Step::Freeze, Step::Split, Step::Merge];
        for step in others.into_iter().chain(steals).chain(faults) {
            assert_eq!(step.to_string().parse(), Ok(step));
        }
        for wrong in ["", "scale", "scale:", "scale:-1", "Kill", "steal:release"] {
            assert!(wrong.parse::<Step>().expect_err("no step").contains("write scale:N"), "{wrong}");
        }
        assert!("fault:explode".parse::<Step>().expect_err("no fault").contains("'explode' is no fault"));
    }

    fn after(steps: &[Step]) -> Result<Situation, String> {
        after_all(steps, Situation { workers: 1, shards: 1 })
    }

    #[test]
    fn the_last_worker_is_neither_killed_nor_frozen_but_may_be_restarted_and_robbed() {
        let left = after(&[Step::Scale(3), Step::Kill, Step::Freeze]);
        assert_eq!(left, Ok(Situation { workers: 2, shards: 1 }));
        assert!(after(&[Step::Kill]).expect_err("refused").contains("another worker"));
        assert!(after(&[Step::Scale(2), Step::Kill, Step::Freeze]).is_err());
        assert!(after(&[Step::Restart, Step::Steal(LetsGo::Crash), fault(Place::Both)]).is_ok());
    }

    #[test]
    fn a_fleet_of_none_or_of_too_many_is_refused() {
        assert!(after(&[Step::Scale(0)]).is_err());
        assert!(after(&[Step::Scale(MOST_WORKERS + 1)]).is_err());
        assert!(after(&[Step::Scale(MOST_WORKERS)]).is_ok());
    }

    #[test]
    fn a_single_shard_is_not_merged() {
        assert!(after(&[Step::Merge]).expect_err("refused").contains("--shards 2"));
        assert_eq!(after(&[Step::Split, Step::Merge]), Ok(Situation { workers: 1, shards: 1 }));
    }

    #[test]
    fn only_workers_that_died_or_lost_a_lease_may_repeat_records() {
        let may = |step: Step| step.repeats() == Repeats::Allowed;
        assert!(may(Step::Kill) && may(Step::Freeze) && may(Step::Restart) && may(Step::Steal(LetsGo::Release)));
        assert!(may(fault(Place::DynamoDb)) && may(fault(Place::Both)) && !may(fault(Place::Kinesis)));
        assert!(!may(Step::Scale(3)) && !may(Step::Split) && !may(Step::Merge));
    }
}
