//! Which stream a lease belongs to. Shards of different streams have the same names, so a lease table says whose they are.

use std::fmt;
use std::sync::Arc;

/// A stream and the moment of its creation: a stream that was deleted and created anew under the same name is another one,
/// with other records and other shards. A clone is a reference count.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamIdentity {
    /// The stream's name.
    pub name: Arc<str>,
    /// When it was created, in seconds since 1970 UTC.
    pub created: i64,
}

impl StreamIdentity {
    /// A stream of that name, created then.
    #[must_use]
    pub fn new(name: &str, created: i64) -> Self {
        Self { name: name.into(), created }
    }

    /// Reads the text that [`fmt::Display`] writes, `words:1700000000`. `None` for any other text.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (name, created) = text.rsplit_once(':')?;
        let created = created.parse().ok()?;
        (!name.is_empty()).then(|| Self::new(name, created))
    }
}

impl fmt::Display for StreamIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.name, self.created)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_survives_the_way_through_its_text_and_other_texts_are_none() {
        let identity = StreamIdentity::new("words", 1_700_000_000);
        assert_eq!(identity.to_string(), "words:1700000000");
        assert_eq!(StreamIdentity::parse("words:1700000000"), Some(identity));
        for text in ["", "words", "words:", ":17", "words:soon"] {
            assert_eq!(StreamIdentity::parse(text), None, "{text}");
        }
    }
}
