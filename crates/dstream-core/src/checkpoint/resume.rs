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
}

/// Without an input whose batches are a matter of their times, there is nothing to make up for: receivers deliver into the
/// next batches, and windows and states treat times without a batch as empty ones. A batch time is never used twice for what
/// the memories have already, so if the clock is behind the checkpoint, batches begin after it.
pub(crate) fn resumed(now: Time, point: Option<&ResumePoint>, nodes: &[Arc<dyn StreamNode>]) -> Resumed {
    let Some(point) = point else { return Resumed { begin: now, replay_until: now } };
    if point.through > now {
        let (through, ahead) = (point.through, point.through.since(now));
        tracing::warn!(%through, %now, ?ahead, "the last batch of the checkpoint is not due yet; batches begin after it");
    }
    let by_time = nodes.iter().any(|node| node.replay() == Replay::ByTime);
    Resumed { begin: if by_time { point.through } else { point.through.max(now) }, replay_until: now }
}
