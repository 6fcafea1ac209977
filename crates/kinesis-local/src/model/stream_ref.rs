//! How a request names a stream: by name, by ARN, or by both.
//!
//! Promises: names and ARNs that break AWS's rules are refused with AWS's errors before anything is looked up; the
//! region and account of an ARN are not compared, because one local endpoint serves every region.

use super::error::KinesisError;

/// The stream that a request is about.
///
/// ```
/// use kinesis_local::model::StreamRef;
///
/// let by_name = StreamRef::from("words");
/// let by_arn = StreamRef::by_arn("arn:aws:kinesis:eu-west-1:123456789012:stream/words");
/// assert_eq!(by_name.resolve()?, by_arn.resolve()?);
/// # Ok::<(), kinesis_local::model::KinesisError>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StreamRef {
    /// `StreamName` of the request.
    pub name: Option<String>,
    /// `StreamARN` of the request.
    pub arn: Option<String>,
}

impl From<&str> for StreamRef {
    fn from(name: &str) -> Self {
        Self { name: Some(name.to_owned()), arn: None }
    }
}

impl StreamRef {
    /// A stream by its ARN.
    #[must_use]
    pub fn by_arn(arn: &str) -> Self {
        Self { name: None, arn: Some(arn.to_owned()) }
    }

    /// The stream's name.
    ///
    /// # Errors
    /// `ValidationException` when name or ARN are ill formed, `InvalidArgumentException` when neither is given or they
    /// disagree.
    pub fn resolve(&self) -> Result<&str, KinesisError> {
        let from_arn = self.arn.as_deref().map(name_in_arn).transpose()?;
        let name = match (self.name.as_deref(), from_arn) {
            (None, None) => {
                return Err(KinesisError::invalid_argument("Either StreamName or StreamARN should be provided."));
            }
            (Some(name), Some(other)) if name != other => {
                return Err(KinesisError::invalid_argument(format!(
                    "StreamName {name} and StreamARN do not name the same stream."
                )));
            }
            (Some(name), _) | (None, Some(name)) => name,
        };
        check_name(name)?;
        Ok(name)
    }
}

/// Checks a stream name: 1 to 128 of letters, digits, `_`, `.`, `-`.
pub(crate) fn check_name(name: &str) -> Result<(), KinesisError> {
    check_text(name, "streamName")
}

/// The same for any member that follows the rule of stream names.
pub(crate) fn check_text(name: &str, member: &str) -> Result<(), KinesisError> {
    if name.is_empty() {
        return Err(KinesisError::validation(name, member, "have length greater than or equal to 1"));
    }
    if name.len() > 128 {
        return Err(KinesisError::validation(name, member, "have length less than or equal to 128"));
    }
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
    if !name.bytes().all(allowed) {
        return Err(KinesisError::validation(name, member, "satisfy regular expression pattern: [a-zA-Z0-9_.-]+"));
    }
    Ok(())
}

/// The stream's name in its ARN, not checked.
pub(crate) fn name_in_arn(arn: &str) -> Result<&str, KinesisError> {
    let mut fields = arn.splitn(6, ':');
    let head = (fields.next(), fields.next(), fields.next());
    let name = fields.nth(2).and_then(|resource| resource.strip_prefix("stream/"));
    match (head, name) {
        ((Some("arn"), Some(partition), Some("kinesis")), Some(name)) if partition.starts_with("aws") => Ok(name),
        _ => Err(KinesisError::validation(
            arn,
            "streamARN",
            "satisfy regular expression pattern: arn:aws.*:kinesis:.*:\\d{12}:stream/\\S+",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::super::error::ErrorKind;
    use super::*;

    #[test]
    fn ill_formed_names_and_arns_are_validation_errors() {
        let arns = ["arn", "arn:aws:s3:::x", "arn:aws:kinesis:r:1:words", "words"].map(StreamRef::by_arn);
        let names = ["", "a b", "a/b", &"x".repeat(129)].map(StreamRef::from);
        for stream in arns.into_iter().chain(names) {
            assert_eq!(stream.resolve().unwrap_err().kind, ErrorKind::Validation, "{stream:?}");
        }
    }

    #[test]
    fn a_name_and_an_arn_that_disagree_are_refused() {
        let stream = StreamRef { name: Some("a".into()), ..StreamRef::by_arn("arn:aws:kinesis:r:1:stream/b") };
        assert_eq!(stream.resolve().unwrap_err().kind, ErrorKind::InvalidArgument);
        assert_eq!(StreamRef::default().resolve().unwrap_err().kind, ErrorKind::InvalidArgument);
    }
}
