//! How an endpoint differs from what is documented.
//!
//! Promises: the first line says what was expected and what was seen, without anything that changes from run to run but
//! the names of streams.

use std::fmt::{self, Debug};

use aws_sdk_kinesis::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_smithy_types::error::operation::BuildError;

/// A difference, in words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Mismatch(String);

impl Mismatch {
    /// A difference with that description.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

/// A call that should have succeeded.
impl<E, R> From<SdkError<E, R>> for Mismatch
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
    R: Debug,
{
    fn from(error: SdkError<E, R>) -> Self {
        match error.as_service_error() {
            Some(answer) => Self(format!(
                "unexpected {}: {}",
                answer.code().unwrap_or("error without a code"),
                answer.message().unwrap_or("no message")
            )),
            None => Self(format!("no proper answer: {}", DisplayErrorContext(&error))),
        }
    }
}

impl From<BuildError> for Mismatch {
    fn from(error: BuildError) -> Self {
        Self(format!("a request that the SDK does not build: {error}"))
    }
}

/// That two values are equal.
pub(crate) fn equal<T: PartialEq + Debug>(what: &str, seen: &T, wanted: &T) -> Result<(), Mismatch> {
    if seen == wanted { Ok(()) } else { Err(Mismatch(format!("{what}: expected {wanted:?}, saw {seen:?}"))) }
}

/// What must be there.
pub(crate) fn present<T>(what: impl fmt::Display, value: Option<T>) -> Result<T, Mismatch> {
    value.ok_or_else(|| Mismatch(format!("{what} is absent")))
}

/// Fails the check with a text unless a condition holds.
macro_rules! ensure {
    ($condition:expr, $($text:tt)+) => {
        if !$condition {
            return Err($crate::Mismatch::new(format!($($text)+)));
        }
    };
}

pub(crate) use ensure;
