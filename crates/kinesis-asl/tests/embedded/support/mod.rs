//! What the tests share.
//!
//! | module | what it is |
//! |---|---|
//! | [`world`] | endpoints, a stream, and what is in it and in the lease table |
//! | [`producer`] | numbers put into the stream, all at once or on and on |
//! | [`consumer`] | an application that notes every record it processes |
//! | [`process`] | the same in a runtime of its own, so that it can crash |
//! | [`stub`] | an endpoint that refuses every call |
//! | [`wait`] | waiting for a condition |

pub(crate) mod consumer;
pub(crate) mod process;
pub(crate) mod producer;
pub(crate) mod stub;
pub(crate) mod wait;
pub(crate) mod world;
