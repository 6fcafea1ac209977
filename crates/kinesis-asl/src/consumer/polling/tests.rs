//! Polling on a scripted stream, in virtual time.

use super::*;
use crate::api::Place;
use crate::consumer::retrieval::ReadLimits;
use crate::consumer::scripted::{Asked, Scripted, child, failure, number, page, record};
use crate::position::Timestamp;

const MOMENT: Place = Place::AtTimestamp(Timestamp::from_millis(7));

fn polling(place: Place) -> Polling {
    let budget = Arc::new(SharedBudget::new(ReadLimits::Service));
    Polling::new("s".into(), Start { place, processed: None }, Duration::from_millis(500), budget, 1)
}

/// The numbers of the records of this many answers.
async fn read(polling: &mut Polling, stream: &Scripted, answers: usize) -> Vec<SequenceNumber> {
    let mut numbers = Vec::new();
    for _ in 0..answers {
        match polling.next(stream).await {
            Ok(Got::Page(page)) => numbers.extend(page.records.iter().map(|record| record.sequence)),
            Ok(Got::Opened | Got::Renewed) => {}
            Err(error) => polling.wait_after(Trouble::of(&error)),
        }
    }
    numbers
}

#[tokio::test(start_paused = true)]
async fn an_iterator_is_asked_for_at_each_kind_of_place_df_1() {
    for place in [Place::TrimHorizon, Place::Latest, MOMENT, Place::At(number(5)), Place::After(number(5))] {
        let stream = Scripted::default();
        assert!(matches!(polling(place).next(&stream).await, Ok(Got::Opened)));
        assert_eq!(stream.asked(), [Asked::Iterator(place)]);
    }
}

#[tokio::test(start_paused = true)]
async fn an_expired_iterator_is_replaced_behind_the_last_record_and_nothing_is_lost_or_read_twice_pf_4() {
    let expired = || Err(failure(ServiceErrorKind::ExpiredIterator, "too old"));
    let stream = Scripted::pages([
        Ok(page(&[1, 2], "a", 9)),
        expired(),
        Ok(page(&[3], "b", 9)),
        expired(),
        Ok(page(&[4], "c", 9)),
    ]);
    let numbers = read(&mut polling(Place::TrimHorizon), &stream, 8).await;
    assert_eq!(numbers, [1, 2, 3, 4].map(number));
    assert_eq!(stream.places(), [Place::TrimHorizon, Place::After(number(2)), Place::After(number(3))]);
}

#[tokio::test(start_paused = true)]
async fn an_iterator_that_expires_before_the_first_record_is_replaced_at_the_same_moment_pf_4() {
    let expired = Err(failure(ServiceErrorKind::ExpiredIterator, "too old"));
    let stream = Scripted::pages([Ok(page(&[], "a", 0)), expired, Ok(page(&[1], "b", 0))]);
    assert_eq!(read(&mut polling(MOMENT), &stream, 5).await, [number(1)]);
    assert_eq!(stream.places(), [MOMENT, MOMENT]);
}

#[tokio::test(start_paused = true)]
async fn an_iterator_is_replaced_before_its_five_minutes_are_over_when_a_page_waited_long_for_memory_pf_7() {
    let stream = Scripted::pages([Ok(page(&[1], "a", 9)), Ok(page(&[2], "b", 9))]);
    let mut polling = polling(Place::TrimHorizon);
    assert_eq!(read(&mut polling, &stream, 2).await, [number(1)]);
    tokio::time::advance(Duration::from_secs(299)).await;
    assert_eq!(read(&mut polling, &stream, 2).await, [number(2)]);
    assert_eq!(stream.places(), [Place::TrimHorizon, Place::After(number(1))]);
    assert!(!stream.asked().contains(&Asked::Page("a".to_owned())), "it was not tried any more");
}

#[tokio::test(start_paused = true)]
async fn a_failed_call_is_made_again_with_the_same_iterator_after_a_pause_and_never_in_a_storm_pf_5() {
    for kind in [
        ServiceErrorKind::Throttled,
        ServiceErrorKind::Server,
        ServiceErrorKind::Timeout,
        ServiceErrorKind::InvalidResponse,
    ] {
        let failures = (0..20).map(|_| Err(failure(kind, "scripted")));
        let stream = Scripted::pages(failures.chain([Ok(page(&[1], "a", 0))]));
        assert_eq!(read(&mut polling(Place::TrimHorizon), &stream, 22).await, [number(1)]);
        assert_eq!(stream.places().len(), 1, "one iterator");
        let times = stream.times();
        let pauses: Vec<Duration> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(pauses.iter().all(|pause| *pause >= Duration::from_millis(200)), "{kind}: {pauses:?}");
        assert!(pauses.iter().max() > Some(&Duration::from_secs(1)), "{kind}: they grow: {pauses:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_end_of_a_shard_is_told_once_with_its_children_or_without_pf_8() {
    for children in [vec![child("x"), child("y")], vec![]] {
        let last = Page { next: NextPage::ShardEnd(children.clone()), ..page(&[1], "", 0) };
        let (stream, mut polling) = (Scripted::pages([Ok(last)]), polling(Place::TrimHorizon));
        polling.next(&stream).await.unwrap();
        let Got::Page(end) = polling.next(&stream).await.unwrap() else { panic!("no page") };
        assert_eq!((end.records.len(), end.end), (1, Some(children)));
        assert!(!polling.is_open());
    }
}

#[tokio::test(start_paused = true)]
async fn empty_pages_before_the_tip_are_followed_at_full_rate_and_change_no_place() {
    let empty = (0..50).map(|n| Ok(page(&[], &n.to_string(), 60_000)));
    let stream = Scripted::pages(empty.chain([Ok(page(&[1], "z", 0))]));
    let begun = Instant::now();
    assert_eq!(read(&mut polling(MOMENT), &stream, 52).await, [number(1)]);
    assert_eq!(begun.elapsed(), Duration::from_millis(50 * 200));
    assert_eq!(stream.places(), [MOMENT]);
}

#[tokio::test(start_paused = true)]
async fn a_shard_that_is_behind_is_read_at_its_two_megabytes_a_second_and_no_faster() {
    let big = |n: u64| Page { records: vec![record(n, 999_999)], ..page(&[], "a", 60_000) };
    let stream = Scripted::pages((1..=11).map(|n| Ok(big(n))));
    read(&mut polling(Place::TrimHorizon), &stream, 12).await;
    let times = stream.times();
    assert_eq!(times[10] - times[0], Duration::from_secs(5), "10 MB in 5 s");
}

#[tokio::test(start_paused = true)]
async fn a_quiet_shard_costs_two_calls_a_second_and_a_record_waits_for_half_a_second_at_most() {
    let stream = Scripted::pages((0..100).map(|_| Ok(page(&[], "a", 0))));
    let mut polling = polling(Place::Latest);
    read(&mut polling, &stream, 101).await;
    let pauses: Vec<Duration> = stream.times().windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert_eq!(pauses.iter().max(), Some(&Duration::from_millis(500)));
    assert_eq!(pauses[2..].iter().min(), Some(&Duration::from_millis(500)), "{:?}", &pauses[..5]);
}
