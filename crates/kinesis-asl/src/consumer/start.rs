//! Where to begin reading a shard, given its lease: pure.

use crate::api::Place;
use crate::lease::lease::Lease;
use crate::position::Checkpoint;
use crate::sequence::Position;

/// Where to begin, and what to leave out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Start {
    /// Where the first iterator is.
    pub place: Place,
    /// Records up to and including this position were processed before.
    pub processed: Option<Position>,
}

/// Where to begin. `None` when the shard has ended.
///
/// A checkpoint is read *at* its record and not behind it: the rest of an aggregate of which a part was processed is in
/// that same record. A lease that never was checkpointed begins at the moment that was fixed when it was made, so that
/// what arrived since is not missed, whoever reads first.
#[must_use]
pub fn start_of(lease: &Lease) -> Option<Start> {
    let place = match (lease.checkpoint, lease.start_at) {
        (Checkpoint::ShardEnd, _) => return None,
        (Checkpoint::At(position), _) => {
            return Some(Start { place: Place::At(position.sequence), processed: Some(position) });
        }
        (Checkpoint::Latest | Checkpoint::AtTimestamp, Some(moment)) => Place::AtTimestamp(moment),
        (Checkpoint::Latest, None) => Place::Latest,
        // A Java worker made the lease and keeps its timestamp to itself: reading too much loses nothing.
        (Checkpoint::TrimHorizon, _) | (Checkpoint::AtTimestamp, None) => Place::TrimHorizon,
    };
    Some(Start { place, processed: None })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::position::Timestamp;
    use crate::sequence::SequenceNumber;

    fn lease(checkpoint: Checkpoint, start_at: Option<i64>) -> Lease {
        let mut lease = Lease::new("s".into(), checkpoint);
        lease.start_at = start_at.map(Timestamp::from_millis);
        lease
    }

    #[test]
    fn latest_begins_at_the_moment_the_lease_was_made_whoever_reads_it_first() {
        let start = start_of(&lease(Checkpoint::Latest, Some(7))).expect("a start");
        assert_eq!(start.place, Place::AtTimestamp(Timestamp::from_millis(7)));
    }

    #[test]
    fn a_checkpoint_begins_at_its_record_and_leaves_out_what_was_processed_regression_r2() {
        let position = Position::new(SequenceNumber::ZERO, 37);
        let start = start_of(&lease(Checkpoint::At(position), Some(7)));
        assert_eq!(start, Some(Start { place: Place::At(position.sequence), processed: Some(position) }));
    }

    #[test]
    fn an_ended_shard_is_not_read() {
        assert_eq!(start_of(&lease(Checkpoint::ShardEnd, None)), None);
    }
}
