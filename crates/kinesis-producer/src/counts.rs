//! What a producer has done so far, in numbers.

/// Counters since the start of a producer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Records that Kinesis acknowledged.
    pub delivered: u64,
    /// Times a record was put back to be sent again.
    pub retried: u64,
    /// Records given up and handed back.
    pub failed: u64,
    /// Requests answered, well or badly.
    pub requests: u64,
}
