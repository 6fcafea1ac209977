//! DynamoDB: the crate `dynoxide-rs` behind a face of our own.
//!
//! `engine` is dynoxide with its server on a port that nobody else knows of. `face` takes every request on the public port:
//! the few operations that dynoxide lacks it answers itself (`continuous_backups`, `account`), those that leases are renewed
//! with it calls without a detour (`direct`), all others it hands on over kept connections (`forward`): dynoxide's checks of a
//! request and the words of its errors are in its server and cannot be had without it. Faults come in at one place, `DynamoDbFace::answer`, as `judge`
//! decides. `reply` writes our own answers.

mod account;
mod continuous_backups;
mod direct;
mod engine;
mod face;
mod forward;
mod judge;
mod reply;

pub(crate) use engine::open;
pub(crate) use face::{DynamoDbFace, serve};
