//! A stream of values in checked frames: written and read with little memory, and never read wrong.
//!
//! A frame is its length (4 bytes, little-endian), the CRC-32 of its payload (4 bytes) and the payload: values in postcard's
//! form, one after the other. The end is a frame of length 0 whose checksum is that of all the frames' checksums, so that a
//! stream cut short between two frames is found out, too.

use std::io::{self, Read, Write};
use std::mem::take;

use serde::Serialize;
use serde::de::DeserializeOwned;
use thiserror::Error;

/// Writes values.
#[derive(Debug)]
pub(crate) struct FrameWriter<W> {
    out: W,
    payload: Vec<u8>,
    checksums: crc32fast::Hasher,
}

impl<W: Write> FrameWriter<W> {
    pub(crate) fn new(out: W) -> Self {
        Self { out, payload: Vec::with_capacity(FRAME_BYTES), checksums: crc32fast::Hasher::new() }
    }

    /// Writes a value; its form must not be empty, as that of `()` is.
    ///
    /// # Errors
    /// When it cannot be encoded, or the frame that it fills cannot be written.
    pub(crate) fn push(&mut self, value: &impl Serialize) -> Result<(), FrameError> {
        self.payload = postcard::to_extend(value, take(&mut self.payload)).map_err(FrameError::Encode)?;
        if self.payload.len() >= FRAME_BYTES { self.flush() } else { Ok(()) }
    }

    /// Writes what is left, and the end.
    ///
    /// # Errors
    /// When they cannot be written.
    pub(crate) fn finish(mut self) -> Result<W, FrameError> {
        if !self.payload.is_empty() {
            self.flush()?;
        }
        let checksum = take(&mut self.checksums).finalize();
        self.out.write_all(&0_u32.to_le_bytes())?;
        self.out.write_all(&checksum.to_le_bytes())?;
        Ok(self.out)
    }

    fn flush(&mut self) -> Result<(), FrameError> {
        let length = u32::try_from(self.payload.len()).map_err(|_| FrameError::TooLarge)?;
        let checksum = crc32fast::hash(&self.payload).to_le_bytes();
        self.checksums.update(&checksum);
        self.out.write_all(&length.to_le_bytes())?;
        self.out.write_all(&checksum)?;
        self.out.write_all(&self.payload)?;
        self.payload.clear();
        Ok(())
    }
}

/// Reads what a [`FrameWriter`] wrote, up to its end and not beyond.
#[derive(Debug)]
pub(crate) struct FrameReader<R> {
    input: R,
    payload: Vec<u8>,
    /// How much of the payload was read.
    at: usize,
    checksums: crc32fast::Hasher,
    ended: bool,
}

impl<R: Read> FrameReader<R> {
    pub(crate) fn new(input: R) -> Self {
        Self { input, payload: Vec::new(), at: 0, checksums: crc32fast::Hasher::new(), ended: false }
    }

    /// The next value; `None` after the last one. The caller says which type comes.
    ///
    /// # Errors
    /// When the bytes cannot be read, are not those that were written, or are those of another type.
    pub(crate) fn next<T: DeserializeOwned>(&mut self) -> Result<Option<T>, FrameError> {
        if self.at == self.payload.len() && !self.ended {
            self.read_frame()?;
        }
        if self.ended {
            return Ok(None);
        }
        let rest = self.payload.get(self.at..).unwrap_or_default();
        let (value, left) = postcard::take_from_bytes(rest).map_err(FrameError::Decode)?;
        if left.len() == rest.len() {
            return Err(FrameError::Corrupt);
        }
        self.at = self.payload.len() - left.len();
        Ok(Some(value))
    }

    fn read_frame(&mut self) -> Result<(), FrameError> {
        let length = u32::from_le_bytes(self.read_word()?);
        let expected = self.read_word()?;
        self.payload.clear();
        self.at = 0;
        if length == 0 {
            self.ended = true;
            let found = take(&mut self.checksums).finalize().to_le_bytes();
            return if found == expected { Ok(()) } else { Err(FrameError::Corrupt) };
        }
        // Not reserved at once: a corrupt length must not ask for memory that no data will fill.
        let read = (&mut self.input).take(u64::from(length)).read_to_end(&mut self.payload)?;
        let whole = u32::try_from(read) == Ok(length);
        if !whole || crc32fast::hash(&self.payload).to_le_bytes() != expected {
            return Err(FrameError::Corrupt);
        }
        self.checksums.update(&expected);
        Ok(())
    }

    fn read_word(&mut self) -> Result<[u8; 4], FrameError> {
        let mut word = [0; 4];
        match self.input.read_exact(&mut word) {
            Ok(()) => Ok(word),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Err(FrameError::Corrupt),
            Err(error) => Err(error.into()),
        }
    }
}

/// Why values could not be written or read.
#[derive(Debug, Error)]
pub(crate) enum FrameError {
    /// Reading or writing failed.
    #[error("the encoded state could not be read or written")]
    Io(#[from] io::Error),
    /// The bytes are not those that were written.
    #[error("the encoded state is cut short or damaged: use an older checkpoint")]
    Corrupt,
    /// A value does not encode.
    #[error("a key or state cannot be encoded: its Serialize implementation must not fail or omit lengths")]
    Encode(#[source] postcard::Error),
    /// The bytes are of other types.
    #[error("a key or state cannot be decoded: restore with the types that it was encoded from")]
    Decode(#[source] postcard::Error),
    /// A value has 4 GiB or more.
    #[error("a key and its state take 4 GiB or more: keep less state per key")]
    TooLarge,
}

/// When a frame is full: large enough to make its head and its check negligible, small against memory.
const FRAME_BYTES: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    fn written(values: &[String]) -> Vec<u8> {
        let mut writer = FrameWriter::new(Vec::new());
        values.iter().for_each(|value| writer.push(value).unwrap());
        writer.finish().unwrap()
    }

    fn read(bytes: &[u8]) -> Result<Vec<String>, FrameError> {
        let mut reader = FrameReader::new(bytes);
        let mut values = Vec::new();
        while let Some(value) = reader.next()? {
            values.push(value);
        }
        Ok(values)
    }

    #[test]
    fn values_of_many_frames_come_back_in_order() {
        let values: Vec<_> = (0..20_000).map(|n| format!("value {n}")).collect();
        let bytes = written(&values);
        assert!(bytes.len() > 2 * FRAME_BYTES);
        assert_eq!(read(&bytes).unwrap(), values);
        assert_eq!(read(&written(&[])).unwrap(), [""; 0]);
    }

    #[test]
    fn a_value_larger_than_a_frame_comes_back() {
        let values = ["x".repeat(3 * FRAME_BYTES), "y".to_owned()];
        assert_eq!(read(&written(&values)).unwrap(), values);
    }

    #[test]
    fn a_stream_cut_short_or_changed_anywhere_is_never_read_to_its_end() {
        let bytes = written(&["one".to_owned(), "two".to_owned()]);
        for end in 0..bytes.len() {
            assert!(read(&bytes[..end]).is_err(), "cut at {end}");
        }
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 0x10;
            assert!(read(&changed).is_err(), "changed at {at}");
        }
    }

    #[test]
    fn a_frame_that_is_missing_is_noticed_at_the_end() {
        let whole = written(&["one".to_owned()]);
        // The end of a stream of one frame, without the frame.
        let end = &whole[whole.len() - 8..];
        assert!(matches!(read(end), Err(FrameError::Corrupt)));
    }
}
