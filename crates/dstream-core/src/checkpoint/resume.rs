//! At which batch time a program goes on. Pure.

use std::sync::Arc;

use crate::checkpoint::recovery::ResumePoint;
use crate::stream_node::{Replay, StreamNode};
use crate::time::Time;

/// When the batches of a run begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Resumed {
    /// Batches have times after this.
    pub(crate) begin: Time,
    /// Those up to this time would have been due already, and are made up for.
    pub(crate) replay_until: Time,
    pub(crate) gap: Gap,
}

/// What becomes of the batch times at which the program did not run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Gap {
    /// Each of them gets its batch.
    MadeUpFor,
    LeftOut,
}

/// Without an input whose batches are a matter of their times, there is nothing to make up for: receivers deliver into the
/// next batches, and windows and states treat times without a batch as empty ones. A batch time is never used twice for what
/// the memories have already, so if the clock is behind the checkpoint, batches begin after it.
///
/// A program without memories may be further than its newest snapshot: `done` is the last batch that is known to be done.
pub(crate) fn resumed(
    now: Time,
    point: Option<&ResumePoint>,
    done: Option<Time>,
    nodes: &[Arc<dyn StreamNode>],
) -> Resumed {
    let Some(point) = point else { return Resumed { begin: now, replay_until: now, gap: Gap::LeftOut } };
    if point.through > now {
        let (through, ahead) = (point.through, point.through.since(now));
        tracing::warn!(%through, %now, ?ahead, "the last batch of the checkpoint is not due yet; batches begin after it");
    }
    let by_time = nodes.iter().any(|node| node.replay() == Replay::ByTime);
    let done = done.map_or(point.through, |done| done.max(point.through));
    let (begin, gap) = if by_time { (done, Gap::MadeUpFor) } else { (done.max(now), Gap::LeftOut) };
    Resumed { begin, replay_until: now, gap }
}
