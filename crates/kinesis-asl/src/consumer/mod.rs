//! Reading one shard.
//!
//! | module | what it is |
//! |---|---|
//! | [`expand`] | pure: a page of Kinesis records → user records |
//! | [`poll`] | pure: when to ask again |
//! | [`start`] | pure: where to begin, given a lease |
//! | [`task`] | the task that reads |

pub mod expand;
pub mod poll;
pub mod start;
pub mod task;
