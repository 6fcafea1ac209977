//! How often each operation may be called: per second in an account or stream, per day in a stream.
//!
//! Promises: with [`Limits::Off`] nothing is counted; a call that is refused here does not count.

use std::collections::BTreeMap;
use std::time::Duration;

use super::error::{ErrorKind, KinesisError};
use super::limits::Limits;
use super::machine::Model;
use super::millis::Millis;
use super::rate::Window;
use super::stream_ref::StreamRef;

/// An operation with a quota of its own. Reads and writes of a shard are in `shard_rates`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Call {
    AddTags,
    CreateStream,
    DecreaseRetention,
    DeleteStream,
    DeregisterConsumer,
    DescribeConsumer,
    DescribeLimits,
    DescribeStream,
    DescribeStreamSummary,
    DisableMonitoring,
    EnableMonitoring,
    IncreaseRetention,
    ListConsumers,
    ListShards,
    ListStreams,
    ListTags,
    MergeShards,
    RegisterConsumer,
    RemoveTags,
    SplitShard,
    UpdateShardCount,
    UpdateStreamMode,
}

impl Call {
    /// How many in which time.
    const fn quota(self) -> (usize, Duration) {
        const SECOND: Duration = Duration::from_secs(1);
        const DAY: Duration = Duration::from_secs(24 * 3_600);
        match self {
            Self::DescribeLimits => (1, SECOND),
            Self::DescribeStream => (10, SECOND),
            Self::DescribeConsumer | Self::DescribeStreamSummary => (20, SECOND),
            Self::ListShards => (1_000, SECOND),
            Self::UpdateShardCount => (10, DAY),
            Self::UpdateStreamMode => (2, DAY),
            _ => (5, SECOND),
        }
    }
}

/// The calls that were made, of an account or of a stream.
#[derive(Debug, Clone, Default)]
pub(crate) struct CallRates(BTreeMap<Call, Window>);

impl CallRates {
    fn window(&mut self, call: Call) -> &mut Window {
        let (most, span) = call.quota();
        self.0.entry(call).or_insert_with(|| Window::new(most, span))
    }
}

impl Model {
    /// Counts a call against the account's quota, or refuses it. `stream` is for the message.
    pub(crate) fn meter(&mut self, now: Millis, call: Call, stream: Option<&StreamRef>) -> Result<(), KinesisError> {
        if self.settings.limits == Limits::Off || self.account_calls.window(call).take(now) {
            return Ok(());
        }
        let name = stream.and_then(|stream| stream.resolve().ok());
        Err(self.too_often(name))
    }

    /// Whether a stream's own quota allows the call; [`note_stream_call`](Self::note_stream_call) counts it.
    pub(crate) fn check_stream_quota(&mut self, now: Millis, name: &str, call: Call) -> Result<(), KinesisError> {
        if self.settings.limits == Limits::Off {
            return Ok(());
        }
        let admitted = self.streams.get_mut(name).is_none_or(|stream| stream.calls.window(call).admits(now));
        if admitted { Ok(()) } else { Err(self.too_often(Some(name))) }
    }

    pub(crate) fn note_stream_call(&mut self, now: Millis, name: &str, call: Call) {
        if self.settings.limits == Limits::Off {
            return;
        }
        if let Some(stream) = self.streams.get_mut(name) {
            stream.calls.window(call).note(now);
        }
    }

    fn too_often(&self, name: Option<&str>) -> KinesisError {
        let account = &self.settings.account;
        let message = name.map_or_else(
            || format!("Rate exceeded for account {account}."),
            |name| format!("Rate exceeded for stream {name} under account {account}."),
        );
        KinesisError::new(ErrorKind::LimitExceeded, message)
    }
}
