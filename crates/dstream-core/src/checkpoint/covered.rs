//! How far each source of each receiver is in a snapshot: the last range of it whose records the snapshot has. Pure.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::block::StreamId;

/// The last range of each source, as its receiver writes it. Of the sources of a stream those are kept that were heard of last,
/// [`MOST_SOURCES`] of them: sources end and others take their place, and of one that is long gone nothing comes again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Covered {
    streams: BTreeMap<StreamId, Sources>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Sources {
    /// By source: when it was heard of last, counted up, and its range.
    last: BTreeMap<String, (u64, Bytes)>,
    by_age: BTreeMap<u64, String>,
    next: u64,
}

impl Covered {
    /// Ranges of a source are noted in their order.
    pub(crate) fn note(&mut self, stream: StreamId, source: &str, range: Bytes) {
        self.streams.entry(stream).or_default().note(source, range);
    }

    /// All of `newer` was heard of after what is here.
    pub(crate) fn extend(&mut self, newer: &Self) {
        for (stream, source, range) in newer.ranges() {
            self.note(stream, source, range.clone());
        }
    }

    /// Every range, those of a stream in the order in which their sources were heard of.
    pub(crate) fn ranges(&self) -> impl Iterator<Item = (StreamId, &str, &Bytes)> {
        self.streams
            .iter()
            .flat_map(|(stream, sources)| sources.in_order().map(move |(source, range)| (*stream, source, range)))
    }

    /// The ranges of one stream.
    pub(crate) fn of(&self, stream: StreamId) -> Vec<Bytes> {
        let sources = self.streams.get(&stream);
        sources.into_iter().flat_map(Sources::in_order).map(|(_, range)| range.clone()).collect()
    }
}

impl Sources {
    fn note(&mut self, source: &str, range: Bytes) {
        let now = self.next;
        self.next = now.saturating_add(1);
        if let Some((before, _)) = self.last.insert(source.to_owned(), (now, range)) {
            self.by_age.remove(&before);
        }
        self.by_age.insert(now, source.to_owned());
        while self.by_age.len() > MOST_SOURCES {
            let Some((_, oldest)) = self.by_age.pop_first() else { return };
            self.last.remove(&oldest);
        }
    }

    fn in_order(&self) -> impl Iterator<Item = (&str, &Bytes)> {
        self.by_age.values().filter_map(|source| Some((source.as_str(), &self.last.get(source)?.1)))
    }
}

/// As many shards as a stream of Kinesis has at most, by the quota that is given on demand. Some 2 MB in a snapshot.
const MOST_SOURCES: usize = 10_000;

/// The form in a file: stream, source, range.
type Written<'a> = Vec<(u32, &'a str, &'a [u8])>;

impl Serialize for Covered {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let written: Written<'_> =
            self.ranges().map(|(stream, source, range)| (stream.number(), source, range.as_ref())).collect();
        written.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Covered {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut covered = Self::default();
        for (stream, source, range) in Vec::<(u32, String, Vec<u8>)>::deserialize(deserializer)? {
            covered.note(StreamId::new(stream), &source, range.into());
        }
        Ok(covered)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec;

    const STREAM: StreamId = StreamId::new(2);

    #[test]
    fn of_each_source_the_last_range_counts_and_all_come_back_from_their_bytes() {
        let mut covered = Covered::default();
        for (source, range) in [("a", "1"), ("b", "2"), ("a", "3")] {
            covered.note(STREAM, source, range.into());
        }
        covered.note(StreamId::new(0), "a", "9".into());
        assert_eq!(covered.of(STREAM), ["2", "3"]);
        let read: Covered = codec::decode(&codec::encode(&covered).unwrap()).unwrap();
        assert_eq!(read.ranges().collect::<Vec<_>>(), covered.ranges().collect::<Vec<_>>());
    }

    #[test]
    fn what_is_newer_takes_the_place_of_what_is_older() {
        let (mut covered, mut newer) = (Covered::default(), Covered::default());
        covered.note(STREAM, "a", "1".into());
        covered.note(STREAM, "b", "2".into());
        newer.note(STREAM, "a", "3".into());
        covered.extend(&newer);
        assert_eq!(covered.of(STREAM), ["2", "3"]);
    }

    #[test]
    fn of_more_sources_than_fit_those_heard_of_longest_ago_go() {
        let mut covered = Covered::default();
        for n in 0..MOST_SOURCES {
            covered.note(STREAM, &n.to_string(), "x".into());
        }
        covered.note(STREAM, "0", "heard of again".into());
        covered.note(STREAM, "new", "x".into());
        let sources: Vec<&str> = covered.ranges().map(|(_, source, _)| source).collect();
        assert_eq!((sources.len(), sources[0]), (MOST_SOURCES, "2"));
        assert!(sources.ends_with(&["0", "new"]));
    }
}
