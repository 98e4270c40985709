//! Connections: accepted, bounded in number, and closed when a request's headers do not arrive.
//!
//! `axum::serve` waits for headers for ever, so a few hundred silent connections would keep everybody out.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tower::ServiceExt;

/// Connections at once; further ones wait in the system's queue.
const CONNECTIONS_MAX: usize = 8192;
/// A request's headers arrive within this, also those of the next request on a connection that is kept.
const HEADERS_TIME_MAX: Duration = Duration::from_secs(30);

/// Serves connections until `stop` ends, then finishes the requests that are in flight.
pub async fn serve(listener: TcpListener, router: Router, stop: impl Future<Output = ()>) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let graceful = GracefulShutdown::new();
    let mut protocol = http1::Builder::new();
    protocol.timer(TokioTimer::new()).header_read_timeout(HEADERS_TIME_MAX);
    let mut stop = std::pin::pin!(stop);
    loop {
        let accepted = async {
            let place = places.clone().acquire_owned().await;
            (place, listener.accept().await)
        };
        let (place, accepted) = tokio::select! {
            accepted = accepted => accepted,
            () = &mut stop => break,
        };
        match accepted {
            Ok((stream, caller)) => {
                // Answers are small and complete: waiting for more to send would only add 40 ms.
                let _ = stream.set_nodelay(true);
                let router = router.clone();
                let service = service_fn(move |mut request: Request<Incoming>| {
                    request.extensions_mut().insert(ConnectInfo(caller));
                    router.clone().oneshot(request.map(Body::new))
                });
                let connection = graceful.watch(protocol.serve_connection(TokioIo::new(stream), service));
                tokio::spawn(async move {
                    // A caller that breaks off or sends no HTTP ends its own connection, no more.
                    let _ = connection.await;
                    drop(place);
                });
            }
            Err(error) => {
                // Too many open files, most likely: some will close.
                tracing::error!(%error, "cannot accept a connection");
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        }
    }
    drop(listener);
    graceful.shutdown().await;
}
