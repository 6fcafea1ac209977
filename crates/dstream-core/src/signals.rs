//! Ctrl-C and SIGTERM stop a context: the first one gracefully, the second one at once, which is then the result.

use std::io;
use std::sync::Arc;

use crate::context::StreamingContext;
use crate::control::{CutShortNow, StopMode};
use crate::error::StreamingError;
use crate::stop_deadline::CutShort;

impl StreamingContext {
    /// Waits until the context has stopped, and lets Ctrl-C and SIGTERM stop it: the first signal gracefully, a second one
    /// at once, as [`StopMode::Immediate`] does. From the call on, the signals no longer end the process by themselves.
    ///
    /// # Errors
    /// Like [`await_termination`](Self::await_termination). After a second signal, [`StreamingError::StopCutShort`], so that a
    /// program can tell by its exit code that records will be delivered again; once everything is processed and the receivers close, it is
    /// ignored. And [`StreamingError::Signals`], at once, when
    /// the process cannot listen for signals.
    ///
    /// # Cancellation
    /// Safe; the context goes on, and signals are ignored from then on.
    ///
    /// ```no_run
    /// # async fn run(ctx: dstream_core::StreamingContext) -> Result<(), dstream_core::BoxError> {
    /// ctx.start().await?;
    /// ctx.await_termination_or_signal().await?;
    /// # Ok(()) }
    /// ```
    pub async fn await_termination_or_signal(&self) -> Result<(), StreamingError> {
        let mut signals = Signals::listen().map_err(|source| StreamingError::Signals { source: Arc::new(source) })?;
        let ended = self.await_termination();
        tokio::pin!(ended);
        let mut signals_seen = 0_u32;
        loop {
            tokio::select! {
                biased;
                result = &mut ended => return result,
                () = signals.next() => {
                    signals_seen = signals_seen.saturating_add(1);
                    self.on_signal(signals_seen);
                }
            }
        }
    }

    fn on_signal(&self, number: u32) {
        if number == 1 {
            tracing::info!("a signal stops the context gracefully");
            self.request_stop(StopMode::Graceful);
        } else {
            let error = StreamingError::StopCutShort { reason: CutShort::SecondSignal };
            match self.control().cut_short(error) {
                CutShortNow::Yes => tracing::warn!("a second signal stops the context at once"),
                CutShortNow::NothingLeft => {
                    tracing::info!("a second signal is ignored: everything is processed, and the receivers close");
                }
            }
        }
    }
}

#[cfg(unix)]
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn listen() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

#[cfg(windows)]
struct Signals {
    interrupt: tokio::signal::windows::CtrlC,
}

#[cfg(windows)]
impl Signals {
    fn listen() -> io::Result<Self> {
        Ok(Self { interrupt: tokio::signal::windows::ctrl_c()? })
    }

    async fn next(&mut self) {
        let _ = self.interrupt.recv().await;
    }
}
