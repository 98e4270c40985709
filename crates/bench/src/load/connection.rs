//! One kept connection.

use std::net::SocketAddr;

use anyhow::Context;
use axum::body::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// A kept connection to the server under load.
pub struct Connection(SendRequest<Full<Bytes>>);

impl Connection {
    /// Connects. Call it inside a `LocalSet`.
    ///
    /// # Errors
    ///
    /// Nobody listens there.
    pub async fn open(server: SocketAddr) -> anyhow::Result<Connection> {
        let stream = TcpStream::connect(server).await.with_context(|| format!("no server answers at {server}"))?;
        stream.set_nodelay(true)?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        // Its errors come back to the sender.
        tokio::task::spawn_local(async move { connection.await.ok() });
        Ok(Connection(sender))
    }

    /// Sends a request and reads its whole answer: its status, and its body if that is `wanted`.
    ///
    /// # Errors
    ///
    /// The connection broke.
    pub async fn ask(
        &mut self,
        request: Request<Full<Bytes>>,
        wanted: impl Fn(u16) -> bool,
    ) -> anyhow::Result<(u16, Vec<u8>)> {
        let response = self.0.send_request(request).await.context("the server closed a connection")?;
        let status = response.status().as_u16();
        let keep = wanted(status);
        let (mut answer, mut kept) = (response.into_body(), Vec::new());
        while let Some(frame) = answer.frame().await {
            let frame = frame.context("an answer broke off")?;
            if keep && let Some(data) = frame.data_ref() {
                kept.extend_from_slice(data);
            }
        }
        self.0.ready().await.context("the server closed a connection")?;
        Ok((status, kept))
    }
}
