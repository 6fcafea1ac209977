//! How an application of several streams tells their shards apart: the KCL's stream identifier, with which each of its lease keys
//! begins.

use std::fmt;
use std::sync::Arc;

use crate::stream_identity::StreamIdentity;

/// A stream among all of an account: `account:stream:epoch`, such as `123456789012:words:1700000000`. The epoch is the moment
/// of its creation in seconds since 1970 UTC, so a stream that was created anew has another key. A clone is a reference count.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamKey(Arc<str>);

impl StreamKey {
    /// The key of a stream of an account. `None` when the account is no number: it would not be a key to the KCL.
    #[must_use]
    pub fn new(account: &str, stream: &StreamIdentity) -> Option<Self> {
        Self::parse(&format!("{account}:{stream}"))
    }

    /// Reads the KCL's text. `None` for any other text.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split(':');
        let (account, name, epoch) = (parts.next()?, parts.next()?, parts.next()?);
        let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        let is_key = is_number(account) && !name.is_empty() && is_number(epoch) && parts.next().is_none();
        is_key.then(|| Self(text.into()))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The stream without its account.
    #[must_use]
    pub fn identity(&self) -> Option<StreamIdentity> {
        self.0.split_once(':').and_then(|(_, identity)| StreamIdentity::parse(identity))
    }
}

impl fmt::Display for StreamKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for StreamKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_account_stream_and_epoch_and_nothing_else_is_one() {
        let words = StreamIdentity::new("words", 1_700_000_000);
        let key = StreamKey::new("123456789012", &words).expect("a key");
        assert_eq!(key.as_str(), "123456789012:words:1700000000");
        assert_eq!(StreamKey::parse(key.as_str()), Some(key.clone()));
        assert_eq!(key.identity(), Some(words.clone()));
        assert_eq!(StreamKey::new("account", &words), None);
        for text in ["", "words", "1:words", "words:1", "1:words:", ":words:1", "1::2", "1:words:2:s", "1:words:2a"] {
            assert_eq!(StreamKey::parse(text), None, "{text}");
        }
    }
}
