//! Mistakes in how a program puts its streams together, found before anything starts.

use std::time::Duration;

use thiserror::Error;

use crate::operator::OperatorName;

/// Streams were put together in a way that cannot run. [`start`](crate::StreamingContext::start) reports the first one.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum GraphError {
    /// There is nothing to unite.
    #[error("the list of streams to union is empty: give at least one")]
    NoStreams,
    /// There is nothing to transform.
    #[error("the list of streams to transform is empty: give at least one")]
    NoStreamsToTransform,
    /// The streams run in different contexts.
    #[error("{operator} joins streams of different contexts: make them all with the same StreamingContext")]
    DifferentContexts {
        /// The operator that joins them.
        operator: OperatorName,
    },
    /// The streams have batches at different times.
    #[error("{operator} joins streams with different slide times, {left:?} and {right:?}: window them alike first")]
    DifferentSlides {
        /// The operator that joins them.
        operator: OperatorName,
        /// The slide of the first stream.
        left: Duration,
        /// The slide of another one.
        right: Duration,
    },
    /// The time to remember was set more than once.
    #[error("remember(..) was called with {first:?} and with {second:?}: call it once, with the longer one")]
    RememberedTwice {
        /// What the first call said.
        first: Duration,
        /// What the second call said.
        second: Duration,
    },
    /// A restart would lose what the program has gathered.
    #[error(
        "{operator} keeps state, and there is no checkpoint directory: call checkpoint_dir(..), or volatile_state() if a restart may begin without the state"
    )]
    StateWithoutDirectory {
        /// The operator.
        operator: OperatorName,
    },
    /// A stream cannot go on after a restart.
    #[error(
        "{operator} does not support checkpoints, since its records cannot be had again: leave checkpoint_dir(..) out, or use another input, such as generated_stream(..)"
    )]
    NotRecoverable {
        /// The stream.
        operator: OperatorName,
    },
    /// A window does not fall on the batches of its stream.
    #[error(
        "the {what} of {operator} is {value:?}: it must be a multiple of the slide duration of its parent, {slide:?}, and not 0"
    )]
    NotAMultiple {
        /// The operator.
        operator: OperatorName,
        /// Which duration: the window or the slide.
        what: &'static str,
        /// What was given.
        value: Duration,
        /// The slide of the stream that is windowed.
        slide: Duration,
    },
}
