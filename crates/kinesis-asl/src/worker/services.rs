//! The services of a worker: its lease table, and each stream that the program names.

use std::collections::BTreeMap;
use std::sync::Arc;

use dstream_core::Clock;
use kinesis_endpoint::ServiceError;
use tracing::{info, warn};

use crate::api::KinesisApi;
use crate::aws_api::AwsKinesis;
use crate::config::{KinesisConfig, LeaseKeys};
use crate::consumer::board::ReadingBoard;
use crate::consumer::settings::ReaderSettings;
use crate::lease::dynamo_store::DynamoLeaseStore;
use crate::lease::lease::Lease;
use crate::lease::store::LeaseStore;
use crate::position::{InitialPosition, Timestamp};
use crate::scoped_stream::ScopedStream;
use crate::shard::ShardId;
use crate::stream_key::StreamKey;
use crate::worker::stream_opening::StreamOpening;
use crate::worker::streams::StreamSpec;

/// The lease table, and the streams as the program names them.
pub(crate) struct Services {
    pub(crate) opening: Arc<StreamOpening>,
    pub(crate) streams: Vec<StreamSpec>,
}

/// A stream: its name, where it begins, and how it is reached.
pub(crate) type Named = (String, InitialPosition, Arc<dyn KinesisApi>);

impl Services {
    /// Services that are given. `LATEST` means this moment, for streams of which nothing has been read.
    pub(crate) fn new(
        config: &KinesisConfig,
        streams: Vec<Named>,
        store: Arc<dyn LeaseStore>,
        clock: &dyn Clock,
        board: &Arc<ReadingBoard>,
    ) -> Self {
        let now = Timestamp::from_millis(clock.now().as_millis());
        let opening = StreamOpening { application: config.application.clone(), keys: config.keys, store, now };
        let spec = |(name, position, api): Named| {
            let reading = ReaderSettings::new(&config.tuning, Arc::clone(board));
            StreamSpec { name: name.into(), position, api, reading }
        };
        Self { opening: Arc::new(opening), streams: streams.into_iter().map(spec).collect() }
    }

    /// The services that the configuration names, and these streams.
    ///
    /// # Cancellation
    /// Safe: nothing is sent.
    pub(crate) async fn connect(
        config: &KinesisConfig,
        named: BTreeMap<String, InitialPosition>,
        clock: &dyn Clock,
        board: &Arc<ReadingBoard>,
    ) -> Self {
        let store = DynamoLeaseStore::connect(&config.dynamodb, &config.application, config.tuning.failover).await;
        let store = store.with_options(config.tuning.lease_table.clone());
        let mut streams: Vec<Named> = Vec::with_capacity(named.len());
        for (name, position) in named {
            let api = Arc::new(AwsKinesis::connect(&config.kinesis, &name).await);
            streams.push((name, position, api));
        }
        Self::new(config, streams, Arc::new(store), clock, board)
    }

    /// The stream of a shard as the program names it, and the same stream with shards named as the worker names them. `None` when
    /// the program names no such stream.
    pub(crate) fn stream_of(&self, shard: &ShardId) -> Option<(&StreamSpec, Arc<dyn KinesisApi>)> {
        if self.opening.keys == LeaseKeys::OneStream {
            return self.streams.first().map(|spec| (spec, Arc::clone(&spec.api)));
        }
        let key = StreamKey::parse(shard.scope())?;
        let name = key.identity()?.name;
        let spec = self.streams.iter().find(|spec| *spec.name == *name)?;
        Some((spec, Arc::new(ScopedStream::new(Arc::clone(&spec.api), key))))
    }

    /// Deregisters the consumers of enhanced fan-out that this process registered, where no other worker holds a lease of the
    /// stream.
    ///
    /// # Cancellation
    /// Consumers may stay registered.
    pub(crate) async fn deregister(&self) {
        for StreamSpec { name, api, reading, .. } in &self.streams {
            let Some(registration) = &reading.registration else { continue };
            let Some(consumer) = registration.ours().await else { continue };
            match self.is_in_use(name).await {
                Ok(false) => registration.deregister(&**api, &consumer).await,
                Ok(true) => info!(%consumer, "the consumer of enhanced fan-out stays registered: other workers use it"),
                Err(error) => {
                    warn!(%consumer, %error, "the consumer of enhanced fan-out stays registered: others may use it");
                }
            }
        }
    }

    /// Whether any worker holds a lease of a stream.
    async fn is_in_use(&self, stream: &str) -> Result<bool, ServiceError> {
        let listing = self.opening.store.list().await?;
        let of_one = self.opening.keys == LeaseKeys::OneStream;
        let is_its = |lease: &Lease| of_one || lease.stream.as_ref().is_some_and(|owner| *owner.name == *stream);
        Ok(listing.leases.iter().any(|lease| lease.owner.is_some() && is_its(lease)))
    }
}
