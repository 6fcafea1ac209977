//! Which block goes to disk next. Pure.

use std::cmp::Reverse;

use crate::block::BlockId;
use crate::spill::desk::Seal;

/// A sealed block that is in memory, may leave it, and is read by nobody at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Candidate {
    pub(crate) id: BlockId,
    /// Its place in the order of cutting, over all streams: later ones are needed later.
    pub(crate) seal: Seal,
    pub(crate) wish: Wish,
}

/// What the storage level of a block wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    /// Out of memory in any case.
    Disk,
    /// In memory while nobody has to wait for its bytes.
    Memory,
}

/// Blocks that are to be on disk go first, in the order of cutting. The others only go while memory is `short`, and then
/// the one first that is needed last: batches run in order, so that is the one that was cut last. The blocks that the next
/// batch reads stay for as long as they can, and none is written that is read right after.
pub(crate) fn choose(candidates: impl Iterator<Item = Candidate>, short: bool) -> Option<Candidate> {
    let wanted = candidates.filter(|candidate| short || candidate.wish == Wish::Disk);
    wanted.min_by_key(|candidate| match candidate.wish {
        Wish::Disk => (false, candidate.seal, Reverse(candidate.seal)),
        Wish::Memory => (true, Seal::default(), Reverse(candidate.seal)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::block::StreamId;

    fn candidate(stream: u32, seal: u64, wish: Wish) -> Candidate {
        Candidate { id: BlockId::new(StreamId::new(stream), seal), seal: Seal::new(seal), wish }
    }

    #[test]
    fn without_a_shortage_only_blocks_of_the_disk_level_go_in_the_order_of_cutting() {
        let all = [candidate(0, 1, Wish::Memory), candidate(1, 4, Wish::Disk), candidate(1, 2, Wish::Disk)];
        assert_eq!(choose(all.into_iter(), false), Some(all[2]));
        assert_eq!(choose(all[..1].iter().copied(), false), None);
    }

    #[test]
    fn in_a_shortage_the_block_that_is_needed_last_goes_first_whatever_its_stream() {
        let all = [candidate(0, 1, Wish::Memory), candidate(1, 3, Wish::Memory), candidate(0, 2, Wish::Memory)];
        assert_eq!(choose(all.into_iter(), true), Some(all[1]));
        let with_disk = [all[1], candidate(2, 9, Wish::Disk), candidate(2, 5, Wish::Disk)];
        assert_eq!(choose(with_disk.into_iter(), true), Some(with_disk[2]));
    }
}
