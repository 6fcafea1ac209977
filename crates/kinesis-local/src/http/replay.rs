//! Repeating the commands of a log.
//!
//! Promises: each is carried out at its own time, as it was the first time; nothing that only a limit could refuse is
//! refused. A command that fails all the same ends the start: the log is of another program, or this one has changed.

use super::command::Command;
use super::dispatch;
use super::face::Face;
use crate::journal::{Opened, SETTINGS};
use crate::start_error::StartError;

/// Carries out what the log has, and leaves the model with the settings of its end. Returns how many commands there were.
pub(crate) fn replay(face: &Face, log: &mut Opened) -> Result<u64, StartError> {
    let mut settings = face.settings();
    face.set_for_replay(settings.lenient());
    let path = log.directory().log();
    let strange = |detail| StartError::StrangeLog { path: path.clone(), detail };
    let mut commands = 0;
    while let Some(entry) = log.next()? {
        if entry.operation == SETTINGS {
            settings = serde_json::from_slice(entry.body)
                .map_err(|error| strange(format!("its settings cannot be read: {error}")))?;
            face.set_for_replay(settings.lenient());
            continue;
        }
        commands += 1;
        let command = Command::at(entry.at, entry.operation, entry.body);
        if let Err(error) = dispatch::answer(face, command) {
            let detail = format!("its command {commands}, {} at {}, fails now: {error}", entry.operation, entry.at);
            return Err(strange(detail));
        }
    }
    face.set_for_replay(settings);
    Ok(commands)
}
