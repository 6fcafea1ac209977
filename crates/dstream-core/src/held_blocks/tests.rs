//! Blocks of a stream at every storage level, against a model of what is stored and what memory it takes.

use futures::FutureExt;
use proptest::prelude::*;

use super::*;
use crate::block::StreamId;
use crate::block_store::{BlockStore, MemoryBlockStore};
use crate::control::Control;
use crate::receiver_store::{Intake, ReceiverStore};
use crate::spill::BlockFrames;

type Stored = HeldBlocks<Bytes, u64>;

/// What one record of `size` content bytes costs.
fn cost(size: usize) -> usize {
    Bytes::from(vec![0; size]).size_bytes()
}

struct Rig {
    blocks: Stored,
    files: Arc<MemoryBlockStore>,
    budget: Arc<MemoryBudget>,
    intake: Arc<Intake<Bytes, u64>>,
    pages: u64,
}

impl Rig {
    fn new(placement: Placement, limit: usize) -> Self {
        let files = Arc::new(MemoryBlockStore::default());
        let desk = Arc::new(SpillDesk::new(Arc::<MemoryBlockStore>::clone(&files)));
        let budget = Arc::new(MemoryBudget::new(limit));
        let control = Arc::new(Control::default());
        let intake = Arc::new(Intake::new(StreamId::new(0), "test".into(), Arc::clone(&budget), control));
        Self { blocks: HeldBlocks::new(placement, desk, Arc::clone(&budget)), files, budget, intake, pages: 0 }
    }

    /// Stores a page of one record, if there is room for it.
    fn store(&mut self, size: usize) -> Option<Bytes> {
        let record = Bytes::from(vec![u8::try_from(self.pages % 251).unwrap(); size]);
        let store = ReceiverStore::new(Arc::clone(&self.intake));
        store.store(vec![record.clone()], self.pages).now_or_never()?.unwrap();
        self.pages += 1;
        Some(record)
    }

    fn cut(&self) -> Option<BlockInfo> {
        Some(self.blocks.add(self.intake.cut()?))
    }

    fn records(&self, id: BlockId) -> Option<Vec<Bytes>> {
        Some(match self.blocks.content(id).unwrap()? {
            Content::Memory(block) => block.records().to_vec(),
            Content::Encoded(bytes) => BlockFrames::of(bytes).map(Result::unwrap).collect(),
        })
    }
}

#[test]
fn a_block_on_disk_gives_its_bytes_back_and_is_read_all_the_same_until_it_is_released_t160() {
    let mut rig = Rig::new(Placement::MemoryAndDisk, 1_000);
    let record = rig.store(100).unwrap();
    let block = rig.cut().unwrap();
    assert_eq!(rig.budget.free(), 1_000 - cost(100));
    rig.blocks.spill(block.id).unwrap();
    assert_eq!((rig.budget.free(), rig.files.len()), (1_000, 1));
    assert_eq!(rig.records(block.id).unwrap(), [record]);
    assert_eq!(*rig.blocks.ranges(block.id), [0]);
    assert_eq!(rig.blocks.spillable(), []);
    rig.blocks.release([block.id].into_iter());
    rig.blocks.desk.remove_dropped();
    assert_eq!((rig.budget.free(), rig.files.len(), rig.records(block.id)), (1_000, 0, None));
}

#[test]
fn a_block_that_a_task_reads_keeps_its_memory_and_leaves_no_file() {
    let mut rig = Rig::new(Placement::Disk, 1_000);
    rig.store(10).unwrap();
    let block = rig.cut().unwrap();
    let reading = rig.blocks.content(block.id).unwrap().unwrap();
    assert_eq!(rig.blocks.spillable(), []);
    rig.blocks.spill(block.id).unwrap();
    assert_eq!((rig.budget.free(), rig.files.len()), (1_000 - cost(10), 0));
    drop(reading);
    assert_eq!(rig.blocks.spillable().len(), 1);
}

#[test]
fn a_block_that_was_released_while_it_was_written_leaves_no_file() {
    #[derive(Debug)]
    struct Releasing(Mutex<Option<Arc<Stored>>>, MemoryBlockStore);

    impl BlockStore for Releasing {
        fn put(&self, id: BlockId, block: &Bytes) -> Result<(), BlockStoreError> {
            if let Some(blocks) = lock(&self.0).take() {
                blocks.release([id].into_iter());
            }
            self.1.put(id, block)
        }

        fn get(&self, id: BlockId) -> Result<Option<Bytes>, BlockStoreError> {
            self.1.get(id)
        }

        fn remove(&self, id: BlockId) {
            self.1.remove(id);
        }
    }

    let mut rig = Rig::new(Placement::Disk, 1_000);
    let store = Arc::new(Releasing(Mutex::default(), MemoryBlockStore::default()));
    let desk = Arc::new(SpillDesk::new(Arc::<Releasing>::clone(&store)));
    let blocks = Arc::new(HeldBlocks::new(Placement::Disk, desk, Arc::clone(&rig.budget)));
    *lock(&store.0) = Some(Arc::clone(&blocks));
    rig.store(10).unwrap();
    let block = blocks.add(rig.intake.cut().unwrap());
    blocks.spill(block.id).unwrap();
    assert_eq!((rig.budget.free(), store.1.len()), (1_000, 0));
}

#[test]
fn counts_of_records_are_exact_whatever_the_size_of_pages_t165() {
    let mut rig = Rig::new(Placement::MemoryAndDisk, 1_000_000);
    for wanted in [25, 25, 50, 75] {
        (0..wanted).for_each(|_| assert!(rig.store(1).is_some()));
        assert_eq!(rig.cut().unwrap().records, wanted);
    }
}

impl std::fmt::Debug for Stored {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("HeldBlocks")
    }
}

#[derive(Clone, Debug)]
enum Act {
    Store(usize),
    Cut,
    Spill(usize),
    ReleaseOldest,
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        4 => (0_usize..120).prop_map(Act::Store),
        2 => Just(Act::Cut),
        2 => (0_usize..8).prop_map(Act::Spill),
        1 => Just(Act::ReleaseOldest),
    ]
}

fn placement() -> impl Strategy<Value = Placement> {
    prop_oneof![Just(Placement::Memory), Just(Placement::MemoryAndDisk), Just(Placement::Disk)]
}

proptest! {
    #[test]
    fn memory_never_exceeds_the_budget_and_blocks_are_never_lost(
        placement in placement(),
        acts in proptest::collection::vec(act(), 0..80),
    ) {
        const LIMIT: usize = 600;
        let mut rig = Rig::new(placement, LIMIT);
        let mut open: Vec<Bytes> = Vec::new();
        let mut blocks: Vec<(BlockId, Vec<Bytes>)> = Vec::new();
        for act in acts {
            match act {
                Act::Store(size) => open.extend(rig.store(size)),
                Act::Cut => {
                    if let Some(info) = rig.cut() {
                        blocks.push((info.id, std::mem::take(&mut open)));
                    }
                }
                Act::Spill(nth) => {
                    let candidates = rig.blocks.spillable();
                    prop_assert!(placement != Placement::Memory || candidates.is_empty());
                    if let Some(candidate) = candidates.get(nth) {
                        rig.blocks.spill(candidate.id).unwrap();
                    }
                }
                Act::ReleaseOldest if !blocks.is_empty() => {
                    let (id, _) = blocks.remove(0);
                    rig.blocks.release([id].into_iter());
                    rig.blocks.desk.remove_dropped();
                }
                Act::ReleaseOldest => {}
            }
            let cost = |records: &[Bytes]| records.iter().map(BlockRecord::size_bytes).sum::<usize>();
            let here = |id| matches!(rig.blocks.content(id), Ok(Some(Content::Memory(_))));
            let in_memory = blocks.iter().filter(|(id, _)| here(*id)).map(|(_, records)| cost(records)).sum::<usize>();
            prop_assert_eq!(in_memory + cost(&open) + rig.budget.free(), LIMIT);
            for (id, records) in &blocks {
                let found = rig.records(*id);
                prop_assert_eq!(found.as_ref(), Some(records));
            }
        }
        rig.blocks.release_all();
        rig.blocks.desk.remove_dropped();
        prop_assert!(rig.files.is_empty());
    }
}
