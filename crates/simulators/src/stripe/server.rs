//! Connections, and which part answers a request. Not `axum::serve`: faults close connections without an answer.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tower::ServiceExt;

use super::api::{self, HangUp, Settings};
use super::state::Shared;
use super::{control, page};

/// The longest body that is read.
const BODY_MAX: usize = 256 * 1024;
const HEADERS_TIME_MAX: Duration = Duration::from_secs(30);

/// What handlers share.
#[derive(Debug, Clone)]
pub(super) struct App {
    pub(super) shared: Arc<Shared>,
    pub(super) settings: Arc<Settings>,
}

/// The payment page, the control routes, and the API for everything else.
pub(super) fn router(app: App) -> Router {
    Router::new()
        .route("/", get(|| async { "A simulator of Stripe's API. No real money.\n" }))
        .merge(page::routes())
        .merge(control::routes())
        .fallback(call)
        .with_state(app)
}

async fn call(State(app): State<App>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    match axum::body::to_bytes(body, BODY_MAX).await {
        Ok(body) => api::answer(app.shared, app.settings, parts, body).await,
        Err(_) => StatusCode::PAYLOAD_TOO_LARGE.into_response(),
    }
}

/// Serves connections, for ever. They end with this future.
pub(super) async fn serve(listener: TcpListener, router: Router) {
    let mut protocol = http1::Builder::new();
    protocol.timer(TokioTimer::new()).header_read_timeout(HEADERS_TIME_MAX);
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_) = connections.join_next() => continue,
        };
        let Ok((stream, _)) = accepted else {
            // Too many open files, most likely: some will close.
            tokio::time::sleep(Duration::from_millis(200)).await;
            continue;
        };
        let _ = stream.set_nodelay(true);
        let router = router.clone();
        let service = service_fn(move |request| respond(router.clone(), request));
        let connection = protocol.serve_connection(TokioIo::new(stream), service);
        connections.spawn(async move {
            // A caller that breaks off, or a fault, ends this connection and no more.
            let _ = connection.await;
        });
    }
}

async fn respond(router: Router, request: Request<Incoming>) -> io::Result<Response> {
    let answered: Result<Response, Infallible> = router.oneshot(request.map(Body::new)).await;
    let Ok(response) = answered;
    // An error of the service is no answer: hyper closes the connection.
    if response.extensions().get::<HangUp>().is_some() {
        Err(io::ErrorKind::ConnectionAborted.into())
    } else {
        Ok(response)
    }
}
