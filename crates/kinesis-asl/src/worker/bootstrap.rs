//! Before anything is read: the stream exists, the lease table exists, and every shard that should be read has a lease.

use std::collections::BTreeSet;
use std::time::Duration;

use kinesis_endpoint::{ServiceError, ServiceErrorKind};
use rand::{SeedableRng, rngs::StdRng};
use tokio::time::Instant;
use tracing::{info, warn};

use crate::api::{KinesisApi, ShardFilter};
use crate::backoff::Backoff;
use crate::lease::hole::{Cover, cover};
use crate::lease::lease::Lease;
use crate::lease::shard_sync::{first_leases, missing_leases};
use crate::lease::store::{Created, LeaseStore};
use crate::position::{InitialPosition, Timestamp};
use crate::shard::ShardId;

/// Like [`bootstrap`], waiting out what many processes that start together, or a stream that was made just now, meet:
/// throttling, and a stream that is not active yet.
///
/// # Errors
/// The first other error, or the last one when `give_up_after` is over.
///
/// # Cancellation
/// Safe: every step can be done again.
pub async fn bootstrap_patiently(
    api: &dyn KinesisApi,
    store: &dyn LeaseStore,
    position: InitialPosition,
    now: Timestamp,
    give_up_after: Duration,
    seed: u64,
) -> Result<(), ServiceError> {
    let (begun, mut backoff) = (Instant::now(), Backoff::default());
    let mut rng = StdRng::seed_from_u64(seed);
    loop {
        // The moment behind LATEST stays that of the first attempt.
        let error = match bootstrap(api, store, position, now).await {
            Err(error) if matches!(error.kind, ServiceErrorKind::Throttled | ServiceErrorKind::InUse) => error,
            outcome => return outcome,
        };
        if begun.elapsed() > give_up_after {
            return Err(error);
        }
        warn!(%error, "the start has to wait");
        tokio::time::sleep(backoff.next_pause(&mut rng)).await;
    }
}

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
        let readable = listing.leases.iter().map(|lease| lease.shard.clone());
        let leased = readable.chain(listing.unreadable_shards()).collect();
        return create_missing(api, store, position, now, &leased).await.map(|_| ());
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
    leased: &BTreeSet<ShardId>,
) -> Result<usize, ServiceError> {
    let shards = api.list_shards(ShardFilter::All).await?;
    create(store, &missing_leases(&shards, leased, position, now)).await
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
