//! Calls that must be refused.

use std::fmt::Debug;

use aws_sdk_kinesis::config::http::HttpResponse;
use aws_sdk_kinesis::error::{ProvideErrorMetadata, SdkError};

use crate::mismatch::Mismatch;

/// What an endpoint refused with.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) message: String,
    pub(crate) status: u16,
}

impl Refusal {
    /// That the message begins as AWS's does.
    pub(crate) fn begins(self, words: &str) -> Result<Self, Mismatch> {
        if self.message.starts_with(words) {
            return Ok(self);
        }
        Err(Mismatch::new(format!("a message that begins with {words:?} is expected, not {:?}", self.message)))
    }

    /// That the message holds these words somewhere.
    pub(crate) fn mentions(self, words: &str) -> Result<Self, Mismatch> {
        if self.message.contains(words) {
            return Ok(self);
        }
        Err(Mismatch::new(format!("a message with {words:?} in it is expected, not {:?}", self.message)))
    }
}

/// That a call was refused with one of these error types. Where the documentation leaves open which of two types a wrong
/// value gets, both are accepted.
pub(crate) fn refused<T, E>(result: Result<T, SdkError<E, HttpResponse>>, codes: &[&str]) -> Result<Refusal, Mismatch>
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    let error = match result {
        Ok(_) => return Err(Mismatch::new(format!("{} is expected, but the call succeeded", codes.join(" or ")))),
        Err(error) => error,
    };
    let status = error.raw_response().map(|response| response.status().as_u16());
    let (Some(answer), Some(status)) = (error.as_service_error(), status) else { return Err(error.into()) };
    let code = answer.code().unwrap_or("an error without a code").to_owned();
    let message = answer.message().unwrap_or_default().to_owned();
    if codes.contains(&code.as_str()) {
        return Ok(Refusal { message, status });
    }
    Err(Mismatch::new(format!("{} is expected, not {code} ({status}): {message}", codes.join(" or "))))
}

pub(crate) const NOT_FOUND: &[&str] = &["ResourceNotFoundException"];
pub(crate) const IN_USE: &[&str] = &["ResourceInUseException"];
pub(crate) const INVALID: &[&str] = &["InvalidArgumentException"];
pub(crate) const VALIDATION: &[&str] = &["ValidationException"];
pub(crate) const THROTTLED: &[&str] = &["ProvisionedThroughputExceededException"];
/// Values of which the documentation says that they are wrong, and not whether by constraint or by sense.
pub(crate) const WRONG_VALUE: &[&str] = &["InvalidArgumentException", "ValidationException"];
