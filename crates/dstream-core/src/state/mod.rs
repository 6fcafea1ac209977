//! Keyed state: what the state operators keep between batches, one [`StateMap`] for each partition.
//!
//! Promises: a batch costs in proportion to the keys that it touches, not to those that there are; a version stays readable
//! until it is forgotten; a batch attempt that fails leaves nothing behind; and equal input gives equal rows in equal order,
//! before and after a restart.

mod codec;
mod frames;
mod handle;
mod live_entries;
mod open_version;
mod state_map;
mod time_index;
mod undo_log;
mod version_view;

pub(crate) use handle::Change;
pub use handle::State;
pub(crate) use live_entries::Expiry;
pub(crate) use state_map::{StateMap, VersionError};
