//! The shape of every file of the checkpoint directory: a head that tells whether the rest is what was written.
//!
//! The head is 24 bytes: 8 of magic, the format version (4), the length of the payload (8) and a CRC-32 over version, length
//! and payload (4); numbers are little-endian. Later formats keep the head, so that an old program can say what it found.

use bytes::{Bytes, BytesMut};
use thiserror::Error;

/// The head for `payload`, whose pieces follow it in the file.
pub(super) fn head(payload: &[Bytes]) -> Bytes {
    let length: u64 = payload.iter().map(|piece| u64::try_from(piece.len()).unwrap_or(0)).sum();
    let mut head = BytesMut::with_capacity(HEAD_BYTES);
    head.extend_from_slice(&MAGIC);
    let version = Format::NEWEST.version();
    head.extend_from_slice(&version.to_le_bytes());
    head.extend_from_slice(&length.to_le_bytes());
    let checksum = checksum(version, length, payload);
    head.extend_from_slice(&checksum.to_le_bytes());
    head.freeze()
}

/// The checksum of a file as its head has it, in words; empty when it is cut short.
pub(super) fn mark(head: &[u8]) -> String {
    let checksum = head.get(HEAD_BYTES - size_of::<u32>()..HEAD_BYTES).unwrap_or_default();
    checksum.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The payload of a file, without a copy, and the format that it has.
pub(super) fn open(mut file: Bytes) -> Result<(Format, Bytes), Damage> {
    let head = file.split_to(HEAD_BYTES.min(file.len()));
    let mut words = Words(&head);
    if words.take::<8>() != Some(MAGIC) {
        return Err(if MAGIC.starts_with(&head) { Damage::CutShort } else { Damage::NotOurs });
    }
    let version = words.take().map(u32::from_le_bytes).ok_or(Damage::CutShort)?;
    let length = words.take().map(u64::from_le_bytes).ok_or(Damage::CutShort)?;
    let expected = words.take().map(u32::from_le_bytes).ok_or(Damage::CutShort)?;
    if u64::try_from(file.len()).is_ok_and(|found| found < length) {
        return Err(Damage::CutShort);
    }
    if checksum(version, length, std::slice::from_ref(&file)) != expected {
        return Err(Damage::Changed);
    }
    // Only now: a version that is not what was written says nothing.
    let format = Format::of(version).ok_or(Damage::OtherFormat { found: version })?;
    Ok((format, file))
}

/// The formats that can be read. Files are written in the newest one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// Checkpoints without positions.
    One,
    /// Checkpoints tell the positions that they cover, and there is a batch log.
    Two,
}

impl Format {
    pub(crate) const NEWEST: Self = Self::Two;

    const fn version(self) -> u32 {
        match self {
            Self::One => 1,
            Self::Two => 2,
        }
    }

    const fn of(version: u32) -> Option<Self> {
        match version {
            1 => Some(Self::One),
            2 => Some(Self::Two),
            _ => None,
        }
    }
}

/// What is wrong with a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(crate) enum Damage {
    /// There is none.
    #[error("it is not there")]
    Missing,
    /// It is something else.
    #[error("it is not a checkpoint file")]
    NotOurs,
    /// Its end is missing.
    #[error("it is cut short")]
    CutShort,
    /// Its bytes are not those that were written.
    #[error("its checksum does not fit")]
    Changed,
    /// It is sound, but not in our format.
    #[error("it has format {found}, this version reads formats up to {}", Format::NEWEST.version())]
    OtherFormat {
        /// Its format.
        found: u32,
    },
}

fn checksum(version: u32, length: u64, payload: &[Bytes]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&version.to_le_bytes());
    hasher.update(&length.to_le_bytes());
    payload.iter().for_each(|piece| hasher.update(piece));
    hasher.finalize()
}

/// Takes fields of fixed size from the front of bytes.
struct Words<'a>(&'a [u8]);

impl Words<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (word, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*word)
    }
}

const MAGIC: [u8; 8] = *b"dstrmckp";
const HEAD_BYTES: usize = 24;
/// The same, as object stores count.
pub(super) const HEAD_LENGTH: u64 = 24;

#[cfg(test)]
mod tests {
    use super::*;

    fn file(payload: &'static [u8]) -> Vec<u8> {
        let (left, right) = payload.split_at(payload.len() / 2);
        let pieces = [Bytes::from_static(left), Bytes::from_static(right)];
        [&head(&pieces)[..], left, right].concat()
    }

    fn opened(file: Vec<u8>) -> Result<Bytes, Damage> {
        open(Bytes::from(file)).map(|(_, payload)| payload)
    }

    #[test]
    fn a_payload_comes_back_from_its_file() {
        assert_eq!(opened(file(b"payload")).unwrap(), "payload");
        assert_eq!(opened(file(b"")).unwrap(), "");
    }

    #[test]
    fn the_form_of_a_file_never_changes() {
        let golden = |version: u32| {
            let sum = checksum(version, 2, &[Bytes::from_static(b"hi")]).to_le_bytes();
            [&b"dstrmckp"[..], &version.to_le_bytes(), b"\x02\0\0\0\0\0\0\0", &sum, b"hi"].concat()
        };
        let first = b"dstrmckp\x01\0\0\0\x02\0\0\0\0\0\0\0\xdf\x70\x0b\xd1hi".to_vec();
        assert_eq!(first, golden(1));
        assert_eq!(open(first.into()).unwrap(), (Format::One, Bytes::from_static(b"hi")));
        assert_eq!(open(golden(2).into()).unwrap(), (Format::Two, Bytes::from_static(b"hi")));
        assert_eq!(file(b"hi"), golden(2));
    }

    #[test]
    fn a_file_cut_short_anywhere_says_so() {
        let whole = file(b"payload");
        for end in 0..whole.len() {
            assert_eq!(opened(whole[..end].to_vec()), Err(Damage::CutShort), "cut at {end}");
        }
    }

    #[test]
    fn a_file_changed_anywhere_is_refused() {
        let whole = file(b"payload");
        for at in 0..whole.len() {
            let mut changed = whole.clone();
            changed[at] ^= 1;
            assert!(matches!(opened(changed), Err(Damage::Changed | Damage::NotOurs | Damage::CutShort)), "at {at}");
        }
        assert_eq!(opened([whole, vec![0]].concat()), Err(Damage::Changed), "one byte too many");
        assert_eq!(opened(b"something else".to_vec()), Err(Damage::NotOurs));
    }

    #[test]
    fn a_sound_file_of_another_format_is_told_apart_from_a_damaged_one() {
        let mut newer = file(b"payload");
        newer[8] = 3;
        let sum = checksum(3, 7, &[Bytes::from_static(b"payload")]);
        newer[20..24].copy_from_slice(&sum.to_le_bytes());
        assert_eq!(opened(newer), Err(Damage::OtherFormat { found: 3 }));
    }
}
