//! Cutting a connection.
//!
//! Promises: over HTTP/1.1 the client sees its connection closed without a byte of a reply ([`cut`]) or without the end
//! of the body ([`after_events`]); over HTTP/2 it sees its stream reset, and other streams of the connection go on.
//!
//! A body that fails is how a server on hyper says that: HTTP/1.1 has no other way than to close, and the head, which has
//! not been flushed when the first poll of the body fails, is thrown away with the connection.

use std::future::ready;
use std::time::Duration;

use axum::BoxError;
use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use futures::stream::{self, StreamExt};

use crate::event_frames::{body, header, messages};

/// Why such a body ends.
#[derive(Debug, thiserror::Error)]
#[error("the connection was cut by an injected fault: remove the fault to get replies")]
struct CutOff;

/// A reply that nobody gets.
pub(crate) fn cut() -> Response {
    Response::new(Body::from_stream(stream::once(ready(Err::<Bytes, _>(CutOff)))))
}

/// The event stream up to and with that many events; then its connection is cut.
pub(super) fn after_events(reply: Response, events: u64) -> Response {
    reply.map(|whole| {
        // Boxed to be moved from state to state.
        let state = (messages(whole).boxed(), events);
        body(stream::try_unfold(state, async |(mut messages, left)| {
            if left == 0 {
                // A reset of HTTP/2 throws away what has not left yet, and so does a closed connection.
                tokio::time::sleep(FLUSH).await;
                return Err(BoxError::from(CutOff));
            }
            let Some(message) = messages.next().await.transpose()? else { return Ok(None) };
            // The reply that opens the stream is a message too, but no event.
            let event = header(&message, ":event-type").is_some_and(|kind| kind != "initial-response");
            Ok(Some((message, (messages, left - u64::from(event)))))
        }))
    })
}

/// How long the last events have to leave before the cut: ages on loopback, and nothing beside a consumer's back-off.
const FLUSH: Duration = Duration::from_millis(50);

#[cfg(test)]
mod tests {
    use aws_smithy_types::event_stream::{Header, HeaderValue, Message};

    use super::*;

    fn event(kind: &'static str) -> Result<Message, BoxError> {
        Ok(Message::new("{}").add_header(Header::new(":event-type", HeaderValue::String(kind.into()))))
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_ends_with_an_error_right_after_so_many_events() {
        let all = || stream::iter(["initial-response", "E", "E", "E"].map(event)).chain(stream::pending());
        for events in [1, 2, 3] {
            let cut = after_events(Response::new(body(all())), events);
            let got: Vec<_> = messages(cut.into_body()).map(|message| message.is_ok()).collect().await;
            let whole = usize::try_from(events).unwrap() + 1;
            assert_eq!(got, [vec![true; whole], vec![false]].concat());
        }
    }

    #[tokio::test]
    async fn a_stream_that_ends_before_the_cut_ends_as_it_would_have() {
        let cut = after_events(Response::new(body(stream::iter([event("E")]))), 2);
        assert_eq!(messages(cut.into_body()).map(Result::unwrap).count().await, 1);
    }
}
