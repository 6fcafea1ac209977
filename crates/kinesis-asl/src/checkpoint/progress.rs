//! How far each held shard has come: received, then stored or processed, then safe to checkpoint. Pure.

use std::collections::BTreeMap;

use crate::position::Checkpoint;
use crate::range::{Holding, SequenceRange};
use crate::sequence::Position;
use crate::shard::ShardId;

/// When a record's position may be checkpointed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CheckpointAfter {
    /// When every output operation of the batch that holds the record has succeeded. Gives at-least-once without a
    /// write-ahead log.
    #[default]
    Outputs,
    /// When the record is stored in a block, as Spark does. A crash between storing and processing loses the record
    /// unless blocks outlive the process; offered for parity.
    Stored,
}

/// The shards that are being read.
#[derive(Debug, Default)]
pub struct Progress {
    shards: BTreeMap<ShardId, ShardProgress>,
}

#[derive(Debug)]
struct ShardProgress {
    holding: Holding,
    received: Option<Position>,
    done: Option<Position>,
    end: EndOfShard,
}

/// Whether the last record of a shard has been received.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum EndOfShard {
    Ahead,
    Reached,
}

impl ShardProgress {
    fn is_drained(&self) -> bool {
        self.done == self.received
    }
}

impl Progress {
    /// A shard is read from now on under a holding; what an earlier holding knew is forgotten.
    pub fn begin(&mut self, shard: ShardId, holding: Holding) {
        self.shards.insert(shard, ShardProgress { holding, received: None, done: None, end: EndOfShard::Ahead });
    }

    /// A shard is not held any more.
    pub fn forget(&mut self, shard: &ShardId, holding: Holding) {
        if self.shards.get(shard).is_some_and(|progress| progress.holding == holding) {
            self.shards.remove(shard);
        }
    }

    /// A page was stored; it may even be done already. A page whose storing was given up is not received.
    pub fn on_received(&mut self, range: &SequenceRange) {
        if let Some(progress) = self.of(&range.shard, range.holding) {
            progress.received = progress.received.max(Some(range.to));
        }
    }

    /// A page has come as far as [`CheckpointAfter`] asks. Pages of a shard come in order.
    pub fn on_done(&mut self, range: &SequenceRange) {
        if let Some(progress) = self.of(&range.shard, range.holding) {
            progress.done = progress.done.max(Some(range.to));
        }
    }

    /// The last record of a shard has been received.
    pub fn on_end(&mut self, shard: &ShardId, holding: Holding) {
        if let Some(progress) = self.of(shard, holding) {
            progress.end = EndOfShard::Reached;
        }
    }

    /// Up to where a shard may be checkpointed now; `None` while nothing is done. `SHARD_END` only when the end was
    /// reached and every record before it is done.
    #[must_use]
    pub fn safe(&self, shard: &ShardId, holding: Holding) -> Option<Checkpoint> {
        let progress = self.shards.get(shard).filter(|progress| progress.holding == holding)?;
        if progress.end == EndOfShard::Reached && progress.is_drained() {
            return Some(Checkpoint::ShardEnd);
        }
        progress.done.map(Checkpoint::At)
    }

    /// Whether everything that was received is done, and the position of its last record; `None` while something is not.
    /// `Some(None)`: nothing was received. Asked when no reader runs.
    #[must_use]
    pub fn drained(&self, shard: &ShardId, holding: Holding) -> Option<Option<Checkpoint>> {
        let progress = self.shards.get(shard).filter(|progress| progress.holding == holding)?;
        progress.is_drained().then(|| progress.done.map(Checkpoint::At))
    }

    /// Up to where every record is done, be that the end of the shard or not: what may be checkpointed while the shards
    /// that follow an ended one have no leases yet.
    #[must_use]
    pub fn done(&self, shard: &ShardId, holding: Holding) -> Option<Checkpoint> {
        let progress = self.shards.get(shard).filter(|progress| progress.holding == holding)?;
        progress.done.map(Checkpoint::At)
    }

    fn of(&mut self, shard: &ShardId, holding: Holding) -> Option<&mut ShardProgress> {
        self.shards.get_mut(shard).filter(|progress| progress.holding == holding)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::sequence::SequenceNumber;

    fn position(number: u64) -> Position {
        Position::new(SequenceNumber::ZERO, number)
    }

    fn range(holding: u64, from: u64, to: u64) -> SequenceRange {
        SequenceRange::new("s".into(), Holding(holding), position(from), position(to), 1)
    }

    fn reading() -> Progress {
        let mut progress = Progress::default();
        progress.begin("s".into(), Holding(1));
        progress
    }

    #[test]
    fn what_is_received_but_not_done_is_not_safe() {
        let mut progress = reading();
        progress.on_received(&range(1, 0, 5));
        assert_eq!(progress.safe(&"s".into(), Holding(1)), None);
        progress.on_done(&range(1, 0, 5));
        progress.on_received(&range(1, 6, 9));
        assert_eq!(progress.safe(&"s".into(), Holding(1)), Some(Checkpoint::At(position(5))));
    }

    #[test]
    fn regression_r4_the_end_is_safe_only_when_every_record_before_it_is_done() {
        let mut progress = reading();
        progress.on_received(&range(1, 0, 5));
        progress.on_end(&"s".into(), Holding(1));
        assert_eq!(progress.safe(&"s".into(), Holding(1)), None);
        progress.on_done(&range(1, 0, 5));
        assert_eq!(progress.safe(&"s".into(), Holding(1)), Some(Checkpoint::ShardEnd));
        assert_eq!(progress.done(&"s".into(), Holding(1)), Some(Checkpoint::At(position(5))));
    }

    #[test]
    fn an_empty_shard_is_safe_at_its_end_at_once() {
        let mut progress = reading();
        progress.on_end(&"s".into(), Holding(1));
        assert_eq!(progress.safe(&"s".into(), Holding(1)), Some(Checkpoint::ShardEnd));
    }

    #[test]
    fn regression_r8_what_an_earlier_holding_read_moves_nothing() {
        let mut progress = reading();
        progress.begin("s".into(), Holding(2));
        progress.on_received(&range(1, 0, 5));
        progress.on_done(&range(1, 0, 5));
        progress.forget(&"s".into(), Holding(1));
        assert_eq!(progress.safe(&"s".into(), Holding(2)), None);
        assert_eq!(progress.safe(&"s".into(), Holding(1)), None);
    }

    proptest! {
        #[test]
        fn the_safe_position_never_goes_back_and_never_passes_what_is_done(steps in prop::collection::vec((any::<bool>(), 1_u64..5), 1..60)) {
            let (mut progress, mut sent, mut pending, mut done, mut last) = (reading(), 0, std::collections::VecDeque::new(), None, None);
            for (receive, length) in steps {
                if receive {
                    let page = range(1, sent, sent + length);
                    sent += length + 1;
                    progress.on_received(&page);
                    pending.push_back(page);
                } else if let Some(page) = pending.pop_front() {
                    progress.on_done(&page);
                    done = Some(Checkpoint::At(page.to));
                }
                let safe = progress.safe(&"s".into(), Holding(1));
                prop_assert_eq!(safe, done);
                prop_assert!(safe >= last);
                last = safe;
            }
        }
    }
}
