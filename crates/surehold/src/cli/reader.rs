//! `surehold reader`

use std::process::ExitCode;

use secrecy::ExposeSecret;
use tokio_postgres::Client;

use super::database::{self, Database};
use super::org::choose;
use super::output::{printable, say, table};
use crate::config::Common;
use crate::store::connect::connect;
use crate::store::readers::{self, SCHEMAS};

#[derive(Debug, clap::Subcommand)]
pub enum ReaderCommand {
    /// Let a login read an organisation's views with SQL: for reports and dashboards.
    ///
    /// Run it as the owner of the tables. A role that does not exist is made, without a password: set one before it
    /// logs in. It sees the views of the schemas hubspot_sync and marketplace, read-only, and no table.
    #[command(after_help = "\
  surehold reader add reports --org acme
  psql \"$DATABASE_URL\" -c '\\password reports'
  psql postgres://reports@db.example.org/surehold -c 'SELECT count(*) FROM hubspot_bookings'")]
    Add(ReaderArgs),
    /// Take an organisation's rows from a login. The role itself stays.
    Remove(ReaderArgs),
    /// List the logins that read with SQL.
    List(ListArgs),
}

#[derive(Debug, clap::Args)]
pub struct ReaderArgs {
    /// The role that logs in.
    role: String,
    /// Organisation, by its slug; not needed when there is only one.
    #[arg(long, env = "SUREHOLD_ORG", value_name = "SLUG")]
    org: Option<String>,
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, clap::Args)]
pub struct ListArgs {
    #[command(flatten)]
    common: Common,
}

impl ReaderCommand {
    pub fn common(&self) -> &Common {
        match self {
            ReaderCommand::Add(args) | ReaderCommand::Remove(args) => &args.common,
            ReaderCommand::List(args) => &args.common,
        }
    }
}

pub async fn run(command: ReaderCommand) -> anyhow::Result<ExitCode> {
    let database = Database::for_tool(command.common()).await?;
    database::with(database, async |database| {
        // As the owner: the app role may give nobody anything.
        let mut client = connect(database.url.expose_secret(), "surehold reader").await?;
        match &command {
            ReaderCommand::Add(args) => add(&mut client, args).await,
            ReaderCommand::Remove(args) => remove(&mut client, args).await,
            ReaderCommand::List(_) => list(&client).await,
        }
    })
    .await
}

async fn add(client: &mut Client, args: &ReaderArgs) -> anyhow::Result<ExitCode> {
    let org = choose(client, args.org.as_deref(), &args.common).await?;
    let added = readers::add(client, &args.common.app_role, org.id, &args.role).await?;
    let role = printable(&args.role);
    if added.created {
        say(format!("Made the role {role}. It has no password yet: set one with \\password in psql."));
    }
    say(format!("{role} may read the rows of {} in the views of {}.", org.slug, SCHEMAS.join(" and ")));
    if !added.has_defaults {
        eprintln!(
            "note: this login may not change the defaults of {role}. Its names need their schemas \
             (hubspot_sync.hubspot_bookings), and its statements have no time limit."
        );
    }
    Ok(ExitCode::SUCCESS)
}

async fn remove(client: &mut Client, args: &ReaderArgs) -> anyhow::Result<ExitCode> {
    let org = choose(client, args.org.as_deref(), &args.common).await?;
    let role = printable(&args.role);
    anyhow::ensure!(readers::remove(client, org.id, &args.role).await?, "{role} does not read {}", org.slug);
    say(format!("{role} reads nothing of {} any more.", org.slug));
    Ok(ExitCode::SUCCESS)
}

async fn list(client: &Client) -> anyhow::Result<ExitCode> {
    let rows: Vec<Vec<String>> = readers::list(client)
        .await?
        .into_iter()
        .map(|reader| vec![reader.role, reader.org, format!("{:.0}", reader.added_at)])
        .collect();
    if rows.is_empty() {
        say("Nobody reads with SQL.");
    } else {
        say(table(&["ROLE", "ORGANISATION", "ADDED"], &rows));
    }
    Ok(ExitCode::SUCCESS)
}
