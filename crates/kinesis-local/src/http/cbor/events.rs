//! An event stream of JSON messages as one of CBOR messages.
//!
//! Promises: the frames, their order and their other headers stay as they are.

use aws_smithy_types::event_stream::{Header, HeaderValue, Message};
use axum::BoxError;
use axum::body::Body;
use bytes::Bytes;
use futures::StreamExt;

use super::to_cbor;
use crate::event_frames::{body, messages};

/// The same stream for a client that speaks CBOR.
pub(in crate::http) fn events_to_cbor(json: Body, content_type: &'static str) -> Body {
    body(messages(json).map(move |message| transcode(&message?, content_type)))
}

fn transcode(message: &Message, content_type: &'static str) -> Result<Message, BoxError> {
    let payload = Bytes::from(to_cbor(message.payload())?);
    let headers = message.headers().iter().map(|header| match header.name().as_str() {
        ":content-type" => Header::new(":content-type", HeaderValue::String(content_type.into())),
        _ => header.clone(),
    });
    Ok(Message::new_from_parts(headers.collect(), payload))
}

#[cfg(test)]
mod tests {
    use futures::stream;

    use super::super::to_json;
    use super::*;
    use crate::event_frames::header;

    #[tokio::test]
    async fn payloads_and_content_types_change_and_the_rest_of_a_message_does_not() {
        let text = |name: &'static str, value: &'static str| Header::new(name, HeaderValue::String(value.into()));
        let json = r#"{"Records":[{"Data":"AP8="}],"MillisBehindLatest":5}"#;
        let event = Message::new(json)
            .add_header(text(":event-type", "SubscribeToShardEvent"))
            .add_header(text(":content-type", "application/x-amz-json-1.1"));
        let stream = events_to_cbor(body(stream::iter([Ok(event)])), "application/x-amz-cbor-1.1");
        let events: Vec<_> = messages(stream).map(Result::unwrap).collect().await;
        assert_eq!(events.len(), 1);
        assert_eq!(header(&events[0], ":event-type"), Some("SubscribeToShardEvent"));
        assert_eq!(header(&events[0], ":content-type"), Some("application/x-amz-cbor-1.1"));
        assert_eq!(to_json(events[0].payload()).unwrap(), json);
    }
}
