//! The state machine itself: all streams, the latest time seen, and the changes that are due.
//!
//! Promises: deterministic (equal seeds and equal calls give equal answers), free of I/O and clocks, and monotone: a
//! `now` before the latest one counts as the latest one, so arrival times and statuses never go back.

use std::collections::BTreeMap;
use std::time::Duration;

use super::birth::Birth;
use super::call_rates::CallRates;
use super::error::{ErrorKind, KinesisError};
use super::millis::Millis;
use super::settings::Settings;
use super::stream::{Phase, Stream};
use super::stream_ref::StreamRef;
use super::wakeups::Wakeups;
use serde::{Deserialize, Serialize};

/// A Kinesis of its own. Each operation is a method that takes `now`.
///
/// ```
/// use kinesis_local::model::{CreateStream, Millis, Model, Payload, PutEntry, PutRecord, Settings};
///
/// let mut model = Model::new(Settings::default(), 42);
/// model.create_stream(Millis::new(1_000_000), &CreateStream::provisioned("words", 2))?;
/// // The stream becomes ACTIVE after `Settings::status_delay`.
/// let entry = PutEntry::new("key", None, Payload::from_bytes(b"hello"))?;
/// let stored = model.put_record(Millis::new(1_000_100), PutRecord { stream: "words".into(), entry })?;
/// assert_eq!(stored.sequence_number.to_string().len(), 56);
/// # Ok::<(), kinesis_local::model::KinesisError>(())
/// ```
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Model {
    pub(crate) settings: Settings,
    pub(crate) seed: u64,
    pub(crate) streams: BTreeMap<String, Stream>,
    /// The latest stream of each name that there ever was.
    pub(crate) births: BTreeMap<String, Birth>,
    pub(crate) stored_memory: u64,
    /// What was counted against the limits of a second is over by the time that a snapshot is read.
    #[serde(skip)]
    pub(crate) account_calls: CallRates,
    /// Subscriptions do not outlive their connections.
    #[serde(skip)]
    pub(crate) wakeups: Wakeups,
    /// How many subscriptions there were, which numbers them.
    pub(crate) subscribed: u64,
    now: Millis,
    /// The earliest due time of all streams, so that an operation need not look at all of them.
    next_due: Option<Millis>,
    next_sweep: Millis,
}

impl Model {
    /// An empty Kinesis. The seed marks the tokens it hands out; models with different seeds refuse each other's.
    #[must_use]
    pub fn new(settings: Settings, seed: u64) -> Self {
        Self {
            settings,
            seed,
            streams: BTreeMap::new(),
            births: BTreeMap::new(),
            stored_memory: 0,
            account_calls: CallRates::default(),
            wakeups: Wakeups::default(),
            subscribed: 0,
            now: Millis::default(),
            next_due: None,
            next_sweep: Millis::default(),
        }
    }

    /// The settings in force.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The memory that stored records count for, in bytes.
    #[must_use]
    pub fn stored_memory(&self) -> u64 {
        self.stored_memory
    }

    /// Lets time pass: due changes take effect, and what retention has outlived is trimmed. Every operation does this
    /// first; calling it alone is useful to look at the state at a time.
    pub fn advance(&mut self, now: Millis) -> Millis {
        self.now = self.now.max(now);
        if self.next_due.is_some_and(|due| due <= self.now) {
            self.settle();
        }
        if self.next_sweep <= self.now {
            self.next_sweep = self.now.plus(SWEEP_INTERVAL);
            let freed: u64 = self.streams.values_mut().map(|stream| stream.trim(self.now)).sum();
            self.stored_memory = self.stored_memory.saturating_sub(freed);
        }
        self.now
    }

    /// Lets a stream that is being deleted be gone; whether there is one of that name afterwards.
    pub(crate) fn finish_deletion(&mut self, name: &str) -> bool {
        if let Some(Phase::Deleting { due }) = self.streams.get(name).map(|stream| stream.phase) {
            self.advance(due);
        }
        self.streams.contains_key(name)
    }

    /// When the next status change is due, for drivers of virtual time.
    #[must_use]
    pub fn next_due(&self) -> Option<Millis> {
        self.next_due
    }

    /// The time at which a change that is asked for now takes effect.
    pub(crate) fn due_from(&self, now: Millis) -> Millis {
        now.plus(self.settings.status_delay)
    }

    /// Notes a pending change; one without delay takes effect at once.
    pub(crate) fn schedule(&mut self, due: Millis) {
        // Something changes: whoever waits for news has to look again, and to reckon with this time.
        self.wakeups.wake_all();
        self.next_due = Some(self.next_due.map_or(due, |next| next.min(due)));
        self.advance(self.now);
    }

    /// The stream of a request, in whatever status.
    pub(crate) fn find(&self, stream: &StreamRef) -> Result<(&str, &Stream), KinesisError> {
        let name = stream.resolve()?;
        let found = self.streams.get_key_value(name).ok_or_else(|| self.no_such_stream(name))?;
        Ok((found.0, found.1))
    }

    pub(crate) fn no_such_stream(&self, name: &str) -> KinesisError {
        KinesisError::new(
            ErrorKind::ResourceNotFound,
            format!("Stream {name} under account {} not found.", self.settings.account),
        )
    }

    fn settle(&mut self) {
        let now = self.now;
        let mut freed = 0;
        self.wakeups.wake_all();
        self.streams.retain(|_, stream| {
            stream.consumers.settle(now);
            if stream.due().is_none_or(|due| due > now) {
                return true;
            }
            if matches!(stream.phase, Phase::Deleting { .. }) {
                freed += stream.shards.values().map(super::shard::Shard::memory).sum::<u64>();
                return false;
            }
            stream.settle();
            true
        });
        self.stored_memory = self.stored_memory.saturating_sub(freed);
        self.next_due = self
            .streams
            .values()
            .filter_map(|stream| stream.due().into_iter().chain(stream.consumers.due()).min())
            .min();
    }
}

/// How often all shards are trimmed. A read trims its own shard exactly; this bounds what nobody reads.
const SWEEP_INTERVAL: Duration = Duration::from_secs(1);
