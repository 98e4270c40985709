//! Connections of a simulator. Not `axum::serve`: faults close connections without an answer.

use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tower::ServiceExt;

const HEADERS_TIME_MAX: Duration = Duration::from_secs(30);

/// A mark on an answer: it is not sent, the connection is closed instead.
#[derive(Debug, Clone, Copy)]
struct HangUp;

/// An answer that closes the connection instead.
pub(crate) fn hang_up() -> Response {
    let mut response = Response::new(Body::empty());
    response.extensions_mut().insert(HangUp);
    response
}

/// The address by which this machine reaches it.
pub(crate) fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(match address.ip() {
            IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    address
}

/// Serves connections, for ever. They end with this future.
pub(crate) async fn serve(listener: TcpListener, router: Router) {
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
