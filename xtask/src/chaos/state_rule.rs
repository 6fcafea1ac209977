//! What is asked of the workers' state and of their files: the one switch of the checker.

use clap::ValueEnum;

/// Whether a record may be in the state, or in the files of batches, twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum StateRule {
    /// Not after a crash and a restart. Only a worker that lost a lease and lived on (a freeze, a theft, a fault) may have counted what
    /// it had not checkpointed: no more than came again in such steps.
    Exact,
    /// After anything of the kind it may, and how many are is reported. A record that is missing is a violation all the same.
    Counted,
}

/// What a worker keeps of the records that it has processed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kept {
    /// Counts, in state. What a worker that was killed had counted and not checkpointed is gone with it.
    State,
    /// Lines, in the files of its batches. Those stay when it is killed. If it goes on, the batch replaces them; if another worker
    /// takes its shards over, that one writes them again, into a batch of its own.
    Files,
}

impl Kept {
    /// Kinds of steps after which what came again may be there twice, by the beginnings of their names.
    const fn doubled_by(self) -> &'static [&'static str] {
        match self {
            Self::State => &["freeze", "steal", "fault"],
            Self::Files => &["freeze", "steal", "fault", "kill"],
        }
    }
}

impl StateRule {
    /// What is asked unless said otherwise.
    pub(crate) const DEFAULT: Self = Self::Exact;

    /// How many records may be there twice, if so many came again in steps of these kinds.
    pub(crate) fn excused<'a>(self, kept: Kept, repeated: impl IntoIterator<Item = (&'a str, u64)>) -> u64 {
        let excuses = |kind: &str| kept.doubled_by().iter().any(|begins| kind.starts_with(begins));
        match self {
            Self::Counted => u64::MAX,
            Self::Exact => repeated.into_iter().filter(|(kind, _)| excuses(kind)).map(|(_, count)| count).sum(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_again_after_a_kill_may_stand_twice_in_files_and_not_in_the_state_and_after_a_restart_in_neither() {
        let repeated = [("kill", 1), ("restart", 20), ("freeze", 300), ("fault:lost", 4_000), ("steal", 50_000)];
        assert_eq!(StateRule::Exact.excused(Kept::State, repeated), 54_300);
        assert_eq!(StateRule::Exact.excused(Kept::Files, repeated), 54_301);
        assert_eq!(StateRule::Counted.excused(Kept::Files, repeated), u64::MAX);
    }
}
