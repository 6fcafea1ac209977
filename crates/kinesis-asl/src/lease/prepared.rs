//! A checkpoint that was prepared and is not made yet: the first of two phases. The KCL keeps it in attributes of its own beside the
//! checkpoint, with bytes that only the application understands. Ours are a text with the name of a snapshot: once that snapshot is
//! published, the prepared checkpoint counts, whoever reads the lease next.

use crate::position::Checkpoint;

/// What stands before the name, with the version of the text.
const PREFIX: &str = "dstream-snapshot:1:";

/// A prepared checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prepared {
    /// How far the shard is processed if it counts.
    pub to: Checkpoint,
    /// What it depends on.
    pub on: PreparedOn,
}

/// What a prepared checkpoint depends on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PreparedOn {
    /// It counts if this snapshot is published. The whole name, with its directory.
    Snapshot(String),
    /// On something that is none of ours: a Java application prepared it, or a later version. It is left alone, and the next checkpoint
    /// clears it, as in the KCL.
    Other,
}

impl Prepared {
    /// The snapshot on which it depends, if it is ahead of what is stored.
    #[must_use]
    pub fn snapshot_ahead_of(&self, stored: Checkpoint) -> Option<&str> {
        match &self.on {
            PreparedOn::Snapshot(name) if self.to > stored => Some(name),
            PreparedOn::Snapshot(_) | PreparedOn::Other => None,
        }
    }
}

impl PreparedOn {
    /// The bytes for the lease table; `None` for those of others.
    #[must_use]
    pub fn state(&self) -> Option<Vec<u8>> {
        match self {
            Self::Snapshot(name) => Some([PREFIX, name].concat().into_bytes()),
            Self::Other => None,
        }
    }

    /// Reads the bytes.
    #[must_use]
    pub fn of_state(state: &[u8]) -> Self {
        let name = std::str::from_utf8(state).ok().and_then(|text| text.strip_prefix(PREFIX));
        name.filter(|name| !name.is_empty()).map_or(Self::Other, |name| Self::Snapshot(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_state_of_a_prepared_checkpoint_names_its_snapshot_and_any_other_state_names_none_cp_9() {
        let ours = PreparedOn::Snapshot("s3://bucket/dir/checkpoint-1-2".to_owned());
        assert_eq!(ours.state().map(|state| PreparedOn::of_state(&state)), Some(ours));
        for foreign in [&b""[..], b"\xff\xfe", b"dstream-snapshot:2:x", b"dstream-snapshot:1:", b"a Java application's"]
        {
            assert_eq!(PreparedOn::of_state(foreign), PreparedOn::Other, "{foreign:?}");
        }
    }

    #[test]
    fn a_prepared_checkpoint_that_is_not_ahead_asks_for_nothing_cp_7() {
        let prepared = Prepared { to: Checkpoint::TrimHorizon, on: PreparedOn::Snapshot("x".to_owned()) };
        assert_eq!(prepared.snapshot_ahead_of(Checkpoint::AtTimestamp), Some("x"));
        assert_eq!(prepared.snapshot_ahead_of(Checkpoint::TrimHorizon), None);
        assert_eq!(prepared.snapshot_ahead_of(Checkpoint::ShardEnd), None);
    }
}
