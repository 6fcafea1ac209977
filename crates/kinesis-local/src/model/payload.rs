//! The data of a record, kept as the base64 text in which it arrived.
//!
//! Promises: the text is valid base64 and was checked once, so that a read copies it into its reply and does no other
//! work. Cloning shares the text.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;

/// The data of one record.
///
/// ```
/// use kinesis_local::model::Payload;
///
/// let payload = Payload::from_bytes(b"hello");
/// assert_eq!(payload.as_base64(), "aGVsbG8=");
/// assert_eq!(payload.size(), 5);
/// assert_eq!(&payload.to_bytes()[..], b"hello");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payload {
    text: Arc<str>,
    size: usize,
}

/// The text is not padded standard base64.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not base64: encode the data with the standard alphabet and padding")]
pub struct NotBase64;

impl Payload {
    /// Encodes raw data.
    #[must_use]
    pub fn from_bytes(data: &[u8]) -> Self {
        Self { text: STANDARD.encode(data).into(), size: data.len() }
    }

    /// Takes data that is encoded already.
    ///
    /// # Errors
    /// [`NotBase64`] when it is not padded standard base64.
    pub fn from_base64(text: &str) -> Result<Self, NotBase64> {
        Self::from_base64_with(text, &mut Vec::new())
    }

    /// The same with a buffer that the records of one request share.
    pub(crate) fn from_base64_with(text: &str, scratch: &mut Vec<u8>) -> Result<Self, NotBase64> {
        scratch.clear();
        STANDARD.decode_vec(text, scratch).map_err(|_| NotBase64)?;
        Ok(Self { text: text.into(), size: scratch.len() })
    }

    /// The encoded text.
    #[must_use]
    pub fn as_base64(&self) -> &str {
        &self.text
    }

    /// The decoded data.
    #[must_use]
    pub fn to_bytes(&self) -> Bytes {
        // The text was checked when it came in, so there is no other case than success.
        STANDARD.decode(self.text.as_bytes()).map(Bytes::from).unwrap_or_default()
    }

    /// The size of the decoded data in bytes, which is what all limits count.
    #[must_use]
    pub fn size(&self) -> usize {
        self.size
    }

    /// The bytes that the text takes in memory.
    pub(crate) fn stored_size(&self) -> usize {
        self.text.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_that_is_not_padded_base64_is_refused() {
        for text in ["a", "aGVsbG8", "aGVs bG8=", "é"] {
            assert_eq!(Payload::from_base64(text), Err(NotBase64), "{text}");
        }
    }

    #[test]
    fn no_data_is_a_payload_of_size_zero() {
        assert_eq!(Payload::from_base64("").unwrap().size(), 0);
    }
}
