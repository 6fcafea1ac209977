//! What stops an application that reads Kinesis, and what is wrong with a configuration.

use dstream_core::BoxError;
use kinesis_endpoint::{EndpointError, ServiceError};
use thiserror::Error;

use crate::lease::belonging::WrongStream;
use crate::sequence::{Position, SequenceNumber};
use crate::shard::ShardId;

/// Why reading cannot go on.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum KinesisError {
    /// A call to Kinesis or DynamoDB failed in a way that trying again does not mend, or for too long.
    #[error(transparent)]
    Service(#[from] ServiceError),
    /// Records have expired with the stream's retention time before they were read, or may have: the record of the checkpoint is not kept
    /// any more although later ones are, or its number is unknown to the stream, or the whole shard is gone.
    #[error(
        "records of shard '{shard}'{} have expired before they were read, or may have: lengthen the stream's retention time; to \
         go on at the oldest record that is kept, set on_expired to OnExpired::Continue",
        after.map(|after| format!(" after {after}")).unwrap_or_default()
    )]
    Expired {
        /// The shard.
        shard: ShardId,
        /// The last record that was processed, where known.
        after: Option<SequenceNumber>,
        /// What the service said, if it refused a call.
        source: Option<ServiceError>,
    },
    /// The lease table is not that of the stream.
    #[error(transparent)]
    WrongStream(#[from] WrongStream),
    /// The task that read a shard panicked: a defect of this crate.
    #[error("the reader of shard '{shard}' panicked; please report it with the log")]
    ReaderPanicked {
        /// The shard.
        shard: ShardId,
        /// The panic.
        #[source]
        source: tokio::task::JoinError,
    },
    /// At the stop the last positions could not be written: the lease table could not be reached for the failover time.
    #[error(
        "stopped, but the last positions of {} could not be written to the lease table; what was processed since the last \
         checkpoint is delivered again",
        names(shards)
    )]
    NotReleased {
        /// The shards.
        shards: Vec<ShardId>,
    },
    /// The application was stopped before it was known which of the batches of an earlier run are this process's to run again. They
    /// are left for the next start.
    #[error(
        "application '{application}' was stopped while it started; what an earlier run left unfinished is left for the next start"
    )]
    StoppedWhileStarting {
        /// The application.
        application: String,
    },
    /// The task that owns the leases panicked: a defect of this crate.
    #[error("the worker of application '{application}' panicked; please report it with the log")]
    WorkerPanicked {
        /// The application.
        application: String,
    },
}

fn names(shards: &[ShardId]) -> String {
    shards.iter().map(ShardId::as_str).collect::<Vec<_>>().join(", ")
}

/// A record that the message handler failed on. It is the cause of the batch's failure, and names the record because the
/// batch knows only the range that it came with.
#[derive(Debug, Error)]
#[error(
    "record {position} of shard '{shard}' of stream '{stream}' could not be handled: correct the handler, let it leave the record \
     out, or set it aside by on_failed_record"
)]
pub struct HandlerError {
    /// The stream.
    pub stream: String,
    /// The shard, by its name within the stream.
    pub shard: ShardId,
    /// Sequence number and sub-sequence number.
    pub position: Position,
    /// What the handler said.
    pub source: BoxError,
}

/// Why an input stream cannot be built. Nothing was started or sent.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// Required values were not given.
    #[error("no value provided for required {}: {}", if names.len() == 1 { "parameter" } else { "parameters" }, names.join(", "))]
    Missing {
        /// The builder's methods that should have been called.
        names: Vec<&'static str>,
    },
    /// A name that the service would refuse.
    #[error("{field} '{value}' is not valid: use {rule}")]
    InvalidName {
        /// The builder's method.
        field: &'static str,
        /// What was given.
        value: String,
        /// What is allowed.
        rule: &'static str,
    },
    /// A duration that makes no sense.
    #[error("{field} is {value:?}: give {rule}")]
    InvalidDuration {
        /// The builder's method.
        field: &'static str,
        /// What was given.
        value: std::time::Duration,
        /// What is allowed.
        rule: &'static str,
    },
    /// A count that makes no sense.
    #[error("{field} is {value}: give {rule}")]
    InvalidCount {
        /// The builder's method.
        field: &'static str,
        /// What was given.
        value: u64,
        /// What is allowed.
        rule: &'static str,
    },
    /// Region and endpoint do not hold together.
    #[error("{field}: {source}")]
    Endpoint {
        /// The builder's method.
        field: &'static str,
        /// What is wrong.
        source: EndpointError,
    },
    /// Kinesis is not AWS's own, and where the lease table is was not said.
    #[error(
        "dynamodb_endpoint_url is not set although endpoint_url is '{endpoint}': give the DynamoDB endpoint that belongs to it, \
         or the lease table would be made on AWS"
    )]
    NoLeaseTableEndpoint {
        /// The Kinesis endpoint.
        endpoint: String,
    },
    /// Dead letters were to go to what names no file.
    #[error("on_failed_record's file '{}' has no name: give the path of a file in a folder that exists", path.display())]
    DeadLetterFile {
        /// What was given.
        path: std::path::PathBuf,
    },
    /// Dead letters were to go back to where they came from, and would fail again and again.
    #[error(
        "on_failed_record would put dead letters into stream '{stream}', which is being read: give them a stream of their own"
    )]
    DeadLettersToThemselves {
        /// The stream.
        stream: String,
    },
    /// One application was to read two streams without saying so: the shards of both have the same names, so they would share
    /// leases.
    #[error(
        "application '{application}' reads stream '{first}' already: give stream '{second}' a checkpoint_app_name of its own, or \
         call multi_stream() on every input stream of the application (its lease table then has other keys)"
    )]
    TwoStreams {
        /// The application.
        application: String,
        /// The stream of its first input stream.
        first: String,
        /// The other stream.
        second: String,
    },
    /// Two input streams of one application and stream in one program were given different settings.
    #[error(
        "input streams of application '{application}' on stream '{stream}' must have the same settings, {field} differs{}",
        values.as_ref().map(|(first, this)| format!(": {first} before, {this} here")).unwrap_or_default()
    )]
    Disagreement {
        /// The application.
        application: String,
        /// The stream.
        stream: String,
        /// Which setting.
        field: &'static str,
        /// What an input stream before was given, and this one, where that is short.
        values: Option<(String, String)>,
    },
}
