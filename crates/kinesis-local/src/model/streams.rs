//! CreateStream, DeleteStream and ListStreams, and the two retention operations.
//!
//! Promises: what is refused changes nothing; what is accepted is visible at once with a status, and done after
//! `Settings::status_delay`.

use std::ops::Bound;

use super::describe::StreamSummary;
use super::error::{ErrorKind, KinesisError};
use super::machine::Model;
use super::millis::Millis;
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
}

impl CreateStream {
    /// A provisioned stream.
    #[must_use]
    pub fn provisioned(name: &str, shards: u32) -> Self {
        Self { name: name.to_owned(), shards: Some(shards), mode: StreamMode::Provisioned }
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
    /// `ResourceInUseException` when it exists, `LimitExceededException` beyond `Settings::shard_limit`,
    /// `ValidationException` for a bad name or shard count.
    pub fn create_stream(&mut self, now: Millis, request: &CreateStream) -> Result<(), KinesisError> {
        let now = self.advance(now);
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
        self.check_shard_limit(shards)?;
        let settings = &self.settings;
        let arn = format!("arn:aws:kinesis:{}:{}:stream/{}", settings.region, settings.account, request.name);
        let due = self.due_from(now);
        self.streams.insert(request.name.clone(), Stream::new(arn, now, request.mode, due, shards));
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
        let due = self.due_from(now);
        let name = self.find(stream)?.0.to_owned();
        if let Some(stream) = self.streams.get_mut(&name) {
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
        self.advance(now);
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

    /// Keeps records longer; `hours` is the new retention.
    ///
    /// # Errors
    /// `InvalidArgumentException` when that would be shorter, `ValidationException` outside 24 to 8 760 hours.
    pub fn increase_retention(&mut self, now: Millis, stream: &StreamRef, hours: u32) -> Result<(), KinesisError> {
        self.change_retention(now, stream, hours, |old| hours >= old, "shorter", "Decrease")
    }

    /// Keeps records for a shorter time; `hours` is the new retention.
    ///
    /// # Errors
    /// `InvalidArgumentException` when that would be longer, `ValidationException` outside 24 to 8 760 hours.
    pub fn decrease_retention(&mut self, now: Millis, stream: &StreamRef, hours: u32) -> Result<(), KinesisError> {
        self.change_retention(now, stream, hours, |old| hours <= old, "longer", "Increase")
    }

    fn change_retention(
        &mut self,
        now: Millis,
        stream: &StreamRef,
        hours: u32,
        allowed: impl Fn(u32) -> bool,
        wrong: &str,
        other: &str,
    ) -> Result<(), KinesisError> {
        self.advance(now);
        if !(24..=8_760).contains(&hours) {
            return Err(KinesisError::validation(hours, "retentionPeriodHours", "be between 24 and 8760"));
        }
        let (name, found) = self.find(stream)?;
        let old = found.retention_hours;
        if !allowed(old) {
            return Err(KinesisError::invalid_argument(format!(
                "Requested retention period ({hours} hours) for stream {name} can not be {wrong} than existing retention period ({old} hours). Use {other}RetentionPeriod API."
            )));
        }
        self.begin(stream, Change::Retention { hours })
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
        let open: u32 = self.streams.values().map(Stream::open_count).fold(0, u32::saturating_add);
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

/// The shards of a new on-demand stream.
const ON_DEMAND_SHARDS: u32 = 4;
/// The largest shard count that AWS's validation lets through.
const MOST_SHARDS_PER_REQUEST: u32 = 100_000;
