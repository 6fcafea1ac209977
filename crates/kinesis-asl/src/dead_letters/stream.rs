//! A Kinesis stream of letters, through the AWS SDK. SDK types and errors stop here.

use async_trait::async_trait;
use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::primitives::Blob;
use dstream_core::BoxError;
use kinesis_endpoint::{ServiceAccess, ServiceError};
use tokio::sync::OnceCell;

use crate::dead_letters::letter::{DeadLetters, Letter};

/// A Kinesis stream that letters are put into, one record each: the JSON of [`Letter::to_json`] under the partition key of the record.
/// It must exist, and whoever runs the application needs `kinesis:PutRecord` on it.
///
/// Base64 makes data a third longer, so a record of more than about three quarters of the stream's largest record is
/// refused by the service, and stops the application: raise that stream's maximum record size, or use a
/// [`DeadLetterFile`](crate::DeadLetterFile).
#[derive(Debug)]
pub struct DeadLetterStream {
    access: ServiceAccess,
    stream: String,
    // Made when the first letter comes.
    client: OnceCell<Client>,
}

impl DeadLetterStream {
    /// The stream of that name, wherever it is. Nothing is sent yet.
    #[must_use]
    pub fn new(access: ServiceAccess, stream: impl Into<String>) -> Self {
        Self { access, stream: stream.into(), client: OnceCell::new() }
    }
}

#[async_trait]
impl DeadLetters for DeadLetterStream {
    async fn put(&self, letter: &Letter<'_>) -> Result<(), BoxError> {
        let json = letter.to_json()?;
        let connect = async || Client::new(&Box::pin(self.access.sdk_config()).await);
        let client = self.client.get_or_init(connect).await;
        let key = letter.record.partition_key();
        let request = client.put_record().stream_name(&self.stream).partition_key(key).data(Blob::new(json));
        let subject = format!("dead letter stream '{}'", self.stream);
        Box::pin(request.send()).await.map_err(|error| ServiceError::from_sdk("PutRecord", subject, error))?;
        Ok(())
    }
}
