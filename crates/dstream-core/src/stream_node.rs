//! A stream as the scheduler sees it, without its type: when it is due, what it is made of, and what it remembers.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::codec::CodecError;
use crate::job::{Job, JobError};
use crate::operator::OperatorName;
use crate::time::Time;

pub(crate) trait StreamNode: Send + Sync {
    fn name(&self) -> OperatorName;

    /// The time between two batches of this stream; a multiple of the batch interval.
    fn slide(&self) -> Duration;

    /// The streams that it is made of.
    fn parents(&self) -> &[Arc<dyn StreamNode>];

    /// What it carries from one batch to the next. A stream with a memory is computed in every batch in which it is due,
    /// whether or not an output needs it then.
    fn memory(&self) -> Option<&Arc<dyn Memory>>;

    /// Whether it carries state from batch to batch that goes back to the start of the program: without a checkpoint
    /// directory, a restart loses it. A window does not; it fills again.
    fn stateful(&self) -> bool;

    /// The type of its rows.
    fn row(&self) -> &'static str;

    /// For a stream that is made of no other: what becomes of its records after a restart.
    fn replay(&self) -> Replay;

    /// Computes this stream's memory of the batch of `job`.
    fn materialise(&self, job: &Job) -> Result<(), JobError>;

    /// The batch is to be computed once more, with other records: its dataset goes, and what the memory has of it. To be called for
    /// all streams that its records reach, while nothing else runs.
    fn undo(&self, batch: Time);

    /// No dataset of `batch`, or of one before it, is asked for any more; what the memory holds is its own business.
    fn forget_through(&self, batch: Time);
}

/// What becomes of the records of a batch that is not in the checkpoint that a program goes on from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Replay {
    /// They come once more, in other batches: a receiver goes on from the positions that were reported.
    Redelivered,
    /// They are a matter of the batch time: the batch is run once more, under its time.
    ByTime,
    /// They are gone.
    Lost,
}

/// What a stream carries from one batch to the next: the batches of a window, or state.
pub(crate) trait Memory: Send + Sync {
    /// The batch is done; what no later batch needs can go.
    fn forget_through(&self, batch: Time);

    /// What was made of `batch`, the newest one, has never been; it is to be made once more. Does nothing when nothing was, and
    /// nothing in a memory that no record of a receiver reaches.
    fn undo(&self, _batch: Time) {}

    /// The batch failed for good before the memory was computed in it, and later batches run: they are to see the batch as
    /// if it had been empty, or had never been.
    fn leave_out(&self, _batch: Time) {}

    /// Whether datasets of a batch stay as they are while the memory of a later batch is computed. If not, batches run one
    /// after the other.
    fn allows_overlap(&self) -> bool {
        false
    }

    /// What the memory holds as of the end of the batch `through`, in parts of a reasonable size.
    fn encode(&self, through: Time) -> Result<Vec<Bytes>, CodecError>;

    /// Takes over what [`encode`](Self::encode) gave in an earlier run, before the first batch, in the place of all that was
    /// taken over before. Without parts, the memory is that of a program that begins anew.
    fn decode(&self, through: Time, parts: &[Bytes]) -> Result<(), CodecError>;

    /// How many batches or versions are held, the most in any partition.
    #[cfg(test)]
    fn held(&self) -> usize;
}

/// The streams among `nodes`, parents before children, that records of receivers reach.
pub(crate) fn fed_by_receivers(nodes: Vec<Arc<dyn StreamNode>>) -> Vec<Arc<dyn StreamNode>> {
    let mut fed = BTreeSet::new();
    let is_fed = |node: &Arc<dyn StreamNode>| {
        let source = node.parents().is_empty() && node.replay() == Replay::Redelivered;
        let reached = source || node.parents().iter().any(|parent| fed.contains(&parent.name()));
        if reached {
            fed.insert(node.name());
        }
        reached
    };
    nodes.into_iter().filter(is_fed).collect()
}

/// All streams that `roots` are made of, themselves included: each once, parents before children.
pub(crate) fn reachable<'a>(roots: impl Iterator<Item = &'a Arc<dyn StreamNode>>) -> Vec<Arc<dyn StreamNode>> {
    // Operators are numbered in the order in which they were made, and nothing can be made of what is made later.
    let mut found = BTreeMap::new();
    let mut open: Vec<Arc<dyn StreamNode>> = roots.map(Arc::clone).collect();
    while let Some(node) = open.pop() {
        if let Entry::Vacant(entry) = found.entry(node.name()) {
            open.extend(node.parents().iter().map(Arc::clone));
            entry.insert(node);
        }
    }
    found.into_values().collect()
}
