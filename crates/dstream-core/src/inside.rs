//! Whether the current thread runs user code of a context: who waits there for the context's end waits for itself.
//!
//! It knows of code that was called on this thread. Whoever hands the wait to another thread, and waits for that, is not
//! found out.

use std::cell::RefCell;
use std::fmt;
use std::marker::PhantomData;

use crate::control::Control;

/// Which user code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Listener,
    Output,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Listener => "a listener",
            Self::Output => "an output operation",
        })
    }
}

thread_local! {
    // A stack: a thread that waits for tasks may take up those of another output operation, or another context's.
    static PLACES: RefCell<Vec<(usize, Place)>> = const { RefCell::new(Vec::new()) };
}

/// The thread is in the place until this is dropped.
#[must_use]
pub(crate) struct Entered {
    // It belongs to its thread.
    _not_send: PhantomData<*const ()>,
}

pub(crate) fn enter(control: &Control, place: Place) -> Entered {
    PLACES.with_borrow_mut(|places| places.push((id(control), place)));
    Entered { _not_send: PhantomData }
}

impl Drop for Entered {
    fn drop(&mut self) {
        PLACES.with_borrow_mut(|places| places.pop());
    }
}

/// Where this thread is in user code of the context, if it is.
pub(crate) fn place(control: &Control) -> Option<Place> {
    let id = id(control);
    PLACES.with_borrow(|places| places.iter().rev().find(|(context, _)| *context == id).map(|(_, place)| *place))
}

/// A control stays where it is for as long as its context lives.
fn id(control: &Control) -> usize {
    std::ptr::from_ref(control).addr()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_is_in_the_user_code_of_one_context_and_only_for_as_long_as_that_runs() {
        let (one, other) = (Control::default(), Control::default());
        assert_eq!(place(&one), None);
        let output = enter(&one, Place::Output);
        {
            let _listener = enter(&other, Place::Listener);
            assert_eq!((place(&one), place(&other)), (Some(Place::Output), Some(Place::Listener)));
        }
        assert_eq!((place(&one), place(&other)), (Some(Place::Output), None));
        drop(output);
        assert_eq!(place(&one), None);
    }
}
