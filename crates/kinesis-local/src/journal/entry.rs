//! The form of the file: a heading, then entries with a length and a checksum each.
//!
//! Promises: an entry that was not written whole, or is not what was written, is never taken for one.
//!
//! | bytes | what |
//! |---|---|
//! | 8 | length of all that follows the checksum, little-endian as all numbers |
//! | 4 | CRC-32 of all that follows |
//! | 8 | the time: milliseconds since the epoch |
//! | 1 | length of the name |
//! | … | the name of the operation |
//! | … | the body |

use std::io::{self, Read};

use crate::model::Millis;

/// One entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Entry<'a> {
    /// When the model carried it out.
    pub(crate) at: Millis,
    /// The name of the operation, or one of this module's.
    pub(crate) operation: &'a str,
    /// Its JSON.
    pub(crate) body: &'a [u8],
}

impl Entry<'_> {
    /// Appends the entry's bytes.
    pub(crate) fn encode(&self, output: &mut Vec<u8>) {
        let name = self.operation.as_bytes();
        // Names are ours or were found in the table of operations; none is near this length.
        let name = name.get(..usize::from(u8::MAX)).unwrap_or(name);
        let [name_length, ..] = name.len().to_le_bytes();
        let at = self.at.get().to_le_bytes();
        let length = FIXED.saturating_add(name.len()).saturating_add(self.body.len());
        let mut checksum = crc32fast::Hasher::new();
        for part in [&at[..], &[name_length], name, self.body] {
            checksum.update(part);
        }
        output.reserve(PREFIX.saturating_add(length));
        output.extend_from_slice(&u64::try_from(length).unwrap_or(u64::MAX).to_le_bytes());
        output.extend_from_slice(&checksum.finalize().to_le_bytes());
        for part in [&at[..], &[name_length], name, self.body] {
            output.extend_from_slice(part);
        }
    }
}

/// Reads entries one after the other, up to the first that is not whole.
#[derive(Debug)]
pub(crate) struct Reader<R> {
    input: R,
    /// Bytes up to the end of the last whole entry.
    whole: u64,
    /// Bytes of the file.
    size: u64,
    buffer: Vec<u8>,
}

impl<R: Read> Reader<R> {
    /// Reads on behind `whole` bytes of a file of `size` bytes.
    pub(crate) fn new(input: R, whole: u64, size: u64) -> Self {
        Self { input, whole, size, buffer: Vec::new() }
    }

    /// How many bytes of the file are whole entries, as far as it has been read.
    pub(crate) fn whole(&self) -> u64 {
        self.whole
    }

    /// How many bytes of the file are not.
    pub(crate) fn rest(&self) -> u64 {
        self.size.saturating_sub(self.whole)
    }

    /// The next entry; `None` at the end of the file, or of what is whole of it.
    pub(crate) fn next(&mut self) -> io::Result<Option<Entry<'_>>> {
        let prefix = u64::try_from(PREFIX).unwrap_or(u64::MAX);
        if self.rest() < prefix {
            return Ok(None);
        }
        let (mut length, mut checksum) = ([0; 8], [0; 4]);
        self.input.read_exact(&mut length)?;
        self.input.read_exact(&mut checksum)?;
        let length = u64::from_le_bytes(length);
        // Checked before that much memory is asked for.
        if length > self.rest().saturating_sub(prefix) {
            return Ok(None);
        }
        self.buffer.resize(usize::try_from(length).map_err(io::Error::other)?, 0);
        self.input.read_exact(&mut self.buffer)?;
        if crc32fast::hash(&self.buffer) != u32::from_le_bytes(checksum) {
            return Ok(None);
        }
        let entry = parse(&self.buffer);
        if entry.is_some() {
            self.whole = self.whole.saturating_add(prefix).saturating_add(length);
        }
        Ok(entry)
    }
}

fn parse(content: &[u8]) -> Option<Entry<'_>> {
    let (at, content) = content.split_first_chunk()?;
    let (name_length, content) = content.split_first()?;
    let (name, body) = content.split_at_checked(usize::from(*name_length))?;
    Some(Entry { at: Millis::new(u64::from_le_bytes(*at)), operation: std::str::from_utf8(name).ok()?, body })
}

/// The name of an entry that holds the whole model.
pub(crate) const SNAPSHOT: &str = "_snapshot";
/// The name of an entry that holds the settings of the commands after it.
pub(crate) const SETTINGS: &str = "_settings";
/// What every log begins with.
pub(crate) const MAGIC: &[u8] = b"kinesis-local\n";
/// The version of the form, in the byte behind.
pub(crate) const VERSION: u8 = 1;
/// Length and checksum.
const PREFIX: usize = 12;
/// Time and length of the name.
const FIXED: usize = 9;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(bytes: &[u8]) -> (Vec<(u64, String, Vec<u8>)>, u64) {
        let mut reader = Reader::new(bytes, 0, bytes.len().try_into().unwrap());
        let mut entries = Vec::new();
        while let Some(entry) = reader.next().unwrap() {
            entries.push((entry.at.get(), entry.operation.to_owned(), entry.body.to_vec()));
        }
        (entries, reader.whole())
    }

    fn written(entries: &[(u64, String, Vec<u8>)]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (at, operation, body) in entries {
            Entry { at: Millis::new(*at), operation, body }.encode(&mut bytes);
        }
        bytes
    }

    proptest! {
        #[test]
        fn a_file_that_ends_anywhere_has_the_entries_that_are_whole_and_no_other(
            entries in prop::collection::vec((any::<u64>(), "[A-Za-z]{0,30}", prop::collection::vec(any::<u8>(), 0..50)), 0..5),
            cut in any::<prop::sample::Index>(),
        ) {
            let bytes = written(&entries);
            let cut = cut.index(bytes.len() + 1);
            let (found, whole) = read(&bytes[..cut]);
            prop_assert_eq!(&found[..], &entries[..found.len()]);
            prop_assert_eq!(written(&found).len(), usize::try_from(whole).unwrap());
            prop_assert!(found.len() == entries.len() || cut < written(&entries[..=found.len()]).len());
        }

        #[test]
        fn a_changed_bit_ends_the_entries_before_it(
            entries in prop::collection::vec((any::<u64>(), "[A-Za-z]{0,30}", prop::collection::vec(any::<u8>(), 0..50)), 1..5),
            place in any::<prop::sample::Index>(),
            bit in 0..8_u32,
        ) {
            let mut bytes = written(&entries);
            let place = place.index(bytes.len());
            bytes[place] ^= 1 << bit;
            let (found, whole) = read(&bytes);
            prop_assert!(usize::try_from(whole).unwrap() <= place);
            prop_assert_eq!(&found[..], &entries[..found.len()]);
        }
    }

    #[test]
    fn zeros_behind_the_last_entry_are_no_entry() {
        let mut bytes = written(&[(7, "PutRecord".to_owned(), b"{}".to_vec())]);
        let whole = bytes.len();
        bytes.extend([0; 4096]);
        assert_eq!(read(&bytes).1, u64::try_from(whole).unwrap());
    }
}
