//! The whole model as one JSON text, and back.
//!
//! Promises: what comes back answers every call as the original would; a text of an earlier version of this crate is
//! understood as long as its members are. The form is nobody else's business and may change.
//!
//! A type of the model that is not to be kept is skipped where it is declared (`#[serde(skip)]`); one that has no serde
//! form does not compile, so that nothing is forgotten.

use std::io;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::limits::Limits;
use super::machine::Model;
use super::millis::Millis;
use super::payload::Payload;
use super::settings::Settings;
use super::shard::Stored;

impl Model {
    /// Writes everything that the model is.
    pub(crate) fn write_snapshot(&self, output: impl io::Write) -> serde_json::Result<()> {
        serde_json::to_writer(output, self)
    }

    /// The model that was written.
    pub(crate) fn from_snapshot(json: &[u8]) -> serde_json::Result<Self> {
        serde_json::from_slice(json)
    }
}

impl Settings {
    /// These settings without what refuses some calls because of others. Those that are repeated from a log were accepted,
    /// and those that were not are missing there, and with them their share of every limit.
    pub(crate) fn lenient(&self) -> Self {
        Self { memory_cap: u64::MAX, shard_limit: u32::MAX, limits: Limits::Off, ..self.clone() }
    }
}

impl Serialize for Stored {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // An array: names of members would be a quarter of the text.
        (self.arrival, &*self.partition_key, self.data.as_base64()).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Stored {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (arrival, partition_key, data): (Millis, String, &str) = Deserialize::deserialize(deserializer)?;
        let data = Payload::from_base64(data).map_err(de::Error::custom)?;
        Ok(Self { arrival, partition_key: Arc::from(partition_key), data })
    }
}
