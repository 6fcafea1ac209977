//! The registered consumers of one stream, and what each is subscribed to.
//!
//! Promises: a consumer is CREATING, ACTIVE or DELETING, and moves on at its due time, whoever looks first; a name is taken
//! until the consumer is gone.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::birth::Birth;
use super::millis::Millis;
use super::shard::ShardId;
use super::subscription::Subscribed;

/// What AWS calls the consumer's status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ConsumerStatus {
    /// Registered, may not subscribe yet.
    Creating,
    /// May subscribe.
    Active,
    /// About to disappear; its subscriptions have ended.
    Deleting,
}

impl ConsumerStatus {
    /// The name on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Creating => "CREATING",
            Self::Active => "ACTIVE",
            Self::Deleting => "DELETING",
        }
    }
}

/// A registered consumer as the operations show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsumerDescription {
    /// Its name.
    pub name: String,
    /// Its ARN, which ends in the second of its registration.
    pub arn: String,
    /// The ARN of its stream.
    pub stream_arn: String,
    /// The status at the time of the call.
    pub status: ConsumerStatus,
    /// When it was registered.
    pub created: Millis,
}

/// The states of a consumer; the variants own what is pending.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) enum ConsumerPhase {
    Creating { due: Millis },
    Active,
    Deleting { due: Millis },
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Consumer {
    pub(crate) arn: String,
    pub(crate) created: Millis,
    pub(crate) phase: ConsumerPhase,
    /// The latest subscription to each shard, ended or not: its start decides when the next may take over.
    #[serde(skip)]
    pub(crate) subscriptions: BTreeMap<ShardId, Subscribed>,
}

impl Consumer {
    pub(crate) fn new(stream_arn: &str, name: &str, birth: Birth, due: Millis) -> Self {
        Self {
            arn: format!("{stream_arn}/consumer/{name}:{}", birth.second),
            created: birth.at,
            phase: ConsumerPhase::Creating { due },
            subscriptions: BTreeMap::new(),
        }
    }

    /// The second that stands in its ARN; it may be ahead of the clock.
    pub(crate) fn second(&self) -> Option<u64> {
        self.arn.rsplit(':').next()?.parse().ok()
    }

    pub(crate) fn status(&self) -> ConsumerStatus {
        match self.phase {
            ConsumerPhase::Creating { .. } => ConsumerStatus::Creating,
            ConsumerPhase::Active => ConsumerStatus::Active,
            ConsumerPhase::Deleting { .. } => ConsumerStatus::Deleting,
        }
    }

    pub(crate) fn describe(&self, name: &str, stream_arn: &str) -> ConsumerDescription {
        ConsumerDescription {
            name: name.to_owned(),
            arn: self.arn.clone(),
            stream_arn: stream_arn.to_owned(),
            status: self.status(),
            created: self.created,
        }
    }

    fn due(&self) -> Option<Millis> {
        match self.phase {
            ConsumerPhase::Active => None,
            ConsumerPhase::Creating { due } | ConsumerPhase::Deleting { due } => Some(due),
        }
    }
}

/// All consumers of one stream, by name.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Consumers {
    pub(crate) by_name: BTreeMap<String, Consumer>,
    /// The latest consumer of each name that there ever was.
    pub(crate) births: BTreeMap<String, Birth>,
}

impl Consumers {
    pub(crate) fn count(&self) -> usize {
        self.by_name.len()
    }

    pub(crate) fn creating(&self) -> usize {
        self.by_name.values().filter(|consumer| consumer.status() == ConsumerStatus::Creating).count()
    }

    /// When the next of them changes its status.
    pub(crate) fn due(&self) -> Option<Millis> {
        self.by_name.values().filter_map(Consumer::due).min()
    }

    /// Makes due changes effective.
    pub(crate) fn settle(&mut self, now: Millis) {
        self.by_name.retain(|_, consumer| match consumer.phase {
            ConsumerPhase::Deleting { due } => due > now,
            ConsumerPhase::Creating { due } if due <= now => {
                consumer.phase = ConsumerPhase::Active;
                true
            }
            ConsumerPhase::Creating { .. } | ConsumerPhase::Active => true,
        });
    }

    /// Begins to remove all of them.
    pub(crate) fn delete_all(&mut self, due: Millis) {
        for consumer in self.by_name.values_mut() {
            consumer.phase = ConsumerPhase::Deleting { due };
        }
    }
}
