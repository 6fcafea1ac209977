//! Kinesis and DynamoDB on loopback, in this process, in a millisecond.
//!
//! - [`Local`] starts both endpoints and ends them. Real AWS clients talk to them: set the endpoint URL, any region and
//!   any credentials.
//! - [`faults`] make calls fail, hang or lose their replies, from Rust or by `POST /_local/faults`.
//! - [`model`] is the Kinesis behind it: one pure state machine with `now` as an argument, for white-box tests and for
//!   simulation under virtual time.
//!
//! Kinesis is ours, DynamoDB is the crate `dynoxide-rs`. **Any credentials are accepted, and none at all: signatures are
//! not checked.** Both listen on 127.0.0.1 only. Everything is in memory and gone at the end.
//!
//! The Kinesis port speaks JSON 1.1 and CBOR 1.1 (Java's clients), over HTTP/1.1 and HTTP/2 with prior knowledge. It also
//! answers requests of its own: `GET /_local/health` says what runs here as JSON, `GET /_local/hold` is a reply that stays
//! open and counts its client as a holder until the client goes away, and `/_local/faults` takes [`faults`].
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

pub mod faults;
pub mod model;

mod builder;
mod clock;
mod dynamodb;
mod event_frames;
mod http;
mod local;
mod start_error;
mod threads;

pub use builder::LocalBuilder;
pub use local::{DEFAULT_DYNAMODB_PORT, DEFAULT_KINESIS_PORT, Local, STOP_LIMIT, Stopped};
pub use start_error::{Service, StartError};
