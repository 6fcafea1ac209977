//! A record on which the program failed, with all that is needed to look into it and to put it back.

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use dstream_core::{BoxError, Time};
use serde::Serialize;

use crate::record::KinesisRecord;

/// Takes letters: an SQS queue, a table, whatever keeps them safe.
#[async_trait]
pub trait DeadLetters: Send + Sync + 'static {
    /// Takes a letter. When this returns `Ok`, the letter is safe: the position of its record moves next. The same letter may come
    /// more than once, after an error and after a crash; stream, shard, sequence and sub-sequence number tell.
    ///
    /// # Errors
    /// When the letter may not be safe. It is tried again, as often as a batch; then the application stops with this error,
    /// which should name what was called, on what, and what to do.
    ///
    /// # Cancellation
    /// Dropped when the application is stopped at once; the letter counts as not taken then.
    async fn put(&self, letter: &Letter<'_>) -> Result<(), BoxError>;
}

/// A record on which the program failed.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Letter<'a> {
    /// The Kinesis stream that it came from.
    pub stream: &'a str,
    /// The application.
    pub application: &'a str,
    /// The record: shard, position, keys, arrival and data. For a part of a KPL aggregate, it is the part.
    pub record: &'a KinesisRecord,
    /// The batch that failed with it.
    pub batch: Time,
    /// How often that was tried before the record was looked for.
    pub attempts: u32,
    /// What the program failed with, with all causes.
    pub error: &'a str,
}

/// The form of a letter; field names are a promise.
#[derive(Serialize)]
struct Json<'a> {
    stream: &'a str,
    shard: &'a str,
    sequence_number: String,
    sub_sequence_number: u64,
    partition_key: &'a str,
    explicit_hash_key: Option<&'a str>,
    arrival_millis: Option<i64>,
    application: &'a str,
    batch_millis: i64,
    attempts: u32,
    error: &'a str,
    data: String,
}

impl Letter<'_> {
    /// The letter as one line of JSON, without a line end: `stream`, `shard`, `sequence_number` (a string: it has 186 bits),
    /// `sub_sequence_number`, `partition_key`, `explicit_hash_key` (or `null`), `arrival_millis` (since 1970, or `null`),
    /// `application`, `batch_millis`, `attempts`, `error` (its first 16 KiB) and `data` (base64).
    ///
    /// # Errors
    /// Never, as far as is known: texts and numbers can be written.
    pub fn to_json(&self) -> Result<String, BoxError> {
        let record = self.record;
        let json = Json {
            stream: self.stream,
            shard: record.shard().as_str(),
            sequence_number: record.position().sequence.to_string(),
            sub_sequence_number: record.position().sub_sequence,
            partition_key: record.partition_key(),
            explicit_hash_key: record.explicit_hash_key(),
            arrival_millis: record.arrival().map(|arrival| arrival.as_millis()),
            application: self.application,
            batch_millis: self.batch.as_millis(),
            attempts: self.attempts,
            error: self.error.get(..self.error.floor_char_boundary(LONGEST_ERROR)).unwrap_or_default(),
            data: STANDARD.encode(record.data()),
        };
        Ok(serde_json::to_string(&json)?)
    }
}

/// Bytes of an error's text: an error may carry a whole document, and a letter has to fit into a Kinesis record.
const LONGEST_ERROR: usize = 16 * 1024;

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::api::RawRecord;
    use crate::origin::Origin;
    use crate::position::Timestamp;
    use crate::record_group::{Part, RecordGroup};

    #[test]
    fn a_letter_is_one_line_that_says_everything() {
        let raw = RawRecord {
            sequence: "49590338271490256608559692538361571095921575989136588898".parse().unwrap(),
            partition_key: "user \"7\"".into(),
            data: b"to be\n\xff".as_slice().into(),
            arrival: Some(Timestamp::from_millis(1_700_000_000_123)),
        };
        let origin = Arc::new(Origin { stream: "words".into(), shard: "shardId-000000000003".into() });
        let part = Part { sub_sequence: 37, explicit_hash_key: None };
        let record = RecordGroup::lone(&origin, raw, Some(part));
        let (batch, error) = (Time::from_millis(2_000), "é".repeat(LONGEST_ERROR));
        let letter =
            Letter { stream: "words", application: "count", record: &record, batch, attempts: 4, error: &error };
        let json = letter.to_json().unwrap();
        let expected = concat!(
            r#"{"stream":"words","shard":"shardId-000000000003","#,
            r#""sequence_number":"49590338271490256608559692538361571095921575989136588898","sub_sequence_number":37,"#,
            r#""partition_key":"user \"7\"","explicit_hash_key":null,"arrival_millis":1700000000123,"#,
            r#""application":"count","batch_millis":2000,"attempts":4,"error":"#,
        );
        assert!(json.starts_with(expected), "{json}");
        assert!(json.ends_with(r#""data":"dG8gYmUK/w=="}"#) && !json.contains('\n') && json.len() < 17_000);
    }
}
