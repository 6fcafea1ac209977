//! The limits of the service, from <https://docs.aws.amazon.com/kinesis/latest/APIReference/API_PutRecords.html>
//! (checked in 2026). The only place that holds them.

/// Records in one PutRecords request.
pub(crate) const MAX_REQUEST_RECORDS: usize = 500;

/// Bytes of data and partition keys in one PutRecords request.
pub(crate) const MAX_REQUEST_BYTES: usize = 10 * MIB;

/// Bytes of data and partition key of one record, unless the stream is set to take more.
pub(crate) const DEFAULT_RECORD_BYTES: usize = MIB;

/// The most that a stream can be set to take in one record, in bytes.
pub(crate) const MAX_RECORD_BYTES: usize = 10 * MIB;

/// Characters of a partition key; it needs at least one.
pub(crate) const MAX_KEY_CHARS: usize = 256;

/// Characters of a stream's name.
pub(crate) const MAX_STREAM_NAME_CHARS: usize = 128;

/// Bytes in a MiB.
pub(crate) const MIB: usize = 1 << 20;
