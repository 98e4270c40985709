//! A Redis (or Valkey) of a test's own, on a socket in a folder of its own.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use redis::aio::MultiplexedConnection;
use redis::{Client, Cmd, FromRedisValue};
use surehold::counters::Redises;

use super::marketplace_api::until;

/// However the test ends, a shell that waits for its pipe to close then kills the server, by its own id.
const WATCHDOG: &str =
    r#"trap '' INT TERM; "$@" </dev/null >/dev/null 2>&1 & echo $!; cat >/dev/null; kill -KILL $!; wait $!"#;

/// A Redis that is ended when it is dropped.
pub struct RedisServer {
    folder: PathBuf,
    running: Option<Running>,
}

struct Running {
    watchdog: Child,
    pid: Pid,
}

impl RedisServer {
    /// An empty one.
    pub async fn start() -> RedisServer {
        let folder = std::env::temp_dir().join(format!("surehold-redis-{}", uuid::Uuid::now_v7().simple()));
        std::fs::create_dir_all(&folder).unwrap();
        let mut server = RedisServer { folder, running: None };
        server.goes_on().await;
        server
    }

    /// Starts it again, with what it [saved](Self::saves).
    pub async fn goes_on(&mut self) {
        let program = ["redis-server", "valkey-server"].into_iter().find(|program| is_there(program));
        let program = program.expect("redis-server or valkey-server: scripts/setup test installs one");
        let mut watchdog = Command::new("sh")
            .args(["-c", WATCHDOG, "sh", program, "--port", "0", "--save", "", "--appendonly", "no", "--unixsocket"])
            .arg(self.socket())
            .arg("--dir")
            .arg(&self.folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("a shell");
        let mut line = String::new();
        BufReader::new(watchdog.stdout.take().unwrap()).read_line(&mut line).unwrap();
        self.running = Some(Running { watchdog, pid: Pid::from_raw(line.trim().parse().unwrap()) });
        until("Redis answers", || async {
            let Ok(mut connection) = self.connect().await else { return false };
            redis::cmd("PING").query_async::<String>(&mut connection).await.is_ok()
        })
        .await;
    }

    /// Keeps what it has for its next start.
    pub async fn saves(&self) {
        self.says::<()>("SAVE").await;
    }

    /// Ends without a word.
    pub fn dies(&mut self) {
        let Some(mut running) = self.running.take() else { return };
        drop(running.watchdog.stdin.take());
        running.watchdog.wait().unwrap();
        let _ = std::fs::remove_file(self.socket());
    }

    /// Takes what it is sent, and does not answer.
    pub fn falls_silent(&self) {
        kill(self.running.as_ref().unwrap().pid, Signal::SIGSTOP).unwrap();
    }

    /// Answers again.
    pub fn wakes(&self) {
        kill(self.running.as_ref().unwrap().pid, Signal::SIGCONT).unwrap();
    }

    /// As the setting names it.
    pub fn url(&self) -> String {
        format!("unix://{}", self.socket().display())
    }

    /// The setting.
    pub fn setting(&self) -> Redises {
        Redises::read("SUREHOLD_REDIS_URL", &self.url().into()).unwrap()
    }

    /// The answer to a command, as another program would give it.
    pub async fn says<T: FromRedisValue>(&self, command: &str) -> T {
        let mut connection = self.connect().await.expect("Redis is there");
        let mut words = Cmd::new();
        words.arg(command.split(' ').collect::<Vec<_>>());
        words.query_async(&mut connection).await.unwrap_or_else(|error| panic!("{command}: {error}"))
    }

    async fn connect(&self) -> redis::RedisResult<MultiplexedConnection> {
        Client::open(self.url())?.get_multiplexed_async_connection().await
    }

    fn socket(&self) -> PathBuf {
        self.folder.join("redis.sock")
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.dies();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn is_there(program: &str) -> bool {
    std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()).any(|folder| folder.join(program).is_file())
}
