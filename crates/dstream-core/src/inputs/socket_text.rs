//! `socket_text_stream`: lines of text from a TCP server, over one connection after the other.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::context::StreamingContext;
use crate::dstream::DStream;
use crate::inputs::socket_reader::{Server, SocketReader};
use crate::receiver::{Positions, Receiver, ReceiverError};
use crate::receiver_store::ReceiverStore;
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
    pub(crate) server: Arc<str>,
    pub(crate) connection: u64,
    pub(crate) first: u64,
    pub(crate) last: u64,
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
        let reader = SocketReader::new(self.server.clone(), store, stopped);
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

/// As in Spark.
const RECONNECT_AFTER: Duration = Duration::from_secs(2);

const MAX_LINE_BYTES: usize = 1 << 20;
