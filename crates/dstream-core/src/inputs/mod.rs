//! Streams that come from outside, and from memory.

pub(crate) mod constant_stream;
pub(crate) mod generated_stream;
pub(crate) mod queue_stream;
pub(crate) mod receiver_stream;

// Lines from a TCP server.
mod socket_reader;
pub(crate) mod socket_text;

// New files of a directory.
pub(crate) mod binary_records;
pub(crate) mod file_options;
mod file_selection;
mod file_stream;
mod path_pattern;
pub(crate) mod text_files;

mod lines;
