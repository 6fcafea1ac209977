//! Before anything is read: the stream exists, the lease table exists and is this stream's, and every shard that should be
//! read has a lease.

use std::time::Duration;

use kinesis_endpoint::{ServiceError, ServiceErrorKind};
use tracing::warn;

use crate::api::{KinesisApi, ShardFilter};
use crate::error::KinesisError;
use crate::lease::belonging::check_belonging;
use crate::lease::hole::{Cover, cover};
use crate::lease::lease::Lease;
use crate::lease::shard_sync::first_leases;
use crate::lease::store::LeaseStore;
use crate::position::{InitialPosition, Timestamp};
use crate::stream_identity::StreamIdentity;
use crate::worker::sync::{SyncRules, create, create_missing_from};

/// How often the first shards are listed, at most, until they cover every hash key; and the pause in between. The KCL's.
const LISTINGS: u32 = 3;
const PAUSE_BETWEEN_LISTINGS: Duration = Duration::from_secs(1);

/// What is to be begun.
#[derive(Clone, Copy)]
pub(crate) struct Bootstrap<'a> {
    pub(crate) api: &'a dyn KinesisApi,
    pub(crate) store: &'a dyn LeaseStore,
    /// The name of the application, and of its table.
    pub(crate) application: &'a str,
    pub(crate) stream: &'a str,
    pub(crate) position: InitialPosition,
    pub(crate) now: Timestamp,
}

impl Bootstrap<'_> {
    /// Checks the stream, prepares the table and creates the leases that are missing. Returns who the stream is, if that may
    /// be asked.
    ///
    /// # Errors
    /// The first call that failed: stream unknown, access denied, endpoint unreachable, table not usable. And
    /// [`KinesisError::WrongStream`] when the table is that of another stream.
    ///
    /// # Cancellation
    /// Safe: every step can be done again.
    pub(crate) async fn run(self) -> Result<Option<StreamIdentity>, KinesisError> {
        // The shards before the leases: a lease that is made in between is seen.
        let shards = self.api.list_shards(ShardFilter::All).await?;
        let stream = self.identity().await?;
        self.store.prepare().await?;
        let listing = self.store.list().await?;
        for (key, why) in &listing.unreadable {
            warn!(key, why, "a row of the lease table is no readable lease; it is left alone");
        }
        if listing.leases.is_empty() {
            create(self.store, &self.first_leases().await?, stream.as_ref()).await?;
        } else {
            check_belonging(self.application, self.stream, stream.as_ref(), &listing.leases, &shards)?;
            let rules = SyncRules { position: self.position, now: self.now, stream: stream.clone() };
            create_missing_from(self.api, self.store, &rules, &shards, &listing).await?;
        }
        Ok(stream)
    }

    /// A caller who may read the stream may still not describe it; then leases do not say whose they are.
    async fn identity(self) -> Result<Option<StreamIdentity>, ServiceError> {
        match self.api.identity().await {
            Ok(stream) => Ok(Some(stream)),
            Err(error) if matches!(error.kind, ServiceErrorKind::AccessDenied | ServiceErrorKind::InvalidRequest) => {
                warn!(%error, "a stream that is deleted and created anew will not be noticed");
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// A listing that leaves out hash keys is older than a reshard, so it is asked for again.
    async fn first_leases(self) -> Result<Vec<Lease>, ServiceError> {
        let filter = match self.position {
            InitialPosition::Latest => ShardFilter::AtLatest,
            InitialPosition::TrimHorizon => ShardFilter::AtTrimHorizon,
            InitialPosition::AtTimestamp(at) => ShardFilter::AtTimestamp(at),
        };
        let mut listings = 0;
        loop {
            listings += 1;
            let leases = first_leases(&self.api.list_shards(filter).await?, self.position, self.now);
            let why = match cover(leases.iter()) {
                Cover::Hole { from } => format!("the shards listed leave out hash keys from {from} on"),
                Cover::NoLeases => "it lists no shards".to_owned(),
                Cover::Complete | Cover::Undecided => return Ok(leases),
            };
            if listings == LISTINGS {
                return Err(ServiceError::invalid_response("ListShards", format!("stream '{}'", self.stream), why));
            }
            warn!(why, "the list of shards is not complete; asking again");
            tokio::time::sleep(PAUSE_BETWEEN_LISTINGS).await;
        }
    }
}

#[cfg(test)]
mod tests;
