//! The streams that a worker reads: one, or several that share a lease table.
//!
//! Whatever concerns the shards of one stream, as which of them have no lease, is asked of that stream and noted for it alone.
//! Leases are held and balanced over all of them together.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use kinesis_endpoint::{ServiceError, ServiceErrorKind};
use tokio::time::Instant;

use crate::api::KinesisApi;
use crate::consumer::settings::ReaderSettings;
use crate::lease::hole::HoleWatch;
use crate::lease::store::{LeaseStore, Listing};
use crate::position::InitialPosition;
use crate::shard::ShardId;
use crate::stream_identity::StreamIdentity;

/// Streams that do not exist are looked for so many failover times apart: every minute by default, as the KCL does.
const FAILOVERS_BETWEEN_LOOKS: u32 = 6;

/// A stream as the program names it. It may not exist.
#[derive(Clone)]
pub(crate) struct StreamSpec {
    pub(crate) name: Arc<str>,
    pub(crate) position: InitialPosition,
    pub(crate) api: Arc<dyn KinesisApi>,
    /// How its shards are read. A registered consumer belongs to one stream.
    pub(crate) reading: ReaderSettings,
}

/// A stream that exists, and whose shards have leases.
pub(crate) struct Stream {
    pub(crate) spec: StreamSpec,
    /// What the names of its shards begin with; empty where the worker reads one stream.
    pub(crate) scope: Arc<str>,
    /// Who it is, where that may be asked.
    pub(crate) identity: Option<StreamIdentity>,
    /// The stream, with shards named as the worker names them.
    pub(crate) api: Arc<dyn KinesisApi>,
    /// Its leases.
    pub(crate) store: Arc<dyn LeaseStore>,
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stream").field("name", &self.spec.name).field("scope", &self.scope).finish_non_exhaustive()
    }
}

/// What a look for streams found.
#[derive(Default)]
pub(crate) struct Opened {
    pub(crate) streams: Vec<Arc<Stream>>,
    /// Those that do not exist, or not yet, beside others that do.
    pub(crate) absent: Vec<StreamSpec>,
}

/// Whether missing leases of a stream are being looked for: once at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HoleFilling {
    Idle,
    UnderWay,
}

/// A stream that is read, and what the worker has noticed of its leases.
pub(crate) struct ReadStream {
    pub(crate) stream: Arc<Stream>,
    pub(crate) holes: HoleWatch,
    pub(crate) filling: HoleFilling,
}

/// The streams of a worker.
pub(crate) struct Streams {
    read: BTreeMap<Arc<str>, ReadStream>,
    absent: Vec<StreamSpec>,
    between_looks: Duration,
    next_look: Instant,
}

impl Streams {
    pub(crate) fn new(opened: Opened, failover: Duration) -> Self {
        let between_looks = failover * FAILOVERS_BETWEEN_LOOKS;
        let next_look = Instant::now() + between_looks;
        let mut streams = Self { read: BTreeMap::new(), absent: opened.absent, between_looks, next_look };
        opened.streams.into_iter().for_each(|stream| streams.begin(stream));
        streams
    }

    /// A stream is read from now on.
    pub(crate) fn begin(&mut self, stream: Arc<Stream>) {
        self.absent.retain(|absent| absent.name != stream.spec.name);
        let (holes, filling) = (HoleWatch::default(), HoleFilling::Idle);
        self.read.insert(Arc::clone(&stream.scope), ReadStream { stream, holes, filling });
    }

    /// A stream is gone: everything that was noted of it is forgotten, and it is looked for from time to time. `None` when it was
    /// not read.
    pub(crate) fn end(&mut self, scope: &str) -> Option<Arc<Stream>> {
        let ended = self.read.remove(scope)?.stream;
        self.absent.push(ended.spec.clone());
        self.next_look = Instant::now() + self.between_looks;
        Some(ended)
    }

    /// The stream of a shard, if it is read.
    pub(crate) fn of(&self, shard: &ShardId) -> Option<&Arc<Stream>> {
        self.read.get(shard.scope()).map(|read| &read.stream)
    }

    /// A stream that is read.
    pub(crate) fn get_mut(&mut self, scope: &str) -> Option<&mut ReadStream> {
        self.read.get_mut(scope)
    }

    /// Those that are read.
    pub(crate) fn read(&self) -> impl Iterator<Item = &Arc<Stream>> {
        self.read.values().map(|read| &read.stream)
    }

    /// Whether a stream is read, and no other.
    pub(crate) fn is_last(&self, scope: &str) -> bool {
        self.read.len() == 1 && self.read.contains_key(scope)
    }

    /// What a listing says of the streams that are read.
    pub(crate) fn own(&self, listing: Listing) -> Listing {
        listing.of(|scope| self.read.contains_key(scope))
    }

    /// When streams that do not exist are looked for next.
    pub(crate) fn next_look(&self) -> Option<Instant> {
        (!self.absent.is_empty()).then_some(self.next_look)
    }

    /// The streams to look for now.
    pub(crate) fn absent_when_due(&mut self, now: Instant) -> Vec<StreamSpec> {
        if self.next_look().is_none_or(|next| now < next) {
            return Vec::new();
        }
        self.next_look = now + self.between_looks;
        self.absent.clone()
    }
}

/// Whether a call found that the stream does not exist.
pub(crate) fn is_gone(error: &ServiceError) -> bool {
    error.kind == ServiceErrorKind::NotFound && asks_for_a_stream(error)
}

/// Whether a call found that the stream does not exist, or not yet, or not for long any more.
pub(crate) fn is_absent(error: &ServiceError) -> bool {
    matches!(error.kind, ServiceErrorKind::NotFound | ServiceErrorKind::InUse) && asks_for_a_stream(error)
}

/// The same kinds of errors may be about a table, a consumer or a shard.
fn asks_for_a_stream(error: &ServiceError) -> bool {
    matches!(error.call, "DescribeStreamSummary" | "ListShards")
}
