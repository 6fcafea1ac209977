//! The batch log in a worker's checkpoint directory, as somebody sees it who takes it away.

use std::fs;
use std::path::Path;

use crate::chaos::listing::entries;

/// Removes all entries, as if no batch had been written down. Snapshots of state stay.
pub(crate) fn remove(checkpoints: &Path) -> Result<(), String> {
    let failed = |path: &Path, error: std::io::Error| format!("cannot remove entries in {}: {error}", path.display());
    for path in entries(checkpoints).map_err(|error| failed(checkpoints, error))? {
        if path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("batch-")) {
            fs::remove_file(&path).map_err(|error| failed(&path, error))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_go_and_snapshots_stay() {
        let directory = std::env::temp_dir().join(format!("batch-log-{}", std::process::id()));
        assert_eq!(remove(&directory), Ok(()), "there is no log");
        fs::create_dir_all(&directory).expect("a directory");
        for name in ["batch-1000", "batch-2000", "checkpoint-00000000000000000001-1000"] {
            fs::write(directory.join(name), "").expect("written");
        }
        assert_eq!(remove(&directory), Ok(()));
        let left: Vec<_> = fs::read_dir(&directory).expect("a directory").flatten().map(|e| e.file_name()).collect();
        assert_eq!(left, ["checkpoint-00000000000000000001-1000"]);
        fs::remove_dir_all(&directory).expect("removed");
    }
}
