//! Pure: which flushes are waiting for which records.

/// Flushes, each waiting until all records accepted before it are answered.
#[derive(Debug)]
pub(crate) struct Flushes<F> {
    waiting: Vec<Flush<F>>,
}

#[derive(Debug)]
struct Flush<F> {
    below: u64,
    remaining: usize,
    ticket: F,
}

impl<F> Flushes<F> {
    pub(crate) fn new() -> Self {
        Self { waiting: Vec::new() }
    }

    /// Begins a flush of the `unanswered` records, all numbered below `below`. With none the ticket comes back at once.
    pub(crate) fn begin(&mut self, below: u64, unanswered: usize, ticket: F) -> Option<F> {
        if unanswered == 0 {
            return Some(ticket);
        }
        self.waiting.push(Flush { below, remaining: unanswered, ticket });
        None
    }

    /// Notes that a record was answered; the tickets of the flushes that waited for nothing else come back.
    pub(crate) fn answered(&mut self, number: u64) -> impl Iterator<Item = F> {
        for flush in self.waiting.iter_mut().filter(|flush| number < flush.below) {
            flush.remaining = flush.remaining.saturating_sub(1);
        }
        self.waiting.extract_if(.., |flush| flush.remaining == 0).map(|flush| flush.ticket)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flush_waits_for_the_records_before_it_and_for_no_other() {
        let mut flushes = Flushes::new();
        assert_eq!(flushes.begin(0, 0, "nothing to wait for"), Some("nothing to wait for"));
        assert_eq!(flushes.begin(2, 2, "first"), None);
        assert_eq!(flushes.begin(3, 3, "second"), None);
        assert_eq!(flushes.answered(7).count(), 0);
        assert_eq!(flushes.answered(1).count(), 0);
        assert_eq!(flushes.answered(0).collect::<Vec<_>>(), ["first"]);
        assert_eq!(flushes.answered(2).collect::<Vec<_>>(), ["second"]);
    }
}
