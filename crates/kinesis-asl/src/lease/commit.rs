//! A conditional write that tells its own retried effect from somebody else's, and a write that did not happen from
//! one that may have.

use kinesis_endpoint::ServiceError;

use crate::lease::lease::{Lease, LeaseChange};
use crate::lease::store::{LeaseStore, Updated};

/// What became of a conditional write.
#[derive(Debug)]
pub enum Commit {
    /// It had its effect. The lease as it is now, where the table told.
    Committed(Option<Lease>),
    /// Somebody else wrote first; the lease as it is now, `None` when it was deleted.
    Superseded(Option<Lease>),
    /// It certainly did not happen and may be tried again with the same counter.
    NotDone(ServiceError),
    /// It may have happened, and reading again failed too. Trying again with the same counter is safe: if it did
    /// happen, the next attempt recognises it.
    Unknown(ServiceError),
}

/// Writes, and after a failed condition or an unclear error reads the lease again to find out what happened.
///
/// # Cancellation
/// The write may or may not have happened; the lease must be read again before it is relied on.
pub async fn commit(store: &dyn LeaseStore, change: &LeaseChange) -> Commit {
    let failure = match store.update(change).await {
        Ok(Updated::Committed(lease)) => return Commit::Committed(lease.map(|lease| *lease)),
        Ok(Updated::Mismatch) => None,
        Err(error) if error.kind.may_have_happened() => Some(error),
        Err(error) => return Commit::NotDone(error),
    };
    match (store.get(change.shard()).await, failure) {
        (Ok(Some(stored)), _) if change.has_landed(&stored) => Commit::Committed(Some(stored)),
        (Ok(Some(stored)), Some(error)) if change.is_allowed(&stored) => Commit::NotDone(error),
        (Ok(stored), _) => Commit::Superseded(stored),
        (Err(error), _) => Commit::Unknown(error),
    }
}
