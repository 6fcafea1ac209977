//! The errors of Kinesis, by the names and first words that AWS gives them.
//!
//! Promises: the kind is what a client matches on; the message is for people. Messages start as AWS's do, upper case
//! and full stop included, because clients show and sometimes search them.

use std::fmt;

/// An error that Kinesis answers with.
///
/// ```
/// use kinesis_local::model::{DescribeStream, ErrorKind, Millis, Model, Settings};
///
/// let mut model = Model::new(Settings::default(), 1);
/// let error = model.describe_stream(Millis::new(0), &DescribeStream::of("nope")).unwrap_err();
/// assert_eq!(error.kind, ErrorKind::ResourceNotFound);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind}: {message}")]
pub struct KinesisError {
    /// Which error it is.
    pub kind: ErrorKind,
    /// AWS's sentence.
    pub message: String,
}

impl KinesisError {
    /// An error of that kind with that sentence.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }

    pub(crate) fn invalid_argument(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::InvalidArgument, message)
    }

    /// The `ValidationException` for one member that breaks one constraint.
    pub(crate) fn validation(value: impl fmt::Display, member: &str, constraint: &str) -> Self {
        Self::constraint(value, member, &format!("Member must {constraint}"))
    }

    /// The same where the constraint is not one of the member itself but of what is in it.
    pub(crate) fn constraint(value: impl fmt::Display, member: &str, constraint: &str) -> Self {
        Self::new(
            ErrorKind::Validation,
            format!(
                "1 validation error detected: Value '{value}' at '{member}' failed to satisfy constraint: {constraint}"
            ),
        )
    }

    /// The `ValidationException` for a member that is missing.
    pub(crate) fn missing(member: &str) -> Self {
        Self::new(
            ErrorKind::Validation,
            format!(
                "1 validation error detected: Value null at '{member}' failed to satisfy constraint: Member must not be null"
            ),
        )
    }

    /// Checks `1 <= value <= most` for a member that limits a page.
    pub(crate) fn check_limit(member: &str, value: u32, most: u32) -> Result<(), Self> {
        if value < 1 {
            return Err(Self::validation(value, member, "have value greater than or equal to 1"));
        }
        if value > most {
            return Err(Self::validation(value, member, &format!("have value less than or equal to {most}")));
        }
        Ok(())
    }
}

/// The error types of the Kinesis API that the model answers with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// No such stream, shard or consumer.
    ResourceNotFound,
    /// The stream exists already, or is not in a state that allows the operation.
    ResourceInUse,
    /// A value that is well formed and wrong.
    InvalidArgument,
    /// A value outside the documented constraints.
    Validation,
    /// The iterator is older than its life time.
    ExpiredIterator,
    /// The `NextToken` is older than its life time.
    ExpiredNextToken,
    /// An account limit would be exceeded.
    LimitExceeded,
    /// A throughput limit, or here the memory cap, is reached: try again later.
    ProvisionedThroughputExceeded,
    /// The request asked for a dry run and would have succeeded.
    DryRunOperation,
    /// The operation does not exist, or not here.
    UnknownOperation,
    /// The body is not what the protocol asks for.
    Serialization,
    /// The endpoint itself failed.
    InternalFailure,
}

impl ErrorKind {
    /// The name on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ResourceNotFound => "ResourceNotFoundException",
            Self::ResourceInUse => "ResourceInUseException",
            Self::InvalidArgument => "InvalidArgumentException",
            Self::Validation => "ValidationException",
            Self::ExpiredIterator => "ExpiredIteratorException",
            Self::ExpiredNextToken => "ExpiredNextTokenException",
            Self::LimitExceeded => "LimitExceededException",
            Self::ProvisionedThroughputExceeded => "ProvisionedThroughputExceededException",
            Self::DryRunOperation => "DryRunOperationException",
            Self::UnknownOperation => "UnknownOperationException",
            Self::Serialization => "SerializationException",
            Self::InternalFailure => "InternalFailure",
        }
    }

    /// The HTTP status: 500 for a failure of the endpoint, 400 for everything that the caller can mend.
    #[must_use]
    pub const fn http_status(self) -> u16 {
        match self {
            Self::InternalFailure => 500,
            _ => 400,
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
