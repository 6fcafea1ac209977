//! Checkpoints: how far each shard may be checkpointed.

pub mod progress;
pub(crate) mod published;
pub mod tracker;
