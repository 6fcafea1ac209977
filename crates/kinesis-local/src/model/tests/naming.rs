//! Streams and shards that are named wrongly or in disagreement.

use super::*;

#[test]
fn records_are_refused_to_readers_of_another_stream() {
    let mut model = with_stream(1);
    model.create_stream(T0, &CreateStream::provisioned("more", 1)).unwrap();
    let iterator = iterator(&mut model, T0, 0, StartingPosition::TrimHorizon).unwrap();
    let request = GetRecords { iterator, limit: None };
    let arn = |name: &str| StreamRef::by_arn(&format!("arn:aws:kinesis:us-east-1:000000000000:stream/{name}"));
    let mut from = |stream: &StreamRef| model.get_records_of(T0, stream, &request).map_err(|error| error.kind);
    assert!(from(&arn("words")).is_ok() && from(&StreamRef::default()).is_ok());
    assert_eq!(from(&arn("more")).unwrap_err(), ErrorKind::InvalidArgument);
    assert_eq!(from(&arn("gone")).unwrap_err(), ErrorKind::ResourceNotFound);
    assert_eq!(from(&StreamRef::by_arn("words")).unwrap_err(), ErrorKind::Validation);
}

#[test]
fn a_shard_that_cannot_be_is_unknown_after_its_stream_was_looked_for() {
    let mut model = with_stream(1);
    let unknown = model.unknown_shard(T0, &"words".into(), "x");
    assert_eq!(unknown.message, "Could not find shard x in stream words under account 000000000000.");
    assert_eq!(unknown.kind, ErrorKind::ResourceNotFound);
    assert!(model.unknown_shard(T0, &"gone".into(), "x").message.starts_with("Stream gone under account"));
}
