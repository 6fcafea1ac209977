//! The name of a stream, checked before any call.

use std::fmt;
use std::sync::Arc;

use crate::limits::MAX_STREAM_NAME_CHARS;

/// The name of a Kinesis stream: 1 to 128 letters, digits, `_`, `.` and `-`. Cheap to clone.
///
/// ```
/// use kinesis_producer::StreamName;
///
/// assert_eq!(StreamName::parse("words")?.as_str(), "words");
/// assert!(StreamName::parse("my words").is_err());
/// # Ok::<(), kinesis_producer::StreamNameError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamName(Arc<str>);

/// A text is no stream name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("stream name {name:?} is not valid; give 1 to 128 letters, digits, '_', '.' or '-'")]
pub struct StreamNameError {
    /// The text given.
    pub name: String,
}

impl StreamName {
    /// Checks `name`.
    ///
    /// # Errors
    ///
    /// [`StreamNameError`] if it is empty, too long, or holds another character.
    pub fn parse(name: &str) -> Result<Self, StreamNameError> {
        let fits = (1..=MAX_STREAM_NAME_CHARS).contains(&name.len());
        if fits && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte)) {
            Ok(Self(name.into()))
        } else {
            Err(StreamNameError { name: name.to_owned() })
        }
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for StreamName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_kinesis_would_refuse_are_refused_here() {
        for name in ["", "a b", "a/b", "größe", &"x".repeat(129)] {
            assert!(StreamName::parse(name).is_err(), "{name:?}");
        }
        assert!(StreamName::parse(&"x".repeat(128)).is_ok());
    }
}
