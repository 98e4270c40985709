//! `surehold key`

use std::process::ExitCode;

use clap::ValueEnum;
use secrecy::ExposeSecret;
use tokio_postgres::Client;
use uuid::Uuid;

use super::database::{self, Database};
use super::org::choose;
use super::output::{printable, program, say, table};
use crate::config::Common;
use crate::store::api_keys::{self, Role};

#[derive(Debug, clap::Subcommand)]
pub enum KeyCommand {
    /// Make a key. It is shown once: the database keeps only a hash of it.
    #[command(after_help = "  surehold key create --role service --name website")]
    Create(CreateArgs),
    /// List the keys of an organisation, without their secrets.
    List(ListArgs),
    /// Revoke a key: requests with it are refused from now on.
    Revoke(RevokeArgs),
}

#[derive(Debug, clap::Args)]
pub struct CreateArgs {
    /// Organisation, by its slug; not needed when there is only one.
    #[arg(long, env = "SUREHOLD_ORG", value_name = "SLUG")]
    org: Option<String>,
    /// What the key may do.
    #[arg(long, value_name = "ROLE")]
    role: RoleName,
    /// What it is for, so that you know it again.
    #[arg(long)]
    name: String,
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, clap::Args)]
pub struct ListArgs {
    /// Organisation, by its slug; not needed when there is only one.
    #[arg(long, env = "SUREHOLD_ORG", value_name = "SLUG")]
    org: Option<String>,
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, clap::Args)]
pub struct RevokeArgs {
    /// The key's ID, as `surehold key list` shows it.
    #[arg(value_parser = key_id)]
    id: Uuid,
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum RoleName {
    /// Everything in its organisation.
    Admin,
    /// Book, cancel and read for any student of its organisation.
    Service,
}

fn key_id(text: &str) -> Result<Uuid, String> {
    text.parse().map_err(|_| format!("{text:?} is not a key's ID. {} key list shows them.", program()))
}

impl KeyCommand {
    pub fn common(&self) -> &Common {
        match self {
            KeyCommand::Create(args) => &args.common,
            KeyCommand::List(args) => &args.common,
            KeyCommand::Revoke(args) => &args.common,
        }
    }
}

pub async fn run(command: KeyCommand) -> anyhow::Result<ExitCode> {
    let database = Database::for_tool(command.common()).await?;
    database::with(database, async |database| {
        let store = database.store(&command.common().store(&database.url)).await?;
        let client = store.read().await?;
        match &command {
            KeyCommand::Create(args) => create(&client, args).await,
            KeyCommand::List(args) => list(&client, args).await,
            KeyCommand::Revoke(args) => revoke(&client, args.id).await,
        }
    })
    .await
}

async fn create(client: &Client, args: &CreateArgs) -> anyhow::Result<ExitCode> {
    let name = args.name.trim();
    anyhow::ensure!(!name.is_empty() && name.chars().count() <= 200, "--name must have 1 to 200 characters");
    anyhow::ensure!(!name.contains(char::is_control), "--name must not have control characters");
    let org = choose(client, args.org.as_deref(), &args.common).await?;
    let role = match args.role {
        RoleName::Admin => Role::Admin,
        RoleName::Service => Role::Service,
    };
    let key = api_keys::create(client, org.id, name, role).await?;
    // The key alone on standard output, so that a script can take it.
    say(key.text.expose_secret());
    eprintln!("Keep it safe: it is not shown again. Send it as `Authorization: Bearer <key>`. Its ID is {}.", key.id);
    Ok(ExitCode::SUCCESS)
}

async fn list(client: &Client, args: &ListArgs) -> anyhow::Result<ExitCode> {
    let org = choose(client, args.org.as_deref(), &args.common).await?;
    let rows: Vec<Vec<String>> = api_keys::list(client, org.id)
        .await?
        .into_iter()
        .map(|key| {
            let state = key.revoked_at.map_or_else(|| "active".to_owned(), |at| format!("revoked {at:.0}"));
            vec![key.id.to_string(), key.role.as_str().to_owned(), key.name, format!("{:.0}", key.created_at), state]
        })
        .collect();
    if rows.is_empty() {
        say(format!("{} has no keys yet.", org.slug));
    } else {
        say(table(&["ID", "ROLE", "NAME", "MADE", "STATE"], &rows));
    }
    Ok(ExitCode::SUCCESS)
}

async fn revoke(client: &Client, id: Uuid) -> anyhow::Result<ExitCode> {
    let Some(key) = api_keys::find(client, id).await? else { anyhow::bail!("there is no key {id}") };
    if api_keys::revoke(client, key.org_id, id).await? {
        say(format!("Revoked {} ({}).", printable(&key.name), id));
    } else {
        say(format!("{} ({}) was revoked before.", printable(&key.name), id));
    }
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_an_id_is_refused_with_a_way_to_find_one() {
        assert!(key_id(&Uuid::nil().to_string()).is_ok());
        let problem = key_id("garbage").unwrap_err();
        assert!(problem.starts_with("\"garbage\" is not a key's ID.") && problem.ends_with(" key list shows them."));
    }
}
