//! Requests that name a shard, which may be a text that no shard can have.
//!
//! Promises: errors in AWS's order: a text of wrong length or characters is a `ValidationException`; then the stream is
//! looked for; only then the shard is unknown.

use crate::model::{KinesisError, Millis, Model, ShardId, StreamRef};

/// A request whose shards are well formed, or what is needed to refuse it.
pub(super) enum Named<R> {
    /// All shards of the request can exist.
    Known(R),
    /// This one cannot.
    Unknown {
        /// The stream of the request.
        stream: StreamRef,
        /// The shard as it was named.
        shard: String,
    },
}

impl<R> Named<R> {
    /// Runs the operation, or refuses.
    pub(super) fn answer<T>(
        self,
        model: &mut Model,
        now: Millis,
        operation: impl FnOnce(&mut Model, Millis, &R) -> Result<T, KinesisError>,
    ) -> Result<T, KinesisError> {
        match self {
            Self::Known(request) => operation(model, now, &request),
            Self::Unknown { stream, shard } => Err(model.unknown_shard(now, &stream, &shard)),
        }
    }
}

/// Whether the text names a shard that can exist: `Ok(None)` when it is well formed and does not.
pub(super) fn parse(text: &str, member: &str) -> Result<Option<ShardId>, KinesisError> {
    let constraint = if text.is_empty() {
        "have length greater than or equal to 1"
    } else if text.len() > MOST_CHARACTERS {
        "have length less than or equal to 128"
    } else if !text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-')) {
        "satisfy regular expression pattern: [a-zA-Z0-9_.-]+"
    } else {
        // One that is not written as we write it is no name of a shard: AWS compares the text.
        return Ok(text.parse().ok().filter(|id: &ShardId| id.to_string() == text));
    };
    Err(KinesisError::validation(text, member, constraint))
}

const MOST_CHARACTERS: usize = 128;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ErrorKind;

    #[test]
    fn a_text_is_ill_formed_or_unknown_or_a_shard() {
        for text in ["", "shard 1", "shardId-000000000000/", &"x".repeat(129)] {
            assert_eq!(parse(text, "shardId").unwrap_err().kind, ErrorKind::Validation, "{text}");
        }
        for text in ["x", "shardId-", "shardId-99999999999", "shard-000000000000", "shardId-0"] {
            assert_eq!(parse(text, "shardId"), Ok(None), "{text}");
        }
        assert_eq!(parse("shardId-000000000000", "shardId"), Ok("shardId-000000000000".parse().ok()));
    }
}
