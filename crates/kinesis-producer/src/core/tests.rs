//! The machine against random services: every record is answered exactly once, whatever the service does.

use std::time::Duration;

use bytes::Bytes;
use kinesis_endpoint::ServiceErrorKind;
use proptest::prelude::*;

use super::*;
use crate::api::{EntryError, SequenceNumber, ShardId};

type TestCore = Core<u64, &'static str>;

fn record() -> Record {
    Record::new("k", Bytes::from_static(b"data")).unwrap()
}

fn stored() -> EntryResult {
    EntryResult::Stored(Receipt { shard_id: ShardId::new("s"), sequence_number: SequenceNumber::new("1") })
}

fn refused(code: &str) -> EntryResult {
    EntryResult::Refused(EntryError { code: code.into(), message: String::new() })
}

fn failed(kind: ServiceErrorKind) -> ServiceError {
    ServiceError { call: "PutRecords", subject: "x".into(), kind, reason: "y".into(), source: None }
}

fn fates(settled: &Settled<u64, &'static str>) -> Vec<(u64, bool)> {
    settled.records.iter().map(|answered| (answered.ticket, answered.fate.is_ok())).collect()
}

/// A core with records 0 to `records` - 1 and the request of all of them.
fn started(records: u64, config: &ProducerConfig) -> (TestCore, Instant, Vec<Outgoing<u64>>) {
    let now = Instant::now();
    let mut core = Core::new(config, 7);
    for ticket in 0..records {
        core.accept(now, record(), ticket);
    }
    core.hurry();
    let request = core.next_request(now).unwrap();
    (core, now, request)
}

/// The texts of the cause and of everything behind it.
fn texts(cause: &FailureCause) -> Vec<String> {
    let first: &dyn std::error::Error = cause;
    let causes = std::iter::successors(Some(first), |error| error.source());
    causes.map(ToString::to_string).collect()
}

proptest! {
    #[test]
    fn every_record_is_answered_once_whatever_the_service_does(
        seed: u64,
        records in 1..60_u64,
        answers in proptest::collection::vec((0..6_u8, proptest::collection::vec(0..5_u8, 60)), 0..40),
    ) {
        let config = ProducerConfig::builder().max_request_records(7).build().unwrap();
        let mut core: TestCore = Core::new(&config, seed);
        let mut now = Instant::now();
        for ticket in 0..records {
            core.accept(now, record(), ticket);
        }
        prop_assert_eq!(core.flush("flushed"), None);
        let mut answers = answers.into_iter();
        let (mut seen, mut flushed) = (Vec::new(), 0);
        while !core.is_idle() {
            prop_assert_eq!(flushed, 0);
            let expired = core.expire(now);
            seen.extend(expired.records.iter().map(|answered| answered.ticket));
            flushed += expired.flushes.len();
            let Some(request) = core.next_request(now) else {
                if core.is_idle() {
                    break;
                }
                now = core.wake_at(now).unwrap();
                continue;
            };
            prop_assert!(request.len() <= 7);
            let answer = match answers.next() {
                None => Ok(request.iter().map(|_| stored()).collect()),
                Some((0, _)) => Err(failed(ServiceErrorKind::Throttled)),
                Some((1, _)) => Err(failed(ServiceErrorKind::Unreachable)),
                Some((_, entries)) => Ok(request.iter().zip(entries).map(|(_, kind)| match kind {
                    0 => refused("ProvisionedThroughputExceededException"),
                    1 => refused("KMSDisabledException"),
                    _ => stored(),
                }).collect()),
            };
            let settled = core.settle(now, request, answer);
            seen.extend(settled.records.iter().map(|answered| answered.ticket));
            flushed += settled.flushes.len();
        }
        seen.sort_unstable();
        prop_assert_eq!(seen, (0..records).collect::<Vec<_>>());
        prop_assert_eq!(flushed, 1);
        prop_assert_eq!(core.wake_at(now), None);
        prop_assert_eq!(core.counts().delivered + core.counts().failed, records);
    }
}

#[test]
fn only_the_refused_records_of_a_request_are_sent_again_and_only_after_a_back_off() {
    let (mut core, now, request) = started(3, &ProducerConfig::default());
    let settled = core.settle(now, request, Ok(vec![stored(), refused("InternalFailure"), stored()]));
    assert_eq!(fates(&settled), [(0, true), (2, true)]);
    assert!(core.next_request(now).is_none());
    let at = core.wake_at(now).unwrap();
    assert!(at >= now + Duration::from_millis(25));
    let again = core.next_request(at).unwrap();
    assert_eq!(again.iter().map(|outgoing| (outgoing.number, outgoing.attempts)).collect::<Vec<_>>(), [(1, 2)]);
}

#[test]
fn a_record_refused_until_its_time_is_over_is_given_back_with_the_last_reason() {
    let config = ProducerConfig::builder().record_ttl(Some(Duration::from_secs(1))).build().unwrap();
    let (mut core, mut now, mut request) = started(1, &config);
    let settled = loop {
        let settled = core.settle(now, request, Ok(vec![refused("InternalFailure")]));
        if core.is_idle() {
            break settled;
        }
        now = core.wake_at(now).unwrap();
        request = core.next_request(now).unwrap();
    };
    let failed = settled.records.into_iter().next().unwrap().fate.unwrap_err();
    assert_eq!(failed.record, record());
    assert!(failed.attempts > 2);
    assert!(matches!(failed.cause, FailureCause::Expired { .. }));
    assert_eq!(failed.cause.to_string(), "not taken within 1s; the service has trouble, send the record again later");
}

#[test]
fn a_call_that_no_repetition_helps_gives_every_record_of_it_back_at_once() {
    let (mut core, now, request) = started(2, &ProducerConfig::default());
    let settled = core.settle(now, request, Err(failed(ServiceErrorKind::NotFound)));
    assert_eq!(fates(&settled), [(0, false), (1, false)]);
    assert!(core.is_idle());
}

#[test]
fn an_answer_with_too_few_results_is_no_answer() {
    let (mut core, now, request) = started(2, &ProducerConfig::default());
    let settled = core.settle(now, request, Ok(vec![stored()]));
    assert_eq!(fates(&settled), [(0, false), (1, false)]);
}

#[test]
fn only_a_throttled_record_is_advised_to_add_shards_and_no_cause_is_said_twice() {
    let config = ProducerConfig::default();
    let shards = "add shards, lower the rate, or raise record_ttl";
    let entry = |code| FailureCause::Entry(EntryError { code: String::from(code), message: "m".into() });
    let source = Some("connection refused".into());
    let call = |kind, source| FailureCause::Call(Arc::new(ServiceError { source, ..failed(kind) }));
    let lifetime = Lifetime::new(config.record_ttl);
    let said = |last| texts(&lifetime.cause(Instant::now(), last));
    assert!(said(entry("ProvisionedThroughputExceededException"))[0].ends_with(shards));
    assert!(said(call(ServiceErrorKind::Throttled, None))[0].ends_with(shards));
    assert_eq!(
        said(call(ServiceErrorKind::Unreachable, source)),
        [
            "not taken within 30s",
            "PutRecords on x failed: y; check the endpoint URL and that it can be reached from here"
        ]
    );
}

#[test]
fn records_never_tried_end_with_the_connections_failure_and_stay_while_calls_succeed() {
    let config = ProducerConfig::builder().max_request_records(1).build().unwrap();
    let (mut core, now, request) = started(3, &config);
    core.settle(now, request, Ok(vec![stored()]));
    core.stop(now);
    let later = now + Duration::from_secs(6);
    assert!(core.expire(later).records.is_empty());
    let request = core.next_request(later).unwrap();
    let settled = core.settle(later, request, Err(failed(ServiceErrorKind::Unreachable)));
    assert_eq!(fates(&settled), [(1, false)]);
    let settled = core.expire(later + Duration::from_millis(50));
    assert_eq!(fates(&settled), [(2, false)]);
    let failed = settled.records.into_iter().next().unwrap().fate.unwrap_err();
    assert!(matches!(&failed.cause, FailureCause::Stopped { last, .. } if matches!(**last, FailureCause::Call(_))));
    assert!(core.is_idle());
}
