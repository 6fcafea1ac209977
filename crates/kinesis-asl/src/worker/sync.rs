//! The calls that make leases: which are missing is asked of the pure rules, and what they say is written.

use std::collections::BTreeSet;

use kinesis_endpoint::{ServiceError, ServiceErrorKind};
use tracing::info;

use crate::api::{KinesisApi, ShardFilter};
use crate::lease::lease::{Lease, LeaseChange};
use crate::lease::left_behind::leases_left_behind;
use crate::lease::shard_sync::{Beginning, missing_leases, missing_since};
use crate::lease::store::{Created, LeaseStore, Listing, Updated};
use crate::position::{InitialPosition, Timestamp};
use crate::shard::{Shard, ShardId};
use crate::stream_identity::StreamIdentity;

/// What new leases are made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SyncRules {
    pub(crate) position: InitialPosition,
    /// What LATEST means for an application that has not begun yet.
    pub(crate) now: Timestamp,
    /// Whose shards they are.
    pub(crate) stream: Option<StreamIdentity>,
}

/// Creates leases for shards that have none although they should be read. Returns how many.
///
/// # Errors
/// The first call that failed.
///
/// # Cancellation
/// Safe: every step can be done again.
pub(crate) async fn create_missing(
    api: &dyn KinesisApi,
    store: &dyn LeaseStore,
    rules: &SyncRules,
) -> Result<usize, ServiceError> {
    // The shards before the leases: a lease that is made in between is seen.
    let shards = api.list_shards(ShardFilter::All).await?;
    let listing = store.list().await?;
    create_missing_from(api, store, rules, &shards, &listing).await
}

/// The same for shards and leases that have been read already.
pub(crate) async fn create_missing_from(
    api: &dyn KinesisApi,
    store: &dyn LeaseStore,
    rules: &SyncRules,
    shards: &[Shard],
    listing: &Listing,
) -> Result<usize, ServiceError> {
    let unreadable = listing.unreadable_shards();
    let leased: BTreeSet<ShardId> =
        listing.leases.iter().map(|lease| &lease.shard).chain(&unreadable).cloned().collect();
    let mut missing = missing_leases(shards, &leased, rules.position, rules.now);
    if rules.position == InitialPosition::Latest
        && !missing.is_empty()
        && let Some(at) = Beginning::moment(listing.leases.iter())
    {
        let open = open_at(api, at).await?;
        missing = missing_since(shards, &leased, &Beginning { at, open });
    }
    missing.extend(leases_left_behind(shards, &listing.leases, &unreadable));
    create(store, &missing, rules.stream.as_ref()).await
}

async fn open_at(api: &dyn KinesisApi, at: Timestamp) -> Result<BTreeSet<ShardId>, ServiceError> {
    match api.list_shards(ShardFilter::AtTimestamp(at)).await {
        Ok(shards) => Ok(shards.into_iter().map(|shard| shard.id).collect()),
        // A moment in the service's future: our clock is ahead of its clock, and what is open now was open then.
        Err(error) if error.kind == ServiceErrorKind::InvalidRequest => Ok(BTreeSet::new()),
        Err(error) => Err(error),
    }
}

/// Creates leases in the order given, so that a crash half-way leaves older shards first. Returns how many were new.
///
/// # Errors
/// The first write that failed.
///
/// # Cancellation
/// Safe: every step can be done again.
pub(crate) async fn create(
    store: &dyn LeaseStore,
    leases: &[Lease],
    stream: Option<&StreamIdentity>,
) -> Result<usize, ServiceError> {
    let mut created = 0;
    for lease in leases {
        let lease = Lease { stream: stream.cloned(), ..lease.clone() };
        if store.create(&lease).await? == Created::New {
            created += 1;
            let start = lease.start_at.map_or_else(String::new, |at| format!(" as of {at}"));
            info!(shard = %lease.shard, position = %format!("{}{start}", lease.checkpoint), "made a lease");
        }
    }
    Ok(created)
}

/// Notes the hash ranges that leases of workers of KCL 1.13 and older lack, so that holes can be found. Returns how many.
///
/// # Errors
/// The first call that failed.
///
/// # Cancellation
/// Safe: every step can be done again.
pub(crate) async fn note_hash_ranges(api: &dyn KinesisApi, store: &dyn LeaseStore) -> Result<usize, ServiceError> {
    let shards = api.list_shards(ShardFilter::All).await?;
    let lacking: BTreeSet<ShardId> =
        store.list().await?.leases.into_iter().filter(lacks_range).map(|l| l.shard).collect();
    let mut noted = 0;
    for shard in shards.iter().filter(|shard| lacking.contains(&shard.id)) {
        let Some(range) = shard.hash_range else { continue };
        let change = LeaseChange::HashRange { shard: shard.id.clone(), range };
        noted += usize::from(matches!(store.update(&change).await?, Updated::Committed(_)));
    }
    Ok(noted)
}

fn lacks_range(lease: &Lease) -> bool {
    lease.hash_range.is_none() && !lease.is_ended()
}

#[cfg(test)]
mod tests;
