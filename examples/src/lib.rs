//! What the example programs share: log output, and the end of standard input as a request to stop.

use std::io::{self, Read};

use tokio::sync::watch;
use tracing_subscriber::EnvFilter;

/// Starts the log on standard error: warnings, or what `RUST_LOG` says.
pub fn start_log() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).with_target(false).init();
}

/// A signal that comes when standard input ends: a parent that closes it, or dies, stops its children that way.
///
/// The thread that waits cannot be joined, since nothing can interrupt its read; it ends with the process.
#[must_use]
pub fn stdin_end() -> watch::Receiver<()> {
    let (alive, ended) = watch::channel(());
    std::thread::spawn(move || {
        let _alive_until_the_end = alive;
        let mut stdin = io::stdin().lock();
        let mut ignored = [0; 64];
        while matches!(stdin.read(&mut ignored), Ok(read) if read > 0) {}
    });
    ended
}

/// Waits for a signal of [`stdin_end`]; for ever when there is none.
///
/// # Cancellation
/// Safe.
pub async fn ended(stdin: Option<watch::Receiver<()>>) {
    match stdin {
        Some(mut stdin) => {
            // The sender is dropped at the end, which is what this waits for.
            let _ = stdin.changed().await;
        }
        None => std::future::pending().await,
    }
}

/// The program in the README compiles.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
