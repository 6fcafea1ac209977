//! Waiting for a condition, with a deadline that is reached only when something is wrong.

use std::time::Duration;

use tokio::time::Instant;

/// Far longer than anything here takes, for machines that are busy with other things.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Looks again and again until `look` is content. Its `Err` says how things stand, for the message of the failure.
pub(crate) async fn eventually<T>(what: &str, mut look: impl AsyncFnMut() -> Result<T, String>) -> T {
    let begun = Instant::now();
    let mut ticks = tokio::time::interval(LOOK_EVERY);
    loop {
        ticks.tick().await;
        match look().await {
            Ok(found) => return found,
            Err(standing) => assert!(begun.elapsed() < PATIENCE, "{what}: not within {PATIENCE:?}; now: {standing}"),
        }
    }
}

/// Prints a time that was measured.
pub(crate) fn measured(what: &str, since: Instant) -> Duration {
    let took = since.elapsed();
    eprintln!("measured: {what}: {:.2} s", took.as_secs_f64());
    took
}
