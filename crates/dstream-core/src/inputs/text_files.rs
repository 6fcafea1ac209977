//! `text_file_stream`: the lines of new files in a directory.

use std::fs::File;
use std::io::{self, Read};
use std::ops::ControlFlow;
use std::path::Path;

use bytes::Bytes;

use crate::context::StreamingContext;
use crate::dataset::Sink;
use crate::dstream::DStream;
use crate::inputs::file_options::FileStreamOptions;
use crate::inputs::file_stream::{Enter, ReadError, ReadFile};
use crate::inputs::lines::LineSplitter;

impl StreamingContext {
    /// A stream of the lines of the files that appear in `directory`, which may be a pattern with `*` and `?` for several
    /// directories. Each new file is one partition of one batch; bytes that are no UTF-8 are replaced by U+FFFD.
    ///
    /// A file is new to a batch when its time of modification is not after the batch time and within the time to
    /// [remember](FileStreamOptions::remember), and no batch had a file of its path within that time. It must be complete when
    /// it appears: write it elsewhere on the same file system, and **move** it into the directory. What is appended later is not
    /// read. It must stay there until its batch is done.
    ///
    /// A directory that is not there yet is looked for again in the next batch.
    ///
    /// ```
    /// use dstream_core::{DStream, FileStreamOptions, StreamingContext};
    ///
    /// fn errors(ctx: &StreamingContext) -> DStream<String> {
    ///     let lines = ctx.text_file_stream("/var/spool/app/*/logs", FileStreamOptions::default());
    ///     lines.filter(|line| line.contains("ERROR"))
    /// }
    /// ```
    pub fn text_file_stream(&self, directory: impl AsRef<Path>, options: FileStreamOptions) -> DStream<String> {
        let text = Text { max_line_bytes: options.max_line_bytes };
        self.file_stream("text_file_stream", directory.as_ref(), options, text)
    }
}

struct Text {
    max_line_bytes: usize,
}

impl ReadFile<String> for Text {
    fn read(&self, mut file: File, enter: &Enter<'_>, sink: &mut Sink<'_, String>) -> Result<(), ReadError> {
        let mut splitter = LineSplitter::new(self.max_line_bytes);
        loop {
            enter()?;
            let chunk = read_chunk(&mut file, CHUNK_BYTES)?;
            let ended = chunk.is_empty();
            let mut lines = Vec::new();
            let split =
                if ended { splitter.finish().map(|last| lines.extend(last)) } else { splitter.push(chunk, &mut lines) };
            for line in lines {
                enter()?;
                if let ControlFlow::Break(()) = sink(String::from_utf8_lossy(&line).into_owned()) {
                    return Ok(());
                }
            }
            split.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
            if ended {
                return Ok(());
            }
        }
    }
}

/// Up to `most` bytes; none at the end of the file only.
pub(crate) fn read_chunk(file: &mut File, most: usize) -> io::Result<Bytes> {
    let mut chunk = Vec::with_capacity(most);
    file.take(u64::try_from(most).unwrap_or(u64::MAX)).read_to_end(&mut chunk)?;
    Ok(chunk.into())
}

const CHUNK_BYTES: usize = 64 << 10;
