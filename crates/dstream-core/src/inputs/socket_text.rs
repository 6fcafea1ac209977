//! `socket_text_stream`: lines of text from a TCP server, over one connection after the other.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::context::StreamingContext;
use crate::dstream::DStream;
use crate::inputs::lines::{LineSplitter, LineTooLong};
use crate::receiver::{Positions, Receiver, ReceiverError};
use crate::receiver_store::{ReceiverStore, StoreClosed};
use crate::storage_level::StorageLevel;
use crate::time::Time;

impl StreamingContext {
    /// A stream of the lines of text that a TCP server sends. Bytes that are no UTF-8 are replaced by U+FFFD.
    ///
    /// When the connection ends, or cannot be made, it is made anew: after 2 s first, as in Spark, and after up to 30 s while
    /// the server is not there. What a server sends cannot be asked for again, so **lines are lost** when this process
    /// crashes, and a line that breaks off when the context stops or the connection fails is not delivered. For other
    /// settings give a [`SocketTextReceiver`] to [`receiver_stream`](Self::receiver_stream).
    ///
    /// ```
    /// use dstream_core::{StorageLevel, StreamingContext};
    ///
    /// fn print_word_counts(ctx: &StreamingContext) {
    ///     let lines = ctx.socket_text_stream("localhost", 9_999, StorageLevel::MemoryAndDisk);
    ///     let words = lines.flat_map(|line| line.split(' ').map(str::to_owned).collect::<Vec<_>>());
    ///     words.map(|word| (word, 1)).reduce_by_key(|m, n| m + n).print();
    /// }
    /// ```
    pub fn socket_text_stream(&self, host: &str, port: u16, level: StorageLevel) -> DStream<String> {
        let name = format!("socket {host}:{port}");
        let receiver = SocketTextReceiver::new(host, port);
        self.receiver_stream(&name, level, receiver, |line: &Bytes| Ok(String::from_utf8_lossy(line).into_owned()))
    }
}

/// Receives lines from a TCP server; see [`socket_text_stream`](StreamingContext::socket_text_stream).
///
/// ```
/// use std::time::Duration;
/// use bytes::Bytes;
/// use dstream_core::{DStream, SocketTextReceiver, StorageLevel, StreamingContext};
///
/// fn lengths(ctx: &StreamingContext) -> DStream<usize> {
///     let receiver = SocketTextReceiver::new("localhost", 9_999).reconnect_after(Duration::from_millis(100));
///     ctx.receiver_stream("lines", StorageLevel::MemoryOnly, receiver, |line: &Bytes| Ok(line.len()))
/// }
/// ```
#[derive(Debug)]
#[must_use]
pub struct SocketTextReceiver {
    server: Server,
    running: Option<Running>,
}

#[derive(Clone, Debug)]
struct Server {
    host: Arc<str>,
    port: u16,
    reconnect_after: Duration,
    max_line_bytes: usize,
}

#[derive(Debug)]
struct Running {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl SocketTextReceiver {
    /// Receives from `host`, a name or an address, at `port`.
    pub fn new(host: &str, port: u16) -> Self {
        let server =
            Server { host: host.into(), port, reconnect_after: RECONNECT_AFTER, max_line_bytes: MAX_LINE_BYTES };
        Self { server, running: None }
    }

    /// How long after its end a connection is made anew. Default: 2 s, as in Spark. It doubles, up to 30 s, for each time in a
    /// row that none can be made.
    pub const fn reconnect_after(mut self, wait: Duration) -> Self {
        self.server.reconnect_after = wait;
        self
    }

    /// How many bytes a line may have. Default: 1 MiB. A longer one stops the application: without a bound, a server that sends
    /// no line feed would fill the memory.
    pub const fn max_line_bytes(mut self, bytes: usize) -> Self {
        self.server.max_line_bytes = bytes;
        self
    }
}

/// Lines of one connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SocketLines {
    server: Arc<str>,
    connection: u64,
    first: u64,
    last: u64,
}

impl fmt::Display for SocketLines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { server, connection, first, last } = self;
        write!(f, "lines {first} to {last} of connection {connection} to {server}")
    }
}

type Store = ReceiverStore<Bytes, SocketLines>;

#[async_trait]
impl Receiver for SocketTextReceiver {
    type Record = Bytes;
    type Range = SocketLines;

    async fn start(&mut self, store: Store) -> Result<(), ReceiverError> {
        let (stop, stopped) = watch::channel(false);
        let reader = Reader { server: self.server.clone(), store, stopped, connection: 0 };
        self.running = Some(Running { stop, task: tokio::spawn(reader.run()) });
        Ok(())
    }

    fn positions(&self) -> Arc<dyn Positions<SocketLines>> {
        Arc::new(NoPositions)
    }

    async fn stop_fetching(&mut self) {
        if let Some(Running { stop, task }) = self.running.take() {
            stop.send_replace(true);
            if let Err(error) = task.await {
                tracing::error!(%error, "the task that reads lines broke off");
            }
        }
    }

    async fn close(&mut self) -> Result<(), ReceiverError> {
        Ok(())
    }
}

/// A socket cannot be told how far we are.
struct NoPositions;

impl Positions<SocketLines> for NoPositions {
    fn on_stored(&self, _ranges: &[SocketLines]) {}

    fn on_processed(&self, _batch: Time, _ranges: &[SocketLines]) {}
}

/// The task that reads.
struct Reader {
    server: Server,
    store: Store,
    stopped: watch::Receiver<bool>,
    connection: u64,
}

/// Why a connection is not read any more.
enum End {
    /// The server closed it, or it broke.
    Lost,
    /// Nothing more is wanted.
    Stopped,
    TooLong(LineTooLong),
}

impl From<StoreClosed> for End {
    fn from(_: StoreClosed) -> Self {
        Self::Stopped
    }
}

impl From<LineTooLong> for End {
    fn from(error: LineTooLong) -> Self {
        Self::TooLong(error)
    }
}

impl Reader {
    async fn run(mut self) {
        let mut failures = 0;
        loop {
            let Server { host, port, .. } = &self.server;
            let connected = tokio::select! {
                biased;
                _ = self.stopped.changed() => return,
                connected = TcpStream::connect((&**host, *port)) => connected,
            };
            match connected {
                Ok(stream) => {
                    failures = 0;
                    match self.read(stream).await {
                        End::Lost => {}
                        End::Stopped => return,
                        End::TooLong(error) => return self.give_up(error),
                    }
                }
                Err(error) => {
                    tracing::warn!(%host, port, %error, "cannot connect; trying again");
                    failures += 1;
                }
            }
            tokio::select! {
                biased;
                _ = self.stopped.changed() => return,
                () = tokio::time::sleep(wait(self.server.reconnect_after, failures)) => {}
            }
        }
    }

    /// Stores the lines of one connection.
    async fn read(&mut self, mut stream: TcpStream) -> End {
        self.connection = self.connection.saturating_add(1);
        self.store.ready();
        let mut splitter = LineSplitter::new(self.server.max_line_bytes);
        let mut stored = 0;
        loop {
            let mut chunk = BytesMut::with_capacity(CHUNK_BYTES);
            let read = tokio::select! {
                biased;
                _ = self.stopped.changed() => return End::Stopped,
                read = stream.read_buf(&mut chunk) => read,
            };
            let end = match read {
                Ok(0) => self.store_last(&mut splitter, &mut stored).await,
                Ok(_) => self.store_lines(&mut splitter, chunk.freeze(), &mut stored).await,
                Err(error) => {
                    tracing::warn!(host = %self.server.host, %error, "a connection broke; the line it was in is lost");
                    Err(End::Lost)
                }
            };
            if let Err(end) = end {
                return end;
            }
        }
    }

    async fn store_lines(&self, splitter: &mut LineSplitter, chunk: Bytes, stored: &mut u64) -> Result<(), End> {
        let mut lines = Vec::new();
        let split = splitter.push(chunk, &mut lines);
        // Not given up when the context stops gracefully: these lines are read, and nobody sends them again.
        self.store_page(lines, stored).await?;
        Ok(split?)
    }

    async fn store_last(&self, splitter: &mut LineSplitter, stored: &mut u64) -> Result<(), End> {
        self.store_page(splitter.finish()?.into_iter().collect(), stored).await?;
        tracing::info!(host = %self.server.host, lines = *stored, "the server closed the connection; making a new one");
        Err(End::Lost)
    }

    async fn store_page(&self, lines: Vec<Bytes>, stored: &mut u64) -> Result<(), StoreClosed> {
        if lines.is_empty() {
            return Ok(());
        }
        let server = format!("{}:{}", self.server.host, self.server.port).into();
        let first = stored.saturating_add(1);
        let last = stored.saturating_add(u64::try_from(lines.len()).unwrap_or(u64::MAX));
        self.store.store(lines, SocketLines { server, connection: self.connection, first, last }).await?;
        *stored = last;
        Ok(())
    }

    fn give_up(&self, error: LineTooLong) {
        let Server { host, port, .. } = &self.server;
        self.store.fail(ReceiverError::new(format!("{host}:{port} cannot be read on: {error}")));
    }
}

/// How long to wait after so many connections in a row that could not be made.
fn wait(first: Duration, failures: u32) -> Duration {
    let doubled = first.saturating_mul(2_u32.saturating_pow(failures.saturating_sub(1)));
    doubled.min(LONGEST_WAIT.max(first))
}

/// As in Spark.
const RECONNECT_AFTER: Duration = Duration::from_secs(2);

/// Seldom enough for a server that is gone for good, soon enough for one that comes back.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

const MAX_LINE_BYTES: usize = 1 << 20;

/// Some hundred lines: large enough that storing a page costs little per line.
const CHUNK_BYTES: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_doubles_with_each_failure_up_to_half_a_minute() {
        let waits: Vec<_> = (0..8).map(|failures| wait(RECONNECT_AFTER, failures).as_secs()).collect();
        assert_eq!(waits, [2, 2, 4, 8, 16, 30, 30, 30]);
        assert_eq!(wait(Duration::from_secs(60), 9), Duration::from_secs(60));
    }
}
