//! What the keyed windows are made of: batches that are kept reduced, by bucket, and two ways to get a window's result from
//! them.

mod bucket;
mod merged_window;
mod sliding_result;

pub(crate) use merged_window::MergedWindow;
pub(crate) use sliding_result::{Reducing, SlidingResult};

#[cfg(test)]
mod properties;
