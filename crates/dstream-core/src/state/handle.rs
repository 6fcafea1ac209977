//! The state of one key, as a user's function sees and changes it.

/// The state of one key while a function of the program looks at it.
///
/// Wrong use is a defect of the program, and panics with a message that says what is wrong; the panic fails the task, and
/// the error of the batch names the operator. That is: [`get`](Self::get) of a state that is not set, `update` or `remove`
/// after `remove`, and `update` or `remove` of a state that is timing out.
///
/// ```
/// use dstream_core::State;
///
/// /// Counts the records of a key.
/// fn count(state: &mut State<'_, u64>) -> u64 {
///     let count = state.get_option().copied().unwrap_or(0) + 1;
///     state.update(count);
///     count
/// }
/// assert_eq!(count(&mut State::unset()), 1);
/// assert_eq!(count(&mut State::holding(&41)), 42);
/// ```
#[derive(Debug)]
pub struct State<'a, S> {
    held: Option<&'a S>,
    change: Change<S>,
    timing_out: bool,
}

/// What the function did to the state.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Change<S> {
    None,
    Updated(S),
    Removed,
}

impl<'a, S> State<'a, S> {
    /// The state of a key that has none.
    pub const fn unset() -> Self {
        Self { held: None, change: Change::None, timing_out: false }
    }

    /// The state of a key that has `held`.
    pub const fn holding(held: &'a S) -> Self {
        Self { held: Some(held), change: Change::None, timing_out: false }
    }

    /// The state of a key that is about to be removed because nothing came for it for the time-out.
    pub const fn timing_out(held: &'a S) -> Self {
        Self { held: Some(held), change: Change::None, timing_out: true }
    }

    pub(crate) const fn of(held: Option<&'a S>) -> Self {
        Self { held, change: Change::None, timing_out: false }
    }

    /// Whether the key has a state now.
    pub const fn exists(&self) -> bool {
        self.get_option().is_some()
    }

    /// The state.
    ///
    /// # Panics
    /// When there is none: ask [`exists`](Self::exists) before, or use [`get_option`](Self::get_option).
    #[track_caller]
    #[expect(clippy::panic, reason = "wrong use by the program, which fails its task")]
    pub const fn get(&self) -> &S {
        match self.get_option() {
            Some(state) => state,
            None => panic!("State is not set: ask exists() before get(), or use get_option()"),
        }
    }

    /// The state, if there is one.
    pub const fn get_option(&self) -> Option<&S> {
        match &self.change {
            Change::None => self.held,
            Change::Updated(state) => Some(state),
            Change::Removed => None,
        }
    }

    /// Whether the key is about to be removed because nothing came for it for the time-out.
    pub const fn is_timing_out(&self) -> bool {
        self.timing_out
    }

    /// Gives the key the state `state`.
    ///
    /// # Panics
    /// When the state was removed before, or is timing out.
    #[track_caller]
    pub fn update(&mut self, state: S) {
        self.must_be_alive("update");
        self.change = Change::Updated(state);
    }

    /// The key has no state from now on.
    ///
    /// # Panics
    /// When the state was removed before, or is timing out.
    #[track_caller]
    pub fn remove(&mut self) {
        self.must_be_alive("remove");
        self.change = Change::Removed;
    }

    pub(crate) fn into_change(self) -> Change<S> {
        self.change
    }

    #[track_caller]
    #[expect(clippy::panic, reason = "wrong use by the program, which fails its task")]
    fn must_be_alive(&self, call: &str) {
        if self.timing_out {
            panic!("cannot {call} a state that is timing out: ask is_timing_out() before");
        }
        if matches!(self.change, Change::Removed) {
            panic!("cannot {call} a state that was removed: call remove() last");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;
    use crate::error::panic_message;

    /// What `call` panicked with.
    fn panic_of(call: impl FnOnce()) -> String {
        panic_message(&*catch_unwind(AssertUnwindSafe(call)).expect_err("a panic"))
    }

    #[test]
    fn a_fresh_state_is_not_set_t070() {
        let state = State::<u32>::unset();
        assert!(!state.exists() && !state.is_timing_out());
        assert_eq!(state.get_option(), None);
        assert!(panic_of(|| assert_eq!(*state.get(), 0)).contains("State is not set"));
        assert_eq!(State::<u32>::of(None).into_change(), Change::None);
    }

    #[test]
    fn an_update_is_seen_at_once_t070() {
        let mut state = State::holding(&1);
        assert_eq!((state.exists(), *state.get()), (true, 1));
        state.update(2);
        assert_eq!((state.get_option(), *state.get()), (Some(&2), 2));
        assert_eq!(state.into_change(), Change::Updated(2));
    }

    #[test]
    fn a_removed_state_is_gone_and_stays_so_t070() {
        let mut state = State::holding(&2);
        state.remove();
        assert_eq!((state.exists(), state.get_option()), (false, None));
        assert!(panic_of(|| state.update(3)).contains("cannot update a state that was removed"));
        assert!(panic_of(|| state.remove()).contains("cannot remove a state that was removed"));
        assert_eq!(state.into_change(), Change::Removed);
    }

    #[test]
    fn a_state_that_is_timing_out_can_only_be_read_t070() {
        let mut state = State::timing_out(&3);
        assert!(state.is_timing_out());
        assert_eq!(*state.get(), 3);
        assert!(panic_of(|| state.update(4)).contains("cannot update a state that is timing out"));
        assert!(panic_of(|| state.remove()).contains("cannot remove a state that is timing out"));
        assert_eq!(state.into_change(), Change::None);
    }
}
