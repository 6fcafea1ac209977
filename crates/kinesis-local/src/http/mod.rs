//! The HTTP face of the Kinesis model: JSON 1.1 in, JSON 1.1 out.
//!
//! `face` holds what the requests share, `server` routes and answers, `dispatch` knows the operations, `request` (with `put_request`, `read_request`
//! and `member`) and `response` their forms on the wire, `json` writes text, `control` answers the routes that are not AWS's. `command`
//! is one call of an operation, `keeping` writes those that change something into the log, `replay` repeats them from it.

mod command;
mod control;
mod dispatch;
mod face;
mod json;
mod keeping;
mod member;
mod put_request;
mod read_request;
mod replay;
mod request;
mod response;
mod server;

pub(crate) use command::{Command, call};
pub(crate) use face::Face;
pub(crate) use keeping::Keeping;
pub(crate) use replay::replay;
pub(crate) use server::serve;
