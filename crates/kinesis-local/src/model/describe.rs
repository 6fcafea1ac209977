//! DescribeStream and DescribeStreamSummary.
//!
//! Promises: a description is a snapshot at `now`; shards come in the order of their ids, pages do not overlap.

use std::ops::Bound;

use super::call_rates::Call;
use super::error::KinesisError;
use super::hash_key::HashKeyRange;
use super::machine::Model;
use super::millis::Millis;
use super::monitoring::ShardMetrics;
use super::sequence::SequenceNumber;
use super::shard::{Shard, ShardId};
use super::stream::{Stream, StreamMode, StreamStatus};
use super::stream_ref::StreamRef;

/// A DescribeStream request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DescribeStream {
    /// Which stream.
    pub stream: StreamRef,
    /// At most so many shards, 1 to 10 000. Default 100.
    pub limit: Option<u32>,
    /// Shards after this one only.
    pub exclusive_start: Option<ShardId>,
}

impl DescribeStream {
    /// The first page of a stream.
    #[must_use]
    pub fn of(name: &str) -> Self {
        Self { stream: name.into(), ..Self::default() }
    }
}

/// A stream with a page of its shards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamDescription {
    /// The stream.
    pub summary: StreamSummary,
    /// Open shards, and closed ones that retention has not outlived.
    pub shards: Vec<ShardDescription>,
    /// Whether there is another page after the last shard.
    pub has_more_shards: bool,
}

/// A stream without its shards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamSummary {
    /// The name.
    pub name: String,
    /// The ARN.
    pub arn: String,
    /// The status at the time of the call.
    pub status: StreamStatus,
    /// The capacity mode.
    pub mode: StreamMode,
    /// When CreateStream was accepted.
    pub created: Millis,
    /// How long records are kept, in hours.
    pub retention_hours: u32,
    /// How many shards take records.
    pub open_shards: u32,
    /// The shard-level metrics that are switched on.
    pub metrics: ShardMetrics,
    /// The largest data payload of a record, in bytes.
    pub max_record_size: usize,
    /// How many consumers are registered.
    pub consumers: usize,
}

/// One shard of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShardDescription {
    /// The shard.
    pub id: ShardId,
    /// The shard that was split into this one, or the first of the two that were merged.
    pub parent: Option<ShardId>,
    /// The second of the two that were merged.
    pub adjacent_parent: Option<ShardId>,
    /// Its stretch of the ring.
    pub range: HashKeyRange,
    /// Below all its records.
    pub starting: SequenceNumber,
    /// Above all its records; present when the shard is closed.
    pub ending: Option<SequenceNumber>,
}

impl StreamSummary {
    pub(crate) fn of(name: &str, stream: &Stream) -> Self {
        Self {
            name: name.to_owned(),
            arn: stream.arn.clone(),
            status: stream.status(),
            mode: stream.mode,
            created: stream.created,
            retention_hours: stream.retention_hours,
            open_shards: stream.open_count(),
            metrics: stream.metrics,
            max_record_size: stream.max_record_size,
            consumers: stream.consumers.count(),
        }
    }
}

impl ShardDescription {
    pub(crate) fn of(shard: &Shard) -> Self {
        Self {
            id: shard.id,
            parent: shard.parent,
            adjacent_parent: shard.adjacent_parent,
            range: shard.range,
            starting: shard.starting_sequence_number(),
            ending: shard.closed.map(|closed| closed.ending),
        }
    }
}

impl Model {
    /// A stream and a page of its shards; none while it is CREATING.
    ///
    /// # Errors
    /// `ResourceNotFoundException` when there is no such stream, `ValidationException` for a limit out of range.
    pub fn describe_stream(
        &mut self,
        now: Millis,
        request: &DescribeStream,
    ) -> Result<StreamDescription, KinesisError> {
        let now = self.advance(now);
        self.meter(now, Call::DescribeStream, Some(&request.stream))?;
        let limit = request.limit.unwrap_or(100);
        KinesisError::check_limit("limit", limit, 10_000)?;
        let (name, stream) = self.find(&request.stream)?;
        let start = request.exclusive_start.map_or(Bound::Unbounded, Bound::Excluded);
        let mut rest = stream.shards.range((start, Bound::Unbounded));
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let shards = rest.by_ref().take(limit).map(|(_, shard)| ShardDescription::of(shard)).collect();
        Ok(StreamDescription {
            summary: StreamSummary::of(name, stream),
            shards,
            has_more_shards: rest.next().is_some(),
        })
    }

    /// A stream without its shards.
    ///
    /// # Errors
    /// `ResourceNotFoundException` when there is no such stream.
    pub fn describe_stream_summary(&mut self, now: Millis, stream: &StreamRef) -> Result<StreamSummary, KinesisError> {
        let now = self.advance(now);
        self.meter(now, Call::DescribeStreamSummary, Some(stream))?;
        let (name, stream) = self.find(stream)?;
        Ok(StreamSummary::of(name, stream))
    }
}
