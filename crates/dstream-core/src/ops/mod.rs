//! The operators and output operations of streams, one to a file.

mod combine_by_key;
mod count;
mod filter;
mod flat_map;
mod foreach_rdd;
mod map;
mod map_values;
mod print;
mod reduce_by_key;
mod union;

pub use print::Printable;
pub use union::UnionError;
