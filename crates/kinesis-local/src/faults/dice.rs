//! Chance from a seed: a function, not a generator.
//!
//! Promises: equal arguments give equal results for ever, so a failing run is repeated by its seed alone; neighbouring
//! arguments give unrelated results.

/// A number from 0 (inclusive) to 1 (exclusive) for the call `n` and, within it, the part `part`.
pub(super) fn roll(seed: u64, n: u64, part: u64) -> f64 {
    let mixed = mix(mix(mix(seed) ^ n) ^ part);
    // The upper half is plenty, and it fits a float exactly.
    f64::from(u32::try_from(mixed >> 32).unwrap_or(0)) / 4_294_967_296.0
}

/// The finalizer of splitmix64: a bijection in which every bit of the input moves half of the output.
fn mix(value: u64) -> u64 {
    let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_of_many_rolls_is_about_that_share_for_any_seed() {
        for seed in [0, 1, 42, u64::MAX] {
            let hits = (0..10_000).filter(|n| roll(seed, *n, 0) < 0.25).count();
            assert!((2_300..2_700).contains(&hits), "seed {seed}: {hits}");
        }
    }

    #[test]
    fn the_parts_of_one_call_are_rolled_apart() {
        let rolls: std::collections::BTreeSet<_> = (0..100).map(|part| (roll(7, 3, part) * 1e9).to_string()).collect();
        assert_eq!(rolls.len(), 100);
        assert_eq!(roll(7, 3, 5).to_string(), roll(7, 3, 5).to_string());
    }
}
