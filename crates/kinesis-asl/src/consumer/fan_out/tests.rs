//! Subscriptions to a scripted stream, in virtual time.

use super::*;
use crate::api::Place;
use crate::consumer::retrieval::Lifecycle;
use crate::consumer::scripted::{Asked, Scripted, Told, child, event, failure, number};
use crate::position::Timestamp;

const MOMENT: Place = Place::AtTimestamp(Timestamp::from_millis(7));

fn fan_out(place: Place) -> FanOut {
    let registration = Arc::new(Registration::new("job".to_owned(), Lifecycle::ManagedByJob));
    FanOut::new("s".into(), Start { place, processed: None }, registration, SubscriptionTiming::default(), 1)
}

/// The numbers of the records of this many answers; an error is 0.
async fn receive(fan_out: &mut FanOut, stream: &Scripted, answers: usize) -> Vec<SequenceNumber> {
    let mut numbers = Vec::new();
    for _ in 0..answers {
        match fan_out.next(stream).await {
            Ok(Got::Page(page)) => numbers.extend(page.records.iter().map(|record| record.sequence)),
            Ok(Got::Opened | Got::Renewed) => {}
            Err(error) => {
                fan_out.wait_after(Trouble::of(&error));
                numbers.push(SequenceNumber::ZERO);
            }
        }
    }
    numbers
}

#[tokio::test(start_paused = true)]
async fn a_burst_of_events_comes_in_order_and_one_at_a_time_fo_1() {
    let stream = Scripted::subscriptions([Ok((1..=100).map(|n| Told::Event(event(&[n], n))).collect())]);
    let numbers = receive(&mut fan_out(Place::TrimHorizon), &stream, 101).await;
    assert_eq!(numbers, (1..=100).map(number).collect::<Vec<_>>());
    assert_eq!(stream.places(), [Place::TrimHorizon]);
}

#[tokio::test(start_paused = true)]
async fn an_event_that_makes_no_sense_is_not_delivered_and_comes_again_from_the_same_place_fo_2() {
    let senseless = SubscribedPage { continuation: None, ..event(&[2], 2) };
    let first = Ok(vec![Told::Event(event(&[1], 1)), Told::Event(senseless)]);
    let stream = Scripted::subscriptions([first, Ok(vec![Told::Event(event(&[2], 2))])]);
    let numbers = receive(&mut fan_out(Place::TrimHorizon), &stream, 5).await;
    assert_eq!(numbers, [1, 0, 2].map(number));
    assert_eq!(stream.places(), [Place::TrimHorizon, Place::After(number(1))]);
}

#[tokio::test(start_paused = true)]
async fn a_subscription_that_ends_is_followed_by_one_behind_the_last_continuation_fo_4() {
    // The continuation is ahead of the last record, as after a stretch without any.
    let first = Ok(vec![Told::Event(event(&[1], 1)), Told::Event(event(&[], 8)), Told::Ends]);
    let stream = Scripted::subscriptions([first, Ok(vec![Told::Event(event(&[9], 9))])]);
    assert_eq!(receive(&mut fan_out(MOMENT), &stream, 6).await, [1, 9].map(number));
    assert_eq!(stream.places(), [MOMENT, Place::After(number(8))]);
}

#[tokio::test(start_paused = true)]
async fn a_subscription_that_ends_before_its_first_event_is_repeated_at_the_same_place() {
    let stream = Scripted::subscriptions([Ok(vec![Told::Ends]), Ok(vec![Told::Event(event(&[1], 1))])]);
    assert_eq!(receive(&mut fan_out(MOMENT), &stream, 4).await, [number(1)]);
    assert_eq!(stream.places(), [MOMENT, MOMENT]);
    let times = stream.times();
    assert_eq!(times[1] - times[0], BETWEEN_SUBSCRIPTIONS, "not at once");
}

#[tokio::test(start_paused = true)]
async fn the_records_of_the_last_event_are_delivered_with_the_end_of_the_shard_fo_5() {
    let last = SubscribedPage { continuation: None, children: vec![child("x")], ..event(&[7], 7) };
    let stream = Scripted::subscriptions([Ok(vec![Told::Event(last)])]);
    let mut fan_out = fan_out(Place::TrimHorizon);
    fan_out.next(&stream).await.unwrap();
    let Got::Page(page) = fan_out.next(&stream).await.unwrap() else { panic!("no page") };
    assert_eq!((page.records.len(), page.end), (1, Some(vec![child("x")])));
    assert!(!fan_out.is_open());
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_breaks_is_replaced_behind_the_events_before_it_fo_6_fo_7() {
    for kind in [ServiceErrorKind::Unreachable, ServiceErrorKind::Timeout, ServiceErrorKind::Server] {
        let first = Ok(vec![Told::Event(event(&[1], 1)), Told::Event(event(&[2], 2)), Told::Fails(kind)]);
        let stream = Scripted::subscriptions([first, Ok(vec![Told::Event(event(&[3], 3))])]);
        assert_eq!(receive(&mut fan_out(MOMENT), &stream, 6).await, [1, 2, 0, 3].map(number));
        assert_eq!(stream.places(), [MOMENT, Place::After(number(2))]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_subscription_that_falls_silent_is_replaced_after_two_missed_events_ss_1() {
    let stream =
        Scripted::subscriptions([Ok(vec![Told::Event(event(&[1], 1))]), Ok(vec![Told::Event(event(&[2], 2))])]);
    let mut fan_out = fan_out(MOMENT);
    let begun = Instant::now();
    assert_eq!(receive(&mut fan_out, &stream, 5).await, [1, 2].map(number));
    assert_eq!(begun.elapsed(), SubscriptionTiming::default().silence);
    assert_eq!(stream.places(), [MOMENT, Place::After(number(1))]);
}

#[tokio::test(start_paused = true)]
async fn the_time_in_which_a_page_waited_for_memory_is_no_silence() {
    let stream = Scripted::subscriptions([Ok(vec![Told::Event(event(&[1], 1)), Told::Event(event(&[2], 2))])]);
    let mut fan_out = fan_out(MOMENT);
    assert_eq!(receive(&mut fan_out, &stream, 2).await, [number(1)]);
    tokio::time::advance(Duration::from_secs(60)).await;
    assert_eq!(receive(&mut fan_out, &stream, 1).await, [number(2)]);
    assert_eq!(stream.places(), [MOMENT], "the same subscription");
}

#[tokio::test(start_paused = true)]
async fn a_subscription_is_renewed_before_its_five_minutes_are_over() {
    let stream =
        Scripted::subscriptions([Ok(vec![Told::Event(event(&[1], 1))]), Ok(vec![Told::Event(event(&[2], 2))])]);
    let mut fan_out = fan_out(MOMENT);
    let begun = Instant::now();
    assert_eq!(receive(&mut fan_out, &stream, 2).await, [number(1)]);
    tokio::time::advance(Duration::from_secs(265)).await;
    assert_eq!(receive(&mut fan_out, &stream, 3).await, [number(2)]);
    assert!(begun.elapsed() < Duration::from_secs(300), "{:?}", begun.elapsed());
    assert_eq!(stream.places(), [MOMENT, Place::After(number(1))]);
}

#[tokio::test(start_paused = true)]
async fn a_subscription_that_is_refused_as_in_use_or_for_a_limit_is_tried_again_later_and_later() {
    for kind in [ServiceErrorKind::InUse, ServiceErrorKind::Throttled] {
        let refused = (0..10).map(|_| Err(failure(kind, "LimitExceededException")));
        let stream = Scripted::subscriptions(refused.chain([Ok(vec![Told::Event(event(&[1], 1))])]));
        let numbers = receive(&mut fan_out(MOMENT), &stream, 12).await;
        assert_eq!(numbers.last(), Some(&number(1)));
        let times = stream.times();
        let pauses: Vec<Duration> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(pauses.iter().all(|pause| *pause >= Duration::from_millis(200)), "{kind}: {pauses:?}");
        assert!(pauses.iter().max() > Some(&Duration::from_secs(1)), "{kind}: {pauses:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_consumer_that_is_gone_is_looked_for_again() {
    let gone = Err(failure(ServiceErrorKind::NotFound, "no such consumer"));
    let stream = Scripted::subscriptions([gone, Ok(vec![Told::Event(event(&[1], 1))])]);
    assert_eq!(receive(&mut fan_out(MOMENT), &stream, 3).await, [0, 1].map(number));
    assert_eq!(stream.asked().iter().filter(|asked| **asked == Asked::Find).count(), 2);
}
