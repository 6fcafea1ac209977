//! How many records to ask for at once: pure. As many as the service gives while there is memory for them; while memory is scarce, no more
//! than fit into a shard's second of bytes, by what the records before them took in memory, since a response and what it takes to decode it come on top of the memory budget.

use crate::limits::{READ_BYTES_PER_SECOND, RECORDS_PER_READ};

/// The records of the next page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PageSize(u16);

/// Even of the largest records.
const FEWEST: u64 = 2;

impl PageSize {
    /// As many as the service gives.
    pub(crate) const FULL: Self = Self(RECORDS_PER_READ);

    /// As many as in so many bytes of a page like this one; the size stays if the page was empty.
    pub(crate) fn small(self, records: usize, bytes: usize) -> Self {
        let count = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
        let most = u64::from(RECORDS_PER_READ);
        match count(records).saturating_mul(READ_BYTES_PER_SECOND).checked_div(count(bytes)) {
            None => self,
            Some(fit) => Self(u16::try_from(fit.clamp(FEWEST, most)).unwrap_or(RECORDS_PER_READ)),
        }
    }

    /// The limit to ask with.
    pub(crate) fn limit(self) -> u16 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_page_has_a_second_of_bytes_of_records_like_those_before_it() {
        assert_eq!(PageSize::FULL.small(10_000, 10_000_000).limit(), 2_000);
        assert_eq!(PageSize::FULL.small(200, 10_000_000).limit(), 40, "large records");
        assert_eq!(PageSize::FULL.small(1, 10_000_000).limit(), 2, "the largest ones");
        assert_eq!(PageSize::FULL.small(10_000, 10_000).limit(), 10_000, "tiny records");
        assert_eq!(PageSize(77).small(0, 0).limit(), 77, "an empty page says nothing");
    }
}
