//! The endpoints as the real AWS SDK sees them, over HTTP.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod concurrency;
mod consumers;
mod dynamodb;
mod fan_out;
mod fan_out_concurrency;
mod kinesis;
mod lifecycle;
mod subscriber;
mod support;
