//! The members of Kinesis's requests and replies whose values look different in CBOR.
//!
//! Promises: complete for the API as of 2026; a member that is not here is the same in both encodings.

/// How a value is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// Base64 text in JSON, a byte string in CBOR.
    Blob,
    /// Seconds in JSON, tagged milliseconds in CBOR.
    Timestamp,
    /// The same in both.
    Plain,
}

/// The form of a member's value.
pub(super) fn form_of(member: &str) -> Form {
    match member {
        "Data" => Form::Blob,
        "Timestamp"
        | "ApproximateArrivalTimestamp"
        | "ConsumerCreationTimestamp"
        | "StreamCreationTimestamp"
        // Of DescribeAccountSettings.
        | "StartedAt"
        | "EndedAt"
        | "EarliestAllowedEndAt" => Form::Timestamp,
        _ => Form::Plain,
    }
}
