//! The operators and output operations of streams, one to a file.

mod cache;
mod cogroup;
pub(crate) mod combine_by_key;
mod count;
mod count_by_value;
mod filter;
mod flat_map;
mod flat_map_values;
mod foreach_rdd;
mod foreach_rdd_async;
mod full_outer_join;
mod glom;
mod group_by_key;
mod join;
mod left_outer_join;
mod map;
mod map_partitions;
mod map_values;
mod print;
mod reduce;
pub(crate) mod reduce_by_key;
mod repartition;
mod right_outer_join;
mod save_as_text_files;
mod slice;
mod transform;
pub(crate) mod union;
mod window;

pub(crate) use print::Line;
pub use print::Printable;
pub use slice::SliceError;
