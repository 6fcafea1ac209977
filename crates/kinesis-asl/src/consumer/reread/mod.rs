//! Reading a range again, after a restart: all records that it had, in order, and no others.
//!
//! | module | what it is |
//! |---|---|
//! | `attempts` | pure: how often and how long a call is tried |
//! | `cut` | pure: which records of which pages are the range's, and whether they are all there |
//! | [`error`] | why a range could not be read |
//! | `reader` | the calls |

pub(crate) mod attempts;
pub(crate) mod cut;
pub mod error;
pub(crate) mod reader;
