//! A simulated world for `kinesis-asl`: real workers, a pure Kinesis, a lease table in memory, virtual time, seeded faults.
//!
//! A run takes milliseconds, covers minutes, and is the same each time it is played with the same seed. While it runs, a
//! checker reads the log and notes each broken promise of the design's invariants.
//!
//! | module | what it is |
//! |---|---|
//! | [`world`], [`setup`] | what a story acts on |
//! | [`random_story`](mod@random_story) | stories made up from a seed |
//! | [`event`], [`chronicle`], [`report`], [`figures`] | what happens, the log of it, what it came to |
//! | [`check`] | what must hold |
//! | [`weakness`] | a table that is broken on purpose, to test the checker |
//! | [`fleet`] | coordinators alone, for size: 200 workers, 10 000 leases, beside a model of the KCL's |
//! | [`peer`] | what older Java workers write to the same table |
//! | [`stream`], [`faults`], [`clock`] | the stream, what goes wrong on the way to it, and time |
//!
//! # How to write a story
//!
//! Make a world, let things happen to it, let time pass, finish it, and look at the report. Records are produced, in all
//! shards, whenever time passes. What must always hold is checked without being asked for; a story adds what it is about.
//!
//! ```
//! use std::time::Duration;
//! use kinesis_sim::setup::Setup;
//! use kinesis_sim::world::World;
//!
//! let report = kinesis_sim::run(async {
//!     let mut world = World::new(7, Setup { shards: 2, ..Setup::default() }).await?;
//!     let first = world.start_worker()?;
//!     world.run_for(Duration::from_secs(5)).await;
//!     world.start_worker()?;
//!     world.crash_worker(first).await;
//!     world.run_for(Duration::from_secs(20)).await;
//!     world.finish().await
//! })?;
//! assert!(report.violations.is_empty(), "{report}");
//! # Ok::<(), kinesis_sim::world::WorldError>(())
//! ```
//!
//! # What is simulated, and what is not
//!
//! A *crash* aborts a process's tasks; calls that were sent arrive all the same. A *pause* lets its calls hang, in both
//! directions, while its own timers go on. A *freeze* stops the process as a whole, as SIGSTOP does; when it goes on, the
//! clock has jumped. A *late* write lands after its writer was told of a timeout. Each receiver has batches of its own,
//! which take random times and may fail: then the batch is tried again, or the process ends and leaves its positions
//! behind. Batches that span receivers are not simulated. Reads have no throughput limit; throttling comes from [`faults`].

mod adversity;
pub mod check;
pub mod chronicle;
pub mod clock;
pub mod event;
pub mod faults;
pub mod figures;
mod finish;
pub mod fleet;
mod gate;
mod link;
mod linked;
pub mod peer;
mod random_step;
pub mod random_story;
pub mod report;
pub mod setup;
pub mod stream;
mod table;
mod translate;
pub mod weakness;
mod worker;
pub mod world;

use crate::world::WorldError;

/// Runs a story on a runtime of its own: one thread, paused time. Call it outside of any other runtime.
///
/// # Errors
/// Those of the story, and when there can be no runtime.
pub fn run<T>(story: impl Future<Output = Result<T, WorldError>>) -> Result<T, WorldError> {
    tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build()?.block_on(story)
}
