//! Keyed state: what the state operators keep between batches, one [`StateMap`] for each partition.
//!
//! Promises: a batch costs in proportion to the keys that it touches, not to those that there are; a version stays readable
//! until it is forgotten; a batch attempt that fails leaves nothing behind; and equal input gives equal rows in equal order,
//! before and after a restart.

mod codec;
mod every_key;
mod frames;
mod handle;
mod live_entries;
mod open_version;
mod record_update;
mod state_map;
mod time_index;
mod undo_log;
mod version_view;

pub(crate) use codec::StateCodecError;
pub(crate) use every_key::update_every_key;
pub use handle::State;
pub(crate) use live_entries::{Entry, Expiry};
pub(crate) use open_version::OpenVersion;
pub(crate) use record_update::update_records;
pub(crate) use state_map::{StateMap, VersionError};
pub(crate) use version_view::VersionView;
