//! How much a command may be asked for: beyond any use, and far from where numbers or memory run out.

/// Lines each second.
pub(crate) const MOST_RATE: i64 = 1_000_000;
/// Words in a line.
pub(crate) const MOST_WORDS: i64 = 100_000;
/// A day.
pub(crate) const MOST_SECONDS: i64 = 86_400;
/// Shards of the embedded stream.
pub(crate) const MOST_SHARDS: i64 = 10_000;
