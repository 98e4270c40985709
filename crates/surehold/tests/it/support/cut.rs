//! A wire to PostgreSQL that can be cut at the worst moment: after COMMIT went out, before its answer
//! comes back; and connections that are killed at any.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Notify;
use tokio_postgres::Client;

/// Kills all connections of servers, so many times. Bounded: as many kills as there are moments to kill in.
pub async fn kill_connections(owner: &Client, times: usize) {
    for _ in 0..times {
        let kill = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
                    WHERE datname = current_database() AND application_name = 'surehold'";
        owner.query_one(kill, &[]).await.unwrap();
        tokio::task::yield_now().await;
    }
}

/// What the simple-query message of a COMMIT looks like on the wire: type, length, text, NUL.
const COMMIT: &[u8] = b"Q\0\0\0\x0bCOMMIT\0";

/// Where a cut happens.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Cut {
    /// COMMIT arrives, its answer does not.
    AfterCommit,
    /// COMMIT does not arrive.
    BeforeCommit,
}

/// A relay between a store and the test cluster.
pub struct Wire {
    /// The folder to connect to instead of the server's.
    pub socket_dir: PathBuf,
    cuts_left: Arc<AtomicUsize>,
    cuts_made: Arc<AtomicUsize>,
}

impl Wire {
    /// A relay to the server with this socket folder; it cuts as [`Wire::cut_next`] says.
    pub async fn to(server: &std::path::Path, kind: Cut) -> Wire {
        let socket_dir = std::env::temp_dir().join(format!("surehold-wire-{}", uuid::Uuid::now_v7().simple()));
        std::fs::create_dir_all(&socket_dir).unwrap();
        let listener = UnixListener::bind(socket_dir.join(".s.PGSQL.5432")).unwrap();
        let (cuts_left, cuts_made) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (server, left, made) = (server.join(".s.PGSQL.5432"), cuts_left.clone(), cuts_made.clone());
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(relay(client, server.clone(), kind, left.clone(), made.clone()));
            }
        });
        Wire { socket_dir, cuts_left, cuts_made }
    }

    /// Cuts the next so many connections at their COMMIT.
    pub fn cut_next(&self, count: usize) {
        self.cuts_left.store(count, Ordering::SeqCst);
    }

    /// Cuts made so far.
    pub fn cuts_made(&self) -> usize {
        self.cuts_made.load(Ordering::SeqCst)
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.socket_dir);
    }
}

async fn relay(client: UnixStream, server: PathBuf, kind: Cut, left: Arc<AtomicUsize>, made: Arc<AtomicUsize>) {
    let server = UnixStream::connect(server).await.unwrap();
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let cut_now = Arc::new(Notify::new());
    let deaf = cut_now.clone();
    let answers = tokio::spawn(async move {
        let mut buffer = vec![0; 64 << 10];
        loop {
            let n = tokio::select! {
                biased;
                () = deaf.notified() => break,
                read = from_server.read(&mut buffer) => read.unwrap_or(0),
            };
            if n == 0 || to_client.write_all(&buffer[..n]).await.is_err() {
                return;
            }
        }
        // The client finds its connection closed. What the server still says is read, so that it goes on,
        // but nobody hears it.
        drop(to_client);
        while let Ok(1..) = from_server.read(&mut buffer).await {}
    });
    let mut buffer = vec![0; 64 << 10];
    while let Ok(n @ 1..) = from_client.read(&mut buffer).await {
        let sent = &buffer[..n];
        let commits = sent.windows(COMMIT.len()).any(|window| window == COMMIT);
        let cut = commits && left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1)).is_ok();
        if cut {
            cut_now.notify_one();
            if kind == Cut::AfterCommit {
                let _ = to_server.write_all(sent).await;
            }
            drop(from_client);
            made.fetch_add(1, Ordering::SeqCst);
            let _ = to_server.shutdown().await;
            let _ = answers.await;
            return;
        }
        if to_server.write_all(sent).await.is_err() {
            break;
        }
    }
    answers.abort();
}
