//! What is in the checkpoint directory, and what of it may go. Pure.

use std::collections::{BTreeMap, BTreeSet};

use crate::checkpoint::name::{CheckpointName, PartName};

/// A checkpoint file, as far as it is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Known {
    /// It can be read, and names these parts.
    Sound(Vec<PartName>),
    /// It cannot be read, and never will be.
    Damaged,
}

/// The files of the directory.
#[derive(Clone, Debug, Default)]
pub(super) struct Ledger {
    pub(super) checkpoints: BTreeMap<CheckpointName, Known>,
    pub(super) parts: BTreeSet<PartName>,
}

impl Ledger {
    /// The sequence number for the next checkpoint: larger than all there are.
    pub(super) fn next_sequence(&self) -> u64 {
        let checkpoint = self.checkpoints.keys().next_back().map(|name| name.sequence);
        let part = self.parts.iter().next_back().map(|name| name.sequence);
        checkpoint.max(part).map_or(0, |last| last.saturating_add(1))
    }

    /// The checkpoint files that are older than the newest `keep` sound ones. They must go before their parts do.
    pub(super) fn surplus(&self, keep: usize) -> Vec<CheckpointName> {
        let mut sound = self.checkpoints.iter().rev().filter(|(_, known)| matches!(known, Known::Sound(_)));
        let oldest = keep.checked_sub(1).and_then(|others| sound.nth(others));
        let Some((oldest, _)) = oldest else { return Vec::new() };
        self.checkpoints.range(..oldest).map(|(name, _)| *name).collect()
    }

    /// The parts that no checkpoint file names.
    pub(super) fn orphans(&self) -> Vec<PartName> {
        let named: BTreeSet<&PartName> = self
            .checkpoints
            .values()
            .filter_map(|known| match known {
                Known::Sound(parts) => Some(parts),
                Known::Damaged => None,
            })
            .flatten()
            .collect();
        self.parts.iter().filter(|part| !named.contains(part)).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::time::Time;

    fn name(sequence: u64) -> CheckpointName {
        CheckpointName { sequence, time: Time::from_millis(0) }
    }

    fn part(sequence: u64) -> PartName {
        PartName::new(sequence, "p").unwrap()
    }

    #[test]
    fn damaged_files_do_not_count_and_go_when_they_are_old() {
        let known = [Known::Damaged, Known::Sound(vec![]), Known::Sound(vec![]), Known::Damaged];
        let ledger = Ledger { checkpoints: (0..).map(name).zip(known).collect(), parts: BTreeSet::new() };
        assert_eq!(ledger.surplus(3), []);
        assert_eq!(ledger.surplus(2), [name(0)]);
        assert_eq!(ledger.surplus(1), [name(0), name(1)]);
        assert_eq!(ledger.surplus(0), []);
    }

    #[test]
    fn the_next_sequence_is_larger_than_that_of_any_checkpoint_or_part() {
        let mut ledger = Ledger::default();
        assert_eq!(ledger.next_sequence(), 0);
        ledger.checkpoints.insert(name(4), Known::Damaged);
        assert_eq!(ledger.next_sequence(), 5);
        ledger.parts.insert(part(7));
        assert_eq!(ledger.next_sequence(), 8);
    }

    proptest! {
        #[test]
        fn the_newest_sound_files_and_all_they_name_stay_and_the_rest_goes(
            files in proptest::collection::btree_map(0_u64..40, proptest::option::of(proptest::collection::vec(0_u64..40, 0..4)), 0..20),
            keep in 1_usize..6,
        ) {
            let known = |parts: Option<Vec<u64>>| parts.map_or(Known::Damaged, |parts| Known::Sound(parts.into_iter().map(part).collect()));
            let checkpoints: BTreeMap<_, _> = files.into_iter().map(|(sequence, parts)| (name(sequence), known(parts))).collect();
            let mut ledger = Ledger { checkpoints, parts: (0..40).map(part).collect() };
            let sound: Vec<_> = ledger.checkpoints.iter().rev().filter(|(_, known)| **known != Known::Damaged).map(|(name, _)| *name).collect();
            let surplus = ledger.surplus(keep);
            ledger.checkpoints.retain(|name, _| !surplus.contains(name));
            let orphans = ledger.orphans();
            ledger.parts.retain(|part| !orphans.contains(part));
            let kept: Vec<_> = sound.into_iter().take(keep).collect();
            for name in &kept {
                let Some(Known::Sound(parts)) = ledger.checkpoints.get(name) else { panic!("{name} is gone") };
                prop_assert!(parts.iter().all(|part| ledger.parts.contains(part)));
            }
            let left = ledger.checkpoints.values().filter(|known| **known != Known::Damaged).count();
            prop_assert_eq!(left, kept.len());
            prop_assert!(ledger.orphans().is_empty() && ledger.surplus(keep).is_empty());
        }
    }
}
