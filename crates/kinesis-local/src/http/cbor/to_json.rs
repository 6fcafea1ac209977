//! A CBOR body as JSON.
//!
//! Promises: one pass, no tree; nesting is bounded and the JSON is at most about seven times the size of the body, whatever
//! lengths the body claims; what is not one whole CBOR item with text keys is an error. Byte strings become base64
//! wherever they are, times become seconds.
//!
//! An integer time is milliseconds, tagged or not: that is what AWS's SDKs for Java write (`writeTag(1)` and
//! `toEpochMilli`), and what AWS reads. None of its clients writes a float; one that did would follow RFC 8949, so a float
//! is seconds.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ciborium_ll::{Decoder, Error, Header, simple};

use super::super::json::Json;
use super::members::{Form, form_of};

/// The body is not the CBOR of a request.
#[derive(Debug, thiserror::Error)]
pub(in crate::http) enum NotCbor {
    #[error("the CBOR body is malformed: send one well-formed item")]
    Malformed,
    #[error("the CBOR body goes on after its end at byte {at}: send one item")]
    GoesOn { at: usize },
    #[error("the CBOR body is nested more than {MOST_DEPTH} deep: nest less")]
    TooDeep,
    #[error("the CBOR body has a key that is no text: name members by text")]
    KeyIsNoText,
    #[error("the CBOR body has a value that JSON has no form for: leave out special numbers and simple values")]
    NoSuchValue,
}

impl From<Error<std::io::Error>> for NotCbor {
    fn from(_: Error<std::io::Error>) -> Self {
        // Reading from memory fails only at its end, which is malformed too.
        Self::Malformed
    }
}

/// The JSON of a body; of an empty body, an empty text.
pub(in crate::http) fn to_json(body: &[u8]) -> Result<String, NotCbor> {
    if body.is_empty() {
        return Ok(String::new());
    }
    let mut reader = Reader {
        decoder: Decoder::from(body),
        json: Json::with_capacity(body.len().saturating_add(body.len() / 2)),
        bytes: Vec::new(),
    };
    let first = reader.decoder.pull()?;
    reader.value(first, Form::Plain, MOST_DEPTH)?;
    match reader.decoder.offset() {
        at if at < body.len() => Err(NotCbor::GoesOn { at }),
        _ => Ok(reader.json.into_text()),
    }
}

struct Reader<'a> {
    decoder: Decoder<&'a [u8]>,
    json: Json,
    /// The byte or text string that is being read.
    bytes: Vec<u8>,
}

impl Reader<'_> {
    fn value(&mut self, header: Header, form: Form, depth: u32) -> Result<(), NotCbor> {
        match header {
            Header::Positive(n) => self.integer(i128::from(n), form),
            // The bits of the wire are those of -1 - n.
            Header::Negative(n) => self.integer(-1 - i128::from(n), form),
            Header::Float(float) if float.is_finite() => self.json.bare(format_args!("{float:e}")),
            Header::Simple(simple::FALSE) => self.json.bare(false),
            Header::Simple(simple::TRUE) => self.json.bare(true),
            Header::Simple(simple::NULL | simple::UNDEFINED) => self.json.bare("null"),
            Header::Float(_) | Header::Simple(_) => return Err(NotCbor::NoSuchValue),
            Header::Tag(tag) => {
                let form = if tag == EPOCH_TIME { Form::Timestamp } else { form };
                let inner = self.decoder.pull()?;
                self.value(inner, form, deeper(depth)?)?;
            }
            Header::Bytes(length) => {
                self.read_bytes(length)?;
                self.json.plain(&STANDARD.encode(&self.bytes));
            }
            Header::Text(length) => {
                let text = self.text(length)?;
                self.json.string(&text);
            }
            Header::Array(length) => self.array(length, form, deeper(depth)?)?,
            Header::Map(length) => self.map(length, deeper(depth)?)?,
            Header::Break => return Err(NotCbor::Malformed),
        }
        Ok(())
    }

    fn integer(&mut self, n: i128, form: Form) {
        if form == Form::Timestamp {
            let sign = if n < 0 { "-" } else { "" };
            let millis = n.unsigned_abs();
            self.json.bare(format_args!("{sign}{}.{:03}", millis / 1_000, millis % 1_000));
        } else {
            self.json.bare(n);
        }
    }

    fn array(&mut self, length: Option<usize>, form: Form, depth: u32) -> Result<(), NotCbor> {
        self.json.open('[');
        let mut left = length;
        while let Some(header) = self.next_of(&mut left)? {
            self.value(header, form, depth)?;
        }
        self.json.close(']');
        Ok(())
    }

    fn map(&mut self, length: Option<usize>, depth: u32) -> Result<(), NotCbor> {
        self.json.open('{');
        let mut left = length;
        while let Some(header) = self.next_of(&mut left)? {
            let Header::Text(length) = header else { return Err(NotCbor::KeyIsNoText) };
            let key = self.text(length)?;
            self.json.any_key(&key);
            let header = self.decoder.pull()?;
            self.value(header, form_of(&key), depth)?;
        }
        self.json.close('}');
        Ok(())
    }

    /// The first header of the next item of a collection, of which so many are left, or which ends with a break.
    fn next_of(&mut self, left: &mut Option<usize>) -> Result<Option<Header>, NotCbor> {
        match left {
            Some(0) => return Ok(None),
            Some(left) => *left -= 1,
            None => {}
        }
        match self.decoder.pull()? {
            Header::Break if left.is_none() => Ok(None),
            header => Ok(Some(header)),
        }
    }

    fn text(&mut self, length: Option<usize>) -> Result<String, NotCbor> {
        let mut text = String::new();
        let mut segments = self.decoder.text(length);
        let mut chunk = [0; CHUNK];
        while let Some(mut segment) = segments.pull()? {
            while let Some(part) = segment.pull(&mut chunk)? {
                text.push_str(part);
            }
        }
        Ok(text)
    }

    fn read_bytes(&mut self, length: Option<usize>) -> Result<(), NotCbor> {
        self.bytes.clear();
        let mut segments = self.decoder.bytes(length);
        let mut chunk = [0; CHUNK];
        while let Some(mut segment) = segments.pull()? {
            while let Some(part) = segment.pull(&mut chunk)? {
                self.bytes.extend_from_slice(part);
            }
        }
        Ok(())
    }
}

fn deeper(depth: u32) -> Result<u32, NotCbor> {
    depth.checked_sub(1).ok_or(NotCbor::TooDeep)
}

/// Requests of Kinesis nest four deep; what nests deeper is no request.
const MOST_DEPTH: u32 = 32;
const EPOCH_TIME: u64 = 1;
/// Strings are read in pieces of that size, so that a claimed length takes no memory.
const CHUNK: usize = 4_096;

#[cfg(test)]
mod tests;
