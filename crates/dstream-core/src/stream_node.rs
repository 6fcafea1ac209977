//! A stream as the scheduler sees it, without its type: when it is due, what it is made of, and what it remembers.

use std::collections::BTreeMap;
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

    /// Computes this stream's memory of the batch of `job`.
    fn materialise(&self, job: &Job) -> Result<(), JobError>;

    /// No dataset of `batch`, or of one before it, is asked for any more; what the memory holds is its own business.
    fn forget_through(&self, batch: Time);
}

/// What a stream carries from one batch to the next: the batches of a window, or state.
pub(crate) trait Memory: Send + Sync {
    /// The batch is done; what no later batch needs can go.
    fn forget_through(&self, batch: Time);

    /// What the memory holds as of the end of the batch `through`, in parts of a reasonable size.
    fn encode(&self, through: Time) -> Result<Vec<Bytes>, CodecError>;

    /// Takes over what [`encode`](Self::encode) gave in an earlier run, before the first batch.
    fn decode(&self, through: Time, parts: &[Bytes]) -> Result<(), CodecError>;
}

/// All streams that `roots` are made of, themselves included: each once, parents before children.
pub(crate) fn reachable<'a>(roots: impl Iterator<Item = &'a Arc<dyn StreamNode>>) -> Vec<Arc<dyn StreamNode>> {
    // Operators are numbered in the order in which they were made, and nothing can be made of what is made later.
    let mut found = BTreeMap::new();
    let mut open: Vec<Arc<dyn StreamNode>> = roots.map(Arc::clone).collect();
    while let Some(node) = open.pop() {
        if !found.contains_key(&node.name()) {
            open.extend(node.parents().iter().map(Arc::clone));
            found.insert(node.name(), node);
        }
    }
    found.into_values().collect()
}
