//! The encoded form of state: a version whole, or what changed between two versions.
//!
//! Four bytes of magic, a byte of format version, then a header and one change per key in checked [frames](super::frames),
//! by the order of the keys' hashes. Equal versions have equal bytes. Keys and states are in postcard's form, which does not
//! describe itself: they are decoded as the types they were encoded from.

use std::hash::Hash;
use std::io::{Read, Write};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::key_hash::KeyMap;
use crate::state::frames::{FrameError, FrameReader, FrameWriter};
use crate::state::live_entries::{Entry, Expiry};
use crate::state::state_map::{StateMap, VersionError};
use crate::state::undo_log::Old;
use crate::state::version_view::hash_of;
use crate::time::Time;

/// What the changes are to be applied to, and what they make of it.
#[derive(Debug, Serialize, Deserialize)]
struct Header {
    /// The version they change, in milliseconds; `None`: nothing, they are the whole.
    after: Option<i64>,
    /// The version they make, in milliseconds.
    version: i64,
    /// How many changes there are.
    changes: u64,
}

/// The change of a key, to be written. Ages are milliseconds before the version.
#[derive(Serialize)]
enum Written<'a, K, S> {
    Put(&'a K, &'a S, i64),
    Touch(&'a K, i64),
    Remove(&'a K),
}

/// The change of a key, as read; the same form as [`Written`].
#[derive(Deserialize)]
enum Change<K, S> {
    Put(K, S, i64),
    Touch(K, i64),
    Remove(K),
}

impl<K: Hash + Eq + Clone + Serialize, S: Serialize> StateMap<K, S> {
    /// Writes the whole of `version`.
    ///
    /// # Errors
    /// When the version is not held, a key or state does not encode, or `out` fails.
    pub(crate) fn encode<W: Write>(&self, version: Time, out: W) -> Result<W, StateCodecError> {
        let rows = self.at(version)?.rows();
        let mut writer = begin(out, None, version, rows.len())?;
        for (key, state, updated) in rows {
            writer.push(&Written::Put(key, state, age(version, updated)))?;
        }
        Ok(writer.finish()?)
    }

    /// Writes what changed after the version `after` up to `version`. Takes space and time in proportion to the keys touched
    /// between them, and no more of a key whose state was only kept alive than the key.
    ///
    /// # Errors
    /// When one of the versions is not held, a key or state does not encode, or `out` fails.
    pub(crate) fn encode_delta<W: Write>(&self, after: Time, version: Time, out: W) -> Result<W, StateCodecError> {
        self.must_hold(after)?;
        let view = self.at(version)?;
        // Each changed key, and whether it was only touched.
        let mut changed: KeyMap<&K, bool> = KeyMap::default();
        for (key, old) in self.changes(after, version).flat_map(|log| log.iter()) {
            let touched = matches!(old, Old::Touched(_));
            changed.entry(key).and_modify(|only| *only &= touched).or_insert(touched);
        }
        let mut changed: Vec<(u64, &K, bool)> =
            changed.into_iter().map(|(key, only)| (hash_of(key), key, only)).collect();
        changed.sort_unstable_by_key(|(hash, _, _)| *hash);

        let mut writer = begin(out, Some(after), version, changed.len())?;
        for (_, key, only_touched) in changed {
            writer.push(&match view.get(key) {
                None => Written::Remove(key),
                Some((_, updated)) if only_touched => Written::Touch(key, age(version, updated)),
                Some((state, updated)) => Written::Put(key, state, age(version, updated)),
            })?;
        }
        Ok(writer.finish()?)
    }
}

impl<K: Hash + Eq + Clone + DeserializeOwned, S: DeserializeOwned> StateMap<K, S> {
    /// Reads what [`encode`](Self::encode) wrote. The version read is the only one of the map.
    ///
    /// # Errors
    /// When the bytes are not those of a whole version of these types.
    pub(crate) fn decode(input: impl Read, expiry: Expiry) -> Result<Self, StateCodecError> {
        let (header, mut reader) = open(input)?;
        if header.after.is_some() {
            return Err(StateCodecError::NotWhole);
        }
        let version = Time::from_millis(header.version);
        let mut map = Self::new(version, expiry);
        map.live_mut().reserve(usize::try_from(header.changes).unwrap_or(0).min(MOST_RESERVED));
        let mut read = 0;
        while let Some(change) = reader.next::<Change<K, S>>()? {
            let Change::Put(key, value, age) = change else { return Err(FrameError::Corrupt.into()) };
            map.live_mut().insert(key, Entry { value, updated: updated(version, age) });
            read += 1;
        }
        if read == header.changes { Ok(map) } else { Err(FrameError::Corrupt.into()) }
    }

    /// Applies what [`encode_delta`](Self::encode_delta) wrote to the newest version. The version that it makes is then the
    /// newest; what was there before stays readable.
    ///
    /// # Errors
    /// When the bytes are not those of changes of these types to the newest version; the map is then as before.
    pub(crate) fn apply_delta(&mut self, input: impl Read) -> Result<(), StateCodecError> {
        let (header, mut reader) = open(input)?;
        let after = header.after.map(Time::from_millis);
        let newest = self.newest();
        if after != Some(newest) {
            return Err(StateCodecError::OtherBase { newest, after });
        }
        let version = Time::from_millis(header.version);
        if version == newest && header.changes == 0 {
            return Ok(());
        }
        let mut open = self.begin(version)?;
        let mut read = 0;
        while let Some(change) = reader.next::<Change<K, S>>()? {
            match change {
                Change::Put(key, state, age) => open.put(&key, state, updated(version, age)),
                Change::Touch(key, age) => open.touch(&key, updated(version, age)),
                Change::Remove(key) => open.remove(&key),
            }
            read += 1;
        }
        if read != header.changes {
            return Err(FrameError::Corrupt.into());
        }
        open.commit();
        Ok(())
    }
}

fn begin<W: Write>(
    mut out: W,
    after: Option<Time>,
    version: Time,
    changes: usize,
) -> Result<FrameWriter<W>, StateCodecError> {
    out.write_all(&MAGIC).map_err(FrameError::Io)?;
    out.write_all(&[FORMAT_VERSION]).map_err(FrameError::Io)?;
    let mut writer = FrameWriter::new(out);
    let changes = u64::try_from(changes).unwrap_or(u64::MAX);
    writer.push(&Header { after: after.map(Time::as_millis), version: version.as_millis(), changes })?;
    Ok(writer)
}

fn open<R: Read>(mut input: R) -> Result<(Header, FrameReader<R>), StateCodecError> {
    let (mut magic, mut format) = ([0; 4], [0]);
    input.read_exact(&mut magic).map_err(|_| StateCodecError::NotState)?;
    input.read_exact(&mut format).map_err(|_| StateCodecError::NotState)?;
    if magic != MAGIC {
        return Err(StateCodecError::NotState);
    }
    if format != [FORMAT_VERSION] {
        return Err(StateCodecError::Format { found: u8::from_le_bytes(format) });
    }
    let mut reader = FrameReader::new(input);
    let header = reader.next()?.ok_or(FrameError::Corrupt)?;
    Ok((header, reader))
}

const fn age(version: Time, updated: Time) -> i64 {
    version.as_millis().wrapping_sub(updated.as_millis())
}

const fn updated(version: Time, age: i64) -> Time {
    Time::from_millis(version.as_millis().wrapping_sub(age))
}

/// Why state could not be encoded or decoded.
#[derive(Debug, Error)]
pub(crate) enum StateCodecError {
    /// The version is not to be had.
    #[error(transparent)]
    Version(#[from] VersionError),
    /// The values could not be written or read.
    #[error(transparent)]
    Frames(#[from] FrameError),
    /// It is something else.
    #[error("these bytes are not encoded state")]
    NotState,
    /// Another version of this library wrote it.
    #[error(
        "the encoded state has format {found}, this version reads format {FORMAT_VERSION}: restore with the version that wrote it"
    )]
    Format {
        /// The format found.
        found: u8,
    },
    /// It is a delta.
    #[error("these are changes, not a whole version: decode the version that they change first")]
    NotWhole,
    /// It is a whole, or a delta of another version.
    #[error(
        "the state is at version {newest}, the changes are to be applied to {after:?}: apply deltas in their order"
    )]
    OtherBase {
        /// The newest version of the map.
        newest: Time,
        /// The version to apply the changes to; `None` when they are a whole.
        after: Option<Time>,
    },
}

const MAGIC: [u8; 4] = *b"dsst";
const FORMAT_VERSION: u8 = 1;

/// Room that is made at once, whatever the header says.
const MOST_RESERVED: usize = 1 << 20;
