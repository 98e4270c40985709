//! A gate between the server and Stripe: at the worst moment a request does not arrive, or its answer does not come back.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Where the next request that matches stops.
#[derive(Clone, Debug, PartialEq)]
pub enum Stop {
    /// Nothing stops.
    Nowhere,
    /// A request that begins so does not arrive.
    Before(&'static str),
    /// A request that begins so arrives, and its answer waits.
    After(&'static str),
    /// A request that begins so arrives, and the connection breaks before its answer.
    Loses(&'static str),
}

impl Stop {
    fn is_before(&self, request: &[u8]) -> bool {
        matches!(self, Stop::Before(start) if request.starts_with(start.as_bytes()))
    }

    fn is_after(&self, request: &[u8]) -> bool {
        matches!(self, Stop::After(start) | Stop::Loses(start) if request.starts_with(start.as_bytes()))
    }
}

/// A relay that stops what it is told to. A request that was stopped never arrives; an answer that was stopped comes
/// back once nothing is to stop any more.
pub struct Gate {
    pub url: String,
    stop: watch::Sender<Stop>,
    stopped: watch::Sender<usize>,
}

impl Gate {
    pub async fn to(upstream: SocketAddr) -> Gate {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (stop, stopped) = (watch::Sender::new(Stop::Nowhere), watch::Sender::new(0));
        let (is_told, tells) = (stop.subscribe(), stopped.clone());
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(relay(client, upstream, is_told.clone(), tells.clone()));
            }
        });
        Gate { url, stop, stopped }
    }

    /// What stops from now on.
    pub fn stops(&self, stop: Stop) {
        self.stop.send_replace(stop);
    }

    /// Waits until so many requests were stopped in all. With [`Stop::After`], Stripe has done what they ask by then.
    pub async fn has_stopped(&self, count: usize) {
        let mut stopped = self.stopped.subscribe();
        let wait = stopped.wait_for(|stopped| *stopped >= count);
        tokio::time::timeout(std::time::Duration::from_secs(60), wait).await.expect("it stops").unwrap();
    }
}

/// One connection. Requests are small and come one after the other, so each comes in one piece with its first line.
async fn relay(
    client: TcpStream,
    upstream: SocketAddr,
    mut told: watch::Receiver<Stop>,
    stopped: watch::Sender<usize>,
) {
    let Ok(server) = TcpStream::connect(upstream).await else { return };
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let (mut asked, mut answer) = (vec![0; 64 << 10], vec![0; 64 << 10]);
    let mut keeps_answers = false;
    loop {
        tokio::select! {
            read = from_client.read(&mut asked) => {
                let Ok(n @ 1..) = read else { return };
                let request = &asked[..n];
                let (before, after) = {
                    let stop = told.borrow();
                    (stop.is_before(request), stop.is_after(request))
                };
                if before {
                    stopped.send_modify(|count| *count += 1);
                    // Nothing more of this connection.
                    while let Ok(1..) = from_client.read(&mut asked).await {}
                    return;
                }
                keeps_answers |= after;
                if to_server.write_all(request).await.is_err() { return }
            }
            read = from_server.read(&mut answer) => {
                let Ok(n @ 1..) = read else { return };
                if keeps_answers {
                    stopped.send_modify(|count| *count += 1);
                    if matches!(*told.borrow(), Stop::Loses(_)) {
                        return;
                    }
                    keeps_answers = false;
                    tokio::select! {
                        _ = told.wait_for(|stop| *stop == Stop::Nowhere) => {}
                        _ = from_client.read(&mut asked) => return,
                    }
                }
                if to_client.write_all(&answer[..n]).await.is_err() { return }
            }
        }
    }
}
