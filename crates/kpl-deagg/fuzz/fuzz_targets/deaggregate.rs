//! Any bytes, as they are and under a right magic and digest: nothing panics and the invariants hold that
//! `tests/corpus.rs` replays. The README of kpl-deagg says how to run it.

#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../tests/invariants/mod.rs"]
mod invariants;

fuzz_target!(|input: &[u8]| invariants::check(input));
