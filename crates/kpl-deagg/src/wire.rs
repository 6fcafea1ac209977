//! The protobuf wire format: varints, lengths, and skipping what is unknown, with protobuf-java's leniencies.
//!
//! A varint has at most ten bytes, may be overlong, and what exceeds the wanted width is cut off. Groups nest at most
//! [`MAX_DEPTH`] deep, counted together with the messages around them; they are skipped with a small stack of their own, so
//! that hostile input cannot overflow the thread's.

/// How deep messages and groups may nest in each other below the outermost message.
pub(crate) const MAX_DEPTH: usize = 100;

/// The bytes are no protobuf message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

/// A part of the input, as offsets from its start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Span {
    offset: u32,
    length: u32,
}

impl Span {
    /// `None` beyond 4 GiB.
    #[inline]
    pub(crate) fn new(offset: usize, length: usize) -> Option<Self> {
        Some(Self { offset: u32::try_from(offset).ok()?, length: u32::try_from(length).ok()? })
    }

    /// The span as a range of indexes.
    #[inline]
    pub(crate) fn range(self) -> std::ops::Range<usize> {
        // A `usize` of fewer than 32 bits could not hold the input that the offsets count.
        let start = usize::try_from(self.offset).unwrap_or(usize::MAX);
        start..start.saturating_add(usize::try_from(self.length).unwrap_or(usize::MAX))
    }

    /// The bytes of `input` that the span covers.
    #[inline]
    pub(crate) fn of(self, input: &[u8]) -> &[u8] {
        input.get(self.range()).unwrap_or_default()
    }
}

/// Reads forward through one message of the input.
#[derive(Debug)]
pub(crate) struct Cursor<'a> {
    rest: &'a [u8],
    /// Offset in the input of the byte behind `rest`.
    end: usize,
}

impl<'a> Cursor<'a> {
    /// A cursor over the bytes of `input` that `range` names.
    #[inline]
    pub(crate) fn new(input: &'a [u8], range: std::ops::Range<usize>) -> Result<Self, Malformed> {
        let end = range.end;
        Ok(Self { rest: input.get(range).ok_or(Malformed)?, end })
    }

    /// The next field's tag, or `None` at the end. Field number 0 is malformed; of the tag, the low 32 bits count.
    #[inline]
    pub(crate) fn tag(&mut self) -> Result<Option<u32>, Malformed> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let tag = low_u32(self.varint()?);
        if tag >> 3 == 0 { Err(Malformed) } else { Ok(Some(tag)) }
    }

    /// How many bytes are left.
    pub(crate) fn remaining(&self) -> usize {
        self.rest.len()
    }

    /// A varint of up to ten bytes; bits beyond the 64th are cut off.
    #[inline]
    pub(crate) fn varint(&mut self) -> Result<u64, Malformed> {
        // Nearly all tags, indexes and lengths have one byte.
        match self.rest {
            [byte @ ..0x80, rest @ ..] => {
                self.rest = rest;
                Ok(u64::from(*byte))
            }
            _ => self.long_varint(),
        }
    }

    #[cold]
    fn long_varint(&mut self) -> Result<u64, Malformed> {
        let mut value = 0;
        let mut shift = 0;
        while shift < 70 {
            let (&byte, rest) = self.rest.split_first().ok_or(Malformed)?;
            self.rest = rest;
            value |= u64::from(byte & 0x7F).checked_shl(shift).unwrap_or(0);
            if byte < 0x80 {
                return Ok(value);
            }
            shift += 7;
        }
        Err(Malformed)
    }

    /// A length and the bytes it covers, as a span of the input.
    #[inline]
    pub(crate) fn bytes(&mut self) -> Result<Span, Malformed> {
        let length = usize::try_from(low_u32(self.varint()?)).map_err(|_| Malformed)?;
        let offset = self.end - self.rest.len();
        self.rest = self.rest.get(length..).ok_or(Malformed)?;
        Span::new(offset, length).ok_or(Malformed)
    }

    /// Skips the field that `tag` opens. `depth` is how many messages stand around it, the outermost not counted.
    pub(crate) fn skip(&mut self, tag: u32, depth: usize) -> Result<(), Malformed> {
        let mut open_groups = Vec::new();
        let mut tag = tag;
        loop {
            match tag & 7 {
                3 if depth + open_groups.len() >= MAX_DEPTH => return Err(Malformed),
                3 => open_groups.push(tag >> 3),
                4 if open_groups.pop() != Some(tag >> 3) => return Err(Malformed),
                4 => {}
                _ => self.skip_scalar(tag & 7)?,
            }
            if open_groups.is_empty() {
                return Ok(());
            }
            tag = self.tag()?.ok_or(Malformed)?;
        }
    }

    fn skip_scalar(&mut self, wire_type: u32) -> Result<(), Malformed> {
        match wire_type {
            0 => self.varint().map(drop),
            1 => self.skip_bytes(8),
            2 => self.bytes().map(drop),
            5 => self.skip_bytes(4),
            _ => Err(Malformed),
        }
    }

    fn skip_bytes(&mut self, count: usize) -> Result<(), Malformed> {
        self.rest = self.rest.get(count..).ok_or(Malformed)?;
        Ok(())
    }
}

/// The low 32 bits: what protobuf-java keeps of tags, lengths and indexes.
#[inline]
pub(crate) fn low_u32(value: u64) -> u32 {
    let [a, b, c, d, ..] = value.to_le_bytes();
    u32::from_le_bytes([a, b, c, d])
}

/// Appends `value` in the shortest form.
pub(crate) fn put_varint(out: &mut Vec<u8>, value: u64) {
    let mut value = value;
    loop {
        let [low, ..] = value.to_le_bytes();
        value >>= 7;
        if value == 0 {
            out.push(low & 0x7F);
            return;
        }
        out.push(low | 0x80);
    }
}

/// How many bytes [`put_varint`] appends for `value`.
pub(crate) fn varint_bytes(value: usize) -> usize {
    let bits = usize::BITS - (value | 1).leading_zeros();
    // At most ten, so the conversion holds on every platform.
    usize::try_from(bits.div_ceil(7)).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Result<u64, Malformed> {
        Cursor::new(bytes, 0..bytes.len()).and_then(|mut cursor| cursor.varint())
    }

    #[test]
    fn a_varint_reads_back_as_it_was_written_and_has_the_size_foretold() {
        for shift in 0..64 {
            for value in [1_u64 << shift, (1_u64 << shift) - 1, u64::MAX >> shift] {
                let mut out = Vec::new();
                put_varint(&mut out, value);
                assert_eq!(read(&out), Ok(value));
                assert_eq!(varint_bytes(usize::try_from(value).unwrap()), out.len());
            }
        }
    }

    #[test]
    fn an_overlong_varint_of_ten_bytes_is_taken_and_one_of_eleven_is_not() {
        let mut bytes = [0x80; 11];
        bytes[0] = 0x85;
        bytes[9] = 0;
        assert_eq!(read(&bytes), Ok(5));
        bytes[9] = 0x80;
        bytes[10] = 0;
        assert_eq!(read(&bytes), Err(Malformed));
    }

    #[test]
    fn groups_in_a_record_may_nest_one_less_deep_than_groups_in_the_message() {
        let nested = |groups: usize| [vec![0x2B; groups], vec![0x2C; groups]].concat();
        let skip = |bytes: &[u8], depth| {
            let mut cursor = Cursor::new(bytes, 0..bytes.len())?;
            let tag = cursor.tag()?.ok_or(Malformed)?;
            cursor.skip(tag, depth)
        };
        assert_eq!(skip(&nested(100), 0), Ok(()));
        assert_eq!(skip(&nested(101), 0), Err(Malformed));
        assert_eq!(skip(&nested(99), 1), Ok(()));
        assert_eq!(skip(&nested(100), 1), Err(Malformed));
    }
}
