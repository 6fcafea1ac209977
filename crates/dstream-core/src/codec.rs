//! Rows as bytes: the one encoding of whatever leaves the memory of the process.
//!
//! The format is postcard's; it does not describe itself, so readers must know the type and the writer must put a version
//! in front where bytes outlive a build.

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;
use thiserror::Error;

/// Rows could not be encoded or decoded.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CodecError {
    /// The type's `Serialize` failed.
    #[error("rows of type {row} cannot be encoded: look at its Serialize implementation")]
    Encode {
        /// The type of the rows.
        row: &'static str,
        /// Why.
        source: postcard::Error,
    },
    /// The bytes are not rows of this type.
    #[error("bytes cannot be decoded as rows of type {row}: they were written by another program or are damaged")]
    Decode {
        /// The type of the rows.
        row: &'static str,
        /// Why.
        source: postcard::Error,
    },
}

pub(crate) fn encode<T: Serialize + ?Sized>(value: &T) -> Result<Bytes, CodecError> {
    let bytes = postcard::to_stdvec(value);
    Ok(bytes.map_err(|source| CodecError::Encode { row: std::any::type_name::<T>(), source })?.into())
}

pub(crate) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, CodecError> {
    postcard::from_bytes(bytes).map_err(|source| CodecError::Decode { row: std::any::type_name::<T>(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_of_another_type_are_refused_with_the_name_of_the_type() {
        let bytes = encode(&7_u64).unwrap();
        assert_eq!(decode::<u64>(&bytes).unwrap(), 7);
        let error = decode::<Vec<String>>(&bytes).unwrap_err();
        assert!(error.to_string().contains("Vec<alloc::string::String>"), "{error}");
    }
}
