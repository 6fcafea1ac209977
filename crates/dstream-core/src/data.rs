//! What records must be able to do before they can leave the place where they were made.
//!
//! A record that only passes through narrow operators may be anything that is `Send`. One that is shuffled, remembered for
//! a window, kept as state or spilled has to be copied and encoded: that is [`Data`]. Both traits are implemented for every
//! type that fits; `#[derive(Clone, Serialize, Deserialize)]` makes a type of your own fit.

use std::hash::Hash;

use serde::Serialize;
use serde::de::DeserializeOwned;

/// A record that can be copied, shared between threads, encoded and decoded.
///
/// ```
/// #[derive(Clone, serde::Serialize, serde::Deserialize)]
/// struct Click {
///     page: String,
///     millis: u32,
/// }
///
/// fn is_data<T: dstream_core::Data>() {}
/// is_data::<Click>();
/// is_data::<(String, Vec<u64>)>();
/// ```
pub trait Data: Clone + Send + Sync + Serialize + DeserializeOwned + 'static {}

impl<T: Clone + Send + Sync + Serialize + DeserializeOwned + 'static> Data for T {}

/// [`Data`] that records can be grouped by. Equal keys must have equal hashes, in every process.
pub trait Key: Data + Hash + Eq {}

impl<T: Data + Hash + Eq> Key for T {}
