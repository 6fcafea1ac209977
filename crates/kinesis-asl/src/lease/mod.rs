//! Leases: who reads which shard.
//!
//! | module | what it is |
//! |---|---|
//! | [`lease`] | the lease value and what a conditional write does to it |
//! | [`prepared`] | a checkpoint in two phases, that depends on a snapshot |
//! | [`snapshot`] | what this worker knows of all leases, with its own clock of last changes |
//! | [`plan`] | pure: which leases to take, and which to ask for |
//! | [`pace`] | pure: who watches the table, and how often a worker reads it |
//! | [`shard_sync`] | pure: which leases are missing |
//! | [`cleanup`] | pure: which leases are needed no more |
//! | [`left_behind`], [`lineage`] | pure: shards that follow ended ones without a lease; which shards come before others |
//! | [`belonging`] | pure: whether the leases are of this stream |
//! | [`leader`], `java_random` | pure: which worker leads, by the rule of the Java KCL |
//! | [`hole`] | pure: whether the leases cover the hash key space |
//! | `held` | pure: one lease that this worker holds |
//! | `asks` | pure: what this worker has asked others for |
//! | [`command`] | what the coordinator tells its shell |
//! | [`core`] | pure: events in, commands and the next deadline out |
//! | [`store`] | the seam to the table |
//! | [`commit`] | a conditional write that recognises its own retried effect |
//! | [`memory_store`], [`dynamo_store`] | the two versions of the table |
//! | `scoped_store` | what one of several streams sees of the table that they share |
//! | `store_cases`, `faulty_store` | for tests: what each version of the table must do, and a table with faults |
//! | [`table_options`], `dynamo_table` | how the table in DynamoDB is made |
//! | `dynamo_item`, `dynamo_update` | items and updates; the only place with attribute names |

pub(crate) mod asks;
pub mod belonging;
pub mod cleanup;
pub mod command;
pub mod commit;
pub mod core;
pub(crate) mod dynamo_item;
pub mod dynamo_store;
pub(crate) mod dynamo_table;
pub(crate) mod dynamo_update;
#[cfg(any(test, feature = "test-util"))]
pub mod faulty_store;
pub(crate) mod held;
pub mod hole;
pub(crate) mod java_random;
pub mod leader;
#[allow(clippy::module_inception, reason = "a file is named for its concept; this one is the lease itself")]
pub mod lease;
pub mod left_behind;
pub mod lineage;
pub mod memory_store;
pub mod pace;
pub mod plan;
pub mod prepared;
pub(crate) mod scoped_store;
pub mod shard_sync;
pub mod snapshot;
pub mod store;
#[cfg(any(test, feature = "test-util"))]
pub mod store_cases;
pub mod table_options;
