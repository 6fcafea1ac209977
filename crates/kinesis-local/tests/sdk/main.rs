//! The endpoints as the real AWS SDK sees them, over HTTP.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod administration;
mod cbor;
mod concurrency;
mod consumers;
mod dynamodb;
mod fan_out;
mod fan_out_concurrency;
mod fault_conditions;
mod fault_effects;
mod fault_endpoint;
mod fault_stream;
mod http2;
mod kinesis;
mod lifecycle;
mod persistence;
mod raw;
mod refusals;
mod subscriber;
mod support;
mod throttling;
