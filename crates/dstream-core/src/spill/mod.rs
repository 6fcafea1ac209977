//! Blocks out of memory, for storage levels that use the disk: which go, who takes them there, and how they are written.

mod block_frames;
mod choice;
mod desk;
mod open_files;
mod spiller;
mod store;

pub(crate) use block_frames::{BlockFrames, encode_block};
pub(crate) use choice::{Candidate, Wish};
pub(crate) use desk::{Seal, SpillDesk};
pub(crate) use spiller::Spiller;
pub(crate) use store::{SpillError, SpillStore};
