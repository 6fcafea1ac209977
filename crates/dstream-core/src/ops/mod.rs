//! The operators and output operations of streams, one to a file.

pub(crate) mod combine_by_key;
mod count;
mod filter;
mod flat_map;
mod foreach_rdd;
mod map;
mod map_values;
mod print;
pub(crate) mod reduce_by_key;
pub(crate) mod union;
mod window;

pub use print::Printable;
