//! The endpoints as the real AWS SDK sees them, over HTTP.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod concurrency;
mod dynamodb;
mod kinesis;
mod lifecycle;
mod persistence;
mod support;
