//! Why a range could not be read again.

use std::time::Duration;

use kinesis_endpoint::ServiceError;
use thiserror::Error;

use crate::range::SequenceRange;

/// A range that an earlier run left cannot be read again, so its batch cannot be run again with the records that it had.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RereadError {
    /// A call failed until its time was over.
    #[error(
        "reading {range} again timed out after {} ms: start again when Kinesis answers, or lengthen the batch interval, which is \
         the time that a call has", after.as_millis()
    )]
    TimedOut {
        /// What was to be read.
        range: SequenceRange,
        /// What was spent on the call and on the pauses between its attempts.
        after: Duration,
        /// The last failure.
        source: ServiceError,
    },
    /// A call failed as often as it may.
    #[error(
        "reading {range} again: gave up after {attempts} attempts: start again when Kinesis answers, or raise retry_max_attempts \
         or retry_wait_time"
    )]
    GaveUp {
        /// What was to be read.
        range: SequenceRange,
        /// How many attempts were made.
        attempts: u32,
        /// The last failure.
        source: ServiceError,
    },
    /// The program does not read the range's stream any more.
    #[error(
        "{range} cannot be read again: the program has no input stream for it any more; build one that reads its stream"
    )]
    NotRead {
        /// What was to be read.
        range: SequenceRange,
    },
    /// A call failed in a way that trying again does not mend.
    #[error("{range} cannot be read again")]
    Refused {
        /// What was to be read.
        range: SequenceRange,
        /// The failure.
        source: ServiceError,
    },
    /// Records have expired with the stream's retention time.
    #[error(
        "records of {range} have expired, so that the batch which had them cannot be run again: lengthen the stream's retention \
         time; to go on without these records, set on_expired to OnExpired::Continue"
    )]
    Expired {
        /// What was to be read.
        range: SequenceRange,
        /// What the service said, if it refused a call.
        source: Option<ServiceError>,
    },
    /// The shard's records are not those of the first read.
    #[error(
        "{range} has {found} records when it is read again: go back to the range_policy and the stream of the run that read it \
         first, or start without its checkpoint directory"
    )]
    OtherCount {
        /// What was to be read.
        range: SequenceRange,
        /// How many records there are now.
        found: usize,
    },
    /// The shard ends before the range does.
    #[error(
        "the shard ends before {range} does: it is of another stream of that name; start without the checkpoint directory of the \
         old one"
    )]
    EndsEarly {
        /// What was to be read.
        range: SequenceRange,
    },
}
