//! Storage levels: where the blocks of a receiver stream may be kept.
//!
//! All of Spark's names are accepted. What they come to here is one of three [`Placement`]s: "_2" and "_3" change nothing, since
//! there is one process; "_SER" changes nothing, since blocks hold raw bytes anyway; "OFF_HEAP" is memory and disk. Data outlives
//! a crash at its source, not in blocks.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

macro_rules! storage_levels {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)*) => {
        /// Where the blocks of a stream may be kept, under Spark's names.
        ///
        /// - `MEMORY_ONLY…`: in memory. When the memory budget of the context is used up, storing waits until batches are done.
        /// - `MEMORY_AND_DISK…`, `OFF_HEAP`: in memory. When a page has to wait for the budget, blocks go to disk, those first that
        ///   are needed last, so that storing goes on. While the disk is full or fails, storing waits as above, with a warning.
        /// - `DISK_ONLY…`: each block goes to disk once it is cut. When one cannot be written, the context stops with the error.
        ///
        /// A block that cannot be read back fails the batch attempt. In each case positions stay behind, so nothing is lost.
        ///
        /// `_2` and `_3` (Spark's copies on other machines) change nothing here, and neither does `_SER` (serialised): there is
        /// one process, and blocks hold raw bytes in any case. What is on disk is gone with the process: a record outlives a crash
        /// at its source.
        ///
        /// A task that reads a block from disk holds that block in memory meanwhile, outside of the budget; so does whoever writes
        /// one, which is one block at a time.
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
    /// Disk only, three copies asked for.
    DiskOnly3 = "DISK_ONLY_3",
    /// Memory outside of the JVM's heap, and disk when it is short.
    OffHeap = "OFF_HEAP",
}

/// Where blocks are, in the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Placement {
    Memory,
    MemoryAndDisk,
    Disk,
}

impl StorageLevel {
    pub(crate) const fn placement(self) -> Placement {
        match self {
            Self::MemoryOnly | Self::MemoryOnly2 | Self::MemoryOnlySer | Self::MemoryOnlySer2 => Placement::Memory,
            Self::DiskOnly | Self::DiskOnly2 | Self::DiskOnly3 => Placement::Disk,
            Self::MemoryAndDisk
            | Self::MemoryAndDisk2
            | Self::MemoryAndDiskSer
            | Self::MemoryAndDiskSer2
            | Self::OffHeap => Placement::MemoryAndDisk,
        }
    }
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
    fn copies_and_serialisation_do_not_change_where_blocks_are() {
        for level in StorageLevel::ALL {
            let plain = level.name().trim_end_matches("_2").trim_end_matches("_3").trim_end_matches("_SER");
            let placed = match plain {
                "MEMORY_ONLY" => Placement::Memory,
                "MEMORY_AND_DISK" | "OFF_HEAP" => Placement::MemoryAndDisk,
                "DISK_ONLY" => Placement::Disk,
                other => panic!("{other} is new"),
            };
            assert_eq!(level.placement(), placed, "{level}");
        }
    }

    #[test]
    fn an_unknown_level_is_refused_by_name() {
        let error = "MEMORY_AND_DISC".parse::<StorageLevel>().unwrap_err();
        assert!(error.to_string().contains("\"MEMORY_AND_DISC\""));
    }
}
