//! What the operators with a state are made of: where their states are, how a batch is applied to them once, and the pure
//! rules of what it does.

mod every_key;
mod keyed_states;
mod record_update;
mod shared_state;
mod spec;
mod state_step;
mod updated_partitions;
mod whole_states;

pub(crate) use keyed_states::{HeldStates, KeyedStates, Update};
pub(crate) use record_update::{Records, update_records};
pub(crate) use shared_state::Shared;
pub(crate) use spec::{MapRecord, UpdateFunction};
pub use spec::{StateSpec, UpdateSpec};
pub(crate) use state_step::{Outcome, StateRows, StateStep, StateWork};
pub(crate) use updated_partitions::UpdatedPartitions;
pub(crate) use whole_states::{UpdatedStates, WholeStates};

#[cfg(test)]
mod cost;
#[cfg(test)]
mod properties;
