//! Going on from a directory.
//!
//! Promises: what a restart finds is what was answered before, less at most an entry that was not written whole; streams
//! that are asked for are ACTIVE at the start.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use crate::http::{Command, Face, Keeping, call, replay};
use crate::journal::{Directory, Durability, Opened};
use crate::model::{Limits, Model, Settings};
use crate::start_error::StartError;

/// What was found in a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Restored {
    /// The file of the Kinesis side.
    pub log: PathBuf,
    /// How many operations were repeated.
    pub operations: u64,
    /// How many bytes at the end were no whole entry and have been cut off: 0, unless the process or the machine ended in
    /// the middle of a write. No answered change was among them, unless the file was damaged.
    pub bytes_cut_off: u64,
}

/// A face with a fresh model, or with that of the directory, which hears of every change from then on.
pub(crate) fn restore(
    path: Option<&Path>,
    durability: Durability,
    fresh: impl FnOnce() -> Model,
    face: impl FnOnce(Model) -> Arc<Face>,
) -> Result<(Arc<Face>, Option<Restored>), StartError> {
    let Some(path) = path else { return Ok((face(fresh()), None)) };
    let directory = Directory::take(path)?;
    let mut begun = false;
    let (mut opened, model) = Opened::open(directory, || {
        begun = true;
        fresh()
    })?;
    let face = face(model);
    let operations = replay(&face, &mut opened)?;
    let log = opened.directory().log();
    let (keeping, bytes_cut_off) = opened.finish(durability)?;
    face.keep(Keeping::Log(keeping));
    Ok((face, (!begun).then_some(Restored { log, operations, bytes_cut_off })))
}

/// Puts the settings into force and makes the streams that are asked for, unless the directory had them.
pub(crate) fn prepare(
    face: &Face,
    settings: &Settings,
    streams: &[(String, u32)],
    restored: bool,
) -> Result<(), StartError> {
    let failed = |source| StartError::Settings { source };
    let new: Vec<_> = streams.iter().filter(|(name, _)| !(restored && face.has_stream(name))).collect();
    if !new.is_empty() {
        // ACTIVE at once, however many there are.
        let at_once = Settings { status_delay: Duration::ZERO, limits: Limits::Off, ..settings.clone() };
        face.change_settings(at_once).map_err(failed)?;
    }
    for (name, shards) in new {
        let request = json!({"StreamName": name, "ShardCount": shards}).to_string();
        call(face, Command::now("CreateStream", request.as_bytes()))
            .map_err(|source| StartError::Stream { name: name.clone(), source })?;
    }
    face.change_settings(settings.clone()).map_err(failed)
}

#[cfg(test)]
mod tests;
