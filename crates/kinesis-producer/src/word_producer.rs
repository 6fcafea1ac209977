//! The word producer: random words at a true rate, counted once they are acknowledged.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::FusedFuture;
use kinesis_endpoint::{Credentials, EndpointError, EndpointUrl, Region, ServiceAccess};

use crate::api::PutRecordsApi;
use crate::aws_api::KinesisPutRecords;
use crate::delivery::DeliveryError;
use crate::stream_name::StreamName;
use crate::totals::Totals;
use crate::word_run::WordRun;

/// What to send, where and how fast.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WordSettings {
    /// The stream.
    pub stream: StreamName,
    /// The endpoint.
    pub endpoint: EndpointUrl,
    /// The region; `None` takes the endpoint's, or a fixed one on loopback.
    pub region: Option<Region>,
    /// Who sends.
    pub credentials: Credentials,
    /// Records per second, reached on average from the start on.
    pub records_per_sec: NonZeroU32,
    /// Words per record.
    pub words_per_record: NonZeroU32,
    /// How long, in seconds.
    pub seconds: NonZeroU32,
    /// Numbers from 0 to 9 instead of words.
    pub numbers: bool,
    /// Equal seeds send equal records.
    pub seed: u64,
}

/// Sends random words and counts them.
#[derive(Debug)]
pub struct WordProducer {
    settings: WordSettings,
    api: Arc<dyn PutRecordsApi>,
}

/// How far a run has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// Records the settings ask for.
    pub planned: u64,
    /// Records handed to the producer.
    pub sent: u64,
    /// Records that Kinesis acknowledged.
    pub acknowledged: u64,
    /// Records given up.
    pub failed: u64,
    /// Times a record was sent again.
    pub retried: u64,
    /// Time since the start.
    pub elapsed: Duration,
}

/// The word producer could not start, or could not go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WordProducerError {
    /// Endpoint and region do not hold together.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// A call failed in a way that no repetition helps or until records' time was over, or the producer ended.
    #[error("the word producer stopped after {} of {} records", .totals.acknowledged, .totals.planned)]
    Stopped {
        /// What had been sent and acknowledged.
        totals: Box<Totals>,
        /// What stopped it.
        source: DeliveryError,
    },
}

impl WordSettings {
    /// Settings with the defaults: 1000 records per second of 10 words for 10 seconds, words, default credentials, seed 0.
    #[must_use]
    pub fn new(stream: StreamName, endpoint: EndpointUrl) -> Self {
        let number = |value| NonZeroU32::new(value).unwrap_or(NonZeroU32::MIN);
        Self {
            stream,
            endpoint,
            region: None,
            credentials: Credentials::Default,
            records_per_sec: number(1000),
            words_per_record: number(10),
            seconds: number(10),
            numbers: false,
            seed: 0,
        }
    }
}

impl WordProducer {
    /// Prepares sending over the AWS SDK. Nothing is sent yet.
    ///
    /// # Errors
    ///
    /// [`WordProducerError::Endpoint`] if no region follows from the settings, or two that differ.
    ///
    /// # Cancellation
    ///
    /// Safe: nothing is kept.
    pub async fn connect(settings: WordSettings) -> Result<Self, WordProducerError> {
        let access = ServiceAccess {
            region: settings.endpoint.resolve_region(settings.region.as_ref())?,
            endpoint: Some(settings.endpoint.clone()),
            credentials: settings.credentials.clone(),
        };
        let api = KinesisPutRecords::connect(&access, settings.stream.clone()).await;
        Ok(Self::over(settings, Arc::new(api)))
    }

    /// Prepares sending over `api`, whatever stream and endpoint the settings name.
    #[must_use]
    pub fn over(settings: WordSettings, api: Arc<dyn PutRecordsApi>) -> Self {
        Self { settings, api }
    }

    /// Sends until all is sent, then waits until everything sent is answered. Once `stop` is ready nothing more is sent, and
    /// what Kinesis has not taken about 5 s later is given up. `progress` is called about once a second, and once at the
    /// end.
    ///
    /// # Errors
    ///
    /// [`WordProducerError::Stopped`] with the totals so far when a call fails for good. Single records that Kinesis
    /// refuses are counted as failed and do not stop the run.
    ///
    /// # Cancellation
    ///
    /// What is not delivered yet is given up; use `stop` instead.
    pub async fn run(
        self,
        progress: impl FnMut(&Progress) + Send,
        stop: impl Future<Output = ()> + Send,
    ) -> Result<Totals, WordProducerError> {
        let mut run = WordRun::start(&self.settings, self.api, progress);
        let mut stop = std::pin::pin!(stop.fuse());
        while !run.is_over() && !stop.is_terminated() {
            tokio::select! {
                biased;
                () = &mut stop => {}
                () = run.step() => {}
            }
        }
        if !stop.is_terminated() {
            tokio::select! {
                biased;
                () = &mut stop => {}
                () = run.settle() => {}
            }
        }
        run.finish().await
    }
}
