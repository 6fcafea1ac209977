//! Gathers pages into the block under construction. Pure: who calls `cut`, and when, is decided elsewhere.
//!
//! Promises: a page lands whole in one block, blocks are numbered in the order of their cuts without gaps, an empty
//! builder yields no block, and after `close` nothing is taken any more while what was taken can still be cut.

use crate::block::{Block, BlockId, StreamId};
use crate::memory_budget::Reserved;

#[derive(Debug)]
pub(crate) struct BlockBuilder<R, M> {
    stream: StreamId,
    next_number: u64,
    phase: Phase,
    open: OpenBlock<R, M>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Taking,
    Closed,
}

#[derive(Debug)]
struct OpenBlock<R, M> {
    pages: Vec<Vec<R>>,
    ranges: Vec<M>,
    bytes: usize,
    reserved: Reserved,
}

/// A page on its way into a block. It may hold no record: its range then still counts as stored.
#[derive(Debug)]
pub(crate) struct Page<R, M> {
    pub(crate) records: Vec<R>,
    pub(crate) range: M,
    pub(crate) bytes: usize,
    pub(crate) reserved: Reserved,
}

/// What became of a page.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Push {
    /// It is in the open block.
    Taken,
    /// The builder is closed; here are the page's bytes, to be given back.
    Refused(Reserved),
}

/// A block, and the bytes of the budget that it holds.
#[derive(Debug)]
pub(crate) struct SealedBlock<R, M> {
    pub(crate) block: Block<R, M>,
    pub(crate) reserved: Reserved,
}

impl<R, M> BlockBuilder<R, M> {
    pub(crate) fn new(stream: StreamId) -> Self {
        Self { stream, next_number: 0, phase: Phase::Taking, open: OpenBlock::default() }
    }

    pub(crate) fn push(&mut self, page: Page<R, M>) -> Push {
        if self.phase == Phase::Closed {
            return Push::Refused(page.reserved);
        }
        self.open.pages.push(page.records);
        self.open.ranges.push(page.range);
        self.open.bytes = self.open.bytes.saturating_add(page.bytes);
        self.open.reserved.add(page.reserved);
        Push::Taken
    }

    /// Seals what was taken since the last cut; nothing if that was nothing.
    pub(crate) fn cut(&mut self) -> Option<SealedBlock<R, M>> {
        if self.open.ranges.is_empty() {
            return None;
        }
        let OpenBlock { pages, ranges, bytes, reserved } = std::mem::take(&mut self.open);
        Some(self.seal(pages, ranges, bytes, reserved))
    }

    /// Seals what was not pushed page by page, as the next block.
    pub(crate) fn seal(
        &mut self,
        pages: Vec<Vec<R>>,
        ranges: Vec<M>,
        bytes: usize,
        reserved: Reserved,
    ) -> SealedBlock<R, M> {
        let id = BlockId::new(self.stream, self.next_number);
        self.next_number = self.next_number.saturating_add(1);
        SealedBlock { block: Block::new(id, pages, ranges, bytes), reserved }
    }

    /// Refuses pages from now on.
    pub(crate) const fn close(&mut self) {
        self.phase = Phase::Closed;
    }
}

// By hand: a derived `Default` would ask for `R: Default`.
impl<R, M> Default for OpenBlock<R, M> {
    fn default() -> Self {
        Self { pages: Vec::new(), ranges: Vec::new(), bytes: 0, reserved: Reserved::default() }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn page(records: Vec<u32>, range: &'static str) -> Page<u32, &'static str> {
        Page { bytes: records.len() * 4, records, range, reserved: Reserved::default() }
    }

    fn builder() -> BlockBuilder<u32, &'static str> {
        BlockBuilder::new(StreamId::new(3))
    }

    #[test]
    fn pages_of_one_interval_land_in_one_block_in_order_with_their_ranges_t100() {
        let mut builder = builder();
        assert!(builder.cut().is_none());
        builder.push(page((1..=10).collect(), "a"));
        builder.push(page((11..=20).collect(), "b"));
        let sealed = builder.cut().unwrap();
        assert_eq!(sealed.block.id().to_string(), "input-3-0");
        assert_eq!(sealed.block.records().to_vec(), (1..=20).collect::<Vec<_>>());
        assert_eq!(sealed.block.ranges(), ["a", "b"]);
        assert_eq!(sealed.block.size_bytes(), 80);
        builder.push(page((21..=30).collect(), "c"));
        assert_eq!(builder.cut().unwrap().block.id().to_string(), "input-3-1");
        assert!(builder.cut().is_none());
    }

    #[test]
    fn a_closed_builder_refuses_pages_and_still_yields_what_it_had_t101() {
        let mut builder = builder();
        builder.push(page(vec![1], "a"));
        builder.close();
        builder.close();
        assert_eq!(builder.push(page(vec![2], "b")), Push::Refused(Reserved::default()));
        assert_eq!(builder.cut().unwrap().block.records().to_vec(), [1]);
        assert!(builder.cut().is_none());
    }

    #[test]
    fn a_page_without_records_still_carries_its_range_into_a_block() {
        let mut builder = builder();
        builder.push(page(vec![], "all discarded"));
        let sealed = builder.cut().unwrap();
        assert!(sealed.block.records().is_empty());
        assert_eq!(sealed.block.ranges(), ["all discarded"]);
    }

    proptest! {
        #[test]
        fn whatever_the_cuts_the_blocks_hold_all_pages_whole_and_in_order(
            steps in prop::collection::vec(prop::option::of(0_usize..5), 0..60),
        ) {
            let mut builder = BlockBuilder::new(StreamId::new(0));
            let mut stored = Vec::new();
            let mut cut = Vec::new();
            for step in steps.into_iter().map(Some).chain([Some(None)]).flatten() {
                if let Some(len) = step {
                    let range = stored.len();
                    stored.push(len);
                    let records = vec![range; len];
                    builder.push(Page { records, range, bytes: 0, reserved: Reserved::default() });
                } else if let Some(sealed) = builder.cut() {
                    cut.push(sealed.block);
                }
            }
            let ranges: Vec<usize> = cut.iter().flat_map(|block| block.ranges().to_vec()).collect();
            prop_assert_eq!(ranges, (0..stored.len()).collect::<Vec<_>>());
            for (number, block) in (0..).zip(&cut) {
                prop_assert_eq!(block.id().number(), number);
                let whole: Vec<usize> = block.ranges().iter().flat_map(|range| vec![*range; stored[*range]]).collect();
                prop_assert_eq!(block.records().to_vec(), whole);
            }
        }
    }
}
