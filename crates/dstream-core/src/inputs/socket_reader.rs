//! The task that reads lines from a server, over one connection after the other.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::sync::watch;

use crate::inputs::lines::{LineSplitter, LineTooLong};
use crate::inputs::socket_text::SocketLines;
use crate::receiver::ReceiverError;
use crate::receiver_store::{ReceiverStore, StoreClosed};

#[derive(Clone, Debug)]
pub(crate) struct Server {
    pub(crate) host: Arc<str>,
    pub(crate) port: u16,
    pub(crate) reconnect_after: Duration,
    pub(crate) max_line_bytes: usize,
}

pub(crate) struct SocketReader {
    server: Server,
    store: ReceiverStore<Bytes, SocketLines>,
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

impl SocketReader {
    /// Reads until `stopped` changes.
    pub(crate) const fn new(
        server: Server,
        store: ReceiverStore<Bytes, SocketLines>,
        stopped: watch::Receiver<bool>,
    ) -> Self {
        Self { server, store, stopped, connection: 0 }
    }

    pub(crate) async fn run(mut self) {
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

/// Seldom enough for a server that is gone for good, soon enough for one that comes back.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// Some hundred lines: large enough that storing a page costs little per line.
const CHUNK_BYTES: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_doubles_with_each_failure_up_to_half_a_minute() {
        let waits: Vec<_> = (0..8).map(|failures| wait(Duration::from_secs(2), failures).as_secs()).collect();
        assert_eq!(waits, [2, 2, 4, 8, 16, 30, 30, 30]);
        assert_eq!(wait(Duration::from_secs(60), 9), Duration::from_secs(60));
    }
}
