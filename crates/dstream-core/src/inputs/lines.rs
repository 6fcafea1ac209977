//! Takes a sequence of bytes apart into lines, however it comes in pieces. Pure.
//!
//! A line ends with a line feed, with or without a carriage return before it; neither belongs to the line.

use bytes::Bytes;
use thiserror::Error;

#[derive(Debug)]
pub(crate) struct LineSplitter {
    /// The line that has no end yet.
    open: Vec<u8>,
    limit: usize,
}

/// A line does not end in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a line is longer than {limit} bytes: raise max_line_bytes, or look at what is sent")]
pub(crate) struct LineTooLong {
    limit: usize,
}

impl LineSplitter {
    /// Lines may have `limit` bytes, ends not counted.
    pub(crate) const fn new(limit: usize) -> Self {
        Self { open: Vec::new(), limit }
    }

    /// Appends the lines that end in `chunk` to `lines`. They share the memory of the chunk where they can.
    pub(crate) fn push(&mut self, mut chunk: Bytes, lines: &mut Vec<Bytes>) -> Result<(), LineTooLong> {
        while let Some(end) = chunk.iter().position(|byte| *byte == b'\n') {
            let rest = chunk.split_off(end.saturating_add(1));
            chunk.truncate(end);
            lines.push(self.close(chunk)?);
            chunk = rest;
        }
        // One more for a carriage return.
        if self.open.len().saturating_add(chunk.len()) > self.limit.saturating_add(1) {
            return Err(LineTooLong { limit: self.limit });
        }
        self.open.extend_from_slice(&chunk);
        Ok(())
    }

    /// The last line, if it has no end.
    pub(crate) fn finish(&mut self) -> Result<Option<Bytes>, LineTooLong> {
        if self.open.is_empty() { Ok(None) } else { self.close(Bytes::new()).map(Some) }
    }

    fn close(&mut self, tail: Bytes) -> Result<Bytes, LineTooLong> {
        let mut line = if self.open.is_empty() {
            tail
        } else {
            self.open.extend_from_slice(&tail);
            std::mem::take(&mut self.open).into()
        };
        if line.last() == Some(&b'\r') {
            line.truncate(line.len().saturating_sub(1));
        }
        if line.len() > self.limit { Err(LineTooLong { limit: self.limit }) } else { Ok(line) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn split(chunks: &[&[u8]], limit: usize) -> Result<Vec<Bytes>, LineTooLong> {
        let (mut splitter, mut lines) = (LineSplitter::new(limit), Vec::new());
        for chunk in chunks {
            splitter.push(Bytes::copy_from_slice(chunk), &mut lines)?;
        }
        lines.extend(splitter.finish()?);
        Ok(lines)
    }

    #[test]
    fn empty_lines_count_and_a_last_line_needs_no_end() {
        assert_eq!(split(&[b"a\r\n\nb\r", b"\nc"], 10).unwrap(), ["a", "", "b", "c"]);
        assert_eq!(split(&[b"a\n"], 10).unwrap(), ["a"]);
        assert_eq!(split(&[], 10).unwrap(), Vec::<Bytes>::new());
    }

    #[test]
    fn a_line_may_be_as_long_as_the_limit_and_no_longer() {
        assert_eq!(split(&[b"ab", b"c\r\n"], 3).unwrap(), ["abc"]);
        for chunks in [[&b"abcd\n"[..], b""], [b"ab", b"cd"], [b"abcd", b"e"], [b"abc", b"de\n"]] {
            assert!(split(&chunks, 3).is_err(), "{chunks:?}");
        }
    }

    proptest! {
        #[test]
        fn lines_do_not_depend_on_where_chunks_end(text in "[ab\r\n]{0,40}", cuts in proptest::collection::vec(0_usize..40, 0..6)) {
            let mut cuts: Vec<_> = cuts.into_iter().map(|cut| cut.min(text.len())).collect();
            cuts.extend([0, text.len()]);
            cuts.sort_unstable();
            let chunks: Vec<&[u8]> = cuts.windows(2).map(|cut| &text.as_bytes()[cut[0]..cut[1]]).collect();
            prop_assert_eq!(split(&chunks, 100), split(&[text.as_bytes()], 100));
        }
    }
}
