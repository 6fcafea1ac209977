//! A state that versions, readers and checkpoints hold together: handing it out copies nothing.

use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A state that several versions and readers may hold.
#[derive(Debug)]
pub(crate) struct Shared<S>(Arc<S>);

impl<S> Shared<S> {
    pub(crate) fn new(state: S) -> Self {
        Self(Arc::new(state))
    }
}

impl<S: Clone> Shared<S> {
    pub(crate) fn to_state(&self) -> S {
        S::clone(&self.0)
    }
}

impl<S> AsRef<S> for Shared<S> {
    fn as_ref(&self) -> &S {
        &self.0
    }
}

// By hand: a derived `Clone` would ask for `S: Clone`.
impl<S> Clone for Shared<S> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<S: Serialize> Serialize for Shared<S> {
    fn serialize<Z: Serializer>(&self, serializer: Z) -> Result<Z::Ok, Z::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de, S: Deserialize<'de>> Deserialize<'de> for Shared<S> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        S::deserialize(deserializer).map(Self::new)
    }
}
