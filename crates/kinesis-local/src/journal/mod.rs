//! The log of a directory: what a restarted endpoint goes on from.
//!
//! A log is a file of entries, each with a checksum. The first one is a *snapshot*: the whole model as it was when the file
//! was begun. Each further one is a *command*: the name and the JSON body of an operation that the model has carried out,
//! with the time at which it did. The model is deterministic, so the same commands at the same times give the same streams,
//! shards, records and sequence numbers again. Operations that only look are not kept. An entry of the name
//! `_settings` says with which settings the commands after it were carried out.
//!
//! When the file has grown to twice its snapshot (and 64 MiB), a new one with a new snapshot takes
//! its place, so that it stays in proportion to what is alive.
//!
//! `entry` is the form of the file, `directory` who may use it, `opened` reads it, `log` adds to it, `rewrite` begins it
//! anew, `durability` says what an answer promises.

mod directory;
mod durability;
mod entry;
mod log;
mod opened;
mod rewrite;

pub(crate) use directory::{DYNAMODB_FILE, Directory};
pub use durability::Durability;
pub(crate) use entry::{Entry, SETTINGS};
pub(crate) use log::{Confirm, Log};
pub(crate) use opened::Opened;

#[cfg(test)]
mod tests;
#[cfg(test)]
pub(crate) use tests::Scratch;
