//! The HTTP face of the Kinesis model: JSON 1.1 or CBOR 1.1 in, the same out.
//!
//! A call passes `edge` (its encoding by `encoding` and `cbor`, its faults by `target` and `partial_put`) before it comes to `server` and `dispatch`,
//! which know of neither; `fault_routes` is how faults are set from outside.
//!
//! `face` holds what the requests share, `server` routes and answers, `dispatch` (with `administration`) knows the operations,
//! `request` (with `put_request`, `read_request`, `administration_request`, `member` and `named_shard`) and `response` (with
//! `administration_reply`) their forms on the wire, `json` writes text, `control` answers the routes that are not AWS's.
//!
//! Enhanced fan-out: `fan_out` sends a subscription's events as they come, `event_message` frames them, `bells` call those
//! that wait; `consumer_request`, `consumer_response` and `position` are the forms.
//!
//! `command` is one call of an operation, `keeping` writes those that change something into the log, `replay` repeats them.

mod administration;
mod administration_reply;
mod administration_request;
mod bells;
mod cbor;
mod command;
mod consumer_request;
mod consumer_response;
mod control;
mod dispatch;
mod edge;
mod encoding;
mod event_message;
mod face;
mod fan_out;
mod fault_routes;
mod json;
mod keeping;
mod member;
mod named_shard;
mod partial_put;
mod position;
mod put_request;
mod read_request;
mod replay;
mod request;
mod response;
mod server;
mod target;

pub(crate) use command::{Command, call};
pub(crate) use face::Face;
pub(crate) use keeping::Keeping;
pub(crate) use replay::replay;
pub(crate) use server::serve;
