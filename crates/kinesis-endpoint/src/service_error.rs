//! What went wrong with a call to AWS, in terms of what to do about it.
//!
//! SDK errors are sorted into a few kinds here, once for all clients of the workspace.

use std::error::Error;
use std::fmt;

use aws_credential_types::provider::error::CredentialsError;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_smithy_types::event_stream::RawMessage;
use thiserror::Error;

/// A call that failed. Its text says which call, on what, why, and what to do; the SDK's own error is the source.
#[derive(Debug, Error)]
#[error("{call} on {subject} failed: {reason}; {advice}", advice = self.kind.advice())]
pub struct ServiceError {
    /// The operation, in the API's own words, such as `GetRecords`.
    pub call: &'static str,
    /// What it was about, such as `stream 'words'`.
    pub subject: String,
    /// What it means.
    pub kind: ServiceErrorKind,
    /// What the service or the transport said, in short.
    pub reason: String,
    /// The SDK's error.
    #[source]
    pub source: Option<Box<dyn Error + Send + Sync>>,
}

/// What a failed call means to its caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ServiceErrorKind {
    /// The stream, shard or table does not exist.
    NotFound,
    /// It exists already, or is being created or deleted.
    InUse,
    /// The caller is known but may not do this.
    AccessDenied,
    /// The caller could not be identified.
    Credentials,
    /// The caller's temporary credentials are over. Whoever gave them gives new ones: a role, a profile's process, the machine.
    ExpiredCredentials,
    /// No connection.
    Unreachable,
    /// No answer in time; the call may have had its effect.
    Timeout,
    /// Too many calls or bytes.
    Throttled,
    /// A shard iterator is older than five minutes.
    ExpiredIterator,
    /// A condition of a conditional write did not hold.
    ConditionFailed,
    /// The service refused the values of the call.
    InvalidRequest,
    /// The service failed; the call may have had its effect.
    Server,
    /// An answer that makes no sense.
    InvalidResponse,
}

impl ServiceErrorKind {
    /// Whether trying again later can help.
    #[must_use]
    pub fn is_transient(self) -> bool {
        matches!(
            self,
            Self::Unreachable
                | Self::Timeout
                | Self::Throttled
                | Self::Server
                | Self::InvalidResponse
                | Self::InUse
                | Self::ExpiredCredentials
        )
    }

    /// Whether the call may have had its effect in spite of the error.
    #[must_use]
    pub fn may_have_happened(self) -> bool {
        matches!(self, Self::Unreachable | Self::Timeout | Self::Server | Self::InvalidResponse)
    }

    /// What to do about it.
    #[must_use]
    pub fn advice(self) -> &'static str {
        match self {
            Self::NotFound => "check the name, the region and the endpoint, or create it first",
            Self::InUse => "wait until it is active, then try again",
            Self::AccessDenied => "grant the caller the permission for this call",
            Self::Credentials => {
                "give valid credentials: AWS_ACCESS_KEY_ID with AWS_SECRET_ACCESS_KEY, a profile, or a role"
            }
            Self::ExpiredCredentials => {
                "it is tried again with new credentials if their source has any; give a role rather than fixed session keys"
            }
            Self::Unreachable => "check the endpoint URL and that it can be reached from here",
            Self::Timeout => "check the network; it is tried again",
            Self::Throttled => "it is tried again more slowly; add capacity or shards if it goes on",
            Self::ExpiredIterator => "a new iterator is needed",
            Self::ConditionFailed => "somebody else changed it first",
            Self::InvalidRequest => "check the values that the message names",
            Self::Server => "the service has trouble; it is tried again",
            Self::InvalidResponse => "check that the endpoint is the right service",
        }
    }
}

impl fmt::Display for ServiceErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

impl ServiceError {
    /// Sorts an error of the SDK.
    pub fn from_sdk<E>(call: &'static str, subject: impl Into<String>, error: SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + Error + Send + Sync + 'static,
    {
        Self::sorted(call, subject.into(), error, |response| response.status().as_u16())
    }

    /// Sorts an error that ends an event stream. Codes that are not known count as the service's failure: the call itself had been
    /// accepted.
    pub fn from_event<E>(call: &'static str, subject: impl Into<String>, error: SdkError<E, RawMessage>) -> Self
    where
        E: ProvideErrorMetadata + Error + Send + Sync + 'static,
    {
        Self::sorted(call, subject.into(), error, |_| 500)
    }

    fn sorted<E, R>(call: &'static str, subject: String, error: SdkError<E, R>, status: fn(&R) -> u16) -> Self
    where
        E: ProvideErrorMetadata + Error + Send + Sync + 'static,
        R: fmt::Debug + Send + Sync + 'static,
    {
        let (kind, reason) = classify(&error, status);
        let reason = reason.trim_end_matches('.').to_owned();
        // The cause itself, without the SDK's wrapping that says no more than the kind does.
        let source = error.into_source().unwrap_or_else(|error| Box::new(error));
        Self { call, subject, kind, reason, source: Some(source) }
    }

    /// An answer that arrived but makes no sense.
    #[must_use]
    pub fn invalid_response(call: &'static str, subject: impl Into<String>, reason: impl Into<String>) -> Self {
        Self {
            call,
            subject: subject.into(),
            kind: ServiceErrorKind::InvalidResponse,
            reason: reason.into(),
            source: None,
        }
    }
}

fn classify<E, R>(error: &SdkError<E, R>, status: fn(&R) -> u16) -> (ServiceErrorKind, String)
where
    E: ProvideErrorMetadata + Error + Send + Sync + 'static,
    R: fmt::Debug + Send + Sync + 'static,
{
    if let Some(cause) = causes(error).find_map(|cause| cause.downcast_ref::<CredentialsError>()) {
        return (of_credentials(cause), innermost(error));
    }
    match error {
        SdkError::ServiceError(context) => {
            let service = context.err();
            let code = service.code().unwrap_or("an error without a code");
            let status = status(context.raw());
            let reason = service.message().map_or_else(|| code.to_owned(), |message| format!("{code}: {message}"));
            (of_code(code, status), reason)
        }
        SdkError::TimeoutError(_) => (ServiceErrorKind::Timeout, "no answer in time".to_owned()),
        SdkError::DispatchFailure(failure) if failure.is_timeout() => {
            (ServiceErrorKind::Timeout, "no connection or no answer in time".to_owned())
        }
        SdkError::DispatchFailure(_) => (ServiceErrorKind::Unreachable, innermost(error)),
        SdkError::ConstructionFailure(_) => (ServiceErrorKind::InvalidRequest, innermost(error)),
        _ => (ServiceErrorKind::InvalidResponse, innermost(error)),
    }
}

/// The kind behind an error code of Kinesis, DynamoDB or STS.
fn of_code(code: &str, status: u16) -> ServiceErrorKind {
    match code {
        "ResourceNotFoundException" => ServiceErrorKind::NotFound,
        "ResourceInUseException" | "ContinuousBackupsUnavailableException" => ServiceErrorKind::InUse,
        "AccessDeniedException" | "KMSAccessDeniedException" | "AccessDenied" => ServiceErrorKind::AccessDenied,
        "UnrecognizedClientException"
        | "InvalidSignatureException"
        | "MissingAuthenticationTokenException"
        | "MissingAuthenticationToken"
        | "IncompleteSignatureException"
        | "InvalidClientTokenId"
        | "SignatureDoesNotMatch" => ServiceErrorKind::Credentials,
        "ExpiredTokenException" | "ExpiredToken" => ServiceErrorKind::ExpiredCredentials,
        "ProvisionedThroughputExceededException"
        | "ThrottlingException"
        | "Throttling"
        | "LimitExceededException"
        | "RequestLimitExceeded"
        | "KMSThrottlingException"
        | "TransactionInProgressException" => ServiceErrorKind::Throttled,
        "ExpiredIteratorException" => ServiceErrorKind::ExpiredIterator,
        "ConditionalCheckFailedException" => ServiceErrorKind::ConditionFailed,
        "InvalidArgumentException" | "ValidationException" => ServiceErrorKind::InvalidRequest,
        _ if status >= 500 => ServiceErrorKind::Server,
        _ => ServiceErrorKind::InvalidRequest,
    }
}

/// A provider of credentials that is in trouble may recover; one that has none, or is set up wrongly, will not.
fn of_credentials(error: &CredentialsError) -> ServiceErrorKind {
    match error {
        CredentialsError::ProviderTimedOut(_) => ServiceErrorKind::Timeout,
        CredentialsError::ProviderError(_) => ServiceErrorKind::Server,
        _ => ServiceErrorKind::Credentials,
    }
}

/// The deepest cause, which is the one that says what happened.
fn innermost(error: &(dyn Error + 'static)) -> String {
    causes(error).last().map_or_else(String::new, ToString::to_string)
}

fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&cause| cause.source())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_of_the_services_are_sorted_by_what_to_do() {
        for (code, status, kind) in [
            ("ResourceNotFoundException", 400, ServiceErrorKind::NotFound),
            ("LimitExceededException", 400, ServiceErrorKind::Throttled),
            ("InvalidSignatureException", 400, ServiceErrorKind::Credentials),
            ("ExpiredTokenException", 400, ServiceErrorKind::ExpiredCredentials),
            ("ConditionalCheckFailedException", 400, ServiceErrorKind::ConditionFailed),
            ("InternalFailure", 500, ServiceErrorKind::Server),
            ("InvalidArgumentException", 500, ServiceErrorKind::InvalidRequest),
            ("SomethingNew", 400, ServiceErrorKind::InvalidRequest),
        ] {
            assert_eq!(of_code(code, status), kind, "{code}");
        }
    }

    #[test]
    fn credentials_that_are_over_may_be_renewed_and_wrong_ones_stay_wrong() {
        assert!(ServiceErrorKind::ExpiredCredentials.is_transient());
        assert!(!ServiceErrorKind::ExpiredCredentials.may_have_happened());
        assert!(!ServiceErrorKind::Credentials.is_transient());
    }

    #[test]
    fn only_errors_that_leave_the_effect_open_may_have_happened() {
        assert!(ServiceErrorKind::Timeout.may_have_happened());
        assert!(!ServiceErrorKind::Throttled.may_have_happened());
        assert!(!ServiceErrorKind::ConditionFailed.may_have_happened());
    }

    #[test]
    fn the_text_names_the_call_the_subject_and_what_to_do() {
        let error = ServiceError::invalid_response("GetRecords", "shard 'a'", "no data");
        assert_eq!(
            error.to_string(),
            "GetRecords on shard 'a' failed: no data; check that the endpoint is the right service"
        );
    }
}
