//! A directory for one test, that goes with it.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

pub struct FreshDir(PathBuf);

impl FreshDir {
    pub fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("dstream-test-ck-{}-{number}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    pub fn url(&self) -> &str {
        self.0.to_str().unwrap()
    }

    /// The names of the files, sorted.
    pub fn files(&self) -> Vec<String> {
        let entries = std::fs::read_dir(&self.0).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// The entries of the batch log.
    pub fn log(&self) -> Vec<String> {
        self.files().into_iter().filter(|name| name.starts_with("batch-") && !name.contains('#')).collect()
    }

    /// What the directory holds now, in a directory of its own; as a crash leaves it. Writers go on meanwhile.
    pub fn image(&self) -> Self {
        loop {
            let image = Self::new();
            // The mark first: one that is older than the rest is what a crash may leave, one that is newer is not.
            let names = std::iter::once("batches-done".to_owned()).chain(self.files());
            let copied = |name: String| {
                let (from, to) = (self.0.join(&name), image.0.join(&name));
                to.exists() || copy(&from, &to) || !name.starts_with("batch-")
            };
            if names.map(copied).fold(true, |all, copied| all && copied) {
                return image;
            }
        }
    }

    /// The checkpoint files, the oldest first.
    pub fn checkpoints(&self) -> Vec<PathBuf> {
        let files = self.files().into_iter().filter(|name| name.starts_with("checkpoint-"));
        files.map(|name| self.0.join(name)).collect()
    }
}

/// Copies a file, or a directory of files. False if it is gone.
fn copy(from: &Path, to: &Path) -> bool {
    if !from.is_dir() {
        return std::fs::copy(from, to).is_ok();
    }
    std::fs::create_dir(to).unwrap();
    let files = std::fs::read_dir(from).unwrap().map(|entry| entry.unwrap().file_name());
    files.fold(true, |all, name| copy(&from.join(&name), &to.join(&name)) && all)
}

impl Drop for FreshDir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
