//! What becomes of CBOR bodies, well formed or not.

use ciborium::Value;
use proptest::prelude::*;
use serde_json::json;

use super::*;

fn bytes(value: &Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    ciborium::into_writer(value, &mut bytes).unwrap();
    bytes
}

fn map(members: &[(&str, Value)]) -> Value {
    Value::Map(members.iter().map(|(key, value)| (Value::from(*key), value.clone())).collect())
}

fn read(value: &Value) -> serde_json::Value {
    serde_json::from_str(&to_json(&bytes(value)).unwrap()).unwrap()
}

#[test]
fn a_put_becomes_the_json_that_a_json_client_would_have_sent() {
    let record = map(&[("Data", Value::Bytes(vec![0, 255, 7])), ("PartitionKey", "k\"é".into())]);
    let put = map(&[("StreamName", "words".into()), ("Records", Value::Array(vec![record]))]);
    let expected = json!({"StreamName": "words", "Records": [{"Data": "AP8H", "PartitionKey": "k\"é"}]});
    assert_eq!(read(&put), expected);
}

#[test]
fn integer_times_are_milliseconds_and_float_times_are_seconds() {
    let tagged = |value| Value::Tag(1, Box::new(value));
    let time = |value: Value| to_json(&bytes(&map(&[("Timestamp", value)]))).unwrap();
    assert_eq!(time(tagged(1_787_036_486_712_u64.into())), r#"{"Timestamp":1787036486.712}"#);
    assert_eq!(time(1_787_036_486_007_u64.into()), r#"{"Timestamp":1787036486.007}"#);
    assert_eq!(time(tagged((-1).into())), r#"{"Timestamp":-0.001}"#);
    assert_eq!(read(&map(&[("Timestamp", tagged(1.5e9.into()))])), json!({"Timestamp": 1.5e9}));
    // Elsewhere an integer is an integer.
    assert_eq!(read(&map(&[("Limit", 5.into()), ("Negative", (-7).into())])), json!({"Limit": 5, "Negative": -7}));
}

#[test]
fn strings_in_segments_and_collections_without_a_length_are_read_as_jackson_writes_them() {
    // {_ "a": (_ "x", "y"), "b": [_ 1, true, null], "Data": (_ h'00', h'ff')}
    let body = b"\xbf\x61a\x7f\x61x\x61y\xff\x61b\x9f\x01\xf5\xf6\xff\x64Data\x5f\x41\x00\x41\xff\xff\xff";
    assert_eq!(to_json(body).unwrap(), r#"{"a":"xy","b":[1,true,null],"Data":"AP8="}"#);
    assert_eq!(to_json(b"").unwrap(), "");
}

#[test]
fn long_strings_are_read_over_the_borders_of_pieces() {
    let text = "é".repeat(CHUNK + 1) + "x";
    let data = vec![9; 3 * CHUNK + 5];
    let read = read(&map(&[("t", text.as_str().into()), ("Data", Value::Bytes(data.clone()))]));
    assert_eq!(read["t"], text);
    assert_eq!(STANDARD.decode(read["Data"].as_str().unwrap()).unwrap(), data);
}

#[test]
fn broken_bodies_are_refused_each_for_its_reason() {
    let deep = (0..40).fold(Value::Null, |inner, _| Value::Array(vec![inner]));
    let tags = [[0xc6; 1_000].as_slice(), &[0]].concat();
    for (body, reason) in [
        (&b"\xa1\x61a"[..], "malformed"),
        // Strings, arrays and maps that claim 2^63 bytes or items.
        (b"\x5b\x7f\xff\xff\xff\xff\xff\xff\xffabc", "malformed"),
        (b"\x7b\x7f\xff\xff\xff\xff\xff\xff\xffabc", "malformed"),
        (b"\x9b\x7f\xff\xff\xff\xff\xff\xff\xff\x01", "malformed"),
        (b"\xbb\x7f\xff\xff\xff\xff\xff\xff\xff\x61a\x01", "malformed"),
        (b"\xff", "malformed"),
        (b"\x62\xff\xfe", "malformed"),
        (b"{\"StreamName\": \"words\"}", "malformed"),
        (b"\xa0\xa0", "goes on after its end at byte 1"),
        (b"\xa1\x01\x02", "a key that is no text"),
        (b"\xf9\x7e\x00", "no form for"),
        (&bytes(&deep), "more than 32 deep"),
        (&tags, "more than 32 deep"),
    ] {
        let error = to_json(body).unwrap_err().to_string();
        assert!(error.contains(reason), "{body:?}: {error}");
    }
}

proptest! {
    #[test]
    fn any_bytes_give_json_or_an_error(body in proptest::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(json) = to_json(&body)
            && !body.is_empty()
        {
            serde_json::from_str::<serde_json::Value>(&json).unwrap();
            prop_assert!(json.len() <= body.len() * 7 + 10, "{} from {}", json.len(), body.len());
        }
    }
}
