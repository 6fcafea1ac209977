//! [`PutRecordsApi`] over the AWS SDK. SDK types and SDK errors stop here.

use async_trait::async_trait;
use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::config::{Builder, retry::RetryConfig};
use aws_sdk_kinesis::primitives::Blob;
use aws_sdk_kinesis::types::{PutRecordsRequestEntry, PutRecordsResultEntry};
use kinesis_endpoint::{ServiceAccess, ServiceError};

use crate::api::{EntryError, EntryResult, PutRecordsApi, Receipt, SequenceNumber, ShardId};
use crate::record::Record;
use crate::stream_name::StreamName;

/// Puts records into one stream of Kinesis, or of anything that speaks its API.
#[derive(Clone, Debug)]
pub struct KinesisPutRecords {
    client: Client,
    stream: StreamName,
}

impl KinesisPutRecords {
    /// Prepares calls to `stream`. Nothing is sent yet, so nothing about the stream is checked.
    ///
    /// # Cancellation
    ///
    /// Safe: nothing is kept.
    pub async fn connect(access: &ServiceAccess, stream: StreamName) -> Self {
        // The producer tries again itself, record by record; the SDK would repeat whole requests on top of that.
        let config = Builder::from(&access.sdk_config().await).retry_config(RetryConfig::disabled()).build();
        Self { client: Client::from_conf(config), stream }
    }

    fn subject(&self) -> String {
        format!("stream '{}'", self.stream)
    }
}

#[async_trait]
impl PutRecordsApi for KinesisPutRecords {
    async fn put_records(&self, records: &[Record]) -> Result<Vec<EntryResult>, ServiceError> {
        let entries: Result<Vec<_>, _> = records.iter().map(request_entry).collect();
        let answer = self
            .client
            .put_records()
            .stream_name(self.stream.as_str())
            .set_records(Some(entries.map_err(|reason| self.invalid(reason))?))
            .send()
            .await
            .map_err(|error| ServiceError::from_sdk(CALL, self.subject(), error))?;
        if answer.records.len() != records.len() {
            return Err(self.invalid(format!("{} results for {} records", answer.records.len(), records.len())));
        }
        answer.records.into_iter().map(|entry| result_entry(entry).map_err(|reason| self.invalid(reason))).collect()
    }
}

impl KinesisPutRecords {
    fn invalid(&self, reason: String) -> ServiceError {
        ServiceError::invalid_response(CALL, self.subject(), reason)
    }
}

fn request_entry(record: &Record) -> Result<PutRecordsRequestEntry, String> {
    PutRecordsRequestEntry::builder()
        .partition_key(record.partition_key())
        .set_explicit_hash_key(record.explicit_hash_key().map(|hash_key| hash_key.to_string()))
        .data(Blob::new(record.data().to_vec()))
        .build()
        .map_err(|error| error.to_string())
}

fn result_entry(entry: PutRecordsResultEntry) -> Result<EntryResult, String> {
    match (entry.error_code, entry.shard_id, entry.sequence_number) {
        (Some(code), _, _) => {
            Ok(EntryResult::Refused(EntryError { code, message: entry.error_message.unwrap_or_default() }))
        }
        (None, Some(shard), Some(number)) => Ok(EntryResult::Stored(Receipt {
            shard_id: ShardId::new(&shard),
            sequence_number: SequenceNumber::new(&number),
        })),
        (None, _, _) => Err("a result with neither an error code nor a shard and a sequence number".to_owned()),
    }
}

const CALL: &str = "PutRecords";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_is_stored_or_refused_and_anything_else_makes_no_sense() {
        let stored = PutRecordsResultEntry::builder().shard_id("shardId-0").sequence_number("42").build();
        assert!(matches!(result_entry(stored), Ok(EntryResult::Stored(_))));
        let refused = PutRecordsResultEntry::builder().error_code("InternalFailure").build();
        assert!(matches!(result_entry(refused), Ok(EntryResult::Refused(_))));
        assert!(result_entry(PutRecordsResultEntry::builder().shard_id("shardId-0").build()).is_err());
    }
}
