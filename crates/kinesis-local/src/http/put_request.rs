//! PutRecord and PutRecords as they come over the wire.
//!
//! Promises: texts are borrowed from the body until they are copied into the model's record; base64 is checked and keys
//! are hashed here, before the model's lock is taken.

use std::borrow::Cow;

use serde::Deserialize;

use super::member::{hash_key, required};
use super::request::Wire;
use crate::model::{ErrorKind, KinesisError, Payload, PutEntry, PutRecord, PutRecords, StreamRef};

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct EntryWire<'a> {
    #[serde(borrow)]
    partition_key: Option<Cow<'a, str>>,
    #[serde(borrow)]
    explicit_hash_key: Option<Cow<'a, str>>,
    #[serde(borrow)]
    data: Option<Cow<'a, str>>,
    stream_name: Option<String>,
    #[serde(rename = "StreamARN")]
    stream_arn: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct PutRecordsWire<'a> {
    #[serde(borrow)]
    records: Option<Vec<EntryWire<'a>>>,
    stream_name: Option<String>,
    #[serde(rename = "StreamARN")]
    stream_arn: Option<String>,
}

impl EntryWire<'_> {
    /// Checks and hashes one record; `scratch` is shared by the records of a request, `place` is that in a batch.
    fn entry(&self, scratch: &mut Vec<u8>, place: Option<usize>) -> Result<PutEntry, KinesisError> {
        let member = |name: &str| match place {
            Some(place) => format!("records.{}.member.{name}", place.saturating_add(1)),
            None => name.to_owned(),
        };
        let data = self.data.as_deref().ok_or_else(|| KinesisError::missing(&member("data")))?;
        let data = Payload::from_base64_with(data, scratch)
            .map_err(|error| KinesisError::new(ErrorKind::Serialization, error.to_string()))?;
        let key = self.partition_key.as_deref().ok_or_else(|| KinesisError::missing(&member("partitionKey")))?;
        let explicit = self.explicit_hash_key.as_deref().map(|key| hash_key(key, "ExplicitHashKey")).transpose()?;
        PutEntry::named(key, explicit, data, || member("partitionKey"))
    }
}

impl Wire for EntryWire<'_> {
    type Request = PutRecord;

    fn into_request(self) -> Result<PutRecord, KinesisError> {
        let entry = self.entry(&mut Vec::new(), None)?;
        Ok(PutRecord { stream: StreamRef { name: self.stream_name, arn: self.stream_arn }, entry })
    }
}

impl Wire for PutRecordsWire<'_> {
    type Request = PutRecords;

    fn into_request(self) -> Result<PutRecords, KinesisError> {
        let mut scratch = Vec::new();
        let records = required(self.records, "records")?;
        let entries = records
            .iter()
            .enumerate()
            .map(|(place, record)| record.entry(&mut scratch, Some(place)))
            .collect::<Result<_, _>>()?;
        Ok(PutRecords { stream: StreamRef { name: self.stream_name, arn: self.stream_arn }, entries })
    }
}
