//! The HTTP face of the Kinesis model: JSON 1.1 in, JSON 1.1 out.
//!
//! `face` holds what the requests share, `server` routes and answers, `dispatch` knows the operations, `request` (with `put_request`, `read_request`
//! and `member`) and `response` their forms on the wire, `json` writes text, `control` answers the routes that are not AWS's.
//!
//! Enhanced fan-out: `fan_out` sends a subscription's events as they come, `event_message` frames them, `bells` call those
//! that wait; `consumer_request`, `consumer_response` and `position` are the forms.

mod bells;
mod consumer_request;
mod consumer_response;
mod control;
mod dispatch;
mod event_message;
mod face;
mod fan_out;
mod json;
mod member;
mod position;
mod put_request;
mod read_request;
mod request;
mod response;
mod server;

pub(crate) use face::Face;
pub(crate) use server::serve;
