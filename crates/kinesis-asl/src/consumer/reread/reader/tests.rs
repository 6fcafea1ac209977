//! Re-reads of a shard that answers from a script.

use std::time::Duration;

use kpl_deagg::RangePolicy;

use super::*;
use crate::consumer::retrieval::ReadLimits;
use crate::consumer::scripted::{Asked, Scripted, child, failure, number, page};
use crate::lease::faulty_store::{Fate, FaultyStore};
use crate::lease::lease::Lease;
use crate::lease::memory_store::MemoryLeaseStore;
use crate::origin::Origin;
use crate::position::Checkpoint;
use crate::range::Holding;
use crate::sequence::Position;
use crate::sequence::SequenceNumber;

const RETRY: RereadRetry =
    RereadRetry { wait_time: Duration::from_millis(100), max_attempts: 3, timeout: Duration::from_secs(2) };

fn range(from: u64, to: u64, records: usize) -> SequenceRange {
    let at = |sequence| Position::new(number(sequence), 0);
    SequenceRange::new("s".into(), Holding(1), at(from), at(to), records)
}

async fn read(stream: &Scripted, range: &SequenceRange) -> Result<Vec<SequenceNumber>, RereadError> {
    let budget = Arc::new(SharedBudget::new(ReadLimits::Service));
    let records = reader(stream, range, budget).read().await?;
    Ok(records.iter().map(|record| record.position().sequence).collect())
}

fn reader<'a>(stream: &'a Scripted, range: &'a SequenceRange, budget: Arc<SharedBudget>) -> RangeReader<'a> {
    let expander = Expander {
        shard: "s".into(),
        origin: Arc::new(Origin::new(&"words".into(), &"s".into())),
        hash_range: None,
        policy: RangePolicy::KeepAll,
        processed: None,
    };
    RangeReader { api: stream, range, expander, budget, retry: RETRY }
}

fn numbers(numbers: impl IntoIterator<Item = u64>) -> Vec<SequenceNumber> {
    numbers.into_iter().map(number).collect()
}

fn throttled() -> ServiceError {
    failure(ServiceErrorKind::Throttled, "ProvisionedThroughputExceededException: Rate exceeded")
}

#[tokio::test(start_paused = true)]
async fn an_empty_get_records_page_inside_of_a_range_is_followed_regression_i5() {
    let stream = Scripted::pages([
        Ok(page(&[5], "a", 9)),
        Ok(page(&[], "b", 9)),
        Ok(page(&[], "c", 0)),
        Ok(page(&[6, 9], "d", 3)),
        Ok(page(&[10, 11], "e", 0)),
    ]);
    assert_eq!(read(&stream, &range(5, 10, 4)).await.unwrap(), numbers([5, 6, 9, 10]));
    let pages = ["opened", "a", "b", "c", "d"].map(|name| Asked::Page(name.to_owned()));
    assert_eq!(stream.asked(), [&[Asked::Iterator(Place::At(number(5)))], &pages[..]].concat());
}

#[tokio::test(start_paused = true)]
async fn the_last_page_of_a_closed_shard_ends_a_range_and_a_shard_that_ends_before_it_is_an_error() {
    let last = || Page { next: NextPage::ShardEnd(vec![child("c")]), ..page(&[6], "", 0) };
    let stream = Scripted::pages([Ok(page(&[5], "a", 9)), Ok(last())]);
    assert_eq!(read(&stream, &range(5, 6, 2)).await.unwrap(), numbers([5, 6]));
    let stream = Scripted::pages([Ok(page(&[5], "a", 9)), Ok(last())]);
    assert!(matches!(read(&stream, &range(5, 7, 3)).await, Err(RereadError::EndsEarly { .. })));
}

#[tokio::test(start_paused = true)]
async fn throttling_time_outs_and_failures_of_the_service_are_all_tried_again_i6() {
    for kind in [ServiceErrorKind::Throttled, ServiceErrorKind::Timeout, ServiceErrorKind::Server] {
        let stream = Scripted::pages([Err(failure(kind, "x")), Err(failure(kind, "x")), Ok(page(&[5], "a", 0))]);
        assert_eq!(read(&stream, &range(5, 5, 1)).await.unwrap(), numbers([5]), "{kind:?}");
        let times = stream.times();
        let pauses: Vec<_> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert_eq!(
            pauses,
            [200, 200].map(Duration::from_millis),
            "the allowance is waited for, and the pause is in it"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn what_fails_too_often_is_given_up_with_its_last_failure_and_what_cannot_pass_is_not_tried_again() {
    let stream = Scripted::pages((0..9).map(|_| Err(throttled())));
    let error = read(&stream, &range(5, 6, 2)).await.unwrap_err();
    let chain = dstream_core::error_chain(&error);
    assert!(chain.contains("shard s from 5.0 to 6.0 (2 records)"), "{chain}");
    assert!(chain.contains("gave up after 3 attempts") && chain.contains("Rate exceeded"), "{chain}");
    assert_eq!(stream.times().len(), 3);

    let stream = Scripted::pages([Err(failure(ServiceErrorKind::AccessDenied, "no"))]);
    assert!(matches!(read(&stream, &range(5, 6, 2)).await, Err(RereadError::Refused { .. })));
}

#[tokio::test(start_paused = true)]
async fn an_expired_iterator_is_replaced_behind_the_last_record_and_not_for_ever() {
    let expired = || Err(failure(ServiceErrorKind::ExpiredIterator, "old"));
    let stream = Scripted::pages([Ok(page(&[5], "a", 9)), expired(), Ok(page(&[6], "b", 9))]);
    assert_eq!(read(&stream, &range(5, 6, 2)).await.unwrap(), numbers([5, 6]));
    assert_eq!(stream.places(), [Place::At(number(5)), Place::After(number(5))]);
    let stream = Scripted::pages((0..9).map(|_| expired()));
    assert!(matches!(read(&stream, &range(5, 6, 2)).await, Err(RereadError::GaveUp { attempts: 3, .. })));
}

#[tokio::test(start_paused = true)]
async fn records_that_have_expired_are_told_from_a_shard_that_is_slow_to_show_them() {
    let stream = Scripted::pages([Ok(page(&[7], "a", 0))]);
    assert!(matches!(read(&stream, &range(5, 8, 2)).await, Err(RereadError::Expired { .. })), "the first is gone");
    let stream = Scripted::pages((0..9).map(|_| Ok(page(&[], "a", 0))));
    assert!(matches!(read(&stream, &range(5, 8, 2)).await, Err(RereadError::Expired { .. })), "all are gone");
    assert_eq!(stream.times().len(), 3, "one empty page at the tip is not believed");
}

#[tokio::test(start_paused = true)]
async fn another_number_of_records_than_at_the_first_read_is_an_error_that_says_both() {
    let stream = Scripted::pages([Ok(page(&[5, 6, 7], "a", 0))]);
    let error = read(&stream, &range(5, 7, 2)).await.unwrap_err().to_string();
    assert!(error.contains("(2 records) has 3 records"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_range_without_records_costs_no_call() {
    let stream = Scripted::default();
    assert_eq!(read(&stream, &range(5, 5, 0)).await.unwrap(), []);
    assert_eq!(stream.asked(), []);
}

#[tokio::test(start_paused = true)]
async fn an_iterator_that_expires_on_a_busy_shard_is_replaced_however_long_its_allowance_was_waited_for() {
    let expired = Err(failure(ServiceErrorKind::ExpiredIterator, "old"));
    let (stream, range) = (Scripted::pages([expired, Ok(page(&[5], "a", 0))]), range(5, 5, 1));
    let budget = Arc::new(SharedBudget::new(ReadLimits::Service));
    // The live reader has just had a page of 10 MB: five seconds, where a call has two.
    budget.take_call().await;
    budget.spend(10_000_000);
    let begun = Instant::now();
    let records = reader(&stream, &range, budget).read().await.expect("replaced");
    assert_eq!(records.len(), 1);
    assert!(begun.elapsed() > RETRY.timeout, "it did wait: {:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_cannot_be_read_for_its_hash_range_is_read_again_and_not_done_without() {
    let store = FaultyStore::new(MemoryLeaseStore::default());
    let lease = Lease { hash_range: Some(HashKeyRange::FULL), ..Lease::new("s".into(), Checkpoint::TrimHorizon) };
    store.create(&lease).await.expect("created");
    let (stream, range) = (Scripted::default(), range(5, 5, 1));
    let reader = reader(&stream, &range, Arc::new(SharedBudget::new(ReadLimits::Service)));
    store.next_reads([Fate::Refused, Fate::NotDoneUnreported]);
    assert_eq!(reader.hash_range(&store).await.expect("the third attempt"), Some(HashKeyRange::FULL));
    store.next_reads([Fate::Refused; 3]);
    let error = reader.hash_range(&store).await.expect_err("three attempts have failed");
    assert!(matches!(error, RereadError::GaveUp { attempts: 3, .. }), "{error:?}");
    assert!(dstream_core::error_chain(&error).contains("GetItem"), "it names the call: {error:?}");
}
