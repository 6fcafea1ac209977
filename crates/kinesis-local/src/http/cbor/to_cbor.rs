//! A JSON reply as CBOR.
//!
//! Promises: one pass, no tree; members in their order; collections without a length, as AWS writes them. Data becomes
//! byte strings, times become milliseconds under tag 1. Text under the name of data that is no base64 stays text.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ciborium_ll::{Encoder, Header, simple};
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::super::member::moment;
use super::members::{Form, form_of};

/// The CBOR of a reply; of an empty reply, nothing.
///
/// # Errors
/// When the text is no JSON.
pub(in crate::http) fn to_cbor(json: &[u8]) -> Result<Vec<u8>, serde_json::Error> {
    let mut bytes = Vec::with_capacity(json.len());
    if !json.is_empty() {
        let mut encoder = Encoder::from(&mut bytes);
        let mut reader = serde_json::Deserializer::from_slice(json);
        Item { encoder: &mut encoder, form: Form::Plain }.deserialize(&mut reader)?;
        reader.end()?;
    }
    Ok(bytes)
}

/// One value on its way.
struct Item<'a, 'b> {
    encoder: &'a mut Encoder<&'b mut Vec<u8>>,
    form: Form,
}

impl Item<'_, '_> {
    fn push<E: Error>(&mut self, header: Header) -> Result<(), E> {
        // Writing to memory does not fail.
        self.encoder.push(header).map_err(E::custom)
    }

    fn time<E: Error>(&mut self, seconds: f64) -> Result<(), E> {
        self.push(Header::Tag(EPOCH_TIME))?;
        self.push(Header::Positive(moment(seconds).get()))
    }
}

impl<'de> DeserializeSeed<'de> for Item<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Item<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON")
    }

    fn visit_bool<E: Error>(mut self, value: bool) -> Result<(), E> {
        self.push(Header::Simple(if value { simple::TRUE } else { simple::FALSE }))
    }

    fn visit_u64<E: Error>(mut self, value: u64) -> Result<(), E> {
        if self.form == Form::Timestamp {
            self.push(Header::Tag(EPOCH_TIME))?;
            return self.push(Header::Positive(value.saturating_mul(1_000)));
        }
        self.push(Header::Positive(value))
    }

    fn visit_i64<E: Error>(mut self, value: i64) -> Result<(), E> {
        // Called for negative numbers only; the wire has the bits of -1 - value.
        self.push(Header::Negative(value.unsigned_abs().saturating_sub(1)))
    }

    fn visit_f64<E: Error>(mut self, value: f64) -> Result<(), E> {
        if self.form == Form::Timestamp { self.time(value) } else { self.push(Header::Float(value)) }
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        let data = if self.form == Form::Blob { STANDARD.decode(text).ok() } else { None };
        match data {
            Some(data) => self.encoder.bytes(&data, None),
            None => self.encoder.text(text, None),
        }
        .map_err(E::custom)
    }

    fn visit_unit<E: Error>(mut self) -> Result<(), E> {
        self.push(Header::Simple(simple::NULL))
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut items: A) -> Result<(), A::Error> {
        self.push(Header::Array(None))?;
        while items.next_element_seed(Item { encoder: self.encoder, form: self.form })?.is_some() {}
        self.push(Header::Break)
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut members: A) -> Result<(), A::Error> {
        self.push(Header::Map(None))?;
        while let Some(key) = members.next_key::<String>()? {
            self.encoder.text(&key, None).map_err(A::Error::custom)?;
            members.next_value_seed(Item { encoder: self.encoder, form: form_of(&key) })?;
        }
        self.push(Header::Break)
    }
}

const EPOCH_TIME: u64 = 1;

#[cfg(test)]
mod tests {
    use ciborium::Value;
    use proptest::prelude::*;

    use super::super::to_json;
    use super::*;

    fn read(json: &str) -> Value {
        ciborium::from_reader(&to_cbor(json.as_bytes()).unwrap()[..]).unwrap()
    }

    fn member(value: &Value, name: &str) -> Value {
        let (_, value) = value.as_map().unwrap().iter().find(|(key, _)| key.as_text() == Some(name)).unwrap();
        value.clone()
    }

    #[test]
    fn records_have_byte_strings_and_tagged_milliseconds() {
        let json = r#"{"MillisBehindLatest":0,"Records":[{"ApproximateArrivalTimestamp":1787036486.712,"Data":"AP8H",
            "PartitionKey":"AP8H"}]}"#;
        let reply = read(json);
        assert_eq!(member(&reply, "MillisBehindLatest"), 0.into());
        let record = member(&reply, "Records").as_array().unwrap()[0].clone();
        let time = Value::Tag(1, Box::new(1_787_036_486_712_u64.into()));
        assert_eq!(member(&record, "ApproximateArrivalTimestamp"), time);
        assert_eq!(member(&record, "Data"), Value::Bytes(vec![0, 255, 7]));
        assert_eq!(member(&record, "PartitionKey"), "AP8H".into());
        let whole = read(r#"{"StreamCreationTimestamp":1787036486}"#);
        let time = Value::Tag(1, Box::new(1_787_036_486_000_u64.into()));
        assert_eq!(member(&whole, "StreamCreationTimestamp"), time);
    }

    #[test]
    fn an_empty_reply_stays_empty_and_text_that_is_no_json_is_an_error() {
        assert!(to_cbor(b"").unwrap().is_empty());
        assert!(to_cbor(b"{").is_err() && to_cbor(b"{} {}").is_err());
    }

    fn any_json() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(Into::into),
            any::<i64>().prop_map(Into::into),
            any::<u64>().prop_map(Into::into),
            // Kinesis has no floats but times; serde_json reads longer ones to the last digit but one.
            any::<i32>().prop_map(|eighths| (f64::from(eighths) / 8.0).into()),
            ".*".prop_map(Into::into),
        ];
        leaf.prop_recursive(4, 30, 5, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..5).prop_map(Into::into),
                proptest::collection::btree_map("x.{0,5}", inner, 0..5)
                    .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn any_json_survives_the_way_to_cbor_and_back(json in any_json()) {
            let back = to_json(&to_cbor(json.to_string().as_bytes()).unwrap()).unwrap();
            prop_assert_eq!(serde_json::from_str::<serde_json::Value>(&back).unwrap(), json);
        }
    }
}
