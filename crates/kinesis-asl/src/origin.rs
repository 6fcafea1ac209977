//! Where records come from.

use std::sync::Arc;

use crate::shard::ShardId;

/// A shard of a stream, by its plain name. One value serves all records of a reader.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The stream's name.
    pub stream: Arc<str>,
    /// The shard's name within its stream.
    pub shard: ShardId,
}

impl Origin {
    /// A shard of a stream, whichever way the application names the shard.
    #[must_use]
    pub fn new(stream: &Arc<str>, shard: &ShardId) -> Self {
        Self { stream: Arc::clone(stream), shard: shard.without_scope() }
    }
}
