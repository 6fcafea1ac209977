//! UpdateMaxRecordSize: how large the records of one stream may be.
//!
//! Promises: records that are there stay, whatever their size; the new size counts when the stream is ACTIVE again.

use super::error::KinesisError;
use super::limits::RECORD_SIZES_KIB;
use super::machine::Model;
use super::millis::Millis;
use super::stream::Change;
use super::stream_ref::StreamRef;

/// An UpdateMaxRecordSize request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpdateMaxRecordSize {
    /// Which stream.
    pub stream: StreamRef,
    /// The largest data payload of a record in KiB, 1 024 to 10 240.
    pub kib: u32,
}

impl Model {
    /// Changes the largest size of a stream's records.
    ///
    /// # Errors
    /// `ValidationException` for a size out of range, `ResourceInUseException` when the stream is not ACTIVE,
    /// `ResourceNotFoundException` when there is none.
    pub fn update_max_record_size(&mut self, now: Millis, request: &UpdateMaxRecordSize) -> Result<(), KinesisError> {
        self.advance(now);
        let bytes = record_size(request.kib)?;
        self.begin(&request.stream, Change::RecordSize { bytes })
    }
}

/// The size in bytes, if it is one that a stream can have.
pub(crate) fn record_size(kib: u32) -> Result<usize, KinesisError> {
    let (least, most) = RECORD_SIZES_KIB;
    let out_of_range = |side: &str, bound: u32| {
        KinesisError::validation(kib, "maxRecordSizeInKiB", &format!("have value {side} than or equal to {bound}"))
    };
    if kib < least {
        return Err(out_of_range("greater", least));
    }
    if kib > most {
        return Err(out_of_range("less", most));
    }
    Ok(usize::try_from(kib).unwrap_or(usize::MAX).saturating_mul(1_024))
}
