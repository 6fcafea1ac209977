//! How a request names a consumer: by its ARN, or by its name and the ARN of its stream.
//!
//! Promises: what breaks AWS's rules is refused with AWS's errors before anything is looked up; region and account of an
//! ARN are not compared, because one local endpoint serves every region.

use super::error::KinesisError;
use super::stream_ref::{StreamRef, check_name, check_text, name_in_arn};

/// The consumer that a request is about.
///
/// ```
/// use kinesis_local::model::ConsumerRef;
///
/// let stream = "arn:aws:kinesis:us-east-1:000000000000:stream/words";
/// let by_name = ConsumerRef::by_name(stream, "counter");
/// let by_arn = ConsumerRef::by_arn(&format!("{stream}/consumer/counter:1700000000"));
/// assert_ne!(by_name, by_arn);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ConsumerRef {
    /// `StreamARN` of the request.
    pub stream_arn: Option<String>,
    /// `ConsumerName` of the request.
    pub name: Option<String>,
    /// `ConsumerARN` of the request.
    pub arn: Option<String>,
}

/// What a [`ConsumerRef`] says, taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ConsumerKey<'a> {
    pub(crate) stream: &'a str,
    pub(crate) name: &'a str,
    /// Only an ARN says which of two consumers of one name is meant.
    pub(crate) created_second: Option<u64>,
}

impl ConsumerRef {
    /// A consumer by its own ARN.
    #[must_use]
    pub fn by_arn(arn: &str) -> Self {
        Self { arn: Some(arn.to_owned()), ..Self::default() }
    }

    /// A consumer by the ARN of its stream and its name.
    #[must_use]
    pub fn by_name(stream_arn: &str, name: &str) -> Self {
        Self { stream_arn: Some(stream_arn.to_owned()), name: Some(name.to_owned()), arn: None }
    }

    /// The stream that an ARN of a consumer names.
    pub(crate) fn stream_in_arn(&self) -> Result<StreamRef, KinesisError> {
        self.resolve().map(|key| key.stream.into())
    }

    /// The names behind it. `ValidationException` when a part is ill formed, `InvalidArgumentException` when too little
    /// is given or the parts disagree.
    pub(crate) fn resolve(&self) -> Result<ConsumerKey<'_>, KinesisError> {
        let by_arn = self.arn.as_deref().map(key_in_arn).transpose()?;
        if let Some(name) = &self.name {
            check_text(name, "consumerName")?;
        }
        let stream = self.stream_arn.as_deref().map(name_in_arn).transpose()?;
        stream.map(check_name).transpose()?;
        let disagree = |key: ConsumerKey<'_>| {
            stream.is_some_and(|stream| stream != key.stream)
                || self.name.as_deref().is_some_and(|name| name != key.name)
        };
        match (by_arn, stream, self.name.as_deref()) {
            (Some(key), _, _) if disagree(key) => Err(KinesisError::invalid_argument(
                "ConsumerARN, StreamARN and ConsumerName do not name the same consumer.",
            )),
            (Some(key), _, _) => Ok(key),
            (None, Some(stream), Some(name)) => Ok(ConsumerKey { stream, name, created_second: None }),
            _ => Err(KinesisError::invalid_argument(
                "Either ConsumerARN or both StreamARN and ConsumerName should be provided.",
            )),
        }
    }
}

fn key_in_arn(arn: &str) -> Result<ConsumerKey<'_>, KinesisError> {
    parse_arn(arn).ok_or_else(|| {
        KinesisError::validation(
            arn,
            "consumerARN",
            "satisfy regular expression pattern: ^(arn):aws.*:kinesis:.*:\\d{12}:.*stream\\/[a-zA-Z0-9_.-]+\\/consumer\\/[a-zA-Z0-9_.-]+:[0-9]+",
        )
    })
}

fn parse_arn(arn: &str) -> Option<ConsumerKey<'_>> {
    let (head, rest) = arn.split_once(":stream/")?;
    let (stream, consumer) = rest.split_once("/consumer/")?;
    let (name, second) = consumer.rsplit_once(':')?;
    let ours = head.starts_with("arn:aws") && head.split(':').nth(2) == Some("kinesis");
    let named = check_text(stream, "streamName").is_ok() && check_text(name, "consumerName").is_ok();
    let created_second = Some(second.parse().ok()?);
    (ours && named).then_some(ConsumerKey { stream, name, created_second })
}

#[cfg(test)]
mod tests {
    use super::super::error::ErrorKind;
    use super::*;

    const STREAM: &str = "arn:aws:kinesis:eu-west-1:123456789012:stream/words";

    #[test]
    fn an_arn_says_stream_name_and_second() {
        let by_arn = ConsumerRef::by_arn(&format!("{STREAM}/consumer/count.er:17"));
        let key = ConsumerKey { stream: "words", name: "count.er", created_second: Some(17) };
        assert_eq!(by_arn.resolve(), Ok(key));
        let all = ConsumerRef { arn: by_arn.arn.clone(), ..ConsumerRef::by_name(STREAM, "count.er") };
        assert_eq!(all.resolve(), Ok(key));
        let by_name = ConsumerRef::by_name(STREAM, "count.er");
        assert_eq!(by_name.resolve(), Ok(ConsumerKey { created_second: None, ..key }));
    }

    #[test]
    fn ill_formed_arns_and_names_are_validation_errors() {
        for arn in
            ["", "arn", STREAM, "arn:aws:kinesis:r:1:stream/words/consumer/c", "arn:aws:s3:r:1:stream/w/consumer/c:1"]
        {
            assert_eq!(ConsumerRef::by_arn(arn).resolve().unwrap_err().kind, ErrorKind::Validation, "{arn}");
        }
        for name in ["", "a b", &"x".repeat(129)] {
            let refused = ConsumerRef::by_name(STREAM, name).resolve().unwrap_err();
            assert_eq!(refused.kind, ErrorKind::Validation);
            assert!(refused.message.contains("at 'consumerName'"), "{}", refused.message);
        }
    }

    #[test]
    fn too_little_and_contradictions_are_invalid_arguments() {
        let arn = Some(format!("{STREAM}/consumer/counter:17"));
        let other = ConsumerRef { arn: arn.clone(), ..ConsumerRef::by_name(STREAM, "other") };
        let only_name = ConsumerRef { name: Some("counter".into()), ..ConsumerRef::default() };
        for consumer in [other, only_name, ConsumerRef::default()] {
            assert_eq!(consumer.resolve().unwrap_err().kind, ErrorKind::InvalidArgument, "{consumer:?}");
        }
    }
}
