//! A directory of our own, that nobody else has or had, and that goes when we go.

use std::fs::DirBuilder;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// Removed with all that is in it when dropped.
#[derive(Debug)]
pub(crate) struct FreshDir {
    path: PathBuf,
}

impl FreshDir {
    /// Makes `<prefix>-<process id>-<number>` below `parent`, which is made as well when it is not there. Others may not look
    /// into it, where the system knows such a thing.
    ///
    /// # Errors
    /// Those of the file system.
    pub(crate) fn below(parent: &Path, prefix: &str) -> io::Result<Self> {
        std::fs::create_dir_all(parent)?;
        // A process of the same id may have left one behind, in a container above all: then the next number is tried.
        loop {
            let number = NEXT.fetch_add(1, Ordering::Relaxed);
            let path = parent.join(format!("{prefix}-{}-{number}", std::process::id()));
            match private().create(&path) {
                Ok(()) => return Ok(Self { path }),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for FreshDir {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.path)
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(path = %self.path.display(), %error, "a temporary directory is left behind: remove it");
        }
    }
}

#[cfg(unix)]
fn private() -> DirBuilder {
    use std::os::unix::fs::DirBuilderExt;

    let mut builder = DirBuilder::new();
    builder.mode(0o700);
    builder
}

#[cfg(not(unix))]
fn private() -> DirBuilder {
    DirBuilder::new()
}

/// One for the process, so that two of its directories never try for the same name for long.
static NEXT: AtomicU64 = AtomicU64::new(0);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_directory_is_new_and_goes_with_its_content() {
        let parent = FreshDir::below(&std::env::temp_dir(), "dstream-test").unwrap();
        let (one, two) = (FreshDir::below(parent.path(), "d").unwrap(), FreshDir::below(parent.path(), "d").unwrap());
        assert_ne!(one.path(), two.path());
        std::fs::write(one.path().join("file"), "x").unwrap();
        let gone = one.path().to_owned();
        drop(one);
        assert!(!gone.exists() && two.path().exists());
    }

    #[test]
    fn a_name_that_somebody_left_behind_is_passed_over() {
        let parent = FreshDir::below(&std::env::temp_dir(), "dstream-test").unwrap();
        let next = NEXT.load(Ordering::Relaxed);
        for number in next..next + 50 {
            std::fs::create_dir(parent.path().join(format!("d-{}-{number}", std::process::id()))).unwrap();
        }
        let fresh = FreshDir::below(parent.path(), "d").unwrap();
        assert_eq!(std::fs::read_dir(fresh.path()).unwrap().count(), 0);
    }
}
