//! The messages of an event stream: a frame with headers around a JSON 1.1 payload.
//!
//! Promises: the first message of a reply is the initial response, every other an event or an exception under the name
//! that the service's model gives it.

use aws_smithy_eventstream::error::Error;
use aws_smithy_eventstream::frame::write_message_to;
use aws_smithy_types::event_stream::{Header, HeaderValue, Message};
use bytes::Bytes;

use super::response::Reply;
use crate::model::{KinesisError, SubscriptionEvent};

/// What RPC protocols begin an event stream with: the operation's reply without the stream.
pub(super) fn initial_response() -> Result<Bytes, Error> {
    frame("event", ":event-type", "initial-response", "{}".to_owned())
}

/// One event.
pub(super) fn event(event: &SubscriptionEvent) -> Result<Bytes, Error> {
    frame("event", ":event-type", "SubscribeToShardEvent", event.body())
}

/// An error after the stream has begun; nothing follows it.
pub(super) fn exception(error: &KinesisError) -> Result<Bytes, Error> {
    frame("exception", ":exception-type", error.kind.name(), error.body())
}

fn frame(
    message_type: &'static str,
    name_header: &'static str,
    name: &'static str,
    payload: String,
) -> Result<Bytes, Error> {
    let text = |name: &'static str, value: &'static str| Header::new(name, HeaderValue::String(value.into()));
    let headers =
        vec![text(":message-type", message_type), text(name_header, name), text(":content-type", PAYLOAD_FORM)];
    let mut bytes = Vec::with_capacity(payload.len().saturating_add(FRAME_OVERHEAD));
    write_message_to(&Message::new_from_parts(headers, payload), &mut bytes)?;
    Ok(bytes.into())
}

const PAYLOAD_FORM: &str = "application/x-amz-json-1.1";
/// Prelude, headers and checksum take about that many bytes.
const FRAME_OVERHEAD: usize = 160;

#[cfg(test)]
mod tests {
    use aws_smithy_eventstream::frame::read_message_from;

    use super::*;
    use crate::model::ErrorKind;

    fn header(message: &Message, name: &str) -> String {
        let header = message.headers().iter().find(|header| header.name().as_str() == name).unwrap();
        header.value().as_string().unwrap().as_str().to_owned()
    }

    #[test]
    fn an_event_at_the_end_of_a_shard_has_no_continuation_and_an_exception_has_its_name() {
        let end =
            SubscriptionEvent { records: vec![], continuation: None, millis_behind_latest: 0, child_shards: vec![] };
        let message = read_message_from(event(&end).unwrap()).unwrap();
        assert_eq!(header(&message, ":event-type"), "SubscribeToShardEvent");
        let payload: serde_json::Value = serde_json::from_slice(message.payload()).unwrap();
        assert_eq!(payload, serde_json::json!({"MillisBehindLatest": 0, "Records": []}));
        let error = KinesisError::new(ErrorKind::ResourceInUse, "taken over");
        let message = read_message_from(exception(&error).unwrap()).unwrap();
        assert_eq!(header(&message, ":message-type"), "exception");
        assert_eq!(header(&message, ":exception-type"), "ResourceInUseException");
        assert_eq!(header(&read_message_from(initial_response().unwrap()).unwrap(), ":event-type"), "initial-response");
    }
}
