//! Checkpoints: how far each shard may be checkpointed.

pub mod progress;
pub mod tracker;
