//! Storage levels: where the blocks of a receiver stream may be kept.
//!
//! All of Spark's names are accepted. **This version keeps every block in memory**, within the context's memory budget,
//! whatever the level: blocks are not yet spilled to disk, and "_2" and "_SER" change nothing, since there is one process
//! and blocks hold raw bytes anyway. Data outlives a crash at its source, not in blocks.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

macro_rules! storage_levels {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)*) => {
        /// Where the blocks of a stream may be kept, under Spark's names.
        ///
        /// **This version keeps every block in memory**, within the memory budget of the context, whatever the level:
        /// nothing is spilled to disk, and `_2` and `_SER` change nothing.
        ///
        /// ```
        /// use dstream_core::StorageLevel;
        /// let level: StorageLevel = "MEMORY_AND_DISK_2".parse()?;
        /// assert_eq!(level, StorageLevel::MemoryAndDisk2);
        /// # Ok::<(), dstream_core::ParseStorageLevelError>(())
        /// ```
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum StorageLevel { $($(#[$doc])* $variant,)* }

        impl StorageLevel {
            /// Every level.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// Spark's name of the level.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }
        }
    };
}

storage_levels! {
    /// Memory only.
    MemoryOnly = "MEMORY_ONLY",
    /// Memory only, two copies asked for.
    MemoryOnly2 = "MEMORY_ONLY_2",
    /// Memory only, serialised.
    MemoryOnlySer = "MEMORY_ONLY_SER",
    /// Memory only, serialised, two copies asked for.
    MemoryOnlySer2 = "MEMORY_ONLY_SER_2",
    /// Memory, and disk when memory is short.
    MemoryAndDisk = "MEMORY_AND_DISK",
    /// Memory, and disk when memory is short; two copies asked for.
    MemoryAndDisk2 = "MEMORY_AND_DISK_2",
    /// Memory, and disk when memory is short; serialised.
    MemoryAndDiskSer = "MEMORY_AND_DISK_SER",
    /// Memory, and disk when memory is short; serialised, two copies asked for.
    MemoryAndDiskSer2 = "MEMORY_AND_DISK_SER_2",
    /// Disk only.
    DiskOnly = "DISK_ONLY",
    /// Disk only, two copies asked for.
    DiskOnly2 = "DISK_ONLY_2",
}

impl fmt::Display for StorageLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for StorageLevel {
    type Err = ParseStorageLevelError;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .iter()
            .copied()
            .find(|level| level.name() == name)
            .ok_or_else(|| ParseStorageLevelError { name: name.to_owned() })
    }
}

/// A storage level of a name that does not exist.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "unknown storage level {name:?}: use one of Spark's names, such as MEMORY_ONLY, MEMORY_AND_DISK_2 or DISK_ONLY"
)]
pub struct ParseStorageLevelError {
    name: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_level_is_read_back_from_its_own_name() {
        for level in StorageLevel::ALL {
            assert_eq!(level.to_string().parse(), Ok(*level));
        }
    }

    #[test]
    fn an_unknown_level_is_refused_by_name() {
        let error = "MEMORY_AND_DISC".parse::<StorageLevel>().unwrap_err();
        assert!(error.to_string().contains("\"MEMORY_AND_DISC\""));
    }
}
