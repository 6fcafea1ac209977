//! Lines of words: ten to a line, of a vocabulary with a few common words and many rare ones.

use bytes::Bytes;

const WORDS_PER_LINE: usize = 10;
const VOCABULARY: u64 = 50_000;

/// `words` words in lines; `seed` decides which.
pub fn lines(words: usize, seed: u64) -> Vec<Bytes> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut next = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let word = |random: u64| {
        // The product of two even draws favours small ranks, about as language does.
        let (a, b) = (random % VOCABULARY, (random >> 32) % VOCABULARY);
        format!("word{}", a * b / VOCABULARY)
    };
    let line = |_| (0..WORDS_PER_LINE).map(|_| word(next())).collect::<Vec<_>>().join(" ").into();
    (0..words / WORDS_PER_LINE).map(line).collect()
}

/// The words of a line, one after the other; owns the line, as a closure of `flat_map` gets it.
pub struct Words {
    line: Bytes,
    /// Where the next word begins; behind the end when there is none.
    next: usize,
}

impl Words {
    pub const fn of(line: Bytes) -> Self {
        Self { line, next: 0 }
    }
}

impl Iterator for Words {
    type Item = String;

    fn next(&mut self) -> Option<String> {
        let rest = self.line.get(self.next..).filter(|rest| !rest.is_empty())?;
        let end = rest.iter().position(|byte| *byte == b' ').unwrap_or(rest.len());
        self.next += end + 1;
        Some(std::str::from_utf8(&rest[..end]).unwrap_or_default().to_owned())
    }
}
