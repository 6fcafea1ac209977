//! Values that parts of one application share through their context.

use std::any::{Any, TypeId};
use std::collections::BTreeMap;
use std::sync::Arc;

use crate::context::StreamingContext;

/// By type and key, so that equal keys of different sources cannot collide.
pub(crate) type Shared = BTreeMap<(TypeId, String), Arc<dyn Any + Send + Sync>>;

impl StreamingContext {
    /// The one value of this type under `key` in this context, made by the first who asks. Sources of one application find
    /// each other here. If two ask at once, both may make a value; one of them is kept, and both get that.
    ///
    /// ```
    /// # use dstream_core::StreamingContext;
    /// # use std::{sync::Arc, time::Duration};
    /// # let ctx = StreamingContext::builder("app").batch_interval(Duration::from_secs(1)).build()?;
    /// let first = ctx.shared("worker", || String::from("made"));
    /// let second = ctx.shared("worker", || String::from("not made"));
    /// assert!(Arc::ptr_eq(&first, &second));
    /// # Ok::<(), dstream_core::ConfigError>(())
    /// ```
    pub fn shared<T: Any + Send + Sync>(&self, key: &str, make: impl FnOnce() -> T) -> Arc<T> {
        let at = (TypeId::of::<T>(), key.to_owned());
        let found = |shared: &Shared| Arc::clone(shared.get(&at)?).downcast().ok();
        if let Some(value) = found(&self.shared_values()) {
            return value;
        }
        // Made outside the lock: `make` may share something itself.
        let made = Arc::new(make());
        let mut shared = self.shared_values();
        found(&shared).unwrap_or_else(|| {
            shared.insert(at, Arc::<T>::clone(&made));
            made
        })
    }
}
