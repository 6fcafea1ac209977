//! The body of an event stream as its messages, and messages as a body.
//!
//! Promises: a message is passed on as soon as its last byte is there, and at most one message and one chunk are held;
//! a body that breaks off in the middle of a message ends before it.

use aws_smithy_eventstream::frame::{DecodedFrame, MessageFrameDecoder, write_message_to};
use aws_smithy_types::event_stream::Message;
use axum::BoxError;
use axum::body::Body;
use bytes::BytesMut;
use futures::stream::{self, Stream, StreamExt};

/// The content type of such bodies.
pub(crate) const EVENT_STREAM: &str = "application/vnd.amazon.eventstream";

/// The messages of a body.
pub(crate) fn messages(body: Body) -> impl Stream<Item = Result<Message, BoxError>> + Send + 'static {
    let state = (body.into_data_stream(), BytesMut::new(), MessageFrameDecoder::new());
    stream::try_unfold(state, async |(mut chunks, mut buffer, mut decoder)| {
        loop {
            if let DecodedFrame::Complete(message) = decoder.decode_frame(&mut buffer)? {
                return Ok(Some((message, (chunks, buffer, decoder))));
            }
            match chunks.next().await {
                Some(chunk) => buffer.extend_from_slice(&chunk?),
                None => return Ok(None),
            }
        }
    })
}

/// A body of messages.
pub(crate) fn body(messages: impl Stream<Item = Result<Message, BoxError>> + Send + 'static) -> Body {
    Body::from_stream(messages.map(|message| {
        let mut bytes = BytesMut::new();
        write_message_to(&message?, &mut bytes)?;
        Ok::<_, BoxError>(bytes.freeze())
    }))
}

/// The text of one of a message's headers.
pub(crate) fn header<'a>(message: &'a Message, name: &str) -> Option<&'a str> {
    let header = message.headers().iter().find(|header| header.name().as_str() == name)?;
    header.value().as_string().ok().map(|text| text.as_str())
}

#[cfg(test)]
mod tests {
    use aws_smithy_types::event_stream::{Header, HeaderValue};
    use bytes::Bytes;

    use super::*;

    fn message(n: usize) -> Message {
        Message::new(vec![b'x'; n]).add_header(Header::new("n", HeaderValue::String(n.to_string().into())))
    }

    #[tokio::test]
    async fn messages_survive_any_cut_of_their_body_into_chunks() {
        let sent: Vec<_> = [0, 1, 700, 3].map(message).into();
        let whole = axum::body::to_bytes(body(stream::iter(sent.clone().into_iter().map(Ok))), 10_000).await.unwrap();
        for size in [1, 5, 13, 200, 10_000] {
            let chunks: Vec<_> =
                whole.chunks(size).map(|chunk| Ok::<_, BoxError>(Bytes::copy_from_slice(chunk))).collect();
            let got: Vec<_> = messages(Body::from_stream(stream::iter(chunks))).map(Result::unwrap).collect().await;
            assert_eq!(got, sent, "chunks of {size}");
        }
        assert_eq!(header(&sent[2], "n"), Some("700"));
        let half = messages(Body::from(whole.slice(..whole.len() - 1)));
        assert_eq!(half.count().await, 3);
    }
}
