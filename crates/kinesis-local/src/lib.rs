//! Kinesis and DynamoDB on loopback, in this process, in a millisecond.
//!
//! - [`Local`] starts both endpoints and ends them. Real AWS clients talk to them: set the endpoint URL, any region and
//!   any credentials.
//! - [`model`] is the Kinesis behind it: one pure state machine with `now` as an argument, for white-box tests and for
//!   simulation under virtual time.
//!
//! Kinesis is ours, DynamoDB is the crate `dynoxide-rs`. **Any credentials are accepted, and none at all: signatures are
//! not checked.** Both listen on 127.0.0.1 only. Everything is in memory and gone at the end.
//!
//! The Kinesis port also answers two requests of its own: `GET /_local/health` says what runs here as JSON, and
//! `GET /_local/hold` is a reply that stays open and counts its client as a holder until the client goes away.
//!
//! ```
//! use kinesis_local::Local;
//! # tokio::runtime::Runtime::new()?.block_on(async {
//! let local = Local::builder().stream("words", 4).start().await?;
//! assert!(local.kinesis_url().starts_with("http://127.0.0.1:"));
//! // ... point an AWS client at `local.kinesis_url()` and `local.dynamodb_url()` ...
//! local.stop().await;
//! # Ok::<(), kinesis_local::StartError>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod model;

mod builder;
#[cfg(feature = "clients")]
mod clients;
mod clock;
mod dynamodb;
mod http;
mod journal;
mod local;
mod restored;
mod start_error;
mod threads;

pub use builder::LocalBuilder;
pub use journal::Durability;
pub use local::{DEFAULT_DYNAMODB_PORT, DEFAULT_KINESIS_PORT, Local, STOP_LIMIT, Stopped};
pub use restored::Restored;
pub use start_error::{Service, StartError};
