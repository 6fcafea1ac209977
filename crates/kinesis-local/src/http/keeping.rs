//! Where the changes of the model are kept, if anywhere.
//!
//! Promises: what is kept is what was done: of a batch of which some records were refused, the others. When a change cannot
//! be kept, its caller gets an error, and so does everyone after it: the model would be ahead of what a restart finds.

use std::borrow::Cow;
use std::io;

use serde_json::Value;

use super::command::Command;
use crate::journal::{Confirm, Entry, Log, SETTINGS};
use crate::model::{ErrorKind, KinesisError, Millis, Model};

/// Where changes are kept.
#[derive(Debug)]
pub(crate) enum Keeping {
    /// In the model only.
    Nowhere,
    /// In a log, too.
    Log(Log),
    /// In a log that others may have opened by now: no change is accepted.
    Ended,
}

impl Keeping {
    /// Whether a change can be kept.
    pub(super) fn check(&self) -> Result<(), KinesisError> {
        match self {
            Self::Nowhere => Ok(()),
            Self::Log(log) if !log.is_broken() => Ok(()),
            Self::Log(_) => Err(Self::failure(&io::Error::other("an earlier change could not be written"))),
            Self::Ended => Err(Self::failure(&io::Error::other("the endpoint is ending"))),
        }
    }

    /// Keeps a change that was made, except for its failed places.
    pub(super) fn keep(
        &mut self,
        command: Command<'_>,
        at: Millis,
        failed: &[usize],
        model: &Model,
    ) -> Result<Confirm, KinesisError> {
        let Self::Log(log) = self else { return Ok(Confirm::Now) };
        let body = done(command.body(), failed).map_err(|error| Self::failure(&error.into()))?;
        let Some(body) = body else { return Ok(Confirm::Now) };
        let entry = Entry { at, operation: command.operation, body: &body };
        log.append(&entry, model).map_err(|error| Self::failure(&error))
    }

    /// Keeps that the model has other settings from now on.
    pub(super) fn keep_settings(&mut self, model: &Model) -> Result<(), KinesisError> {
        let Self::Log(log) = self else { return Ok(()) };
        let body = serde_json::to_vec(model.settings()).map_err(|error| Self::failure(&error.into()))?;
        let entry = Entry { at: Millis::default(), operation: SETTINGS, body: &body };
        let confirm = log.append(&entry, model).map_err(|error| Self::failure(&error))?;
        confirm.wait().map_err(|error| Self::failure(&error))
    }

    /// A change that was written could not be made durable: no further one is accepted.
    pub(super) fn note_failure(&mut self) {
        if let Self::Log(log) = self {
            log.break_off();
        }
    }

    /// What a caller is told.
    pub(super) fn failure(error: &io::Error) -> KinesisError {
        let message = format!(
            "The endpoint could not write the change to its directory ({error}). Free some room there and start it again; no change is accepted until then."
        );
        tracing::error!(%error, "a change could not be written");
        KinesisError::new(ErrorKind::InternalFailure, message)
    }
}

/// The request without the records that were refused; `None` when that were all.
fn done<'a>(body: &'a [u8], failed: &[usize]) -> Result<Option<Cow<'a, [u8]>>, serde_json::Error> {
    if failed.is_empty() {
        return Ok(Some(Cow::Borrowed(body)));
    }
    let mut request: Value = serde_json::from_slice(body)?;
    if let Some(records) = request.get_mut("Records").and_then(Value::as_array_mut) {
        let mut place = 0;
        records.retain(|_| {
            let keep = failed.binary_search(&place).is_err();
            place += 1;
            keep
        });
        if records.is_empty() {
            return Ok(None);
        }
    }
    serde_json::to_vec(&request).map(|body| Some(Cow::Owned(body)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_batch_only_the_records_that_were_stored_are_kept() {
        let body = br#"{"StreamName":"s","Records":[{"Data":"a"},{"Data":"b"},{"Data":"c"}]}"#;
        assert_eq!(&*done(body, &[]).unwrap().unwrap(), body);
        let kept: Value = serde_json::from_slice(&done(body, &[0, 2]).unwrap().unwrap()).unwrap();
        assert_eq!(kept, serde_json::json!({"StreamName": "s", "Records": [{"Data": "b"}]}));
        assert_eq!(done(body, &[0, 1, 2]).unwrap(), None);
    }
}
