//! `surehold migrate`

use std::process::ExitCode;

use secrecy::ExposeSecret;

use super::database::{self, Database};
use super::output::{first_org_hint, say};
use crate::config::Common;
use crate::store::migrate::migrate;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Migrations only go forward, and running this again changes nothing. Run it as the owner of the tables, before \
the new version's `serve`. `serve` migrates a private database by itself; a given one only with --migrate.

  DATABASE_URL=postgres://owner@db.example.org/surehold surehold migrate")]
pub struct MigrateArgs {
    #[command(flatten)]
    pub common: Common,
}

pub async fn run(args: MigrateArgs) -> anyhow::Result<ExitCode> {
    let database = Database::open(&args.common, true).await?;
    database::with(database, async |database| {
        let report = migrate(database.url.expose_secret(), &args.common.app_role).await?;
        for name in &report.applied {
            say(format!("applied {name}"));
        }
        if report.role_created {
            say(format!("made the role {}", args.common.app_role));
        }
        say(format!("The database is at schema version {}.", report.version));
        if report.applied.iter().any(|name| name.starts_with("V0001")) {
            say(format!("It has no organisation yet: {}", first_org_hint(&args.common)));
        }
        Ok(ExitCode::SUCCESS)
    })
    .await
}
