//! ListShards with its filters and pages.
//!
//! Promises: a page costs what it returns plus what the filter skips before it; pages neither overlap nor leave out a
//! shard that existed throughout; the token carries the stream, the place and the filter.

use std::ops::Bound;
use std::str::FromStr;

use super::call_rates::Call;
use super::describe::ShardDescription;
use super::error::{ErrorKind, KinesisError};
use super::machine::Model;
use super::millis::Millis;
use super::shard::{Shard, ShardId};
use super::stream::{Stream, StreamStatus};
use super::stream_ref::StreamRef;
use super::token::{self, TokenKind};

/// Which shards ListShards returns.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ShardFilter {
    /// All that retention has not outlived. The default.
    #[default]
    FromTrimHorizon,
    /// Those that were open at the trim horizon.
    AtTrimHorizon,
    /// Those that are open.
    AtLatest,
    /// Those that were open at that time, both ends included.
    AtTimestamp(Millis),
    /// Those that were open at that time or later.
    FromTimestamp(Millis),
    /// Those with a larger id.
    AfterShardId(ShardId),
}

/// A ListShards request: a first page, or the page after a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListShards {
    /// The first page.
    First {
        /// Which stream.
        stream: StreamRef,
        /// Which of its shards.
        filter: ShardFilter,
        /// Shards after this one only.
        exclusive_start: Option<ShardId>,
        /// At most so many, 1 to 10 000. Default 1 000.
        max_results: Option<u32>,
    },
    /// The page after another.
    Next {
        /// The `NextToken` of that page.
        token: String,
        /// At most so many, 1 to 10 000. Default 1 000.
        max_results: Option<u32>,
    },
}

impl ListShards {
    /// The first page of all shards of a stream.
    #[must_use]
    pub fn of(name: &str) -> Self {
        Self::filtered(name, ShardFilter::default())
    }

    /// The first page of some shards of a stream.
    #[must_use]
    pub fn filtered(name: &str, filter: ShardFilter) -> Self {
        Self::First { stream: name.into(), filter, exclusive_start: None, max_results: None }
    }
}

/// A page of shards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListShardsReply {
    /// The shards, by id.
    pub shards: Vec<ShardDescription>,
    /// Present when there are more.
    pub next_token: Option<String>,
}

/// A place in the list of a stream's shards.
struct Cursor {
    stream: StreamRef,
    filter: ShardFilter,
    after: Option<ShardId>,
}

impl Model {
    /// A page of a stream's shards.
    ///
    /// # Errors
    /// `ResourceNotFoundException` for an unknown stream, `ResourceInUseException` while it is CREATING,
    /// `ExpiredNextTokenException` for an old token, `ValidationException` for a limit out of range.
    pub fn list_shards(&mut self, now: Millis, request: &ListShards) -> Result<ListShardsReply, KinesisError> {
        let now = self.advance(now);
        let (ListShards::First { max_results, .. } | ListShards::Next { max_results, .. }) = request;
        let limit = max_results.unwrap_or(1_000);
        KinesisError::check_limit("maxResults", limit, 10_000)?;
        let cursor = match request {
            ListShards::First { stream, filter, exclusive_start, .. } => {
                Cursor { stream: stream.clone(), filter: *filter, after: *exclusive_start }
            }
            ListShards::Next { token, .. } => self.open_page_token(now, token)?,
        };
        let name = self.find(&cursor.stream)?.0.to_owned();
        self.check_stream_quota(now, &name, Call::ListShards)?;
        self.note_stream_call(now, &name, Call::ListShards);
        let (name, stream) = self.find(&cursor.stream)?;
        if stream.status() == StreamStatus::Creating {
            return Err(KinesisError::new(
                ErrorKind::ResourceInUse,
                format!("Stream {name} under account {} not ACTIVE, instead in state CREATING", self.settings.account),
            ));
        }
        let start = cursor.start();
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let horizon = stream.horizon(now).max(stream.created);
        let mut rest = stream
            .shards
            .range((start, Bound::Unbounded))
            .filter(|(_, shard)| cursor.filter.accepts(shard, horizon))
            .map(|(_, shard)| ShardDescription::of(shard));
        let shards: Vec<_> = rest.by_ref().take(limit).collect();
        let next_token = rest
            .next()
            .and_then(|_| shards.last())
            .map(|last| self.page_token(now, name, stream, cursor.filter, last.id));
        Ok(ListShardsReply { shards, next_token })
    }

    fn page_token(&self, now: Millis, name: &str, stream: &Stream, filter: ShardFilter, after: ShardId) -> String {
        let fields = format!("{name}/{}/{}/{after}/{}", stream.created.get(), now.get(), filter.to_field());
        token::seal(self.seed, TokenKind::ShardPage, &fields)
    }

    fn open_page_token(&self, now: Millis, token: &str) -> Result<Cursor, KinesisError> {
        let expired = |message: &str| KinesisError::new(ErrorKind::ExpiredNextToken, message);
        let fields = token::open(self.seed, TokenKind::ShardPage, token)
            .ok_or_else(|| KinesisError::invalid_argument("NextToken is not valid."))?;
        let mut fields = fields.split('/');
        let (name, created) = (fields.next().unwrap_or_default(), parse::<u64>(fields.next())?);
        let (issued, after) = (parse::<u64>(fields.next())?, parse(fields.next())?);
        let filter = ShardFilter::from_field(fields.next().unwrap_or_default())?;
        if now.since(Millis::new(issued)) >= super::millis::whole_millis(self.settings.iterator_life) {
            return Err(expired("NextToken has expired."));
        }
        if self.streams.get(name).is_some_and(|stream| stream.created.get() != created) {
            return Err(expired("NextToken is of a stream that was deleted and created again."));
        }
        Ok(Cursor { stream: name.into(), filter, after: Some(after) })
    }
}

impl Cursor {
    fn start(&self) -> Bound<ShardId> {
        let after = match self.filter {
            ShardFilter::AfterShardId(id) => Some(id).max(self.after),
            _ => self.after,
        };
        after.map_or(Bound::Unbounded, Bound::Excluded)
    }
}

impl ShardFilter {
    /// `horizon` is the earliest time that the stream can say something about. Earlier times count as that one.
    fn accepts(self, shard: &Shard, horizon: Millis) -> bool {
        let open_from = |time: Millis| shard.closed.is_none_or(|closed| closed.at >= time.max(horizon));
        let open_at = |time: Millis| shard.opened <= time.max(horizon) && open_from(time);
        match self {
            // The range's start has dealt with the id.
            Self::FromTrimHorizon | Self::AfterShardId(_) => true,
            Self::AtTrimHorizon => open_at(horizon),
            Self::AtLatest => shard.is_open(),
            Self::AtTimestamp(time) => open_at(time),
            Self::FromTimestamp(time) => open_from(time),
        }
    }

    fn to_field(self) -> String {
        match self {
            Self::FromTrimHorizon => "from-horizon".to_owned(),
            Self::AtTrimHorizon => "at-horizon".to_owned(),
            Self::AtLatest => "at-latest".to_owned(),
            Self::AtTimestamp(time) => format!("at:{}", time.get()),
            Self::FromTimestamp(time) => format!("from:{}", time.get()),
            Self::AfterShardId(id) => format!("after:{id}"),
        }
    }

    fn from_field(field: &str) -> Result<Self, KinesisError> {
        Ok(match field.split_once(':') {
            None if field == "at-horizon" => Self::AtTrimHorizon,
            None if field == "at-latest" => Self::AtLatest,
            Some(("at", time)) => Self::AtTimestamp(Millis::new(parse(Some(time))?)),
            Some(("from", time)) => Self::FromTimestamp(Millis::new(parse(Some(time))?)),
            Some(("after", id)) => Self::AfterShardId(parse(Some(id))?),
            _ => Self::FromTrimHorizon,
        })
    }
}

fn parse<T: FromStr>(field: Option<&str>) -> Result<T, KinesisError> {
    field.and_then(|field| field.parse().ok()).ok_or_else(|| KinesisError::invalid_argument("NextToken is not valid."))
}
