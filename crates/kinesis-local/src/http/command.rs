//! One call of an operation, from a client or from the log.
//!
//! Promises: every operation whose name does not say that it only looks counts as a change, so that a new one is kept without
//! further ado.

use super::dispatch;
use super::face::Face;
use crate::model::{KinesisError, Millis};

/// One call of an operation.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Command<'a> {
    pub(super) operation: &'a str,
    body: &'a [u8],
    /// When it happens; `None` for now.
    pub(super) at: Option<Millis>,
}

impl<'a> Command<'a> {
    /// A call that happens when it is carried out.
    pub(crate) fn now(operation: &'a str, body: &'a [u8]) -> Self {
        Self { operation, body, at: None }
    }

    /// A call that happened before.
    pub(crate) fn at(at: Millis, operation: &'a str, body: &'a [u8]) -> Self {
        Self { operation, body, at: Some(at) }
    }

    /// The JSON. A request without members may come without a body.
    pub(super) fn body(&self) -> &'a [u8] {
        if self.body.is_empty() { b"{}" } else { self.body }
    }

    /// Whether it changes what a later call finds.
    pub(super) fn changes(&self) -> bool {
        let looks = ["Get", "List", "Describe"].iter().any(|verb| self.operation.starts_with(verb));
        // A subscription lasts as long as its connection, and that does not outlive the endpoint.
        !looks && self.operation != "SubscribeToShard"
    }
}

/// Carries a call out, for whoever has no HTTP. Returns the body of the reply.
pub(crate) fn call(face: &Face, command: Command<'_>) -> Result<String, KinesisError> {
    dispatch::answer(face, command)
}
