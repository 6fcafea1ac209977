//! A record on its way into a stream.

use std::sync::Arc;

use bytes::Bytes;
use kpl_deagg::HashKey;

use crate::limits::MAX_KEY_CHARS;

/// A record to put: partition key, data and, if wanted, an explicit hash key. Cheap to clone.
///
/// ```
/// use bytes::Bytes;
/// use kinesis_producer::Record;
///
/// let record = Record::new("customer-17", Bytes::from_static(b"an order"))?;
/// assert_eq!(record.size(), 19);
/// assert!(Record::new("", Bytes::new()).is_err());
/// # Ok::<(), kinesis_producer::RecordError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    partition_key: Arc<str>,
    explicit_hash_key: Option<HashKey>,
    data: Bytes,
}

/// A record that Kinesis would refuse.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// The partition key is empty or too long.
    #[error("the partition key has {chars} characters; give 1 to {MAX_KEY_CHARS}")]
    KeyLength {
        /// How many characters it has.
        chars: usize,
    },
}

impl Record {
    /// A record that the hash of its partition key assigns to a shard. Its size is checked when it is sent.
    ///
    /// # Errors
    ///
    /// [`RecordError::KeyLength`] unless the key has 1 to 256 characters.
    pub fn new(partition_key: impl Into<Arc<str>>, data: impl Into<Bytes>) -> Result<Self, RecordError> {
        let partition_key = partition_key.into();
        let chars = partition_key.chars().count();
        if !(1..=MAX_KEY_CHARS).contains(&chars) {
            return Err(RecordError::KeyLength { chars });
        }
        Ok(Self { partition_key, explicit_hash_key: None, data: data.into() })
    }

    /// The same record, assigned to a shard by `hash_key` and no longer by its partition key.
    #[must_use]
    pub fn with_explicit_hash_key(self, hash_key: HashKey) -> Self {
        Self { explicit_hash_key: Some(hash_key), ..self }
    }

    /// The partition key.
    #[must_use]
    pub fn partition_key(&self) -> &str {
        &self.partition_key
    }

    /// The explicit hash key, if one was given.
    #[must_use]
    pub fn explicit_hash_key(&self) -> Option<HashKey> {
        self.explicit_hash_key
    }

    /// The data.
    #[must_use]
    pub fn data(&self) -> &Bytes {
        &self.data
    }

    /// The bytes that count towards Kinesis' limits: data and partition key.
    #[must_use]
    pub fn size(&self) -> usize {
        self.partition_key.len() + self.data.len()
    }

    /// Where in the hash key space the record lies.
    #[must_use]
    pub fn hash_key(&self) -> HashKey {
        self.explicit_hash_key.unwrap_or_else(|| HashKey::of_partition_key(&self.partition_key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_of_256_characters_is_taken_whatever_its_bytes_and_one_of_257_is_not() {
        assert!(Record::new("ü".repeat(256), Bytes::new()).is_ok());
        assert_eq!(Record::new("ü".repeat(257), Bytes::new()), Err(RecordError::KeyLength { chars: 257 }));
    }
}
