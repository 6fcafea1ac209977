//! Blocks of bytes on disk, for storage levels that use it: out of memory while nobody needs them, gone with the process.

mod open_files;
mod store;

pub(crate) use store::{SpillError, SpillStore};
