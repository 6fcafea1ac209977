//! Opens the streams of a worker: each is found, and its shards have leases afterwards.
//!
//! Promises: of several streams, one that does not exist does not keep the others from being read; a table of the other kind of
//! application is refused before anything is written to it.

use std::sync::Arc;
use std::time::Duration;

use kinesis_endpoint::{ServiceError, ServiceErrorKind};
use rand::{SeedableRng, rngs::StdRng};
use tokio::time::Instant;
use tracing::warn;

use crate::api::KinesisApi;
use crate::backoff::Backoff;
use crate::config::LeaseKeys;
use crate::error::KinesisError;
use crate::lease::belonging::check_keys_of_several;
use crate::lease::scoped_store::ScopedStore;
use crate::lease::store::LeaseStore;
use crate::position::Timestamp;
use crate::scoped_stream::ScopedStream;
use crate::worker::bootstrap::Bootstrap;
use crate::worker::streams::{Opened, Stream, StreamSpec, is_absent};

/// Opens streams.
pub(crate) struct StreamOpening {
    /// The name of the application, and of its table.
    pub(crate) application: String,
    pub(crate) keys: LeaseKeys,
    pub(crate) store: Arc<dyn LeaseStore>,
    /// What LATEST means for a stream of which nothing has been read.
    pub(crate) now: Timestamp,
}

impl StreamOpening {
    /// Like [`all`](Self::all), waiting out what many processes that start together, or a stream that was made just now, meet:
    /// throttling, and a stream that is not active yet.
    ///
    /// # Errors
    /// The first other error, or the last one when `give_up_after` is over.
    ///
    /// # Cancellation
    /// Safe: every step can be done again.
    pub(crate) async fn patiently(
        &self,
        specs: &[StreamSpec],
        give_up_after: Duration,
        seed: u64,
    ) -> Result<Opened, KinesisError> {
        let (begun, mut backoff) = (Instant::now(), Backoff::default());
        let mut rng = StdRng::seed_from_u64(seed);
        loop {
            // The moment behind LATEST stays that of the first attempt.
            let error = match self.all(specs).await {
                Err(KinesisError::Service(error)) if may_pass(&error) => error,
                outcome => return outcome,
            };
            if begun.elapsed() > give_up_after {
                return Err(error.into());
            }
            warn!(%error, "the start has to wait");
            tokio::time::sleep(backoff.next_pause(&mut rng)).await;
        }
    }

    /// Opens all that exist.
    ///
    /// # Errors
    /// The first call that failed, for another reason than that one of several streams does not exist; that reason, when none of
    /// them does; [`KinesisError::WrongStream`] when the table is not that of these streams.
    ///
    /// # Cancellation
    /// Safe: every step can be done again.
    pub(crate) async fn all(&self, specs: &[StreamSpec]) -> Result<Opened, KinesisError> {
        if self.keys == LeaseKeys::SeveralStreams {
            self.store.prepare().await?;
            check_keys_of_several(&self.application, &self.store.list().await?.leases)?;
        }
        let (mut opened, mut missing) = (Opened::default(), None);
        for spec in specs {
            match self.one(spec).await {
                Ok(stream) => opened.streams.push(Arc::new(stream)),
                Err(KinesisError::Service(error)) if self.keys == LeaseKeys::SeveralStreams && is_absent(&error) => {
                    warn!(stream = %spec.name, %error, "one of several streams cannot be read; it is looked for from time to time");
                    opened.absent.push(spec.clone());
                    missing.get_or_insert(error);
                }
                Err(error) => return Err(error),
            }
        }
        match missing {
            Some(error) if opened.streams.is_empty() => Err(error.into()),
            Some(_) | None => Ok(opened),
        }
    }

    /// Opens one.
    ///
    /// # Errors
    /// The first call that failed; [`KinesisError::WrongStream`] when the table is that of another stream.
    ///
    /// # Cancellation
    /// Safe: every step can be done again.
    pub(crate) async fn one(&self, spec: &StreamSpec) -> Result<Stream, KinesisError> {
        let (mut api, mut store) = (Arc::clone(&spec.api), Arc::clone(&self.store));
        let mut scope = Arc::from("");
        if self.keys == LeaseKeys::SeveralStreams {
            let key = spec.api.key().await?;
            scope = Arc::from(key.as_str());
            let scoped: Arc<dyn KinesisApi> = Arc::new(ScopedStream::new(api, key.clone()));
            (api, store) = (scoped, Arc::new(ScopedStore::new(store, key)));
        }
        let bootstrap = Bootstrap {
            api: &*api,
            store: &*store,
            application: &self.application,
            stream: &spec.name,
            position: spec.position,
            now: self.now,
        };
        let identity = bootstrap.run().await?;
        Ok(Stream { spec: spec.clone(), scope, identity, api, store })
    }
}

fn may_pass(error: &ServiceError) -> bool {
    matches!(error.kind, ServiceErrorKind::Throttled | ServiceErrorKind::InUse)
}

#[cfg(test)]
mod tests;
