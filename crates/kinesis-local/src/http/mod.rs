//! The HTTP face of the Kinesis model: JSON 1.1 or CBOR 1.1 in, the same out.
//!
//! A call passes `edge` (its encoding by `encoding` and `cbor`, its faults by `target` and `partial_put`) before it comes to `server` and `dispatch`,
//! which know of neither; `fault_routes` is how faults are set from outside.
//!
//! `face` holds what the requests share, `server` routes and answers, `dispatch` knows the operations, `request` (with `put_request`, `read_request`
//! and `member`) and `response` their forms on the wire, `json` writes text, `control` answers the routes that are not AWS's.

mod cbor;
mod control;
mod dispatch;
mod edge;
mod encoding;
mod face;
mod fault_routes;
mod json;
mod member;
mod partial_put;
mod put_request;
mod read_request;
mod request;
mod response;
mod server;
mod target;

pub(crate) use face::Face;
pub(crate) use server::serve;
