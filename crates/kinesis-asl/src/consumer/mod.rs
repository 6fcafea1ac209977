//! Reading one shard.
//!
//! | module | what it is |
//! |---|---|
//! | [`retrieval`] | what a user chooses |
//! | [`start`] | pure: where to begin, given a lease |
//! | [`cursor`] | pure: where a reader stands, and whether records are missing before what it got |
//! | [`budget`] | pure: five calls and 2 MB a second, shared by all readers of a shard |
//! | `shard_budgets` | one budget for each shard |
//! | [`poll`] | pure: when to ask again after a page |
//! | [`trouble`] | pure: kinds of failures and their back-off |
//! | [`flow`] | pure: how long a subscription is good for |
//! | [`expand`] | pure: Kinesis records → user records |
//! | `polling`, `fan_out` | pages by `GetRecords`, and by a subscription |
//! | [`reread`] | reading a range again after a restart |
//! | `source` | one of the two |
//! | [`registration`] | the registered consumer of enhanced fan-out |
//! | [`arrival_lag`] | pure: how old what is stored is |
//! | [`board`] | what each reader is doing and how far it is behind |
//! | `storing` | a page → slices with exact ranges, stored |
//! | [`settings`] | what readers of a worker share |
//! | [`task`] | the task that reads |

pub mod arrival_lag;
pub mod board;
pub mod budget;
pub mod cursor;
pub mod expand;
pub(crate) mod fan_out;
pub mod flow;
mod page_size;
pub mod poll;
pub(crate) mod polling;
pub mod registration;
pub mod reread;
pub mod retrieval;
#[cfg(test)]
pub(crate) mod scripted;
pub mod settings;
pub(crate) mod shard_budgets;
pub(crate) mod source;
pub mod start;
#[cfg(test)]
mod stop_cases;
pub(crate) mod storing;
pub mod task;
pub mod trouble;
