//! Replays what fuzzing found worth keeping. `crates/kpl-deagg/README.md` says where `tests/corpus` comes from.

#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test that cannot go on fails")]

mod invariants;

use std::fs;
use std::path::Path;

use proptest::collection::vec;
use proptest::prelude::*;

#[test]
fn the_invariants_hold_for_every_input_of_the_corpus() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
    let inputs: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(inputs.len() > 100, "the corpus is there");
    for input in inputs {
        invariants::check(&fs::read(input).unwrap());
    }
}

proptest! {
    #[test]
    fn the_invariants_hold_for_any_bytes(input in vec(any::<u8>(), 0..300)) {
        invariants::check(&input);
    }

    #[test]
    fn the_invariants_hold_for_bytes_that_are_likely_in_a_message(
        input in vec(prop_oneof![0..4_u8, Just(0x08), Just(0x0A), Just(0x12), Just(0x1A), Just(0x22), any::<u8>()], 0..120),
    ) {
        invariants::check(&input);
    }
}
