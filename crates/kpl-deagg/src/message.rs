//! The protobuf message of an aggregate, walked once: where its keys, hash keys and data lie. Nothing is copied.
//!
//! The whole message is checked before anything is handed out: required fields, lengths, wire types, nesting. Records may
//! stand before the tables, so indexes are looked up later.

use std::ops::Range;

use crate::format::{HASH_KEY_TABLE, KEY_TABLE, RECORD, RECORD_DATA, RECORD_HASH_KEY, RECORD_KEY, RECORD_TAG, TAG_KEY};
use crate::wire::{Cursor, Malformed, Span, low_u32};

/// Where the parts of a message lie in the input.
#[derive(Debug, Default)]
pub(crate) struct Message {
    pub(crate) keys: Vec<Span>,
    pub(crate) hash_keys: Vec<Span>,
    pub(crate) records: Vec<RawRecord>,
}

/// One entry of the message; its indexes have not been looked up yet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RawRecord {
    pub(crate) key: u32,
    hash_key: u32,
    pub(crate) data: Span,
}

impl Message {
    /// Walks the bytes of `input` that `range` names.
    ///
    /// # Errors
    ///
    /// [`Malformed`] if they do not parse as the proto2 message, required fields included.
    pub(crate) fn parse(input: &[u8], range: Range<usize>) -> Result<Self, Malformed> {
        let mut message = Self::default();
        let mut cursor = Cursor::new(input, range)?;
        while let Some(tag) = cursor.tag()? {
            match tag {
                KEY_TABLE => message.keys.push(cursor.bytes()?),
                HASH_KEY_TABLE => message.hash_keys.push(cursor.bytes()?),
                RECORD => {
                    let span = cursor.bytes()?;
                    let record = RawRecord::parse(input, span)?;
                    if message.records.is_empty() {
                        message.records.reserve(records_expected(cursor.remaining(), span));
                    }
                    message.records.push(record);
                }
                _ => cursor.skip(tag, 0)?,
            }
        }
        Ok(message)
    }
}

impl RawRecord {
    /// The index into the hash key table, if the record has one.
    pub(crate) fn hash_key(&self) -> Option<u32> {
        (self.hash_key != NO_HASH_KEY).then_some(self.hash_key)
    }

    fn parse(input: &[u8], span: Span) -> Result<Self, Malformed> {
        let mut cursor = Cursor::new(input, span.range())?;
        let mut key = None;
        let mut hash_key = NO_HASH_KEY;
        let mut data = None;
        while let Some(tag) = cursor.tag()? {
            match tag {
                RECORD_KEY => key = Some(low_u32(cursor.varint()?)),
                // No table is as long as the bound that keeps a written index apart from an absent one.
                RECORD_HASH_KEY => hash_key = low_u32(cursor.varint()?).min(NO_HASH_KEY - 1),
                RECORD_DATA => data = Some(cursor.bytes()?),
                RECORD_TAG => check_tag(input, cursor.bytes()?)?,
                _ => cursor.skip(tag, 1)?,
            }
        }
        Ok(Self { key: key.ok_or(Malformed)?, hash_key, data: data.ok_or(Malformed)? })
    }
}

/// How many records to make room for: as if all were as long as the first one. The bound keeps a short first record from
/// reserving for a message that goes on differently.
fn records_expected(remaining: usize, first: Span) -> usize {
    (1 + remaining / (first.range().len() + 2)).min(MOST_RECORDS_RESERVED)
}

/// A tag of a record is dropped, but its required key must be there.
fn check_tag(input: &[u8], span: Span) -> Result<(), Malformed> {
    let mut cursor = Cursor::new(input, span.range())?;
    let mut has_key = false;
    while let Some(tag) = cursor.tag()? {
        has_key |= tag == TAG_KEY;
        cursor.skip(tag, 2)?;
    }
    if has_key { Ok(()) } else { Err(Malformed) }
}

const NO_HASH_KEY: u32 = u32::MAX;

/// 64 KiB of records; what needs more grows as it goes.
const MOST_RECORDS_RESERVED: usize = 4096;
