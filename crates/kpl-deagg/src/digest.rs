//! MD5 of one message: the one place that computes it by itself. Many messages go through [`crate::lanes`].

use md5::{Digest as _, Md5};

/// An MD5 sum.
pub(crate) type Digest = [u8; 16];

/// The MD5 of `message`.
pub(crate) fn md5(message: &[u8]) -> Digest {
    Md5::digest(message).into()
}
