//! Which files of a directory a file stream takes.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// The settings of [`text_file_stream`](crate::StreamingContext::text_file_stream) and
/// [`binary_records_stream`](crate::StreamingContext::binary_records_stream).
///
/// ```
/// use std::time::Duration;
/// use dstream_core::FileStreamOptions;
///
/// let options = FileStreamOptions::default()
///     .new_files_only(false)
///     .remember(Duration::from_secs(3_600))
///     .filter(|path| path.extension().is_some_and(|extension| extension == "log"));
/// ```
#[derive(Clone)]
#[must_use]
pub struct FileStreamOptions {
    pub(crate) new_files_only: bool,
    pub(crate) remember: Duration,
    pub(crate) filter: PathFilter,
    pub(crate) max_line_bytes: usize,
}

pub(crate) type PathFilter = Arc<dyn Fn(&Path) -> bool + Send + Sync>;

impl FileStreamOptions {
    /// Whether files that were modified before the stream was made are left out. Default: true. With false, those of the time
    /// to [`remember`](Self::remember) before the first batch are taken.
    pub const fn new_files_only(mut self, only: bool) -> Self {
        self.new_files_only = only;
        self
    }

    /// How long after its modification a file may be moved into the directory. Default: 60 s, as in Spark; counted in whole
    /// batches. Too short, and files that are late are never seen; too long, and the names of all files of that time are
    /// kept and compared in each batch.
    pub const fn remember(mut self, time: Duration) -> Self {
        self.remember = time;
        self
    }

    /// Takes only files whose path the function accepts. It is called for each file that may be new, in each batch, and
    /// should look at nothing but the path. Default: all. Files whose name begins with a dot are never taken.
    pub fn filter(mut self, accept: impl Fn(&Path) -> bool + Send + Sync + 'static) -> Self {
        self.filter = Arc::new(accept);
        self
    }

    /// How many bytes a line of text may have. Default: 16 MiB. A longer one fails its batch: without a bound, a file that is no
    /// text would fill the memory.
    pub const fn max_line_bytes(mut self, bytes: usize) -> Self {
        self.max_line_bytes = bytes;
        self
    }
}

impl Default for FileStreamOptions {
    fn default() -> Self {
        let (remember, max_line_bytes) = (Duration::from_secs(60), 16 << 20);
        Self { new_files_only: true, remember, filter: Arc::new(|_| true), max_line_bytes }
    }
}

impl fmt::Debug for FileStreamOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileStreamOptions")
            .field("new_files_only", &self.new_files_only)
            .field("remember", &self.remember)
            .field("max_line_bytes", &self.max_line_bytes)
            .finish_non_exhaustive()
    }
}
