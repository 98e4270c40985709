//! All settings. Each is a flag, an environment variable and a default; flags win over variables.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, ValueEnum};
use secrecy::{ExposeSecret, SecretString};

use crate::counters::RedisArgs;
use crate::desk::{CommitMode, DeskOptions};
use crate::http::Origin;
use crate::hubspot::HubSpotArgs;
use crate::private_postgres;
use crate::store::StoreOptions;
use crate::stripe::StripeArgs;

/// The default of --data-dir.
pub const DATA_DIR: &str = "./surehold-data";

/// Where the database is, and how to log: what every command understands that uses the database.
#[derive(Debug, Clone, Args)]
pub struct Common {
    /// Folder of the private PostgreSQL and of demo.env. Not looked at when a database URL is given.
    #[arg(long, env = "SUREHOLD_DATA_DIR", default_value = DATA_DIR, value_name = "DIR")]
    pub data_dir: PathBuf,

    /// Use this PostgreSQL (15 or newer) instead of a private one: postgres://user:password@host/database.
    ///
    /// Wins over --data-dir, wherever it comes from: first this flag, then SUREHOLD_DATABASE_URL, then
    /// DATABASE_URL. `sslmode=require` asks for TLS. Better given as a variable: other users of the
    /// machine can see flags.
    #[arg(long, env = "SUREHOLD_DATABASE_URL", hide_env_values = true, value_name = "URL")]
    database_url: Option<SecretString>,

    /// Folder with the programs `postgres` and `initdb` for the private PostgreSQL; without it, PATH and the
    /// usual install folders are searched, newest first.
    #[arg(long, env = "SUREHOLD_PG_BIN", value_name = "DIR")]
    pub pg_bin: Option<PathBuf>,

    /// Role that statements run as: it may not change tables, nor touch what is append-only.
    #[arg(long, env = "SUREHOLD_APP_ROLE", default_value = "surehold_app", value_name = "ROLE")]
    pub app_role: String,

    /// What to log: a level (error, warn, info, debug, trace) or a filter such as surehold=debug,warn.
    /// Default: info for serve and demo, warn for the other commands.
    #[arg(long = "log", env = "SUREHOLD_LOG", value_name = "FILTER")]
    pub log_filter: Option<String>,

    /// How to log, always to standard error.
    #[arg(long, env = "SUREHOLD_LOG_FORMAT", default_value = "text", value_name = "FORMAT")]
    pub log_format: LogFormat,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object per line.
    Json,
}

/// What `serve` and `demo` understand besides [`Common`].
#[derive(Debug, Clone, Args)]
pub struct ServerOptions {
    /// Address and port to listen on; port 0 takes a free one and prints it.
    #[arg(long, env = "SUREHOLD_LISTEN", default_value = "127.0.0.1:8787", value_name = "ADDRESS:PORT", value_parser = address)]
    pub listen: String,

    /// How commands share transactions: `lanes` commits together what waits together, `per_request` is the
    /// usual way, one transaction each, kept as a baseline.
    #[arg(long, env = "SUREHOLD_COMMIT_MODE", default_value = "lanes", value_name = "MODE")]
    pub commit_mode: CommitModeName,

    /// Lanes; each has at most one transaction in flight per organisation.
    #[arg(long, env = "SUREHOLD_LANES", default_value = "2", value_name = "N", value_parser = clap::value_parser!(u16).range(1..=64))]
    pub lanes: u16,

    /// Commands that may wait; beyond that callers get 503 and Retry-After at once.
    #[arg(long, env = "SUREHOLD_QUEUE_MAX", default_value = "4096", value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub queue_max: u32,

    /// Database connections for commands: as many transactions can be in flight at once.
    #[arg(long, env = "SUREHOLD_COMMAND_CONNECTIONS", default_value = "16", value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub command_connections: u16,

    /// Database connections for plain reads.
    #[arg(long, env = "SUREHOLD_READ_CONNECTIONS", default_value = "8", value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub read_connections: u16,

    /// Rows of one answer of the REST routes (/rest/v1/…), whatever a caller asks for.
    #[arg(long, env = "SUREHOLD_REST_ROWS_MAX", default_value = "1000", value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub rest_rows_max: u32,

    /// Origins whose pages may call from a browser, with commas: https://app.example.com,http://localhost:5173, or * for
    /// all; without one, only pages of this server's own address.
    #[arg(long, env = "SUREHOLD_CORS_ORIGINS", value_name = "ORIGINS", value_delimiter = ',')]
    pub cors_origins: Vec<Origin>,

    /// Seconds that a read of the REST routes may take in the database.
    #[arg(long, env = "SUREHOLD_REST_TIMEOUT", default_value = "5", value_name = "SECONDS", value_parser = clap::value_parser!(u16).range(1..=300))]
    pub rest_timeout: u16,

    /// Requests to students' routes per minute and address; 0 for no limit. API keys are not limited.
    #[arg(long, env = "SUREHOLD_RATE_LIMIT_ADDRESS", default_value = "300", value_name = "N")]
    pub rate_limit_address: u32,

    /// Requests to students' routes per minute and student; 0 for no limit.
    #[arg(long, env = "SUREHOLD_RATE_LIMIT_STUDENT", default_value = "30", value_name = "N")]
    pub rate_limit_student: u32,

    /// Reverse proxies in front of this server. With 0 the peer is the caller and X-Forwarded-For is
    /// ignored; with 1 its last address is the caller, and so on.
    #[arg(long, env = "SUREHOLD_TRUSTED_PROXIES", default_value = "0", value_name = "N", value_parser = clap::value_parser!(u8).range(0..=16))]
    pub trusted_proxies: u8,

    /// Secret that signs travellers' tokens (JWT, HS256), as Supabase issues them; an organisation's own in
    /// SUREHOLD_JWT_SECRET_<SLUG>.
    #[arg(long, env = "SUREHOLD_JWT_SECRET", hide_env_values = true, value_name = "SECRET")]
    pub jwt_secret: Option<SecretString>,

    /// Where payments go.
    #[command(flatten)]
    pub stripe: StripeArgs,

    /// Where the mirror is.
    #[command(flatten)]
    pub hubspot: HubSpotArgs,

    /// Where counters are kept.
    #[command(flatten)]
    pub redis: RedisArgs,

    /// Minutes for which a checkout can be paid. Stripe takes 30 at least, and clocks may differ a little.
    #[arg(long, env = "SUREHOLD_PAY_MINUTES", default_value = "35", value_name = "MINUTES", value_parser = clap::value_parser!(u32).range(31..=1_430))]
    pub pay_minutes: u32,

    /// Seconds between two looks for payments of which Stripe knows more than we do.
    #[arg(long, env = "SUREHOLD_RECONCILE_EVERY", default_value = "300", value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..=86_400))]
    pub reconcile_every: u32,

    /// Minutes for which a student's bearer token is good.
    #[arg(long, env = "SUREHOLD_TOKEN_MINUTES", default_value = "60", value_name = "MINUTES", value_parser = clap::value_parser!(u32).range(1..=10_080))]
    pub token_minutes: u32,
}

/// [`CommitMode`] as people write it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum CommitModeName {
    /// Commands that wait together are committed together.
    Lanes,
    /// One transaction per command.
    #[value(name = "per_request", alias = "per-request")]
    PerRequest,
}

impl Common {
    /// The database URL: flag, SUREHOLD_DATABASE_URL, DATABASE_URL. Empty counts as not given.
    pub fn database_url(&self) -> Option<SecretString> {
        self.surehold_database_url().or_else(|| {
            let url = std::env::var("DATABASE_URL").ok()?;
            (!url.trim().is_empty()).then(|| SecretString::from(url))
        })
    }

    /// The database URL, if it was meant for this program and no other: DATABASE_URL does not count.
    pub fn surehold_database_url(&self) -> Option<SecretString> {
        self.database_url.clone().filter(|url| !url.expose_secret().trim().is_empty())
    }

    /// Where the database URL comes from.
    fn database_url_source(&self) -> &'static str {
        let Some(url) = self.surehold_database_url() else { return "DATABASE_URL" };
        match std::env::var("SUREHOLD_DATABASE_URL") {
            Ok(variable) if variable == url.expose_secret() => "SUREHOLD_DATABASE_URL",
            _ => "--database-url",
        }
    }

    /// Whether the database URL can be read at all.
    ///
    /// # Errors
    ///
    /// A sentence that says where it came from and what it should look like, without quoting it: it may
    /// hold a password.
    pub fn check_url(&self, url: &SecretString) -> anyhow::Result<()> {
        match url.expose_secret().parse::<tokio_postgres::Config>() {
            Ok(_) => Ok(()),
            Err(error) => anyhow::bail!(
                "{} is not a database URL ({error}). It looks like this: postgres://user:password@host/database",
                self.database_url_source()
            ),
        }
    }

    /// How to run the private PostgreSQL.
    pub fn private_postgres(&self) -> private_postgres::Options {
        private_postgres::Options { data_dir: self.data_dir.clone(), pg_bin: self.pg_bin.clone() }
    }

    /// How a tool uses a database: a few connections.
    pub fn store(&self, url: &SecretString) -> StoreOptions {
        let mut options = StoreOptions::new(url.expose_secret());
        options.app_role.clone_from(&self.app_role);
        options
    }
}

/// Whether a folder that somebody named can be one.
///
/// # Errors
///
/// It is a file.
pub fn check_folder(path: &Path) -> anyhow::Result<()> {
    let other = std::fs::metadata(path).is_ok_and(|found| !found.is_dir());
    anyhow::ensure!(!other, "{} is a file, not a folder (--data-dir, SUREHOLD_DATA_DIR)", path.display());
    Ok(())
}

/// An address and a port; whether they exist is found out by listening.
fn address(text: &str) -> Result<String, String> {
    match text.strip_prefix(':') {
        Some(port) if port.parse::<u16>().is_ok() => {
            Err(format!("give an address too: 0.0.0.0:{port} or 127.0.0.1:{port}"))
        }
        _ => Ok(text.to_owned()),
    }
}

impl ServerOptions {
    /// How the server uses a database.
    pub fn store(&self, common: &Common, url: &SecretString) -> StoreOptions {
        StoreOptions {
            read_connections: usize::from(self.read_connections),
            command_connections: usize::from(self.command_connections),
            caller_timeout: Duration::from_secs(u64::from(self.rest_timeout)),
            ..common.store(url)
        }
    }

    /// How commands are committed.
    pub fn desk(&self) -> DeskOptions {
        DeskOptions {
            mode: match self.commit_mode {
                CommitModeName::Lanes => CommitMode::Lanes,
                CommitModeName::PerRequest => CommitMode::PerRequest,
            },
            lanes: usize::from(self.lanes),
            queue_max: self.queue_max as usize,
            flights_max: usize::from(self.command_connections),
            ..DeskOptions::default()
        }
    }

    /// How long a student's bearer token is good.
    pub fn token_lifetime(&self) -> Duration {
        Duration::from_secs(u64::from(self.token_minutes) * 60)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_alone_is_no_address() {
        assert_eq!(address(":8080").unwrap_err(), "give an address too: 0.0.0.0:8080 or 127.0.0.1:8080");
        assert!(address("127.0.0.1:0").is_ok() && address("[::1]:80").is_ok());
    }

    #[test]
    fn a_file_is_no_data_folder() {
        let program = std::env::current_exe().expect("a path");
        let error = check_folder(&program).expect_err("a file").to_string();
        assert!(error.contains("is a file, not a folder"), "{error}");
        assert!(check_folder(&std::env::temp_dir()).is_ok() && check_folder(Path::new("/no/such/place")).is_ok());
    }
}
