//! What the example programs share: log output, messages that survive a reader that has gone, the end of standard input as a
//! request to stop, exit codes, and counts by key that survive a restart.
//!
//! | exit code | what it means |
//! |---|---|
//! | 0 | a graceful stop: everything that was read is processed, and its positions are written |
//! | 1 | a failure; standard error says which, and what to do. Records may be delivered again |
//! | 2 | wrong arguments |
//! | 3 | a graceful stop that was cut short, by a second signal or by its deadline. Records will be delivered again |

pub mod key_counts;

use std::error::Error;
use std::fmt::Display;
use std::io::{self, ErrorKind, IsTerminal, Read, Write};
use std::process::ExitCode;

use dstream_core::StreamingError;
use tokio::sync::watch;
use tracing_subscriber::EnvFilter;

/// Starts the log on standard error: warnings, or what `RUST_LOG` says; in colour on a terminal.
pub fn start_log() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        .with_target(false)
        // Otherwise a log that nobody reads any more would end the program with a panic.
        .log_internal_errors(false)
        .init();
}

/// Prints a line of a result.
///
/// # Errors
/// Standard output cannot be written to; see [`is_unread`].
pub fn print(text: impl Display) -> io::Result<()> {
    writeln!(io::stdout().lock(), "{text}")
}

/// Tells the user something on standard error. There is nobody to tell when that fails.
pub fn say(text: impl Display) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Whether an error only says that the reader of standard output has gone, such as `head`, which needs no message.
#[must_use]
pub fn is_unread(error: &(dyn Error + 'static)) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == ErrorKind::BrokenPipe)
}

/// How a program ended that did not end well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// Something failed.
    Failed,
    /// A graceful stop was cut short.
    CutShort,
}

impl Failure {
    /// What an error says about the end of the program.
    #[must_use]
    pub fn of(error: &(dyn Error + 'static)) -> Self {
        match error.downcast_ref::<StreamingError>() {
            Some(StreamingError::StopCutShort { .. }) => Self::CutShort,
            _ => Self::Failed,
        }
    }
}

impl From<Failure> for ExitCode {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Failed => Self::FAILURE,
            Failure::CutShort => Self::from(CUT_SHORT),
        }
    }
}

/// 1 is any failure, and 2 wrong arguments.
const CUT_SHORT: u8 = 3;

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stop_that_was_cut_short_is_told_apart_from_a_failure() {
        let reason = dstream_core::CutShort::SecondSignal;
        assert_eq!(Failure::of(&StreamingError::StopCutShort { reason }), Failure::CutShort);
        assert_eq!(Failure::of(&StreamingError::Scheduler { message: "x".to_owned() }), Failure::Failed);
        assert_eq!(Failure::of(&std::fmt::Error), Failure::Failed);
    }

    #[test]
    fn only_a_reader_that_has_gone_needs_no_message() {
        assert!(is_unread(&io::Error::from(ErrorKind::BrokenPipe)));
        assert!(!is_unread(&io::Error::from(ErrorKind::StorageFull)));
        assert!(!is_unread(&std::fmt::Error));
    }
}

/// The program in the README compiles.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
