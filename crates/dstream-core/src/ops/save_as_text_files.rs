//! `save_as_text_files`: each batch as a directory of text files.

use std::sync::Arc;

use futures::FutureExt;

use crate::dstream::DStream;
use crate::graph::Ending;
use crate::ops::print::Printable;
use crate::rdd::Rdd;
use crate::text_output::{Home, SaveError, TextDirectory};

impl<T: Printable + Send + 'static> DStream<T> {
    /// Writes each batch as the directory `<prefix>-<milliseconds of the batch time>[.<suffix>]`: one file for each
    /// partition, `part-00000` and so on, with a line for each record as [`print`](Self::print) shows it, and an empty
    /// `_SUCCESS` once all of them are there. An empty suffix is left out, with its dot; with an empty prefix, or one that
    /// ends in `/`, the name begins with the milliseconds.
    ///
    /// `prefix` is a local path, `file:///path`, or, with the feature `s3`, `s3://bucket/path`. Directories that are missing
    /// are made. A batch that is written again, after a failed attempt or a crash, replaces the
    /// parts that were there, so nothing is there twice; files of other names stay. So each process of an application needs a
    /// prefix of its own: two of them with the same prefix replace each other's batches. The text of a batch is in memory while
    /// it is written.
    /// What goes wrong is a [`SaveError`], and fails the attempt.
    ///
    /// ```
    /// # use dstream_core::testing::batches_of;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), dstream_core::BoxError> {
    /// # let directory = std::env::temp_dir().join(format!("dstream-doc-{}", std::process::id()));
    /// # let directory = directory.to_str().ok_or("the path is no text")?;
    /// let prefix = format!("{directory}/counts");
    /// batches_of(1, |ctx| {
    ///     let counts = ctx.queue_stream([vec!['a', 'a']]).count_by_value_into(1);
    ///     counts.save_as_text_files(&prefix, "txt");
    ///     Ok(counts)
    /// })
    /// .await?;
    /// assert_eq!(std::fs::read_to_string(format!("{prefix}-1000.txt/part-00000"))?, "(a,2)\n");
    /// # std::fs::remove_dir_all(directory)?;
    /// # Ok(()) }
    /// ```
    pub fn save_as_text_files(&self, prefix: &str, suffix: &str) {
        let (prefix, suffix) = (prefix.to_owned(), suffix.to_owned());
        // The place of all batches is opened once.
        let home = Arc::new(Home::default());
        self.add_output_ending("save_as_text_files", move |rdd, time| {
            let directory = TextDirectory::of_batch(&prefix, &suffix, time);
            let parts = rdd.text_parts()?;
            let home = Arc::clone(&home);
            let write = async move { Ok(directory.write(home.open(&directory).await?, parts).await?) };
            Ok(Ending::Awaiting(write.boxed()))
        });
    }
}

impl<T: Printable + Send + 'static> Rdd<T> {
    /// Writes the records as the directory `path`, in place of the parts (`part-<digits>`) and the `_SUCCESS` that are there; see
    /// [`DStream::save_as_text_files`]. Not to be called in an async
    /// function: it blocks until all is written.
    ///
    /// # Errors
    /// [`SaveError`], when the records cannot be computed or written.
    pub fn save_as_text_file(&self, path: &str) -> Result<(), SaveError> {
        if tokio::runtime::Handle::try_current().is_ok() {
            return Err(SaveError::InAsync);
        }
        let runtime = self.job().engine.runtime.get().ok_or(SaveError::InAsync)?;
        let directory = TextDirectory::at(path);
        let parts = self.text_parts()?;
        runtime.block_on(async {
            let home = Home::default();
            directory.write(home.open(&directory).await?, parts).await
        })
    }
}
