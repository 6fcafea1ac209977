//! The key tables of a message: where each entry lies, its text, and whether its hash key is in the shard's range. Each
//! is found out once per entry, however many records point to it.

use bytes::Bytes;
use bytestring::ByteString;

use crate::wire::Span;

/// One of the two tables of a message.
#[derive(Clone, Debug, Default)]
pub(crate) struct Table {
    raw: Vec<Span>,
    /// Where the entries lie in copied texts; empty if the texts are the input's own bytes.
    copied: Vec<Span>,
    /// Empty until a place is asked for or wanted.
    places: Vec<Place>,
}

/// What is known about the hash key that an entry stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// Nothing yet.
    Unknown,
    /// Nothing yet, but a record needs it.
    Wanted,
    /// Inside the shard's range.
    Inside,
    /// Outside the shard's range or the hash key space.
    Outside,
    /// No hash key at all.
    NotANumber,
}

/// The texts of both tables of a message.
///
/// Where all entries are UTF-8 and lie together, as every known producer writes them, this is a slice of the input:
/// checked in one go, copied never.
#[derive(Clone, Debug, Default)]
pub(crate) struct Texts {
    text: ByteString,
    /// Offset of the text's first byte, in the terms of the spans that are looked up in it.
    base: usize,
}

impl Table {
    /// A table of the entries that lie at `raw`, in ascending order.
    pub(crate) fn new(raw: Vec<Span>) -> Self {
        Self { raw, copied: Vec::new(), places: Vec::new() }
    }

    /// The text of an entry, if there is one; bytes that are not UTF-8 show as U+FFFD.
    #[inline]
    pub(crate) fn text<'t>(&self, index: u32, texts: &'t Texts) -> Option<&'t str> {
        let spans = if self.copied.is_empty() { &self.raw } else { &self.copied };
        spans.get(usize::try_from(index).ok()?).map(|span| texts.of(*span))
    }

    /// Whether the table has this entry.
    #[inline]
    pub(crate) fn has(&self, index: u32) -> bool {
        usize::try_from(index).is_ok_and(|index| index < self.raw.len())
    }

    /// Where the entry lies in the input.
    pub(crate) fn raw(&self, index: u32) -> Span {
        usize::try_from(index).ok().and_then(|index| self.raw.get(index)).copied().unwrap_or_default()
    }

    /// Where the hash key of the entry lies; `judge` is asked once per entry.
    #[inline]
    pub(crate) fn place(&mut self, index: u32, texts: &Texts, judge: impl FnOnce(&str) -> Place) -> Place {
        let known = usize::try_from(index).ok().and_then(|index| self.places.get(index)).copied();
        if let Some(place @ (Place::Inside | Place::Outside | Place::NotANumber)) = known {
            return place;
        }
        let judged = judge(self.text(index, texts).unwrap_or_default());
        if let Some(place) = self.place_mut(index) {
            *place = judged;
        }
        judged
    }

    /// Whether the hash key of the entry is known to lie in the shard's range.
    #[inline]
    pub(crate) fn is_inside(&self, index: u32) -> bool {
        usize::try_from(index).is_ok_and(|index| self.places.get(index) == Some(&Place::Inside))
    }

    /// Marks the entry, if there is one, as one whose place a record needs.
    pub(crate) fn want(&mut self, index: u32) {
        if let Some(place @ Place::Unknown) = self.place_mut(index) {
            *place = Place::Wanted;
        }
    }

    /// The texts of the wanted entries, in order.
    pub(crate) fn wanted<'t>(&'t self, texts: &'t Texts) -> impl Iterator<Item = &'t str> {
        let wanted = (0..).zip(&self.places).filter(|(_, place)| **place == Place::Wanted);
        wanted.filter_map(|(index, _)| self.text(index, texts))
    }

    /// Gives the wanted entries their places, in order.
    pub(crate) fn settle(&mut self, places: &mut impl Iterator<Item = Place>) {
        for (place, settled) in self.places.iter_mut().filter(|place| **place == Place::Wanted).zip(places) {
            *place = settled;
        }
    }

    fn place_mut(&mut self, index: u32) -> Option<&mut Place> {
        if self.places.is_empty() {
            self.places = vec![Place::Unknown; self.raw.len()];
        }
        self.places.get_mut(usize::try_from(index).ok()?)
    }

    fn bytes(&self) -> usize {
        self.raw.iter().map(|span| span.range().len()).sum()
    }
}

impl Texts {
    /// The texts of the entries of both tables.
    pub(crate) fn of_tables(input: &Bytes, tables: [&mut Table; 2]) -> Self {
        Self::shared(input, &tables).unwrap_or_else(|| Self::copied(input, tables))
    }

    /// A slice of the input that holds all entries, if it is UTF-8 and so is each entry for itself.
    fn shared(input: &Bytes, tables: &[&mut Table; 2]) -> Option<Self> {
        let entries = || tables.iter().flat_map(|table| &table.raw);
        let start = tables.iter().filter_map(|table| table.raw.first()).map(|span| span.range().start).min()?;
        let end = tables.iter().filter_map(|table| table.raw.last()).map(|span| span.range().end).max()?;
        let room: usize = tables.iter().map(|table| table.bytes() + table.raw.len() * ENTRY_OVERHEAD_BYTES).sum();
        if end - start > room {
            // Much else lies between the entries: copying them is less than checking all that.
            return None;
        }
        let texts = Self { text: ByteString::try_from(input.slice(start..end)).ok()?, base: start };
        // An entry may end within a character that the next field's tag happens to complete.
        entries().all(|span| texts.find(*span).is_some()).then_some(texts)
    }

    fn copied(input: &Bytes, tables: [&mut Table; 2]) -> Self {
        let mut text = String::with_capacity(tables.iter().map(|table| table.bytes()).sum());
        for table in tables {
            let copy = |span: &Span| {
                let start = text.len();
                text.push_str(&String::from_utf8_lossy(span.of(input)));
                // The bound on the input's size keeps the texts below 4 GiB.
                Span::new(start, text.len() - start).unwrap_or_default()
            };
            table.copied = table.raw.iter().map(copy).collect();
        }
        Self { text: text.into(), base: 0 }
    }

    #[inline]
    fn of(&self, span: Span) -> &str {
        self.find(span).unwrap_or_default()
    }

    #[inline]
    fn find(&self, span: Span) -> Option<&str> {
        let range = span.range();
        self.text.get(range.start.checked_sub(self.base)?..range.end.checked_sub(self.base)?)
    }
}

/// What may lie between two entries, on average, for them to count as lying together: tag, length, and some more.
const ENTRY_OVERHEAD_BYTES: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    fn texts_of(input: &'static [u8], spans: &[(usize, usize)]) -> (bool, Vec<String>) {
        let raw = spans.iter().map(|&(offset, length)| Span::new(offset, length).unwrap()).collect();
        let (mut table, mut none) = (Table::new(raw), Table::default());
        let texts = Texts::of_tables(&Bytes::from_static(input), [&mut table, &mut none]);
        let read = (0..).map_while(|index| table.text(index, &texts)).map(str::to_owned).collect();
        (table.copied.is_empty(), read)
    }

    #[test]
    fn entries_that_lie_together_in_utf_8_are_not_copied() {
        assert_eq!(texts_of(b"\n\x02ab\n\x03\xE2\x82\xAC", &[(2, 2), (6, 3)]), (true, vec!["ab".into(), "€".into()]));
    }

    #[test]
    fn an_entry_that_is_not_utf_8_shows_as_replacement_characters() {
        assert_eq!(texts_of(b"\n\x02a\xFF\n\x01b", &[(2, 2), (6, 1)]), (false, vec!["a\u{FFFD}".into(), "b".into()]));
    }

    #[test]
    fn an_entry_cut_within_a_character_that_the_following_bytes_complete_is_not_utf_8() {
        let cut = texts_of(b"\n\x02a\xC3\xA9\x01\n\x01b", &[(2, 2), (8, 1)]);
        assert_eq!(cut, (false, vec!["a\u{FFFD}".into(), "b".into()]));
    }

    #[test]
    fn entries_far_apart_are_copied_without_a_look_at_what_lies_between() {
        let (shared, texts) = texts_of(&[b'x'; 400], &[(2, 2), (300, 1)]);
        assert_eq!((shared, texts), (false, vec!["xx".into(), "x".into()]));
    }
}
