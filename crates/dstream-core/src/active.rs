//! Which context of the process is the active one.

use std::sync::{Arc, Mutex, Weak};

use crate::context::{Inner, StreamingContext};
use crate::control::Control;
use crate::error::StartError;
use crate::lock::lock;

/// Whoever started last, and is not beside the others. It holds nothing alive.
struct Seat {
    context: Weak<Inner>,
    // Apart from the context, whose last handle may be dropped before it has ended.
    control: Weak<Control>,
    app: Arc<str>,
}

/// Held for one look, or one change.
static SEAT: Mutex<Option<Seat>> = Mutex::new(None);

impl Seat {
    fn is_taken(&self) -> bool {
        self.control.upgrade().is_some_and(|control| !control.has_ended())
    }
}

impl StreamingContext {
    /// The context that is active in this process: started, and not stopped yet. Those that
    /// [`allow_multiple`](crate::StreamingContextBuilder::allow_multiple) are never it.
    pub fn active() -> Option<Self> {
        let seat = lock(&SEAT);
        let inner = seat.as_ref().filter(|seat| seat.is_taken())?.context.upgrade()?;
        drop(seat);
        Some(Self::of(inner))
    }

    /// The active context, or else the one that `make` makes; that one is not started yet.
    ///
    /// # Errors
    /// Those of `make`.
    pub fn active_or_create<E>(make: impl FnOnce() -> Result<Self, E>) -> Result<Self, E> {
        Self::active().map_or_else(make, Ok)
    }

    /// Makes this context the active one, unless another one is.
    pub(crate) fn take_seat(&self) -> Result<(), StartError> {
        let mut seat = lock(&SEAT);
        if let Some(other) = seat.as_ref().filter(|seat| seat.is_taken()) {
            return Err(StartError::AnotherActive { app: Arc::clone(&other.app) });
        }
        let (context, control) = (self.downgrade(), Arc::downgrade(self.control()));
        *seat = Some(Seat { context, control, app: self.app_name().into() });
        Ok(())
    }
}
