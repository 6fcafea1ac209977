//! Kinesis and DynamoDB on loopback, in this process, in a millisecond.
//!
//! - [`Local`] starts both endpoints and ends them. Real AWS clients talk to them: set the endpoint URL, any region and
//!   any credentials.
//! - [`faults`] make calls fail, hang or lose their replies, from Rust or by `POST /_local/faults`.
//! - [`model`] is the Kinesis behind it: one pure state machine with `now` as an argument, for white-box tests and for
//!   simulation under virtual time.
//!
//! Kinesis is ours, DynamoDB is the crate `dynoxide-rs`. **Any credentials are accepted, and none at all: signatures are
//! not checked.** Both listen on 127.0.0.1 only. Everything is in memory and gone at the end, unless
//! [`LocalBuilder::directory`] names a place to go on from.
//!
//! The Kinesis port speaks JSON 1.1 and CBOR 1.1 (Java's clients), over HTTP/1.1 and HTTP/2 with prior knowledge. It also
//! answers requests of its own: `GET /_local/health` says what runs here as JSON, `GET /_local/hold` is a reply that stays
//! open and counts its client as a holder until the client goes away, and `/_local/faults` takes [`faults`].
//!
//! # A program under test
//!
//! Any AWS client will do that is pointed at [`Local::kinesis_url`] and [`Local::dynamodb_url`]; the cargo feature
//! `clients` brings ready-made ones. A word count that lives through a split, in well under a second:
//!
//! ```
//! use aws_sdk_kinesis::primitives::Blob;
//! use kinesis_asl::{Credentials, InitialPosition, KinesisInputDStream};
//! use {dstream_core::StreamingContext, kinesis_local::Local, std::time::Duration};
//! # #[tokio::main] async fn main() -> Result<(), dstream_core::BoxError> {
//! let local = Local::builder().stream("words", 1).start().await?;
//! let (kinesis, millis) = (local.kinesis_client(), Duration::from_millis);
//! let put = |line: &str| kinesis.put_record().stream_name("words").partition_key(line).data(Blob::new(line)).send();
//! let ssc = StreamingContext::builder("word count").batch_interval(millis(50)).block_interval(millis(10)).build()?;
//! let lines = KinesisInputDStream::builder().streaming_context(&ssc).checkpoint_app_name("word-count")
//!     .stream_name("words").endpoint_url(local.kinesis_url()).dynamodb_endpoint_url(local.dynamodb_url())
//!     .kinesis_credentials(Credentials::basic("any", "any")).initial_position(InitialPosition::TrimHorizon)
//!     .build_with_message_handler(|record| String::from_utf8_lossy(record.data()).into_owned())?;
//! let words = lines.flat_map(|line: String| line.split(' ').map(str::to_owned).collect::<Vec<_>>());
//! let (batches, mut counted) = tokio::sync::mpsc::channel(1_000);
//! words.map(|word| (word, 1)).reduce_by_key(|a, b| a + b).foreach_rdd(move |rdd, _| {
//!     Ok(batches.try_send(std::collections::BTreeMap::from_iter(rdd.collect()?))?)
//! });
//! ssc.start().await?;
//! put("to be or not to be").await?;
//! let mut next = async || loop { if let Some(batch) = counted.recv().await.filter(|b| !b.is_empty()) { break batch; } };
//! assert_eq!(next().await, [("be", 2), ("not", 1), ("or", 1), ("to", 2)].map(|(w, n)| (w.to_owned(), n)).into());
//! let split = kinesis.split_shard().stream_name("words").shard_to_split("shardId-000000000000");
//! split.new_starting_hash_key((1_u128 << 127).to_string()).send().await?;
//! put("to do").await?;
//! assert_eq!(next().await, [("do", 1), ("to", 1)].map(|(w, n)| (w.to_owned(), n)).into());
//! ssc.stop(dstream_core::StopMode::Graceful).await?; // Dropping `local` ends the endpoints.
//! # Ok(()) }
//! ```

pub mod faults;
pub mod model;

mod builder;
#[cfg(feature = "clients")]
mod clients;
mod clock;
mod dynamodb;
mod event_frames;
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
