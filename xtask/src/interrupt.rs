//! Ctrl-C and SIGTERM: counted here and looked at by whoever waits, so that children are stopped in order.

use std::sync::atomic::{AtomicU32, Ordering};

use crate::console::say;
use crate::failure::Failure;

static SIGNALS: AtomicU32 = AtomicU32::new(0);

/// Begins to count signals instead of dying of them.
pub(crate) fn listen() {
    let counting = ctrlc::set_handler(|| {
        SIGNALS.fetch_add(1, Ordering::Relaxed);
    });
    if let Err(error) = counting {
        say(format!("warning: Ctrl-C will not stop gracefully: {error}"));
    }
}

/// How many signals have come.
pub(crate) fn count() -> u32 {
    SIGNALS.load(Ordering::Relaxed)
}

/// An error once a signal has come.
pub(crate) fn check() -> Result<(), Failure> {
    if count() == 0 { Ok(()) } else { Err(Failure::Interrupted) }
}
