//! Short locks that outlive a panic.
//!
//! Every value behind these locks is valid between any two statements of its critical sections, so a poisoned lock
//! (some thread panicked while it held it) carries no information that we would act on.

use std::sync::{Mutex, MutexGuard, PoisonError};

pub(crate) fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
