//! What Kinesis Data Streams is documented to do, as checks that any endpoint can be put to: ours, another stand-in, AWS.
//!
//! | module | holds |
//! |---|---|
//! | [`Check`], [`checks`] | one documented behaviour each: a sentence that can be false, and the code that finds out |
//! | [`Subject`] | the endpoint that is checked |
//! | [`Stage`] | what one check works with: clients, streams of its own, and their clean-up |
//! | [`Mismatch`] | how an endpoint differs |
//! | [`run`] | one check with its time limit, or many at once |
//! | [`Findings`] | the outcome as a table, with totals for each area |
//! | [`OwnEndpoints`] | fresh embedded endpoints, set so that each check ends soon |
//! | [`StandIn`] | other stand-ins, installed and started |
//! | [`second_client`] | the same questions asked by boto3 and the AWS command line |
//!
//! Each check is also a test of this crate, run against `kinesis-local`. A check that an endpoint has no support for is a
//! difference; nothing is skipped.
//!
//! ```
//! use kinesis_conformance::{OwnEndpoints, checks, run};
//! # tokio::runtime::Runtime::new()?.block_on(async {
//! let own = OwnEndpoints::start_for("shards").await?;
//! let check = checks().find(|check| check.id == "a_new_streams_shards_cover_the_ring_without_gap_or_overlap");
//! run::one(check.ok_or("no such check")?, own.subject()).await?;
//! own.stop().await;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod mismatch;

mod areas;
mod check;
mod findings;
mod own_endpoints;
mod pace;
mod refusal;
pub mod run;
pub mod second_client;
mod stage;
mod stand_in;
mod stream;
mod subject;
mod subscription;
mod tool;

pub use check::{Check, Verdict, checks};
pub use findings::{Finding, Findings};
pub use mismatch::Mismatch;
pub use own_endpoints::OwnEndpoints;
pub use stage::Stage;
pub use stand_in::{NoSuchStandIn, StandIn, StandInKind};
pub use stream::TestStream;
pub use subject::{Load, Subject};
pub use subscription::Subscription;
pub use tool::ToolError;
