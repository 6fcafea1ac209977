//! The batches that an earlier run left unfinished, as one receiver sees them: claimed, read again, and made into blocks.
//!
//! Promises: a block that is made again has the ranges that it had and that are still this receiver's, in their order, with the
//! records that the receiver reads for them; a block of which nothing is left is not made. Of each receiver the records of one block at
//! a time are in memory without being counted in the memory budget.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::{self, StreamExt, TryStreamExt};

use crate::block::{BlockRange, BlockRecord, StreamId};
use crate::checkpoint::{Covered, LoggedBlocks};
use crate::error::BoxError;
use crate::held_blocks::HeldBlocks;
use crate::input::caught;
use crate::lock::lock;
use crate::range_replay::{Claim, Leftover, RangeReplay};
use crate::receiver::ReceiverError;
use crate::receiver_store::Intake;
use crate::time::Time;
use crate::tracker::BlockInfo;

/// A receiver that can read its ranges again, without its types.
#[async_trait]
pub(crate) trait ReplayDesk: Send + Sync {
    fn stream(&self) -> StreamId;
    fn name(&self) -> &Arc<str>;
    /// What is to be written down of these blocks.
    fn logged(&self, blocks: &[BlockInfo]) -> LoggedBlocks;
    /// Notes the last range of each source in these blocks.
    fn cover(&self, blocks: &[BlockInfo], into: &mut Covered);
    /// Tells the receiver what an earlier run left: what is in a snapshot or done, in its order, and the blocks of batches that
    /// are not. Returns the former by source, the last of each.
    fn resume(&self, accounted: Vec<Bytes>, unfinished: Vec<(Time, LoggedBlocks)>) -> Result<Covered, BoxError>;
    /// The batches in which something is left to do for this receiver, and what; as it is to be written down.
    async fn claim(&self) -> Result<Vec<(Time, LoggedBlocks)>, ReceiverError>;
    /// Makes the blocks of an unfinished batch again.
    async fn reload(&self, batch: Time) -> Result<Vec<BlockInfo>, ReceiverError>;
    /// A snapshot of this name, that covers these ranges, is about to be published.
    async fn prepare(&self, snapshot: &str, through: Vec<Bytes>);
}

pub(crate) struct TypedDesk<R, M> {
    replay: Arc<dyn RangeReplay<R, M>>,
    intake: Arc<Intake<R, M>>,
    held: Arc<HeldBlocks<R, M>>,
    // Held for one map operation.
    unfinished: Mutex<Unfinished<M>>,
}

/// By batch, the ranges of each block.
type Unfinished<M> = BTreeMap<Time, Vec<Vec<M>>>;

impl<R: BlockRecord, M: BlockRange> TypedDesk<R, M> {
    pub(crate) fn new(
        replay: Arc<dyn RangeReplay<R, M>>,
        intake: Arc<Intake<R, M>>,
        held: Arc<HeldBlocks<R, M>>,
    ) -> Self {
        Self { replay, intake, held, unfinished: Mutex::default() }
    }

    fn decode(&self, ranges: Vec<Bytes>) -> Result<Vec<M>, BoxError> {
        ranges.into_iter().map(|range| self.replay.decode(range)).collect()
    }

    /// The records of a block, in the order of its ranges.
    async fn read(&self, ranges: Vec<M>) -> Result<Vec<R>, ReceiverError> {
        let read = |range: M| async move { self.replay.read(&range).await };
        let reads = stream::iter(ranges).map(read).buffered(READS_AT_ONCE);
        let records: Vec<Vec<R>> = reads.try_collect().await?;
        Ok(records.into_iter().flatten().collect())
    }

    /// One block after the other: how large one is shows only when it is there, and until then the budget does not know of it.
    async fn reload_blocks(&self, batch: Time) -> Result<Vec<BlockInfo>, ReceiverError> {
        let blocks = lock(&self.unfinished).remove(&batch).unwrap_or_default();
        let mut made = Vec::with_capacity(blocks.len());
        for ranges in blocks {
            let records = self.read(ranges.clone()).await?;
            made.push(self.make(ranges, records).await?);
        }
        Ok(made)
    }

    async fn make(&self, ranges: Vec<M>, records: Vec<R>) -> Result<BlockInfo, ReceiverError> {
        let bytes = records.iter().map(BlockRecord::size_bytes).fold(0, usize::saturating_add);
        let budget = self.intake.budget();
        let reserved = if self.held.uses_disk() {
            budget
                .reserve(budget.new_holder(), bytes)
                .await
                .map_err(|_| ReceiverError::new("the context is stopping"))?
        } else {
            // A batch needs all its blocks at once, and they fitted before; waiting for more room could take for ever.
            budget.take(budget.new_holder(), bytes)
        };
        Ok(self.held.add(self.intake.seal(vec![records], ranges, bytes, reserved)))
    }
}

#[async_trait]
impl<R: BlockRecord, M: BlockRange> ReplayDesk for TypedDesk<R, M> {
    fn stream(&self) -> StreamId {
        self.intake.stream()
    }

    fn name(&self) -> &Arc<str> {
        self.intake.name()
    }

    fn logged(&self, blocks: &[BlockInfo]) -> LoggedBlocks {
        let ranges =
            |block: &BlockInfo| self.held.ranges(block.id).iter().map(|range| self.replay.encode(range)).collect();
        blocks.iter().map(ranges).collect()
    }

    fn cover(&self, blocks: &[BlockInfo], into: &mut Covered) {
        // Encoded are only the last ones.
        let mut last = BTreeMap::new();
        for block in blocks {
            last.extend(self.held.ranges(block.id).iter().map(|range| (self.replay.source(range), range.clone())));
        }
        last.iter().for_each(|(source, range)| into.note(self.stream(), source, self.replay.encode(range)));
    }

    fn resume(&self, accounted: Vec<Bytes>, unfinished: Vec<(Time, LoggedBlocks)>) -> Result<Covered, BoxError> {
        let mut covered = Covered::default();
        let mut known = Vec::with_capacity(accounted.len());
        for range in accounted {
            let decoded = self.replay.decode(range.clone())?;
            covered.note(self.stream(), &self.replay.source(&decoded), range);
            known.push(decoded);
        }
        let batches = unfinished.into_iter().map(|(batch, blocks)| {
            let blocks: Result<Vec<Vec<M>>, BoxError> = blocks.into_iter().map(|ranges| self.decode(ranges)).collect();
            Ok((batch, blocks?))
        });
        let batches = batches.collect::<Result<Unfinished<M>, BoxError>>()?;
        let left = Leftover {
            // All of them: only the receiver knows which is the furthest.
            accounted: known,
            unfinished: batches.values().flatten().flatten().cloned().collect(),
        };
        *lock(&self.unfinished) = batches;
        self.replay.resume(left);
        Ok(covered)
    }

    async fn claim(&self) -> Result<Vec<(Time, LoggedBlocks)>, ReceiverError> {
        let unfinished = std::mem::take(&mut *lock(&self.unfinished));
        let ranges: Vec<M> = unfinished.values().flatten().flatten().cloned().collect();
        if ranges.is_empty() {
            return Ok(Vec::new());
        }
        let asked = ranges.len();
        let claims = caught(self.replay.claim(ranges)).await??;
        let answered = claims.len();
        let ours = ours(unfinished, claims).ok_or_else(|| {
            ReceiverError::new(format!(
                "the receiver claimed {answered} ranges of {asked}; correct its RangeReplay::claim"
            ))
        })?;
        let logged = |ranges: &Vec<M>| ranges.iter().map(|range| self.replay.encode(range)).collect();
        let batches = ours.iter().map(|(batch, blocks)| (*batch, blocks.iter().map(logged).collect())).collect();
        *lock(&self.unfinished) = ours;
        Ok(batches)
    }

    async fn reload(&self, batch: Time) -> Result<Vec<BlockInfo>, ReceiverError> {
        caught(self.reload_blocks(batch)).await?
    }

    async fn prepare(&self, snapshot: &str, through: Vec<Bytes>) {
        let prepared = match self.decode(through) {
            Ok(ranges) => caught(self.replay.prepare(snapshot, &ranges)).await.map_err(Into::into),
            Err(error) => Err(error),
        };
        if let Err(error) = prepared {
            tracing::warn!(stream = %self.stream(), snapshot, error, "a receiver could not prepare for a checkpoint");
        }
    }
}

/// What of unfinished batches is left to do, by the claims of all their ranges in order; `None` if there are more claims than
/// ranges, or fewer. Blocks and batches of which nothing is left go.
fn ours<M>(unfinished: Unfinished<M>, claims: Vec<Claim<M>>) -> Option<Unfinished<M>> {
    let mut claims = claims.into_iter();
    let mut left = BTreeMap::new();
    for (batch, blocks) in unfinished {
        let mut kept = Vec::new();
        for ranges in blocks {
            let claimed = ranges.iter().map(|_| claims.next()).collect::<Option<Vec<Claim<M>>>>()?;
            let ours = |claim| if let Claim::Ours(range) = claim { Some(range) } else { None };
            let ranges: Vec<M> = claimed.into_iter().filter_map(ours).collect();
            if !ranges.is_empty() {
                kept.push(ranges);
            }
        }
        if !kept.is_empty() {
            left.insert(batch, kept);
        }
    }
    claims.next().is_none().then_some(left)
}

/// Ranges of a block that are read at once: they come from several parts of a source, each of which has a pace of its own.
const READS_AT_ONCE: usize = 8;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn batches(shape: &[(i64, &[&[u32]])]) -> Unfinished<u32> {
        let blocks = |blocks: &[&[u32]]| blocks.iter().map(|ranges| ranges.to_vec()).collect();
        shape.iter().map(|(batch, all)| (Time::from_millis(*batch), blocks(all))).collect()
    }

    #[test]
    fn a_cut_range_keeps_its_block_and_a_block_with_nothing_left_goes() {
        let unfinished = batches(&[(1, &[&[1, 2], &[3]]), (2, &[&[4], &[5, 6]]), (3, &[&[7]])]);
        let claims = vec![
            Claim::Processed,
            Claim::Ours(20),
            Claim::Processed,
            Claim::Elsewhere,
            Claim::Ours(5),
            Claim::Ours(6),
            Claim::Processed,
        ];
        assert_eq!(ours(unfinished, claims), Some(batches(&[(1, &[&[20]]), (2, &[&[5, 6]])])));
    }

    #[test]
    fn as_many_claims_as_ranges_are_demanded() {
        let unfinished = || batches(&[(1, &[&[1, 2]])]);
        assert_eq!(ours(unfinished(), vec![Claim::Ours(1)]), None);
        assert_eq!(ours(unfinished(), vec![Claim::Processed, Claim::Processed, Claim::Processed]), None);
    }

    proptest! {
        #[test]
        fn what_is_claimed_stays_in_its_block_its_batch_and_its_order(
            shape in prop::collection::vec(prop::collection::vec(prop::collection::vec(any::<bool>(), 1..4), 1..4), 0..5),
        ) {
            let mut next = 0_u32;
            let mut number = |ours: &bool| { next += 1; (next, *ours) };
            let numbered: Vec<Vec<Vec<(u32, bool)>>> =
                shape.iter().map(|blocks| blocks.iter().map(|block| block.iter().map(&mut number).collect()).collect()).collect();
            let at = |n| Time::from_millis(i64::try_from(n).unwrap());
            let all = |keep: fn(&(u32, bool)) -> bool| -> Unfinished<u32> {
                numbered.iter().enumerate().map(|(n, blocks)| {
                    let block = |block: &Vec<(u32, bool)>| block.iter().filter(|r| keep(r)).map(|(r, _)| *r).collect();
                    (at(n), blocks.iter().map(block).filter(|block: &Vec<u32>| !block.is_empty()).collect::<Vec<_>>())
                }).filter(|(_, blocks)| !blocks.is_empty()).collect()
            };
            let claims = numbered.iter().flatten().flatten().map(|(r, ours)| if *ours { Claim::Ours(*r) } else { Claim::Processed });
            prop_assert_eq!(ours(all(|_| true), claims.collect()), Some(all(|(_, ours)| *ours)));
        }
    }
}
