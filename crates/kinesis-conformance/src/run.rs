//! Running checks: one with its time limit, or many at once.

use futures::{StreamExt, stream};
use tokio::time::timeout;

use crate::check::{Check, Verdict};
use crate::findings::Finding;
use crate::mismatch::Mismatch;
use crate::stage::Stage;
use crate::subject::Subject;

/// Runs one check and deletes what it made.
///
/// # Errors
/// The [`Mismatch`] that it found; a check that takes longer than its limit is one too.
///
/// # Cancellation
/// Dropping the future leaves the check's streams behind.
pub async fn one(check: &Check, subject: &Subject) -> Verdict {
    let stage = Stage::new(subject);
    let verdict = timeout(check.limit, (check.run)(&stage)).await;
    // An endpoint that hangs is not waited for a second time.
    let _ = timeout(CLEAN_UP, stage.clean_up()).await;
    verdict.unwrap_or_else(|_| Err(Mismatch::new(format!("no outcome within {} s", check.limit.as_secs()))))
}

/// Runs checks, so many at a time, and hands each outcome to `found` as it comes, with the number of its check.
///
/// # Cancellation
/// Dropping the future leaves the streams of running checks behind.
pub async fn many(
    checks: &[(&'static Check, Subject)],
    at_a_time: usize,
    mut found: impl FnMut(usize, &Finding),
) -> Vec<Finding> {
    let outcomes = stream::iter(checks.iter().enumerate()).map(|(place, (check, subject))| async move {
        let verdict = Box::pin(one(check, subject)).await;
        (place, Finding::of(check, verdict))
    });
    let mut outcomes = outcomes.buffer_unordered(at_a_time.max(1));
    let mut findings = Vec::with_capacity(checks.len());
    while let Some((place, finding)) = outcomes.next().await {
        found(place, &finding);
        findings.push((place, finding));
    }
    findings.sort_by_key(|(place, _)| *place);
    findings.into_iter().map(|(_, finding)| finding).collect()
}

const CLEAN_UP: std::time::Duration = std::time::Duration::from_secs(10);
