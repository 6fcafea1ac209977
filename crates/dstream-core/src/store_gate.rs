//! Where pages wait while batches of an earlier run are run again: memory belongs to those first.

use tokio::sync::watch;

#[derive(Debug)]
pub(crate) struct StoreGate {
    state: watch::Sender<State>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Open,
    Shut,
    /// For good: pages are refused.
    Closed,
}

/// No page passes any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StoreGateClosed;

impl StoreGate {
    /// Resolves when a page may pass.
    ///
    /// # Cancellation
    /// Safe.
    pub(crate) async fn pass(&self) -> Result<(), StoreGateClosed> {
        let state = *self.state.borrow();
        let state = if state == State::Shut {
            // The sender lives in `self`: waiting cannot fail.
            self.state.subscribe().wait_for(|state| *state != State::Shut).await.map_or(State::Closed, |state| *state)
        } else {
            state
        };
        if state == State::Open { Ok(()) } else { Err(StoreGateClosed) }
    }

    /// Whether a page may pass at once.
    pub(crate) fn is_open(&self) -> bool {
        *self.state.borrow() == State::Open
    }

    /// Lets pages wait, unless they are refused.
    pub(crate) fn shut(&self) {
        self.move_to(State::Shut);
    }

    /// Lets pages pass, unless they are refused.
    pub(crate) fn open(&self) {
        self.move_to(State::Open);
    }

    /// Refuses pages, those that wait included.
    pub(crate) fn close(&self) {
        self.move_to(State::Closed);
    }

    fn move_to(&self, next: State) {
        self.state.send_if_modified(|state| {
            let moved = *state != State::Closed && *state != next;
            if moved {
                *state = next;
            }
            moved
        });
    }
}

impl Default for StoreGate {
    fn default() -> Self {
        Self { state: watch::Sender::new(State::Open) }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[test]
    fn a_page_waits_while_the_gate_is_shut_and_passes_when_it_opens() {
        let gate = StoreGate::default();
        assert_eq!(gate.pass().now_or_never(), Some(Ok(())));
        gate.shut();
        let mut page = Box::pin(gate.pass());
        assert_eq!(page.as_mut().now_or_never(), None);
        gate.open();
        assert_eq!(page.now_or_never(), Some(Ok(())));
    }

    #[test]
    fn a_closed_gate_refuses_those_who_wait_and_never_opens_again() {
        let gate = StoreGate::default();
        gate.shut();
        let mut page = Box::pin(gate.pass());
        assert_eq!(page.as_mut().now_or_never(), None);
        gate.close();
        gate.open();
        assert_eq!(page.now_or_never(), Some(Err(StoreGateClosed)));
        assert_eq!(gate.pass().now_or_never(), Some(Err(StoreGateClosed)));
    }
}
