//! What a checkpoint file holds: the parts it is made of, and the payload of whoever wrote it.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::checkpoint::envelope::Damage;
use crate::checkpoint::name::PartName;

/// A part of a snapshot, and what it must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PartRef {
    pub(super) name: PartName,
    pub(super) length: u64,
    pub(super) checksum: u32,
}

impl PartRef {
    pub(super) fn new(name: PartName, bytes: &Bytes) -> Self {
        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        Self { name, length, checksum: crc32fast::hash(bytes) }
    }

    #[cfg(test)]
    /// What the part was called when it was written.
    pub(crate) fn label(&self) -> &str {
        self.name.label()
    }

    #[cfg(test)]
    /// Its size in bytes.
    pub(crate) const fn length(&self) -> u64 {
        self.length
    }

    /// Whether `bytes` are those that were written.
    pub(super) fn is(&self, bytes: &Bytes) -> bool {
        Self::new(self.name.clone(), bytes) == *self
    }
}

/// The form of a part in a file: name, length, checksum.
#[derive(Serialize, Deserialize)]
struct Written(String, u64, u32);

/// The pieces of a checkpoint file's payload.
pub(super) fn write(parts: &[PartRef], payload: Bytes) -> [Bytes; 2] {
    let parts = parts.iter().map(|part| Written(part.name.to_string(), part.length, part.checksum));
    // Numbers and strings always encode.
    let list = postcard::to_stdvec(&parts.collect::<Vec<_>>()).unwrap_or_default();
    [Bytes::from(list), payload]
}

/// The parts and the payload, as they were written.
pub(super) fn read(file: &Bytes) -> Result<(Vec<PartRef>, Bytes), Damage> {
    let (list, payload) = postcard::take_from_bytes::<Vec<Written>>(file).map_err(|_| Damage::Changed)?;
    let part = |Written(name, length, checksum)| PartName::parse(&name).map(|name| PartRef { name, length, checksum });
    let parts: Option<Vec<PartRef>> = list.into_iter().map(part).collect();
    Ok((parts.ok_or(Damage::Changed)?, file.slice_ref(payload)))
}
