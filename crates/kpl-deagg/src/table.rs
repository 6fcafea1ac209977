//! A key table of a message: each entry's text is decoded, and judged, once and only if a record points to it.

use crate::wire::Span;

/// Entries of a table with the texts read so far. The texts lie in one string that both tables of a message share.
#[derive(Clone, Debug, Default)]
pub(crate) struct Table {
    entries: Vec<Entry>,
}

/// What is known about the hash key that an entry stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// Nothing yet.
    Unknown,
    /// Inside the shard's range.
    Inside,
    /// Outside the shard's range or the hash key space.
    Outside,
    /// No hash key at all.
    NotANumber,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    raw: Span,
    text: Option<Span>,
    place: Place,
}

impl Table {
    /// A table of entries that nothing has pointed to yet.
    pub(crate) fn new(spans: Vec<Span>) -> Self {
        let unread = |raw| Entry { raw, text: None, place: Place::Unknown };
        Self { entries: spans.into_iter().map(unread).collect() }
    }

    /// Makes sure that the entry's text stands in `texts`. False if the table has no such entry.
    pub(crate) fn read(&mut self, index: u32, input: &[u8], texts: &mut String) -> bool {
        let Some(entry) = usize::try_from(index).ok().and_then(|index| self.entries.get_mut(index)) else {
            return false;
        };
        if entry.text.is_none() {
            let start = texts.len();
            texts.push_str(&String::from_utf8_lossy(entry.raw.of(input)));
            // The bound on the input's size keeps the texts below 4 GiB.
            entry.text = Span::new(start, texts.len() - start);
        }
        true
    }

    /// Where the hash key of the entry lies; `judge` is asked once per entry.
    pub(crate) fn place(&mut self, index: u32, texts: &str, judge: impl FnOnce(&str) -> Place) -> Place {
        let text = self.text(index, texts);
        let Some(entry) = usize::try_from(index).ok().and_then(|index| self.entries.get_mut(index)) else {
            return Place::NotANumber;
        };
        if entry.place == Place::Unknown {
            entry.place = judge(text);
        }
        entry.place
    }

    /// The text of an entry that has been read; bytes that are not UTF-8 show as U+FFFD.
    pub(crate) fn text<'t>(&self, index: u32, texts: &'t str) -> &'t str {
        self.entry(index).and_then(|entry| texts.get(entry.text?.range())).unwrap_or_default()
    }

    /// Where the entry lies in the input.
    pub(crate) fn raw(&self, index: u32) -> Span {
        self.entry(index).map(|entry| entry.raw).unwrap_or_default()
    }

    fn entry(&self, index: u32) -> Option<&Entry> {
        self.entries.get(usize::try_from(index).ok()?)
    }
}
