//! What one check works with.
//!
//! Promises: names are unique to the run and the check; what was made through the stage is deleted by `clean_up`.

use std::sync::Mutex;
use std::sync::atomic::Ordering;

use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::error::ProvideErrorMetadata;

use crate::mismatch::{Mismatch, present};
use crate::pace::Pace;
use crate::stream::TestStream;
use crate::subject::{Load, Subject};

/// Clients, streams and tables of one check.
#[derive(Debug)]
pub struct Stage {
    subject: Subject,
    /// A check may make streams from several tasks.
    made: Mutex<Made>,
}

#[derive(Debug, Default)]
struct Made {
    streams: Vec<String>,
    tables: Vec<String>,
}

impl Stage {
    /// A stage on that endpoint.
    #[must_use]
    pub fn new(subject: &Subject) -> Self {
        Self { subject: subject.clone(), made: Mutex::default() }
    }

    /// The Kinesis client, without retries.
    #[must_use]
    pub fn kinesis(&self) -> &Client {
        &self.subject.kinesis
    }

    pub(crate) fn dynamodb(&self) -> Result<&aws_sdk_dynamodb::Client, Mismatch> {
        present("a DynamoDB endpoint", self.subject.dynamodb.as_ref())
    }

    pub(crate) fn region(&self) -> &str {
        &self.subject.region
    }

    pub(crate) fn load(&self) -> Load {
        self.subject.load
    }

    /// A name that nothing has yet, and that is deleted at the end if it has become a stream.
    pub(crate) fn stream_name(&self) -> String {
        let name = self.name();
        self.delete_afterwards(&name);
        name
    }

    /// Has a stream of that name deleted at the end, if there is one by then.
    pub(crate) fn delete_afterwards(&self, name: &str) {
        self.made(|made| made.streams.push(name.to_owned()));
    }

    /// A name that nothing has yet, and that is deleted at the end if it has become a table.
    pub(crate) fn table_name(&self) -> String {
        let name = self.name();
        self.made(|made| made.tables.push(name.clone()));
        name
    }

    fn name(&self) -> String {
        format!("conformance-{}-{}", self.subject.run, self.subject.names.fetch_add(1, Ordering::Relaxed))
    }

    fn made(&self, change: impl FnOnce(&mut Made)) {
        change(&mut self.made.lock().unwrap_or_else(std::sync::PoisonError::into_inner));
    }

    /// An ACTIVE stream of that many shards.
    ///
    /// # Errors
    /// A [`Mismatch`] when it cannot be created or does not become ACTIVE.
    pub async fn stream(&self, shards: i32) -> Result<TestStream, Mismatch> {
        let name = self.stream_name();
        let mut pace = Pace::for_the("room for another stream");
        while let Err(error) = self.kinesis().create_stream().stream_name(&name).shard_count(shards).send().await {
            // Five creations a second, and a limit of shards, are an account's own matter.
            if error.as_service_error().and_then(ProvideErrorMetadata::code) != Some("LimitExceededException") {
                return Err(error.into());
            }
            pace.pause().await?;
        }
        let stream = TestStream::new(self.kinesis().clone(), name);
        stream.until_active().await?;
        Ok(stream)
    }

    /// Deletes what was made. Failures are not reported: most of what a check makes may be gone already.
    pub async fn clean_up(&self) {
        let mut left = Made::default();
        self.made(|made| std::mem::swap(made, &mut left));
        for name in left.streams {
            let delete = self.kinesis().delete_stream().stream_name(name).enforce_consumer_deletion(true);
            let _ = delete.send().await;
        }
        if let Some(client) = &self.subject.dynamodb {
            for name in left.tables {
                let _ = client.delete_table().table_name(name).send().await;
            }
        }
    }
}
