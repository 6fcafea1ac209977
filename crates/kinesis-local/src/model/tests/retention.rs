//! Retention, trimming, and positions whose records are gone or not there yet.

use super::*;

const HOUR: u64 = 3_600_000;

#[test]
fn a_retention_outside_of_24_hours_to_a_year_is_an_invalid_argument() {
    let mut model = with_stream(1);
    for (hours, words) in [(0, "Minimum allowed retention period is 24 hours."), (23, "Minimum"), (8_761, "Maximum")] {
        for refused in [
            model.increase_retention(T0, &"words".into(), hours).unwrap_err(),
            model.decrease_retention(T0, &"words".into(), hours).unwrap_err(),
        ] {
            assert_eq!(refused.kind, ErrorKind::InvalidArgument);
            assert!(refused.message.starts_with(words), "{}", refused.message);
        }
    }
    model.increase_retention(T0, &"words".into(), 8_760).unwrap();
    let longer = model.decrease_retention(T0, &"words".into(), 8_761).unwrap_err();
    assert_eq!(longer.kind, ErrorKind::InvalidArgument);
    let shorter = model.increase_retention(T0, &"words".into(), 24).unwrap_err();
    let words = "Requested retention period (24 hours) for stream words can not be shorter than existing retention period (8760 hours). Use DecreaseRetentionPeriod API.";
    assert_eq!(shorter.message, words);
    model.decrease_retention(T0, &"words".into(), 24).unwrap();
}

#[test]
fn longer_retention_keeps_what_the_default_would_drop() {
    let mut model = with_stream(1);
    put(&mut model, T0, 0, "kept");
    model.increase_retention(at(1), &"words".into(), 48).unwrap();
    assert_eq!(read(&mut model, at(47 * HOUR), 0, StartingPosition::TrimHorizon).records.len(), 1);
    let wrong = model.increase_retention(at(47 * HOUR), &"words".into(), 24).unwrap_err();
    assert_eq!(wrong.kind, ErrorKind::InvalidArgument);
    model.decrease_retention(at(47 * HOUR), &"words".into(), 24).unwrap();
    assert!(read(&mut model, at(47 * HOUR), 0, StartingPosition::TrimHorizon).records.is_empty());
}

#[test]
fn records_and_closed_shards_older_than_the_retention_are_gone() {
    let mut model = with_stream(1);
    put(&mut model, T0, 0, "old");
    split(&mut model, at(HOUR), 0, HALF).unwrap();
    put(&mut model, at(2 * HOUR), 0, "young");
    assert_eq!(texts(&read(&mut model, at(24 * HOUR), 0, StartingPosition::TrimHorizon).records), ["old"]);
    let late = at(25 * HOUR + 1);
    assert_eq!(ids(&mut model, late, ShardFilter::FromTrimHorizon), [1, 2]);
    assert_eq!(texts(&read(&mut model, late, 1, StartingPosition::TrimHorizon).records), ["young"]);
    assert_eq!(iterator(&mut model, late, 0, StartingPosition::Latest).unwrap_err().kind, ErrorKind::ResourceNotFound);
}

#[test]
fn a_reader_behind_the_trim_horizon_goes_on_at_the_oldest_record() {
    let mut model = with_stream(1);
    put(&mut model, T0, 0, "trimmed");
    let first = put(&mut model, at(HOUR), 0, "kept").sequence_number;
    let start = iterator(&mut model, at(24 * HOUR), 0, StartingPosition::TrimHorizon).unwrap();
    let reply = model.get_records(at(24 * HOUR + 1), &GetRecords { iterator: start, limit: None }).unwrap();
    assert_eq!(reply.records[0].sequence_number, first);
}

#[test]
fn the_number_of_a_trimmed_record_starts_at_the_oldest_that_is_left() {
    let mut model = with_stream(1);
    let trimmed = put(&mut model, T0, 0, "trimmed").sequence_number;
    put(&mut model, at(2 * HOUR), 0, "kept");
    let late = at(25 * HOUR);
    for position in [StartingPosition::AtSequenceNumber(trimmed), StartingPosition::AfterSequenceNumber(trimmed)] {
        assert_eq!(texts(&read(&mut model, late, 0, position).records), ["kept"]);
    }
}

#[test]
fn a_number_above_the_tip_stands_at_the_tip() {
    let mut model = with_stream(1);
    let first = put(&mut model, T0, 0, "first").sequence_number;
    let parts = first.parts().unwrap();
    let above = SequenceNumber::from_parts(super::super::sequence::Parts { index: parts.index + 5, ..parts });
    let iterator = iterator(&mut model, T0, 0, StartingPosition::AtSequenceNumber(above)).unwrap();
    put(&mut model, T0, 0, "second");
    let reply = model.get_records(T0, &GetRecords { iterator, limit: None }).unwrap();
    assert_eq!(texts(&reply.records), ["second"]);
}
