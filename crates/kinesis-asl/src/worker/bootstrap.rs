//! Before anything is read: the stream exists, the lease table exists, and every shard that should be read has a lease.

use std::collections::BTreeSet;

use kinesis_endpoint::ServiceError;
use tracing::{info, warn};

use crate::api::{KinesisApi, ShardFilter};
use crate::lease::hole::{Cover, cover};
use crate::lease::lease::Lease;
use crate::lease::shard_sync::{first_leases, missing_leases};
use crate::lease::store::{Created, LeaseStore};
use crate::position::{InitialPosition, Timestamp};
use crate::shard::ShardId;

/// Checks the stream, prepares the table and creates the leases that are missing.
///
/// # Errors
/// The first call that failed: stream unknown, access denied, endpoint unreachable, table not usable.
///
/// # Cancellation
/// Safe: every step can be done again.
pub async fn bootstrap(
    api: &dyn KinesisApi,
    store: &dyn LeaseStore,
    position: InitialPosition,
    now: Timestamp,
) -> Result<(), ServiceError> {
    let shards = api.list_shards(ShardFilter::AtLatest).await?;
    store.prepare().await?;
    let listing = store.list().await?;
    for (key, why) in &listing.unreadable {
        warn!(key, why, "a row of the lease table is no readable lease; it is left alone");
    }
    if !listing.leases.is_empty() {
        return create_missing(api, store, position, now, &listing.leases).await.map(|_| ());
    }
    let shards = match position {
        InitialPosition::Latest => shards,
        InitialPosition::TrimHorizon => api.list_shards(ShardFilter::AtTrimHorizon).await?,
        InitialPosition::AtTimestamp(at) => api.list_shards(ShardFilter::AtTimestamp(at)).await?,
    };
    let leases = first_leases(&shards, position, now);
    if let Cover::Hole { from } = cover(leases.iter()) {
        let why = format!("the shards listed leave out hash keys from {from} on");
        return Err(ServiceError::invalid_response("ListShards", "the stream", why));
    }
    create(store, &leases).await.map(|_| ())
}

/// Creates leases for shards that have none although they should be read. Returns how many.
///
/// # Errors
/// The first call that failed.
///
/// # Cancellation
/// Safe: every step can be done again.
pub async fn create_missing(
    api: &dyn KinesisApi,
    store: &dyn LeaseStore,
    position: InitialPosition,
    now: Timestamp,
    leases: &[Lease],
) -> Result<usize, ServiceError> {
    let shards = api.list_shards(ShardFilter::All).await?;
    let leased: BTreeSet<ShardId> = leases.iter().map(|lease| lease.shard.clone()).collect();
    create(store, &missing_leases(&shards, &leased, position, now)).await
}

/// Creates leases in the order given, so that a crash half-way leaves older shards first. Returns how many were new.
///
/// # Errors
/// The first write that failed.
///
/// # Cancellation
/// Safe: every step can be done again.
pub async fn create(store: &dyn LeaseStore, leases: &[Lease]) -> Result<usize, ServiceError> {
    let mut created = 0;
    for lease in leases {
        if store.create(lease).await? == Created::New {
            created += 1;
            let start = lease.start_at.map_or_else(String::new, |at| format!(" as of {at}"));
            info!(shard = %lease.shard, position = %format!("{}{start}", lease.checkpoint), "made a lease");
        }
    }
    Ok(created)
}
