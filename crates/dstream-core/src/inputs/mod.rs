//! Where the records of the first streams come from.

pub(crate) mod queue_stream;
pub(crate) mod receiver_stream;
pub(crate) mod socket_text;

// Files: the two streams of them, and what these share.
pub(crate) mod binary_records;
pub(crate) mod text_files;

mod file_selection;
mod file_stream;
mod path_pattern;

pub(crate) mod file_options;

mod lines;
