//! The exchange seam: how the blocks of a wide operator reach the process that owns their bucket.
//!
//! An epoch is one run of one shuffle. Every process (a *seat*) opens it, pushes its blocks to the seats they belong to,
//! and finishes it; `finish` returns what was pushed to this seat once **all** seats have finished. An epoch that is
//! dropped unfinished is given up. The only implementation now is [`Solo`]: one seat.

use std::fmt;
use std::iter::StepBy;
use std::ops::Range;
use std::sync::Mutex;

use thiserror::Error;

use crate::error::BoxError;
use crate::lock::lock;
use crate::operator::OperatorName;
use crate::rows::Rows;
use crate::time::Time;

/// A process that takes part in an exchange; numbered from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Seat(pub(crate) usize);

/// Names a shuffle of a batch: the operator in whose name it is made, and its place among those of that operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ShuffleName {
    pub(crate) operator: OperatorName,
    pub(crate) number: u32,
}

/// Names one run of one shuffle. Every process runs the same program, so all of them give it the same name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Epoch {
    pub(crate) batch: Time,
    pub(crate) shuffle: ShuffleName,
}

/// A partition of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Source {
    pub(crate) seat: Seat,
    pub(crate) partition: usize,
}

/// The rows of one bucket that come from one partition.
pub(crate) struct ShuffleBlock {
    pub(crate) bucket: usize,
    /// The partition that they come from; blocks of a bucket are merged in this order, so equal input gives equal output.
    pub(crate) source: Source,
    pub(crate) rows: Rows,
}

pub(crate) trait Exchange: Send + Sync {
    /// How many processes take part. Bucket `b` belongs to seat `b % seats`.
    fn seats(&self) -> usize;

    /// Which of the seats is this process's.
    fn seat(&self) -> Seat;

    /// Those of `buckets` buckets that belong to this process, in order.
    fn owned(&self, buckets: usize) -> StepBy<Range<usize>> {
        (self.seat().0..buckets).step_by(self.seats().max(1))
    }

    fn open(&self, epoch: Epoch) -> Result<Box<dyn OpenEpoch>, ExchangeError>;
}

pub(crate) trait OpenEpoch: Send + Sync {
    /// Hands a block over; called from several tasks at once.
    fn push(&self, seat: Seat, block: ShuffleBlock) -> Result<(), ExchangeError>;

    /// Waits for all seats, and returns all that was pushed to this one, in any order.
    fn finish(self: Box<Self>) -> Result<Vec<ShuffleBlock>, ExchangeError>;
}

/// The exchange of a process that is alone.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Solo;

impl Exchange for Solo {
    fn seats(&self) -> usize {
        1
    }

    fn seat(&self) -> Seat {
        Seat(0)
    }

    fn open(&self, _epoch: Epoch) -> Result<Box<dyn OpenEpoch>, ExchangeError> {
        Ok(Box::new(SoloEpoch::default()))
    }
}

#[derive(Default)]
struct SoloEpoch {
    // Held for one push; tasks push in parallel.
    blocks: Mutex<Vec<ShuffleBlock>>,
}

impl OpenEpoch for SoloEpoch {
    fn push(&self, seat: Seat, block: ShuffleBlock) -> Result<(), ExchangeError> {
        if seat != Seat(0) {
            return Err(ExchangeError::new(format!("there is no seat {} in a process alone", seat.0)));
        }
        lock(&self.blocks).push(block);
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<Vec<ShuffleBlock>, ExchangeError> {
        Ok(std::mem::take(&mut *lock(&self.blocks)))
    }
}

/// Blocks could not be handed over or did not arrive.
#[derive(Error)]
#[error("blocks could not be exchanged")]
pub struct ExchangeError {
    source: BoxError,
}

impl ExchangeError {
    pub(crate) fn new(source: impl Into<BoxError>) -> Self {
        Self { source: source.into() }
    }
}

impl fmt::Debug for ExchangeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.source, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: Source = Source { seat: Seat(0), partition: 0 };

    fn epoch() -> Epoch {
        Epoch {
            batch: Time::from_millis(1),
            shuffle: ShuffleName { operator: OperatorName::new("test", 0), number: 0 },
        }
    }

    #[test]
    fn solo_returns_every_block_that_was_pushed_and_only_in_its_epoch() {
        let first = Solo.open(epoch()).unwrap();
        let second = Solo.open(epoch()).unwrap();
        for bucket in 0..3 {
            first.push(Seat(0), ShuffleBlock { bucket, source: SOURCE, rows: Rows::of(vec![bucket]) }).unwrap();
        }
        assert_eq!(first.finish().unwrap().iter().map(|block| block.bucket).collect::<Vec<_>>(), [0, 1, 2]);
        assert!(second.finish().unwrap().is_empty());
    }

    #[test]
    fn solo_refuses_a_block_for_somebody_else() {
        let open = Solo.open(epoch()).unwrap();
        assert!(open.push(Seat(1), ShuffleBlock { bucket: 1, source: SOURCE, rows: Rows::of(vec![()]) }).is_err());
    }
}
