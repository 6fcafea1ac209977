//! The calls that delete leases which are needed no more.

use std::collections::BTreeSet;

use kinesis_endpoint::ServiceError;
use tracing::{info, warn};

use crate::api::{KinesisApi, ShardFilter};
use crate::lease::cleanup::{LeaseCleanup, cleaning};
use crate::lease::lease::Lease;
use crate::lease::store::{LeaseStore, Updated};
use crate::shard::ShardId;

/// All rows of the lease table, as last seen.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rows {
    pub(crate) leases: Vec<Lease>,
    pub(crate) unreadable: BTreeSet<ShardId>,
}

/// Deletes leases of shards that have ended and are needed no more, and of shards that the stream has forgotten. What makes
/// a lease superfluous never ceases to, so rows that are a little old do no harm; and a lease that somebody wrote to since is
/// left alone. Returns how many were deleted.
///
/// # Errors
/// The first call that failed. The next look takes up the rest.
///
/// # Cancellation
/// Safe: every step can be done again.
pub(crate) async fn clean_up(
    api: &dyn KinesisApi,
    store: &dyn LeaseStore,
    rows: &Rows,
    rule: LeaseCleanup,
) -> Result<usize, ServiceError> {
    let shards = api.list_shards(ShardFilter::All).await?;
    let cleaning = cleaning(rows.leases.iter(), &rows.unreadable, &shards, rule);
    for note in &cleaning.notes {
        store.update(note).await?;
    }
    let mut deleted = 0;
    for lease in &cleaning.deletions {
        if let Updated::Committed(_) = store.delete(lease).await? {
            deleted += 1;
            let (shard, checkpoint) = (&lease.shard, &lease.checkpoint);
            if lease.is_ended() {
                info!(%shard, %checkpoint, "deleted a lease that is needed no more");
            } else {
                warn!(%shard, %checkpoint, "a shard has expired before it was read to its end: its records are lost");
            }
        }
    }
    Ok(deleted)
}

#[cfg(test)]
mod tests;
