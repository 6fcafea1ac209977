//! How fast batches are computed, beside the same job written by hand. `cargo bench -p dstream-core`.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::as_conversions,
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    missing_docs,
    unreachable_pub,
    reason = "a benchmark: it measures by the wall clock and ends at the first error"
)]

mod long_run;
mod program;
mod small_batches;
mod state;
mod text;
mod word_count;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    // First, while the process is small.
    long_run::measure(2).await;
    for threads in [1, 2] {
        word_count::compare(threads).await;
        small_batches::measure(threads).await;
        state::measure(threads).await;
    }
}
