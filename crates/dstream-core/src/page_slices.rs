//! How much of a page is stored in one piece. Pure.
//!
//! Promises: a slice has no more records than the rate limit lets come in a second and no more bytes than may be taken at once,
//! but never less than one record; so a page is stored in the end whatever the limits are, and a limit that rises counts from the
//! next slice on.

use crate::rate::RecordsPerSecond;

/// A slice from the front of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Slice {
    pub(crate) records: usize,
    pub(crate) bytes: usize,
}

/// The first slice of records of these sizes.
pub(crate) fn first_slice(
    sizes: impl Iterator<Item = usize>,
    rate: Option<RecordsPerSecond>,
    bytes_at_once: usize,
) -> Slice {
    let most = rate.map_or(usize::MAX, whole_records);
    let mut slice = Slice { records: 0, bytes: 0 };
    for size in sizes.take(most) {
        let bytes = slice.bytes.saturating_add(size);
        if bytes > bytes_at_once && slice.records > 0 {
            break;
        }
        slice = Slice { records: slice.records.saturating_add(1), bytes };
    }
    slice
}

/// How many bytes of the memory budget a slice may take: what is free, but not so little that a page falls into crumbs.
pub(crate) fn bytes_at_once(free: usize, limit: usize) -> usize {
    free.max(limit / PART_OF_BUDGET)
}

/// The records of a second, at least one.
#[expect(clippy::as_conversions, reason = "a float that is more than 0; one that is too large saturates")]
fn whole_records(rate: RecordsPerSecond) -> usize {
    (rate.get() as usize).max(1)
}

/// Of the default budget that is 16 MiB, so a page of the service's largest size, which is 10 MB, is not cut as a rule.
const PART_OF_BUDGET: usize = 16;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rate(rate: f64) -> Option<RecordsPerSecond> {
        Some(RecordsPerSecond::new(rate).unwrap())
    }

    fn lengths(sizes: &[usize], rate: Option<RecordsPerSecond>, at_once: usize) -> Vec<usize> {
        let (mut rest, mut lengths) = (sizes, Vec::new());
        while !rest.is_empty() {
            let slice = first_slice(rest.iter().copied(), rate, at_once);
            rest = &rest[slice.records..];
            lengths.push(slice.records);
        }
        lengths
    }

    #[test]
    fn without_a_limit_a_page_is_one_slice_t320() {
        assert_eq!(lengths(&[10, 10], None, 100), [2]);
        assert_eq!(lengths(&[10, 10], rate(2.9), 100), [2]);
    }

    #[test]
    fn at_a_limit_of_one_two_records_are_two_slices_t321() {
        assert_eq!(lengths(&[10, 10], rate(1.0), 100), [1, 1]);
        assert_eq!(lengths(&[10, 10], rate(0.2), 100), [1, 1], "less than one record in a second");
    }

    #[test]
    fn a_slice_takes_what_is_free_but_no_crumbs() {
        assert_eq!(lengths(&[10; 7], None, bytes_at_once(30, 160)), [3, 3, 1]);
        assert_eq!(lengths(&[10; 3], None, bytes_at_once(1, 320)), [2, 1]);
        assert_eq!(lengths(&[500, 10], None, bytes_at_once(0, 160)), [1, 1], "larger than everything");
    }

    #[test]
    fn a_page_without_records_is_an_empty_slice() {
        assert_eq!(first_slice(std::iter::empty(), rate(1.0), 10), Slice { records: 0, bytes: 0 });
    }

    proptest! {
        #[test]
        fn slices_are_as_long_as_the_limits_allow_and_no_longer(
            sizes in prop::collection::vec(0_usize..50, 1..60), rate in 1_u32..20, at_once in 1_usize..200,
        ) {
            let limit = RecordsPerSecond::new(f64::from(rate));
            let (rate, mut rest) = (usize::try_from(rate).unwrap(), sizes.as_slice());
            while !rest.is_empty() {
                let slice = first_slice(rest.iter().copied(), limit, at_once);
                prop_assert!(slice.records >= 1 && slice.records <= rate);
                prop_assert_eq!(slice.bytes, rest[..slice.records].iter().sum::<usize>());
                prop_assert!(slice.bytes <= at_once || slice.records == 1);
                let next = rest.get(slice.records);
                let full = slice.records == rate || next.is_none_or(|next| slice.bytes + next > at_once);
                prop_assert!(full, "one more would have fitted");
                rest = &rest[slice.records..];
            }
        }
    }
}
