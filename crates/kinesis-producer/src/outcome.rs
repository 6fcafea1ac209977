//! Pure: what an answer means for a record: delivered, to be sent again, or given up.

use kinesis_endpoint::{ServiceError, ServiceErrorKind};

use crate::api::{EntryError, EntryResult, Receipt};

/// What an answer means for one record.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Delivered(Receipt),
    /// Worth another attempt.
    Again(EntryError),
    /// No repetition helps.
    GiveUp(EntryError),
}

/// The meaning of one record's result.
pub(crate) fn of_entry(result: EntryResult) -> Outcome {
    match result {
        EntryResult::Stored(receipt) => Outcome::Delivered(receipt),
        EntryResult::Refused(error) if is_transient(&error.code) => Outcome::Again(error),
        EntryResult::Refused(error) => Outcome::GiveUp(error),
    }
}

/// Whether the records of a call that failed as a whole are worth another attempt.
///
/// `reached` says whether the service has answered before. An endpoint that never did, or that talks nonsense from the
/// start, is a wrong setting and reported at once; one that did has trouble, and trouble passes.
pub(crate) fn is_worth_repeating(error: &ServiceError, reached: bool) -> bool {
    match error.kind {
        ServiceErrorKind::Throttled | ServiceErrorKind::Server | ServiceErrorKind::Timeout => true,
        ServiceErrorKind::Unreachable | ServiceErrorKind::InvalidResponse | ServiceErrorKind::ExpiredCredentials => {
            reached
        }
        _ => false,
    }
}

/// An answer with too few or too many results cannot be told apart record by record.
pub(crate) fn same_length(results: Vec<EntryResult>, records: usize) -> Result<Vec<EntryResult>, ServiceError> {
    if results.len() == records {
        return Ok(results);
    }
    let reason = format!("{} results for {records} records", results.len());
    Err(ServiceError::invalid_response("PutRecords", "the stream", reason))
}

/// Whether a record's error code names throttling or trouble of the service. An unknown code is not repeated: the record
/// goes back to the caller, who can.
fn is_transient(code: &str) -> bool {
    is_throttling(code) || matches!(code, "InternalFailure" | "InternalServerError" | "ServiceUnavailable")
}

/// Whether the code says that more is sent than the stream takes.
pub(crate) fn is_throttling(code: &str) -> bool {
    matches!(code, "ProvisionedThroughputExceededException" | "ThrottlingException" | "KMSThrottlingException")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(code: &str) -> EntryResult {
        EntryResult::Refused(EntryError { code: code.into(), message: String::new() })
    }

    fn failed(kind: ServiceErrorKind) -> ServiceError {
        ServiceError { call: "PutRecords", subject: "x".into(), kind, reason: "y".into(), source: None }
    }

    #[test]
    fn throttling_and_server_trouble_are_repeated_and_everything_else_is_given_up() {
        assert!(matches!(of_entry(refused("ProvisionedThroughputExceededException")), Outcome::Again(_)));
        assert!(matches!(of_entry(refused("InternalFailure")), Outcome::Again(_)));
        assert!(matches!(of_entry(refused("KMSDisabledException")), Outcome::GiveUp(_)));
        assert!(matches!(of_entry(refused("SomethingNew")), Outcome::GiveUp(_)));
    }

    #[test]
    fn credentials_that_expired_on_the_way_are_renewed_and_those_that_were_over_from_the_start_are_not() {
        assert!(!is_worth_repeating(&failed(ServiceErrorKind::ExpiredCredentials), false));
        assert!(is_worth_repeating(&failed(ServiceErrorKind::ExpiredCredentials), true));
    }

    #[test]
    fn an_endpoint_is_unreachable_for_good_only_if_it_never_answered() {
        assert!(!is_worth_repeating(&failed(ServiceErrorKind::Unreachable), false));
        assert!(is_worth_repeating(&failed(ServiceErrorKind::Unreachable), true));
    }

    #[test]
    fn a_wrong_stream_a_denied_caller_and_bad_credentials_are_never_repeated() {
        for kind in [
            ServiceErrorKind::NotFound,
            ServiceErrorKind::AccessDenied,
            ServiceErrorKind::Credentials,
            ServiceErrorKind::InvalidRequest,
        ] {
            assert!(!is_worth_repeating(&failed(kind), true), "{kind}");
        }
    }
}
