//! `surehold serve`

use std::process::ExitCode;

use super::output::{first_org_hint, say};
use super::server::{Server, stop_signal};
use crate::config::{Common, ServerOptions};
use crate::store::orgs;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
The private database is migrated at the start. A given one is not, unless --migrate says so: then `serve` needs \
the owner's login, and several servers of different versions should not start at once.

^C or SIGTERM: no new connections, requests in flight get 10 s to finish, then the private database stops. \
A second ^C ends the process at once; nothing that was acknowledged is lost.

  surehold serve --data-dir /var/lib/surehold --listen 0.0.0.0:8787
  DATABASE_URL=postgres://surehold_app@db.example.org/surehold surehold serve")]
pub struct ServeArgs {
    /// Migrate a database given by URL before serving.
    #[arg(long, env = "SUREHOLD_MIGRATE", value_parser = clap::builder::BoolishValueParser::new(), action = clap::ArgAction::SetTrue)]
    migrate: bool,
    #[command(flatten)]
    server: ServerOptions,
    #[command(flatten)]
    pub common: Common,
}

pub async fn run(args: ServeArgs) -> anyhow::Result<ExitCode> {
    let server = tokio::select! {
        server = Server::prepare(&args.common, &args.server, args.common.database_url(), args.migrate) => server?,
        signal = stop_signal() => anyhow::bail!("stopped by {signal} before it was ready"),
    };
    say(format!("Surehold listens on {} (API: {}/docs). Stop it with ^C.", server.url(), server.url()));
    let known = orgs::all(&**server.store.read().await?).await?;
    if known.iter().all(|org| org.is_test || org.closed_at.is_some()) {
        say(format!("There is no organisation yet: {}", first_org_hint(&args.common)));
    }
    server.run().await
}
