//! `binary_records_stream`: records of one length from new files in a directory.

use std::fs::File;
use std::io;
use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::path::Path;

use bytes::Bytes;

use crate::context::StreamingContext;
use crate::dataset::Sink;
use crate::dstream::DStream;
use crate::inputs::file_options::FileStreamOptions;
use crate::inputs::file_stream::{Enter, ReadError, ReadFile};
use crate::inputs::text_files::read_chunk;

impl StreamingContext {
    /// A stream of records of `record_length` bytes, from the files that appear in `directory`; which those are is said at
    /// [`text_file_stream`](Self::text_file_stream). A file that is no whole number of records fails its batch.
    ///
    /// ```
    /// use std::num::NonZeroUsize;
    /// use dstream_core::{DStream, FileStreamOptions, StreamingContext};
    ///
    /// fn first_bytes(ctx: &StreamingContext) -> DStream<Option<u8>> {
    ///     let records = ctx.binary_records_stream("/var/spool/app", NonZeroUsize::MIN, FileStreamOptions::default());
    ///     records.map(|record| record.first().copied())
    /// }
    /// ```
    pub fn binary_records_stream(
        &self,
        directory: impl AsRef<Path>,
        record_length: NonZeroUsize,
        options: FileStreamOptions,
    ) -> DStream<Bytes> {
        self.file_stream("binary_records_stream", directory.as_ref(), options, Records { length: record_length.get() })
    }
}

struct Records {
    length: usize,
}

impl ReadFile<Bytes> for Records {
    fn read(&self, mut file: File, enter: &Enter<'_>, sink: &mut Sink<'_, Bytes>) -> Result<(), ReadError> {
        // Known before the first record is handed on; a file that changes meanwhile is found out below.
        let size = file.metadata()?.len();
        if !size.is_multiple_of(u64::try_from(self.length).unwrap_or(u64::MAX)) {
            return Err(self.broken(size).into());
        }
        let at_once = self.length.saturating_mul(CHUNK_BYTES.checked_div(self.length).unwrap_or(1).max(1));
        loop {
            enter()?;
            let mut chunk = read_chunk(&mut file, at_once)?;
            if chunk.is_empty() {
                return Ok(());
            }
            while !chunk.is_empty() {
                if chunk.len() < self.length {
                    return Err(self.broken(file.metadata()?.len()).into());
                }
                enter()?;
                if let ControlFlow::Break(()) = sink(chunk.split_to(self.length)) {
                    return Ok(());
                }
            }
        }
    }
}

impl Records {
    fn broken(&self, size: u64) -> io::Error {
        let text = format!("its {size} bytes are no whole number of records of {} bytes", self.length);
        io::Error::new(io::ErrorKind::InvalidData, text)
    }
}

const CHUNK_BYTES: usize = 64 << 10;
