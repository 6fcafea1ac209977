//! A quiet display of progress: one line for each batch that has ended.

use std::fmt;
use std::io::Write;
use std::sync::Mutex;
use std::time::Duration;

use crate::batch::BatchInfo;
use crate::event::{Event, Listener};
use crate::lock::lock;
use crate::time_text::{batch_time_of_day, duration_text};

/// A [`Listener`] that writes one line for each batch that has ended, with times in UTC.
///
/// ```
/// use std::sync::Arc;
/// use std::time::Duration;
/// use dstream_core::{BatchLines, StreamingContext};
///
/// let interval = Duration::from_secs(1);
/// let ctx = StreamingContext::builder("lines").batch_interval(interval).build()?;
/// // As in: 14:04:40  1200 records  waited 0 ms  took 12 ms
/// ctx.add_listener(Arc::new(BatchLines::new(interval, std::io::stderr())));
/// # Ok::<(), dstream_core::ConfigError>(())
/// ```
pub struct BatchLines {
    batch_interval: Duration,
    // Held for one line.
    writer: Mutex<Box<dyn Write + Send>>,
}

impl BatchLines {
    /// Writes to `writer`; an error of it is left to it. Batch times are shown with milliseconds if `batch_interval` is under a
    /// second.
    pub fn new(batch_interval: Duration, writer: impl Write + Send + 'static) -> Self {
        Self { batch_interval, writer: Mutex::new(Box::new(writer)) }
    }

    fn line(&self, info: &BatchInfo, failed: &str) -> String {
        let delay = |delay: Option<Duration>| duration_text(delay.unwrap_or_default());
        let (time, records) = (batch_time_of_day(info.batch, self.batch_interval), info.records());
        let (waited, took) = (delay(info.scheduling_delay()), delay(info.processing_delay()));
        format!("{time}  {records} records  waited {waited}  took {took}{failed}\n")
    }
}

impl Listener for BatchLines {
    fn on_event(&self, event: &Event) {
        let line = match event {
            Event::BatchCompleted(info) => self.line(info, ""),
            Event::BatchFailed(info) => self.line(info, "  failed"),
            _ => return,
        };
        let mut writer = lock(&self.writer);
        // A display that is gone is no reason to do anything.
        let _ = writer.write_all(line.as_bytes()).and_then(|()| writer.flush());
    }
}

impl fmt::Debug for BatchLines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BatchLines").finish_non_exhaustive()
    }
}
