//! Preparations that all receivers of a worker need and one of them makes.
//!
//! Promises: they succeed once; receivers that waited while an attempt failed share its error, so that an endpoint that is
//! down is waited for once and not once for each receiver; who comes later tries again.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::Mutex;

use crate::error::KinesisError;

type Outcome = Result<(), Arc<KinesisError>>;

/// The preparations of one worker.
#[derive(Debug, Default)]
pub(crate) struct Opening {
    attempts: AtomicU64,
    /// How the last attempt ended; held while one runs, so the others queue here.
    last: Mutex<Option<Outcome>>,
}

impl Opening {
    /// Makes the attempt, unless it is known how it would end.
    ///
    /// # Errors
    /// The attempt's error, or that of the attempt that was waited for.
    ///
    /// # Cancellation
    /// Safe: an attempt that was dropped did not take place, and the next in the queue makes its own.
    pub(crate) async fn run(&self, attempt: impl Future<Output = Outcome>) -> Outcome {
        let before = self.attempts.load(Ordering::Relaxed);
        let mut last = self.last.lock().await;
        let waited = self.attempts.load(Ordering::Relaxed) > before;
        match &*last {
            Some(Ok(())) => return Ok(()),
            Some(Err(error)) if waited => return Err(Arc::clone(error)),
            Some(Err(_)) | None => {}
        }
        let outcome = attempt.await;
        self.attempts.fetch_add(1, Ordering::Relaxed);
        *last = Some(outcome.clone());
        outcome
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use kinesis_endpoint::ServiceError;

    use super::*;

    #[tokio::test]
    async fn those_who_waited_share_a_failure_and_who_comes_later_tries_again_until_it_succeeds_once() {
        let (opening, attempts) = (Opening::default(), Cell::new(0));
        let attempt = async || {
            attempts.set(attempts.get() + 1);
            tokio::task::yield_now().await;
            let works = attempts.get() > 1;
            let refusal = || ServiceError::invalid_response("ListShards", "stream 's'", "no");
            if works { Ok(()) } else { Err(Arc::new(refusal().into())) }
        };
        let (first, second) = tokio::join!(opening.run(attempt()), opening.run(attempt()));
        assert_eq!(first.unwrap_err().to_string(), second.unwrap_err().to_string());
        assert_eq!(attempts.get(), 1);
        let (third, fourth) = tokio::join!(opening.run(attempt()), opening.run(attempt()));
        assert!(third.is_ok() && fourth.is_ok());
        assert_eq!(attempts.get(), 2);
    }
}
