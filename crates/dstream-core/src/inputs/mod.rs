//! Where the records of the first streams come from.

pub(crate) mod generated_stream;
pub(crate) mod queue_stream;
pub(crate) mod receiver_stream;
