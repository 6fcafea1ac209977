//! An endpoint that refuses every call with one error, as AWS words it.

use axum::Router;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::IntoResponse;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// The endpoint.
pub(crate) struct Refusing {
    pub(crate) url: String,
    stop: oneshot::Sender<()>,
    server: JoinHandle<()>,
}

impl Refusing {
    /// Answers every call with this code and message.
    pub(crate) async fn start(code: &'static str, message: &'static str) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(async move |headers: HeaderMap| {
            let kind = headers.get(header::CONTENT_TYPE).cloned().unwrap();
            let body = format!(r#"{{"__type":"{code}","message":"{message}"}}"#);
            (StatusCode::BAD_REQUEST, [(header::CONTENT_TYPE, kind)], body).into_response()
        });
        let (stop, stopped) = oneshot::channel::<()>();
        let server = tokio::spawn(async move {
            let told = async {
                let _ = stopped.await;
            };
            axum::serve(listener, router).with_graceful_shutdown(told).await.unwrap();
        });
        Self { url, stop, server }
    }

    /// Ends the server. Clients must be gone, or it waits for them.
    pub(crate) async fn stop(self) {
        drop(self.stop);
        self.server.await.unwrap();
    }
}

/// The URL of a port on loopback where nobody listens: it was free a moment ago.
pub(crate) fn closed_port() -> String {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}
