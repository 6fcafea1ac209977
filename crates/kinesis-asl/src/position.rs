//! Where reading begins: the initial position of an application, and the checkpoint of a shard.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::sequence::Position;

/// Milliseconds since 1970, the resolution in which Kinesis keeps arrival times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// A moment given in milliseconds since 1970 UTC.
    #[must_use]
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// The moment in milliseconds since 1970 UTC.
    #[must_use]
    pub const fn as_millis(self) -> i64 {
        self.0
    }
}

impl From<SystemTime> for Timestamp {
    /// Saturates at the ends of 64 bits of milliseconds.
    fn from(time: SystemTime) -> Self {
        let millis = |span: Duration| i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
        match time.duration_since(UNIX_EPOCH) {
            Ok(after) => Self(millis(after)),
            Err(before) => Self(-millis(before.duration())),
        }
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ms", self.0)
    }
}

/// Where an application begins to read a shard for which nothing is checkpointed yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum InitialPosition {
    /// Records that arrive after the application's first start. Resolved once, when the lease is created, to that
    /// moment, so that a crash before the first checkpoint loses nothing. Spark's default.
    #[default]
    Latest,
    /// The oldest record that the stream still holds.
    TrimHorizon,
    /// The first record that arrived at or after a moment.
    AtTimestamp(Timestamp),
}

impl InitialPosition {
    /// The checkpoint that a new lease gets.
    #[must_use]
    pub fn checkpoint(self) -> Checkpoint {
        match self {
            Self::Latest => Checkpoint::Latest,
            Self::TrimHorizon => Checkpoint::TrimHorizon,
            Self::AtTimestamp(_) => Checkpoint::AtTimestamp,
        }
    }

    /// The moment that stands behind a sentinel which would otherwise move: see [`InitialPosition::Latest`].
    #[must_use]
    pub fn resolved(self, now: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Latest => Some(now),
            Self::TrimHorizon => None,
            Self::AtTimestamp(at) => Some(at),
        }
    }
}

/// How far a shard has been processed, as the lease table says it. Ordered as the KCL orders: the sentinels of a
/// beginning, then numbers, then the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Checkpoint {
    /// Nothing yet; begin at the application's timestamp.
    AtTimestamp,
    /// Nothing yet; begin at the oldest record.
    TrimHorizon,
    /// Nothing yet; begin at what is new.
    Latest,
    /// Everything up to and including this position.
    At(Position),
    /// Every record of the shard, which is closed.
    ShardEnd,
}

impl Checkpoint {
    /// Whether nothing of the shard has been processed yet.
    #[must_use]
    pub fn is_initial(self) -> bool {
        self < Self::At(Position::new(crate::SequenceNumber::ZERO, 0))
    }
}

impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtTimestamp => f.write_str("AT_TIMESTAMP"),
            Self::TrimHorizon => f.write_str("TRIM_HORIZON"),
            Self::Latest => f.write_str("LATEST"),
            Self::At(position) => fmt::Display::fmt(position, f),
            Self::ShardEnd => f.write_str("SHARD_END"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SequenceNumber;

    #[test]
    fn sentinels_and_numbers_order_as_the_kcl_orders_them_cp_10() {
        let zero = Checkpoint::At(Position::new(SequenceNumber::ZERO, 0));
        let large = Checkpoint::At(Position::new(
            "99999999999999999999999999999999999999999999999999".parse().expect("digits"),
            7,
        ));
        let order =
            [Checkpoint::AtTimestamp, Checkpoint::TrimHorizon, Checkpoint::Latest, zero, large, Checkpoint::ShardEnd];
        assert!(order.is_sorted());
        assert_eq!(order.map(Checkpoint::is_initial), [true, true, true, false, false, false]);
    }

    #[test]
    fn latest_is_resolved_to_the_moment_of_creation_and_trim_horizon_needs_none() {
        let now = Timestamp::from_millis(1_000);
        assert_eq!(InitialPosition::Latest.resolved(now), Some(now));
        assert_eq!(InitialPosition::TrimHorizon.resolved(now), None);
        let at = Timestamp::from_millis(5);
        assert_eq!(InitialPosition::AtTimestamp(at).resolved(now), Some(at));
    }

    #[test]
    fn a_moment_before_1970_is_negative() {
        assert_eq!(Timestamp::from(UNIX_EPOCH - Duration::from_millis(3)).as_millis(), -3);
        assert_eq!(Timestamp::from(UNIX_EPOCH + Duration::from_millis(3)).as_millis(), 3);
    }
}
