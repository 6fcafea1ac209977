//! The worker: one lease participant for each process and application, shared by the receivers of that process.
//!
//! Spark makes every receiver a KCL worker of its own. Here receivers of one process share one: fewer calls to the lease
//! table, and shards are balanced between processes, whatever number of input streams each has.
//!
//! | module | what it is |
//! |---|---|
//! | [`seats`] | pure: which receiver gets a shard |
//! | `bootstrap` | table, stream and first leases, before anything is read |
//! | `streams`, `stream_opening` | the streams that are read, one or several, and those that do not exist |
//! | `opening` | the preparations are made once for all receivers |
//! | `sync`, `cleanup` | calls that make leases which are missing and delete those which are needed no more |
//! | [`task`] | the one task that owns leases and readers |
//! | `reading` | the shards that this worker holds, and how far each has come |
//! | `leftovers` | pure: what an earlier run left, and whose it is |
//! | `readers` | the tasks that read shards |
//! | `seat_table` | what each seat has asked for |
//! | `services` | the lease table, and each stream that the program names |
//! | `settings` | how a worker reads |
//! | `ops` | calls under way |
//! | [`hub`] | how receivers find the worker, join and leave it |

pub(crate) mod bootstrap;
#[cfg(test)]
mod checkpoint_cases;
pub(crate) mod cleanup;
pub mod hub;
pub(crate) mod leftovers;
#[cfg(test)]
pub(crate) mod one_shard;
pub(crate) mod opening;
pub(crate) mod ops;
pub(crate) mod readers;
pub(crate) mod reading;
#[cfg(test)]
mod retry_cases;
pub(crate) mod seat_table;
pub mod seats;
pub(crate) mod services;
pub(crate) mod settings;
#[cfg(test)]
pub(crate) mod stand_in;
pub(crate) mod stream_opening;
pub(crate) mod streams;
pub(crate) mod sync;
pub mod task;
