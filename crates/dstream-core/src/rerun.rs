//! The batches that an earlier run left unfinished, one after the other, with the blocks that they had.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures::future::join_all;
use futures::stream::{self, BoxStream, StreamExt, TryStreamExt};

use crate::checkpoint::{Claimed, LogRewriting};
use crate::error::StreamingError;
use crate::receiver::ReceiverError;
use crate::replay_desk::ReplayDesk;
use crate::time::Time;
use crate::tracker::BlockInfo;

/// A batch whose records are there again.
#[derive(Debug)]
pub(crate) struct Reloaded {
    pub(crate) batch: Time,
    pub(crate) blocks: Vec<BlockInfo>,
}

/// What is still to be run again. Its shell is the scheduler, which takes the batches when it has room for them.
pub(crate) struct Rerun {
    batches: BoxStream<'static, Result<Reloaded, StreamingError>>,
    /// Waits for the batches by time that come before it.
    pub(crate) next: Option<Reloaded>,
    over: bool,
}

impl Rerun {
    /// What is unfinished in the log, of the receivers that run.
    pub(crate) fn of(log: LogRewriting, desks: Vec<Arc<dyn ReplayDesk>>) -> Self {
        let loading = desks.clone();
        let batches = stream::once(claim(desks, log)).map_ok(move |batches| {
            let desks = loading.clone();
            stream::iter(batches).then(move |batch| reload(desks.clone(), batch))
        });
        Self { batches: batches.try_flatten().boxed(), next: None, over: false }
    }

    /// Reads the next batch; `None` when there is no further one.
    ///
    /// # Cancellation
    /// Safe.
    pub(crate) async fn read(&mut self) -> Option<Result<Reloaded, StreamingError>> {
        let read = self.batches.next().await;
        self.over = read.is_none();
        read
    }

    /// Whether another batch is to be read.
    pub(crate) const fn wants_more(&self) -> bool {
        self.next.is_none() && !self.over
    }

    /// Whether all batches were read and handed over.
    pub(crate) const fn is_over(&self) -> bool {
        self.next.is_none() && self.over
    }
}

/// The batches in which something is left to do, once all receivers know, and the log has only that.
async fn claim(desks: Vec<Arc<dyn ReplayDesk>>, log: LogRewriting) -> Result<BTreeSet<Time>, StreamingError> {
    let claims = join_all(desks.iter().map(|desk| desk.claim())).await;
    let mut all = Claimed::new();
    for (desk, claimed) in desks.iter().zip(claims) {
        for (batch, blocks) in claimed.map_err(|error| failed(desk, error))? {
            all.entry(batch).or_default().push((desk.stream(), blocks));
        }
    }
    let batches: BTreeSet<Time> = all.keys().copied().collect();
    log.rewrite(all).await?;
    tracing::info!(batches = batches.len(), "unfinished batches of an earlier run are run again");
    Ok(batches)
}

async fn reload(desks: Vec<Arc<dyn ReplayDesk>>, batch: Time) -> Result<Reloaded, StreamingError> {
    let reloads = join_all(desks.iter().map(|desk| desk.reload(batch))).await;
    let mut blocks = Vec::new();
    for (desk, reloaded) in desks.iter().zip(reloads) {
        blocks.extend(reloaded.map_err(|error| failed(desk, error))?);
    }
    Ok(Reloaded { batch, blocks })
}

fn failed(desk: &Arc<dyn ReplayDesk>, error: ReceiverError) -> StreamingError {
    StreamingError::Replay { stream: desk.stream(), name: Arc::clone(desk.name()), source: Arc::new(error) }
}
