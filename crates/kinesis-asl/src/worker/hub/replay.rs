//! What receivers ask of their worker so that batches of an earlier run can be run again: whose the ranges are, and their records.

use std::sync::Arc;
use std::time::Duration;

use dstream_core::{Claim, Leftover};
#[cfg(any(test, feature = "test-util"))]
use futures::future::BoxFuture;
use kpl_deagg::RangePolicy;
use tracing::warn;

use super::WorkerHub;
use crate::checkpoint::published::SnapshotLookup;
#[cfg(any(test, feature = "test-util"))]
use crate::config::KinesisConfig;
use crate::consumer::expand::Expander;
use crate::consumer::reread::error::RereadError;
use crate::consumer::reread::reader::RangeReader;
use crate::consumer::retrieval::OnExpired;
use crate::error::KinesisError;
use crate::lease::lease::WorkerId;
use crate::origin::Origin;
use crate::range::SequenceRange;
use crate::record::KinesisRecord;
use crate::worker::seats::SeatId;
use crate::worker::task::Request;

/// A snapshot does not wait for its positions any longer: a table that is slow now is as slow for the checkpoints after it.
const LONGEST_PREPARATION: Duration = Duration::from_secs(2);

/// How snapshots are looked for.
pub(super) fn snapshots() -> SnapshotLookup {
    SnapshotLookup::new(|name| Box::pin(async move { Ok(dstream_core::snapshot_exists(&name).await?) }))
}

impl WorkerHub {
    /// The settings that all receivers of this worker share: for tests.
    #[cfg(any(test, feature = "test-util"))]
    #[must_use]
    pub fn config(&self) -> &KinesisConfig {
        &self.config
    }

    /// The name under which this worker owns leases.
    pub(crate) fn worker_id(&self) -> &WorkerId {
        &self.identity.id
    }

    /// Announces what an earlier run left to a seat, before it joins.
    pub fn resume(&self, seat: SeatId, left: Leftover<SequenceRange>) {
        self.lock().leftovers.push((seat, left));
    }

    /// Says of each unfinished range whether it is this worker's to process. Waits until that is known, for 5/4 of the failover time
    /// and 5 s at most (17.5 s by default), and longer only for a shard that is held and of which it is being looked up whether the
    /// snapshot that its lease names was published. A shard of which it is not known by then counts as somebody else's.
    ///
    /// # Errors
    /// [`KinesisError::StoppedWhileStarting`] when the seat leaves before that is known; [`KinesisError::WorkerPanicked`] when the worker
    /// has ended otherwise.
    ///
    /// # Cancellation
    /// Safe: what would have been claimed is then nobody's until the leases are given up.
    pub async fn claim(
        &self,
        seat: SeatId,
        unfinished: Vec<SequenceRange>,
    ) -> Result<Vec<Claim<SequenceRange>>, KinesisError> {
        if unfinished.is_empty() {
            return Ok(Vec::new());
        }
        // The task starts with the last receiver. The hub holds the sender, so this ends only when it is so far.
        let _ = self.running.subscribe().wait_for(|running| *running).await;
        let answer = self.ask(|reply| Request::Claim(seat, unfinished, reply)).await;
        answer.ok_or_else(|| {
            let application = self.config.application.clone();
            if self.lock().leaving.contains(&seat) {
                KinesisError::StoppedWhileStarting { application }
            } else {
                KinesisError::WorkerPanicked { application }
            }
        })
    }

    /// A snapshot of this name that covers these ranges is about to be published: their positions are written beside the checkpoints of
    /// their leases, and count from the moment that the snapshot is there. Waits for that for 2 s at most; what is not written by then
    /// may be delivered again should this process end before the next checkpoint.
    ///
    /// # Cancellation
    /// The positions are prepared all the same.
    pub async fn prepare(&self, snapshot: &str, through: &[SequenceRange]) {
        let (snapshot, through) = (snapshot.to_owned(), through.to_vec());
        let asked = self.ask(|reply| Request::Prepare(snapshot.clone(), through, reply));
        if tokio::time::timeout(LONGEST_PREPARATION, asked).await.is_err() {
            warn!(%snapshot, "the positions of a snapshot could not be prepared in time; it is published without");
        }
    }

    /// The same worker, which looks for snapshots by other means: for tests and simulations.
    #[cfg(any(test, feature = "test-util"))]
    #[must_use]
    pub fn with_snapshots(
        self,
        look: impl Fn(String) -> BoxFuture<'static, Result<bool, dstream_core::BoxError>> + Send + Sync + 'static,
    ) -> Self {
        Self { snapshots: SnapshotLookup::new(look), ..self }
    }

    /// The records of a range: all of them, in order, and no others. With [`OnExpired::Continue`] a range whose records have expired
    /// has none; that is logged and counted.
    ///
    /// # Errors
    /// When that is not possible.
    ///
    /// # Cancellation
    /// Safe.
    pub async fn reread(&self, range: &SequenceRange) -> Result<Vec<KinesisRecord>, RereadError> {
        let services = self.services.get_or_init(|| self.connect()).await;
        let (spec, api) =
            services.stream_of(&range.shard).ok_or_else(|| RereadError::NotRead { range: range.clone() })?;
        let policy = self.config.tuning.range_policy;
        let expander = Expander {
            shard: range.shard.clone(),
            origin: Arc::new(Origin::new(&spec.name, &range.shard)),
            hash_range: None,
            policy,
            processed: None,
        };
        let (budget, retry) = (spec.reading.budgets.of(&range.shard), spec.reading.reread);
        let mut reader = RangeReader { api: &*api, range, expander, budget, retry };
        if policy != RangePolicy::KeepAll {
            reader.expander.hash_range = reader.hash_range(&*services.opening.store).await?;
        }
        match reader.read().await {
            Err(error @ RereadError::Expired { .. }) if spec.reading.on_expired == OnExpired::Continue => {
                self.reading.board.on_loss(&range.shard);
                warn!(%error, "going on without them");
                Ok(Vec::new())
            }
            read => read,
        }
    }
}
