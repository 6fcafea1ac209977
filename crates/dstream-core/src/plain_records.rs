//! Raw records that need no type of their own: bytes and text, and the encoding of any other [`Data`].

use bytes::Bytes;

use crate::block::BlockRecord;
use crate::codec;
use crate::data::Data;
use crate::error::BoxError;

/// What a record costs beside its bytes: the pointer to them, lengths, a count of references.
const FIXED_COST: usize = 32;

impl BlockRecord for Bytes {
    fn size_bytes(&self) -> usize {
        self.len().saturating_add(FIXED_COST)
    }

    fn encode(&self, into: &mut Vec<u8>) -> Result<(), BoxError> {
        into.extend_from_slice(self);
        Ok(())
    }

    fn decode(bytes: Bytes) -> Result<Self, BoxError> {
        Ok(bytes)
    }
}

impl BlockRecord for String {
    fn size_bytes(&self) -> usize {
        self.len().saturating_add(FIXED_COST)
    }

    fn encode(&self, into: &mut Vec<u8>) -> Result<(), BoxError> {
        into.extend_from_slice(self.as_bytes());
        Ok(())
    }

    fn decode(bytes: Bytes) -> Result<Self, BoxError> {
        Ok(Self::from_utf8(bytes.into())?)
    }
}

/// Writes a record that is [`Data`] behind what `into` holds: the body of [`BlockRecord::encode`] for such a record.
///
/// # Errors
/// When its `Serialize` fails.
pub fn encode_data<T: Data>(record: &T, into: &mut Vec<u8>) -> Result<(), BoxError> {
    into.extend_from_slice(&codec::encode(record)?);
    Ok(())
}

/// Reads what [`encode_data`] wrote: the body of [`BlockRecord::decode`].
///
/// # Errors
/// When the bytes are not those of a `T`.
pub fn decode_data<T: Data>(bytes: &[u8]) -> Result<T, BoxError> {
    Ok(codec::decode(bytes)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_that_is_no_utf8_is_refused_as_a_string() {
        let mut bytes = Vec::new();
        "größe".to_owned().encode(&mut bytes).unwrap();
        assert_eq!(String::decode(bytes.into()).unwrap(), "größe");
        assert!(String::decode(Bytes::from_static(&[0xff])).is_err());
    }
}
