//! CreateStream, DeleteStream and ListStreams, and how a stream begins to change.
//!
//! Promises: what is refused changes nothing; what is accepted is visible at once with a status, and done after
//! `Settings::status_delay`.

use std::collections::BTreeMap;
use std::ops::Bound;

use super::birth::Birth;
use super::call_rates::Call;
use super::describe::StreamSummary;
use super::error::{ErrorKind, KinesisError};
use super::limits::{Limits, ON_DEMAND_SHARDS, STREAMS_IN_TRANSIT};
use super::machine::Model;
use super::millis::Millis;
use super::record_size::record_size;
use super::stream::{Change, Phase, Stream, StreamMode, StreamStatus};
use super::stream_ref::{StreamRef, check_name};
use super::token::{self, TokenKind};

/// A CreateStream request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreateStream {
    /// The new stream's name.
    pub name: String,
    /// How many shards. Needed unless the mode is on-demand, which starts with 4.
    pub shards: Option<u32>,
    /// The capacity mode.
    pub mode: StreamMode,
    /// Tags by key, up to 50.
    pub tags: BTreeMap<String, String>,
    /// The largest data payload of a record in KiB, 1 024 to 10 240. Default `Settings::max_record_size`.
    pub max_record_size_kib: Option<u32>,
}

impl CreateStream {
    /// A provisioned stream.
    #[must_use]
    pub fn provisioned(name: &str, shards: u32) -> Self {
        Self { shards: Some(shards), mode: StreamMode::Provisioned, ..Self::on_demand(name) }
    }

    /// An on-demand stream.
    #[must_use]
    pub fn on_demand(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            shards: None,
            mode: StreamMode::OnDemand,
            tags: BTreeMap::new(),
            max_record_size_kib: None,
        }
    }
}

/// A ListStreams request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListStreams {
    /// Names after this one only.
    pub exclusive_start: Option<String>,
    /// Go on after a page.
    pub next_token: Option<String>,
    /// At most so many, 1 to 10 000. Default 100.
    pub limit: Option<u32>,
}

/// A page of streams.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListStreamsReply {
    /// The streams, by name.
    pub streams: Vec<StreamSummary>,
    /// Present when there are more.
    pub next_token: Option<String>,
}

impl Model {
    /// Creates a stream.
    ///
    /// # Errors
    /// `ResourceInUseException` when it exists, `LimitExceededException` beyond `Settings::shard_limit` and, with limits
    /// on, while five others are being created or deleted, `ValidationException` for a bad name, shard count or record
    /// size, and the errors of [`add_tags`](Self::add_tags).
    pub fn create_stream(&mut self, now: Millis, request: &CreateStream) -> Result<(), KinesisError> {
        let now = self.advance(now);
        self.meter(now, Call::CreateStream, Some(&request.name.as_str().into()))?;
        check_name(&request.name)?;
        let shards = match (request.shards, request.mode) {
            (Some(shards), StreamMode::Provisioned) => shards,
            (None, StreamMode::Provisioned) => return Err(KinesisError::missing("shardCount")),
            (_, StreamMode::OnDemand) => ON_DEMAND_SHARDS,
        };
        KinesisError::check_limit("shardCount", shards, MOST_SHARDS_PER_REQUEST)?;
        if self.streams.contains_key(&request.name) {
            return Err(KinesisError::new(
                ErrorKind::ResourceInUse,
                format!("Stream {} under account {} already exists.", request.name, self.settings.account),
            ));
        }
        let bytes = request.max_record_size_kib.map_or(Ok(self.settings.max_record_size), record_size)?;
        self.check_tags(&request.name, &request.tags, &BTreeMap::new())?;
        self.check_transit()?;
        self.check_on_demand_limit(request.mode)?;
        self.check_shard_limit(shards)?;
        let settings = &self.settings;
        let arn = format!("arn:aws:kinesis:{}:{}:stream/{}", settings.region, settings.account, request.name);
        let due = self.due_from(now);
        let birth = Birth::after(self.births.get(&request.name).copied(), now);
        self.births.insert(request.name.clone(), birth);
        let mut stream = Stream::new(arn, birth, request.mode, due, shards);
        (stream.tags, stream.max_record_size) = (request.tags.clone(), bytes);
        self.streams.insert(request.name.clone(), stream);
        self.schedule(due);
        Ok(())
    }

    /// Deletes a stream with all its records, in whatever status it is.
    ///
    /// # Errors
    /// `ResourceNotFoundException` when there is none, `ResourceInUseException` when it has registered consumers.
    pub fn delete_stream(&mut self, now: Millis, stream: &StreamRef) -> Result<(), KinesisError> {
        self.advance(now);
        let (name, found) = self.find(stream)?;
        let consumers = found.consumers.count();
        if consumers > 0 {
            return Err(KinesisError::new(
                ErrorKind::ResourceInUse,
                format!(
                    "Stream {name} under account {} has {consumers} registered consumers. Deregister them, or set EnforceConsumerDeletion.",
                    self.settings.account
                ),
            ));
        }
        self.delete_stream_and_consumers(now, stream)
    }

    /// Deletes a stream with all its records and consumers: `EnforceConsumerDeletion`.
    ///
    /// # Errors
    /// `ResourceNotFoundException` when there is none.
    pub fn delete_stream_and_consumers(&mut self, now: Millis, stream: &StreamRef) -> Result<(), KinesisError> {
        let now = self.advance(now);
        self.meter(now, Call::DeleteStream, Some(stream))?;
        let due = self.due_from(now);
        let name = self.find(stream)?.0.to_owned();
        if let Some(stream) = self.streams.get_mut(&name) {
            // Asking twice does not put it off.
            if matches!(stream.phase, Phase::Deleting { .. }) {
                return Ok(());
            }
            stream.phase = Phase::Deleting { due };
            stream.consumers.delete_all(due);
        }
        self.schedule(due);
        Ok(())
    }

    /// Lists streams in the order of their names.
    ///
    /// # Errors
    /// `ValidationException` for a limit out of range, `ExpiredNextTokenException` for a token that is not ours.
    pub fn list_streams(&mut self, now: Millis, request: &ListStreams) -> Result<ListStreamsReply, KinesisError> {
        let now = self.advance(now);
        self.meter(now, Call::ListStreams, None)?;
        let limit = request.limit.unwrap_or(100);
        KinesisError::check_limit("limit", limit, 10_000)?;
        let after = match &request.next_token {
            Some(token) => Some(token::open(self.seed, TokenKind::StreamPage, token).ok_or_else(|| {
                KinesisError::new(ErrorKind::ExpiredNextToken, "NextToken is invalid or has expired.")
            })?),
            None => request.exclusive_start.clone(),
        };
        let start = after.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let mut rest = self.streams.range::<str, _>((start, Bound::Unbounded));
        let streams: Vec<_> = rest.by_ref().take(limit).map(|(name, stream)| StreamSummary::of(name, stream)).collect();
        let next_token = rest
            .next()
            .and_then(|_| streams.last())
            .map(|last| token::seal(self.seed, TokenKind::StreamPage, &last.name));
        Ok(ListStreamsReply { streams, next_token })
    }

    /// Whether another stream may be on its way in or out.
    fn check_transit(&self) -> Result<(), KinesisError> {
        let in_transit = |stream: &&Stream| matches!(stream.phase, Phase::Creating { .. } | Phase::Deleting { .. });
        if self.settings.limits == Limits::Off || self.streams.values().filter(in_transit).count() < STREAMS_IN_TRANSIT
        {
            return Ok(());
        }
        Err(KinesisError::new(
            ErrorKind::LimitExceeded,
            format!("Only {STREAMS_IN_TRANSIT} streams can simultaneously be in CREATING or DELETING states."),
        ))
    }

    /// Puts an ACTIVE stream into UPDATING with that change.
    pub(crate) fn begin(&mut self, stream: &StreamRef, change: Change) -> Result<(), KinesisError> {
        let now = self.advance(Millis::default());
        let due = self.due_from(now);
        let (name, found) = self.find(stream)?;
        if found.status() != StreamStatus::Active {
            return Err(KinesisError::new(
                ErrorKind::ResourceInUse,
                format!(
                    "Stream {name} under account {} not ACTIVE, instead in state {}",
                    self.settings.account,
                    found.status().name()
                ),
            ));
        }
        let name = name.to_owned();
        if let Some(stream) = self.streams.get_mut(&name) {
            stream.phase = Phase::Updating { due, change };
        }
        self.schedule(due);
        Ok(())
    }

    /// Whether so many more open shards are allowed.
    pub(crate) fn check_shard_limit(&self, more: u32) -> Result<(), KinesisError> {
        let open = self.open_shards();
        let limit = self.settings.shard_limit;
        if open.saturating_add(more) <= limit {
            return Ok(());
        }
        Err(KinesisError::new(
            ErrorKind::LimitExceeded,
            format!(
                "This request would exceed the shard limit for the account {} in {}. Current shard count for the account: {open}. Limit: {limit}. Number of additional shards that would have resulted from this request: {more}. Refer to the AWS Service Limits page for current limits and how to request higher limits.",
                self.settings.account, self.settings.region
            ),
        ))
    }
}

/// The largest shard count that AWS's validation lets through.
const MOST_SHARDS_PER_REQUEST: u32 = 100_000;
