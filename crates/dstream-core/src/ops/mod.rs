//! The operators and output operations of streams, one to a file.

pub(crate) mod combine_by_key;
mod combine_by_key_and_window;
mod count;
mod count_by_value_and_window;
mod count_by_window;
mod filter;
mod flat_map;
mod foreach_rdd;
pub(crate) mod group_by_key_and_window;
mod map;
mod map_values;
mod map_with_state;
mod print;
pub(crate) mod reduce_by_key;
mod reduce_by_key_and_window;
mod reduce_by_key_and_window_inverse;
mod reduce_by_window;
pub(crate) mod union;
mod update_state_by_key;
mod window;

pub use map_with_state::MapWithState;
pub use print::Printable;
