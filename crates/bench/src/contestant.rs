//! The contestants, each a server process of its own.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use anyhow::Context;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;

/// A server is ready, or gone, within this.
const PATIENCE: Duration = Duration::from_secs(20);

/// Who is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Contestant {
    /// The product: what waits together shares a transaction.
    Lanes,
    /// The product's decisions, a transaction for each.
    PerRequest,
    /// One function call per request.
    Seed,
    /// The product, which mirrors every second to a HubSpot that answers every call with 503.
    HubSpotAway,
    /// The product, called as supabase-js calls it: `rpc('create_booking_atomic', …)`.
    Rpc,
}

impl Contestant {
    /// Those that are compared nearly everywhere.
    pub const ALL: &'static [Contestant] = &[Contestant::Lanes, Contestant::PerRequest, Contestant::Seed];

    /// The name in results.
    pub fn name(self) -> &'static str {
        match self {
            Contestant::Lanes => "lanes",
            Contestant::PerRequest => "per_request",
            Contestant::Seed => "seed",
            Contestant::HubSpotAway => "hubspot_away",
            Contestant::Rpc => "rpc",
        }
    }

    fn command(self, url: &str) -> anyhow::Result<Command> {
        let command = match self {
            Contestant::Lanes | Contestant::PerRequest | Contestant::HubSpotAway | Contestant::Rpc => {
                let mut command = Command::new(product()?);
                command.args(["serve", "--listen", "127.0.0.1:0", "--log", "warn", "--commit-mode"]);
                command.arg(if self == Contestant::PerRequest { "per_request" } else { "lanes" });
                command.args(["--database-url", url]);
                command
            }
            Contestant::Seed => {
                let mut command = Command::new(own_program()?);
                command.args(["serve-seed", "--database-url", url]);
                command
            }
        };
        Ok(command)
    }
}

fn own_program() -> anyhow::Result<PathBuf> {
    std::env::current_exe().context("this program does not know where it lies")
}

/// The product's program.
///
/// # Errors
///
/// It was not built.
pub fn product() -> anyhow::Result<PathBuf> {
    let program = own_program()?.with_file_name("surehold");
    anyhow::ensure!(
        program.exists(),
        "{} is missing: build it beside this program (`make bench` does)",
        program.display()
    );
    Ok(program)
}

/// What the product also reads where its own settings are not given.
const SHARED_SETTINGS: [&str; 7] = [
    "DATABASE_URL",
    "HUBSPOT_ACCESS_TOKEN",
    "HUBSPOT_CLIENT_SECRET",
    "CRON_SECRET",
    "STRIPE_SECRET_KEY",
    "STRIPE_WEBHOOK_SECRET",
    "REDIS_URL",
];

/// Settings of this shell are not the product's.
pub fn without_settings(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy();
        if name.starts_with("SUREHOLD_") || SHARED_SETTINGS.contains(&&*name) {
            command.env_remove(&*name);
        }
    }
}

/// A contestant's server, running.
pub struct Server {
    child: Child,
    /// Where it listens.
    pub address: SocketAddr,
    /// Its process id.
    pub pid: i32,
    // Kept open: who writes to a closed pipe dies.
    _output: BufReader<ChildStdout>,
}

impl Server {
    /// Starts a server on a database, with more flags, and waits until it listens. Dropped, it is killed.
    ///
    /// # Errors
    ///
    /// It ends before it listens; its own words are on standard error.
    pub async fn start(contestant: Contestant, url: &str, flags: &[String]) -> anyhow::Result<Server> {
        let mut command = contestant.command(url)?;
        command.args(flags);
        without_settings(&mut command);
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("the server of {} cannot be started", contestant.name()))?;
        let mut output = BufReader::new(child.stdout.take().context("a server without output")?);
        let address = timeout(PATIENCE, read_address(&mut output))
            .await
            .with_context(|| format!("the server of {} does not listen after 20 s", contestant.name()))?
            .with_context(|| format!("the server of {} ended before it listened", contestant.name()))?;
        let pid = child.id().and_then(|pid| i32::try_from(pid).ok()).context("a server ended")?;
        Ok(Server { child, address, pid, _output: output })
    }

    /// Asks it to stop, and waits.
    ///
    /// # Errors
    ///
    /// It does not stop in 20 s, or not well.
    pub async fn stop(mut self) -> anyhow::Result<()> {
        kill(Pid::from_raw(self.pid), Signal::SIGTERM).context("a server ended by itself")?;
        let status = timeout(PATIENCE, self.child.wait()).await.context("a server does not stop")??;
        anyhow::ensure!(status.success(), "a server ended with {status}");
        Ok(())
    }
}

/// The address in the first line that names one.
async fn read_address(output: &mut BufReader<ChildStdout>) -> anyhow::Result<SocketAddr> {
    let mut line = String::new();
    while output.read_line(&mut line).await? > 0 {
        if let Some(address) = address_in(&line) {
            return Ok(address);
        }
        line.clear();
    }
    anyhow::bail!("no line of its output named an address")
}

fn address_in(line: &str) -> Option<SocketAddr> {
    let rest = line.split_once("http://")?.1;
    rest.split(|c: char| c.is_whitespace() || c == '/').next()?.parse().ok()
}

/// The folder of this program: builds put it into `target/release`, so results go to `target/bench`.
///
/// # Errors
///
/// This program does not know where it lies.
pub fn build_folder() -> anyhow::Result<PathBuf> {
    let own = own_program()?;
    let target = own.parent().and_then(|profile| profile.parent()).context("this program lies in no folder")?;
    Ok(target.join("bench"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_found_in_what_servers_say() {
        let said = "Surehold listens on http://127.0.0.1:4711 (API: http://127.0.0.1:4711/docs). Stop it with ^C.\n";
        assert_eq!(address_in(said), Some(SocketAddr::from(([127, 0, 0, 1], 4711))));
        assert_eq!(address_in("There is no organisation yet"), None);
    }
}
