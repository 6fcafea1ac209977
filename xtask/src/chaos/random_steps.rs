//! Steps in an order that a seed decides. Pure: the same seed gives the same steps.

use crate::chaos::disturbance::{Fault, FaultKind, LetsGo, Place};
use crate::chaos::step::{Situation, Step};

/// Workers that random steps scale up to: as many as the fixed story.
const MOST_RANDOM_WORKERS: u32 = 3;
/// Shards that random steps split up to.
const MOST_RANDOM_SHARDS: u32 = 8;

/// `SplitMix64`: enough for choosing steps and victims, and the same everywhere and always.
#[derive(Debug, Clone)]
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Any number below `sides`; 0 for a die without sides.
    pub(crate) fn below(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)).checked_rem(sides).unwrap_or(0)
    }

    /// Any of these.
    pub(crate) fn pick<'a, T>(&mut self, from: &'a [T]) -> Option<&'a T> {
        let chosen = self.below(u64::try_from(from.len()).unwrap_or(u64::MAX));
        usize::try_from(chosen).ok().and_then(|index| from.get(index))
    }
}

/// So many steps, each of them possible where it stands.
pub(crate) fn random_steps(seed: u64, count: u32, mut situation: Situation) -> Vec<Step> {
    let mut dice = Dice::new(seed);
    let mut steps = Vec::new();
    for _ in 0..count {
        let scales = (1..=MOST_RANDOM_WORKERS).filter(|to| *to != situation.workers).map(Step::Scale);
        let split = (situation.shards < MOST_RANDOM_SHARDS).then_some(Step::Split);
        // Drawn in any case, so that what a seed draws later does not depend on what is possible now.
        let drawn = [fault(&mut dice), fault(&mut dice), steal(&mut dice)];
        let others = [Step::Kill, Step::Restart, Step::Freeze, Step::Merge].into_iter().chain(drawn).chain(split);
        let possible = scales.chain(others).filter_map(|step| Some((step, step.after(situation).ok()?)));
        let possible: Vec<(Step, Situation)> = possible.collect();
        let Some((step, after)) = dice.pick(&possible) else { break };
        situation = *after;
        steps.push(*step);
    }
    steps
}

fn fault(dice: &mut Dice) -> Step {
    let kind = dice.pick(&FaultKind::ALL).copied().unwrap_or(FaultKind::Throttle);
    let at = dice.pick(&Place::ALL).copied().unwrap_or(Place::Both);
    Step::Fault(Fault { kind, at })
}

fn steal(dice: &mut Dice) -> Step {
    Step::Steal(dice.pick(&LetsGo::ALL).copied().unwrap_or(LetsGo::Release))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::chaos::step::after_all;

    const START: Situation = Situation { workers: 1, shards: 1 };

    #[test]
    fn the_same_seed_gives_the_same_steps_and_others_give_others() {
        assert_eq!(random_steps(7, 20, START), random_steps(7, 20, START));
        let stories: BTreeSet<String> = (0..20).map(|seed| format!("{:?}", random_steps(seed, 6, START))).collect();
        assert!(stories.len() > 15, "{stories:?}");
    }

    #[test]
    fn every_random_step_can_be_done_where_it_stands() {
        for seed in 0..200 {
            let steps = random_steps(seed, 30, START);
            assert_eq!(steps.len(), 30);
            assert!(after_all(&steps, START).is_ok(), "seed {seed}: {steps:?}");
        }
    }

    #[test]
    fn every_kind_of_step_comes_up() {
        let kinds: BTreeSet<String> = random_steps(1, 600, START).iter().map(ToString::to_string).collect();
        // Three sizes of the fleet, five other steps, two ways to let a lease go, five faults at three places.
        assert_eq!(kinds.len(), 3 + 5 + 2 + 15, "{kinds:?}");
    }
}
