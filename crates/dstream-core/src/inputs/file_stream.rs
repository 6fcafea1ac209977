//! What the streams of files share: the files that are new in a directory, one partition for each.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::context::StreamingContext;
use crate::dataset::{Dataset, Sink, Task, TaskError};
use crate::dstream::{DStream, Lineage};
use crate::inputs::file_options::{FileStreamOptions, PathFilter};
use crate::inputs::file_selection::{BatchFiles, FileSelection, FoundFile};
use crate::inputs::path_pattern::PathPattern;
use crate::job::{Job, JobError};
use crate::operator::OperatorName;
use crate::stream_node::Replay;
use crate::time::Time;

/// Pushes the records of an open file.
pub(crate) trait ReadFile<T>: Send + Sync + 'static {
    /// `enter` says that the source's code runs, again after a record was pushed, and tells whether to go on.
    fn read(&self, file: std::fs::File, enter: &Enter<'_>, sink: &mut Sink<'_, T>) -> Result<(), ReadError>;
}

/// Why a file was not read to its end.
pub(crate) enum ReadError {
    Io(io::Error),
    Task(TaskError),
}

impl From<io::Error> for ReadError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<TaskError> for ReadError {
    fn from(error: TaskError) -> Self {
        Self::Task(error)
    }
}

pub(crate) type Enter<'a> = dyn Fn() -> Result<(), TaskError> + 'a;

impl StreamingContext {
    pub(crate) fn file_stream<T: Send + 'static>(
        &self,
        kind: &'static str,
        directory: &Path,
        options: FileStreamOptions,
        read: impl ReadFile<T>,
    ) -> DStream<T> {
        let start = if options.new_files_only { self.clock().now() } else { Time::from_millis(i64::MIN) };
        let remember = whole_batches(options.remember, self.batch_interval());
        let selection = Arc::new(FileSelection::new(start, remember));
        let directories = Directories { pattern: PathPattern::new(directory), filter: options.filter };
        // Files are a matter of the batch time, as long as they lie there.
        let lineage = Lineage::source(self).replaying(Replay::ByTime);
        let lineage = lineage.remembering(Arc::<FileSelection>::clone(&selection));
        let read = Arc::new(read);
        DStream::new(self, kind, lineage, |operator| {
            Box::new(move |job| {
                let batch = job.batch.time;
                let files = match selection.of_batch(batch) {
                    Some(files) => files,
                    None => {
                        let found = directories.find().map_err(|source| JobError::Input { operator, batch, source })?;
                        selection.select(batch, found)
                    }
                };
                Ok(Arc::new(Files { operator, files, read: Arc::clone(&read) }))
            })
        })
    }
}

/// At least one batch.
fn whole_batches(time: Duration, interval: Duration) -> Duration {
    let batches = time.as_millis().div_ceil(interval.as_millis().max(1)).max(1);
    interval.saturating_mul(u32::try_from(batches).unwrap_or(u32::MAX))
}

struct Directories {
    pattern: PathPattern,
    filter: PathFilter,
}

impl Directories {
    /// The files that are there now.
    fn find(&self) -> Result<Vec<FoundFile>, crate::BoxError> {
        let directories = self.pattern.expand().map_err(|error| format!("cannot list {:?}: {error}", self.pattern))?;
        let mut found = Vec::new();
        for directory in directories {
            self.find_in(&directory, &mut found)
                .map_err(|error| format!("cannot list {}: {error}", directory.display()))?;
        }
        Ok(found)
    }

    fn find_in(&self, directory: &Path, found: &mut Vec<FoundFile>) -> io::Result<()> {
        let entries = match std::fs::read_dir(directory) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                tracing::warn!(directory = %directory.display(), "a directory of files is not there; looking again later");
                return Ok(());
            }
            // What a pattern finds may be a file.
            Err(error) if error.kind() == io::ErrorKind::NotADirectory => return Ok(()),
            Err(error) => return Err(error),
        };
        for entry in entries {
            let path = entry?.path();
            let hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
            if hidden || !(self.filter)(&path) {
                continue;
            }
            match std::fs::metadata(&path) {
                Ok(data) if data.is_file() => found.push(FoundFile { modified: time_of(data.modified()?), path }),
                Ok(_) => {}
                // Gone meanwhile.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// To the millisecond, rounded towards the epoch.
fn time_of(modified: SystemTime) -> Time {
    let epoch = Time::from_millis(0);
    match modified.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(after) => epoch.plus(after),
        Err(before) => epoch.minus(before.duration()),
    }
}

/// The files of one batch.
struct Files<Rd> {
    operator: OperatorName,
    files: BatchFiles,
    read: Arc<Rd>,
}

impl<Rd> Files<Rd> {
    fn path(&self, partition: usize) -> Option<&PathBuf> {
        self.files.get(partition)
    }
}

impl<T, Rd: ReadFile<T>> Dataset<T> for Files<Rd> {
    fn partitions(&self) -> usize {
        self.files.len()
    }

    fn prepare(&self, _job: &Job) -> Result<(), JobError> {
        Ok(())
    }

    fn run(&self, partition: usize, task: &Task<'_>, sink: &mut Sink<'_, T>) -> Result<(), TaskError> {
        let Some(path) = self.path(partition) else { return Ok(()) };
        let enter = || {
            task.enter(self.operator);
            task.check()
        };
        enter()?;
        let read = std::fs::File::open(path).map_err(ReadError::Io);
        read.and_then(|file| self.read.read(file, &enter, sink)).map_err(|error| match error {
            ReadError::Io(source) => {
                task.enter(self.operator);
                TaskError::File { path: path.clone(), source }
            }
            ReadError::Task(error) => error,
        })
    }

    fn origin(&self, partition: usize) -> Option<String> {
        Some(format!("file {}", self.path(partition)?.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_to_remember_is_rounded_up_to_whole_batches() {
        let seconds = Duration::from_secs;
        assert_eq!(whole_batches(seconds(60), seconds(7)), seconds(63));
        assert_eq!(whole_batches(seconds(60), seconds(600)), seconds(600));
        assert_eq!(whole_batches(Duration::ZERO, seconds(1)), seconds(1));
    }
}
