//! MD5 of bytes: the one place that computes it, so that a faster implementation has one place to go.

use md5::{Digest, Md5};

/// The MD5 of `bytes`.
pub(crate) fn md5(bytes: &[u8]) -> [u8; 16] {
    Md5::digest(bytes).into()
}
