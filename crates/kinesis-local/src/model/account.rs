//! DescribeLimits: what an account has and may have.
//!
//! Promises: the counts include streams that are being created.

use super::call_rates::Call;
use super::error::KinesisError;
use super::limits::ON_DEMAND_STREAMS;
use super::machine::Model;
use super::millis::Millis;
use super::stream::Stream;

/// The shards and on-demand streams of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AccountLimits {
    /// `Settings::shard_limit`.
    pub shard_limit: u32,
    /// Open shards of all streams.
    pub open_shards: u32,
    /// Streams in on-demand mode.
    pub on_demand_streams: u32,
    /// How many there may be; held only with limits on.
    pub on_demand_stream_limit: u32,
}

impl Model {
    /// The limits of the account and how much of them is used.
    ///
    /// # Errors
    /// `LimitExceededException` with limits on, for the second call in a second.
    pub fn describe_limits(&mut self, now: Millis) -> Result<AccountLimits, KinesisError> {
        let now = self.advance(now);
        self.meter(now, Call::DescribeLimits, None)?;
        Ok(AccountLimits {
            shard_limit: self.settings.shard_limit,
            open_shards: self.open_shards(),
            on_demand_streams: self.on_demand_count(),
            on_demand_stream_limit: ON_DEMAND_STREAMS,
        })
    }

    /// The open shards of all streams.
    pub(crate) fn open_shards(&self) -> u32 {
        self.streams.values().map(Stream::open_count).fold(0, u32::saturating_add)
    }
}
