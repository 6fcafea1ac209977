//! Opaque strings that carry everything: shard iterators and page tokens.
//!
//! Promises: a token holds its own state, so nothing is remembered for it and it works after any number of other calls;
//! a token that was altered, or made by a model with another seed, is not accepted. It is a seal against mistakes, not
//! against attackers.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest, Md5};

/// What a token is for; one kind is never accepted for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TokenKind {
    ShardIterator,
    ShardPage,
    StreamPage,
    ConsumerPage,
}

impl TokenKind {
    const fn tag(self) -> u8 {
        match self {
            Self::ShardIterator => b'i',
            Self::ShardPage => b's',
            Self::StreamPage => b'n',
            Self::ConsumerPage => b'c',
        }
    }
}

/// Writes `fields` (none of which holds a `/`) into a token.
pub(crate) fn seal(seed: u64, kind: TokenKind, fields: &str) -> String {
    let mut bytes = seal_of(seed, kind, fields).to_vec();
    bytes.extend_from_slice(fields.as_bytes());
    STANDARD.encode(bytes)
}

/// The fields of a token that [`seal`] made with the same seed and kind.
pub(crate) fn open(seed: u64, kind: TokenKind, token: &str) -> Option<String> {
    let bytes = STANDARD.decode(token).ok()?;
    let (found, fields) = bytes.split_first_chunk::<SEAL_LENGTH>()?;
    let fields = std::str::from_utf8(fields).ok()?;
    (*found == seal_of(seed, kind, fields)).then(|| fields.to_owned())
}

fn seal_of(seed: u64, kind: TokenKind, fields: &str) -> [u8; SEAL_LENGTH] {
    Md5::new().chain_update(seed.to_be_bytes()).chain_update([kind.tag()]).chain_update(fields).finalize().into()
}

const SEAL_LENGTH: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_opens_only_with_its_own_seed_and_kind_and_unaltered() {
        let token = seal(7, TokenKind::ShardIterator, "words/12");
        assert_eq!(open(7, TokenKind::ShardIterator, &token).as_deref(), Some("words/12"));
        assert_eq!(open(8, TokenKind::ShardIterator, &token), None);
        assert_eq!(open(7, TokenKind::ShardPage, &token), None);
        assert_eq!(open(7, TokenKind::ShardIterator, &token[4..]), None);
        assert_eq!(open(7, TokenKind::ShardIterator, "AAAA"), None);
    }
}
