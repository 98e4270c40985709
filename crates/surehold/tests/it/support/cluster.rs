//! One PostgreSQL for the whole run, in memory where the machine allows, and a fresh database for each
//! test, copied from a migrated template.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use surehold::private_postgres::{Options, PrivatePostgres};
use surehold::store::migrate::migrate;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio_postgres::{Client, NoTls};

/// The role that the server's statements run as.
pub const APP_ROLE: &str = "surehold_app";

const TEMPLATE: &str = "surehold_template";
/// Databases in use at once: each has up to a dozen connections, and the server allows 100.
static DATABASES: Semaphore = Semaphore::const_new(8);
static NUMBER: AtomicU32 = AtomicU32::new(0);

/// A database of its own for one test.
pub struct TestDatabase {
    /// How to reach it, as its owner.
    pub url: String,
    /// The folder of the server's socket.
    pub socket_dir: PathBuf,
    /// Its name.
    pub name: String,
    _permit: SemaphorePermit<'static>,
}

impl TestDatabase {
    /// A fresh, migrated database.
    pub async fn new() -> TestDatabase {
        let permit = DATABASES.acquire().await.expect("the semaphore is never closed");
        let cluster = cluster();
        let name = format!("test_{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        let admin = connect(&cluster.url_of("postgres")).await;
        admin
            .batch_execute(&format!("CREATE DATABASE {name} TEMPLATE {TEMPLATE} STRATEGY FILE_COPY"))
            .await
            .expect("a database from the template");
        TestDatabase { url: cluster.url_of(&name), socket_dir: cluster.socket_dir.clone(), name, _permit: permit }
    }

    /// A connection as the owner, for looking and for meddling.
    pub async fn owner(&self) -> Client {
        connect(&self.url).await
    }
}

/// A connection without any settings of ours.
pub async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.expect("the test database is reachable");
    tokio::spawn(connection);
    client
}

struct Cluster {
    socket_dir: PathBuf,
    user: String,
}

impl Cluster {
    fn url_of(&self, database: &str) -> String {
        format!("host={} port=5432 user={} dbname={database}", self.socket_dir.display(), self.user)
    }
}

fn cluster() -> &'static Cluster {
    static CLUSTER: OnceLock<Cluster> = OnceLock::new();
    // Its own thread and runtime: it outlives the test that happens to come first.
    CLUSTER.get_or_init(|| {
        std::thread::spawn(|| {
            let runtime = tokio::runtime::Runtime::new().expect("a runtime");
            let cluster = runtime.block_on(start());
            std::thread::spawn(move || runtime.block_on(std::future::pending::<()>()));
            cluster
        })
        .join()
        .expect("the test cluster starts")
    })
}

async fn start() -> Cluster {
    let data_dir = memory_or_disk().join(format!("surehold-test-{}", std::process::id()));
    std::fs::create_dir_all(&data_dir).expect("a folder for the test cluster");
    let postgres = PrivatePostgres::start(&Options { data_dir: data_dir.clone(), pg_bin: None })
        .await
        .expect("a private PostgreSQL for the tests");
    let socket_dir = postgres.socket_dir().to_owned();
    end_with_this_process(&data_dir);

    let cluster = Cluster { socket_dir, user: "surehold_owner".to_owned() };
    let admin = connect(&cluster.url_of("postgres")).await;
    admin.batch_execute(&format!("CREATE DATABASE {TEMPLATE}")).await.expect("a template");
    migrate(&cluster.url_of(TEMPLATE), APP_ROLE).await.expect("the migrations apply");
    // Supervision goes on until the process ends; the watchdog cleans up.
    std::mem::forget(postgres);
    cluster
}

/// However this process ends, a shell that waits for its pipe to close then stops the cluster (by the
/// process id in its own pid file) and removes its folder.
fn end_with_this_process(data_dir: &Path) {
    let script = r#"trap '' INT TERM; cat >/dev/null; pid=$(head -n 1 "$1/postgres/postmaster.pid") && kill -INT "$pid"
        while kill -0 "$pid" 2>/dev/null; do sleep 0.1; done; rm -rf "$1""#;
    let mut watchdog = Command::new("sh")
        .args(["-c", script, "sh"])
        .arg(data_dir)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("a shell");
    let mut pipe = watchdog.stdin.take().expect("the pipe");
    pipe.flush().expect("the pipe is open");
    std::mem::forget(pipe);
    std::mem::forget(watchdog); // it outlives this process, on purpose
}

/// `/dev/shm` if a few hundred megabytes fit there, else the usual folder for temporary files.
fn memory_or_disk() -> PathBuf {
    let shm = Path::new("/dev/shm");
    let free = nix::sys::statvfs::statvfs(shm).map(|s| s.blocks_available() * s.fragment_size());
    if free.is_ok_and(|bytes| bytes > 1 << 30) { shm.to_owned() } else { std::env::temp_dir() }
}
