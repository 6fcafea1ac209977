//! How many files may be open at once. Whoever wants one more waits until one is closed.

use std::num::NonZeroUsize;
use std::sync::{Condvar, Mutex, PoisonError};

use crate::lock::lock;

#[derive(Debug)]
pub(super) struct OpenFiles {
    /// Files that may still be opened. Held for a subtraction or an addition.
    left: Mutex<usize>,
    closed: Condvar,
}

/// Leave to have one file open.
#[derive(Debug)]
#[must_use = "the file must be closed before this is dropped"]
pub(super) struct Leave<'a> {
    files: &'a OpenFiles,
}

impl OpenFiles {
    pub(super) const fn new(limit: NonZeroUsize) -> Self {
        Self { left: Mutex::new(limit.get()), closed: Condvar::new() }
    }

    /// Blocks until a file may be opened.
    pub(super) fn enter(&self) -> Leave<'_> {
        let left = lock(&self.left);
        let mut left = self.closed.wait_while(left, |left| *left == 0).unwrap_or_else(PoisonError::into_inner);
        *left -= 1;
        Leave { files: self }
    }
}

impl Drop for Leave<'_> {
    fn drop(&mut self) {
        *lock(&self.files.left) += 1;
        self.files.closed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn no_more_files_are_open_than_allowed_and_all_get_their_turn() {
        let files = OpenFiles::new(NonZeroUsize::new(2).unwrap());
        let (open, most, turns) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..100 {
                        let leave = files.enter();
                        most.fetch_max(open.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                        std::thread::yield_now();
                        open.fetch_sub(1, Ordering::SeqCst);
                        turns.fetch_add(1, Ordering::SeqCst);
                        drop(leave);
                    }
                });
            }
        });
        assert_eq!(turns.into_inner(), 800);
        assert!(most.into_inner() <= 2);
    }
}
