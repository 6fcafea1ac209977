//! Streams that go and come while the worker runs, where it reads several.

use std::time::Duration;

use kinesis_endpoint::ServiceError;
use tokio::time::Instant;
use tracing::{info, warn};

use super::{WorkerTask, now};
use crate::config::LeaseKeys;
use crate::error::KinesisError;
use crate::lease::store::Listing;
use crate::range::Holding;
use crate::shard::{ChildShard, ShardId};
use crate::worker::leftovers::Lost;
use crate::worker::seats::SeatId;
use crate::worker::streams::{Stream, is_absent, is_gone};

impl WorkerTask {
    /// The seats that take shards of the stream of this one; none, if it is not read any more.
    pub(super) fn open_seats_of(&self, shard: &ShardId) -> impl Iterator<Item = SeatId> {
        let stream = self.streams.of(shard).map(|stream| &*stream.spec.name);
        self.seats.open().filter(move |(_, name)| stream == Some(*name)).map(|(seat, _)| seat)
    }

    pub(super) fn make_children(&self, shard: ShardId, holding: Holding, children: Vec<ChildShard>, pause: Duration) {
        // A stream that is gone has no use for them.
        if let Some(stream) = self.streams.of(&shard) {
            self.ops.make_children(stream, shard, holding, children, pause);
        }
    }

    /// What an error about a stream leaves to be reported. One of several streams that was deleted is given up with all that is
    /// known of it, once, and nothing is left. With the last of them the application has nothing to do any more.
    pub(super) fn without_stream(&mut self, scope: &str, error: KinesisError) -> Option<KinesisError> {
        let is_about_one_of_several = self.opening.keys == LeaseKeys::SeveralStreams;
        let gone = matches!(&error, KinesisError::Service(error) if is_gone(error));
        if !is_about_one_of_several || !gone || self.streams.is_last(scope) {
            return Some(error);
        }
        // Each of its readers comes here; the first is heard.
        let stream = self.streams.end(scope)?;
        warn!(
            stream = %stream.spec.name, %error,
            "a stream was deleted: its shards are given up, the other streams are read on, and it is looked for from time to time"
        );
        for held in self.shards.values().filter(|held| held.lease.shard.scope() == scope) {
            self.core.release(&held.lease.shard, held.holding);
        }
        self.core.list_soon(now());
        None
    }

    /// The same for a call that has no other error.
    pub(super) fn service_error_without_stream(&mut self, scope: &str, error: ServiceError) -> Option<ServiceError> {
        match self.without_stream(scope, KinesisError::Service(error)) {
            Some(KinesisError::Service(error)) => Some(error),
            Some(_) | None => None,
        }
    }

    /// Says what an earlier run left unfinished of streams that do not exist any more, each shard once. Its batches run without it.
    pub(super) fn report_what_went_with_streams(&mut self, listing: &Listing) {
        let exists = |shard: &ShardId| self.streams.of(shard).is_some();
        for Lost { shard, from, to, ranges, records } in self.leftovers.on_streams(&listing.leases, exists) {
            warn!(
                stream = shard.scope(), %shard, %from, %to, ranges, records,
                "records that an earlier run left unfinished are lost: their stream does not exist any more; their batches \
                 are run without them"
            );
            self.settings.reading.board.on_loss(&shard);
        }
    }

    pub(super) fn look_for_streams_when_due(&mut self, now: Instant) {
        for spec in self.streams.absent_when_due(now) {
            self.ops.open_stream(&self.opening, spec);
        }
    }

    pub(super) fn on_stream_opened(&mut self, opened: Result<Stream, KinesisError>) {
        match opened {
            Ok(stream) => {
                info!(stream = %stream.spec.name, "found a stream; it is read from now on");
                self.core.begins_at(&stream.scope, stream.spec.position);
                self.streams.begin(stream.into());
                self.core.list_soon(now());
            }
            Err(KinesisError::Service(error)) if is_absent(&error) => {}
            Err(error) => warn!(%error, "a stream could not be looked for; trying again later"),
        }
    }
}
