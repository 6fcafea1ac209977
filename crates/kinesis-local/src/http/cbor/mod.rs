//! CBOR at the edge: requests become JSON before anything else looks at them, replies become CBOR last.
//!
//! The Kinesis clients of both Java SDKs send `application/x-amz-cbor-1.1` unless told not to, and expect it back. It is
//! JSON 1.1 member for member, but for two things: data is a byte string instead of base64 text, and a time is an integer
//! of *milliseconds* under tag 1, where JSON has seconds with a fraction (and RFC 8949 would have seconds in CBOR too).
//! `members` knows which members those are, `to_json` and `to_cbor` go over the bytes once each without building a tree,
//! `events` does the same for the messages of an event stream.

mod events;
mod members;
mod to_cbor;
mod to_json;

pub(super) use events::events_to_cbor;
pub(super) use to_cbor::to_cbor;
pub(super) use to_json::to_json;
