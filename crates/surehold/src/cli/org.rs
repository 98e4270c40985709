//! `surehold org`

use std::process::ExitCode;

use anyhow::Context;
use tokio_postgres::Client;

use super::database::{self, Database};
use super::output::{first_org_hint, hint, say, table};
use crate::config::Common;
use crate::store::orgs::{self, OrgRow};
use crate::store::provision::{NewOrg, create_org};

#[derive(Debug, clap::Subcommand)]
pub enum OrgCommand {
    /// Make an organisation: its kinds of credit, its four types of session, its locations' time zones.
    Create(CreateArgs),
    /// List the organisations.
    List(ListArgs),
}

#[derive(Debug, clap::Args)]
#[command(
    after_help = "  surehold org create --slug acme --name 'Acme Exams' --time-zone America/Toronto --host book.acme.example"
)]
pub struct CreateArgs {
    /// Short name for commands and URLs: lower-case letters, digits and hyphens.
    #[arg(long)]
    slug: String,
    /// Name for people.
    #[arg(long)]
    name: String,
    /// Time zone of sessions whose location says nothing else, such as America/Toronto.
    #[arg(long, value_name = "ZONE")]
    time_zone: String,
    /// What its experiences are sold in: a code of ISO 4217, such as usd or eur.
    #[arg(long, value_name = "CODE", default_value = crate::currency::USUAL)]
    currency: String,
    /// Host name whose requests belong to it; may be given several times.
    #[arg(long = "host", value_name = "HOST")]
    hosts: Vec<String>,
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, clap::Args)]
pub struct ListArgs {
    /// Show test organisations and closed ones, too.
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    common: Common,
}

impl OrgCommand {
    pub fn common(&self) -> &Common {
        match self {
            OrgCommand::Create(args) => &args.common,
            OrgCommand::List(args) => &args.common,
        }
    }
}

pub async fn run(command: OrgCommand) -> anyhow::Result<ExitCode> {
    let database = Database::for_tool(command.common()).await?;
    database::with(database, async |database| {
        let store = database.store(&command.common().store(&database.url)).await?;
        let mut client = store.read().await?;
        match &command {
            OrgCommand::Create(args) => create(&mut client, args).await,
            OrgCommand::List(args) => list(&client, args).await,
        }
    })
    .await
}

async fn create(client: &mut Client, args: &CreateArgs) -> anyhow::Result<ExitCode> {
    let org = NewOrg {
        slug: args.slug.clone(),
        name: args.name.clone(),
        time_zone: args.time_zone.clone(),
        currency: args.currency.clone(),
        hosts: args.hosts.clone(),
        is_test: false,
    };
    let id = create_org(client, &org).await?;
    say(format!("Made the organisation {} ({id}).", args.slug));
    let key = format!("key create --org {} --role service --name website", args.slug);
    say(format!("Next, a key for its web site: {}", hint(&args.common, &key)));
    let open = orgs::open(client).await?;
    let real = open.iter().filter(|org| !org.is_test).map(|org| (org.slug.as_str(), org.hosts.len()));
    if let Some(warning) = hostless(real) {
        eprintln!("warning: {warning}");
    }
    Ok(ExitCode::SUCCESS)
}

/// What to say when requests without key or token no longer tell the organisations apart. Each comes with
/// the number of its hosts.
fn hostless<'o>(orgs: impl Iterator<Item = (&'o str, usize)>) -> Option<String> {
    let orgs: Vec<_> = orgs.collect();
    let without: Vec<&str> = orgs.iter().filter(|(_, hosts)| *hosts == 0).map(|(slug, _)| *slug).collect();
    if orgs.len() < 2 || without.is_empty() {
        return None;
    }
    let (have, reach) = if without.len() == 1 { ("has", "it") } else { ("have", "them") };
    Some(format!(
        "there are {} organisations now, and {} {have} no host. Requests without key or token can no longer tell the \
         organisations apart: without a host of theirs they are refused with ORG_UNKNOWN, so none can reach {reach}",
        orgs.len(),
        without.join(", ")
    ))
}

async fn list(client: &Client, args: &ListArgs) -> anyhow::Result<ExitCode> {
    let rows: Vec<Vec<String>> = orgs::all(client)
        .await?
        .into_iter()
        .filter(|org| args.all || (!org.is_test && org.closed_at.is_none()))
        .map(|org| {
            let state = match (org.is_test, org.closed_at) {
                (false, None) => "open".to_owned(),
                (true, None) => "open (test)".to_owned(),
                (_, Some(at)) => format!("closed {at:.0}"),
            };
            vec![org.slug, org.name, org.time_zone, org.hosts.join(" "), state, org.id.to_string()]
        })
        .collect();
    if rows.is_empty() {
        say(format!("No organisation yet. Make one: {}", first_org_hint(&args.common)));
    } else {
        say(table(&["SLUG", "NAME", "TIME ZONE", "HOSTS", "STATE", "ID"], &rows));
    }
    Ok(ExitCode::SUCCESS)
}

/// The organisation that a command is about: the one named, else the only one there is.
pub async fn choose(client: &Client, slug: Option<&str>, common: &Common) -> anyhow::Result<OrgRow> {
    if let Some(slug) = slug {
        let org = orgs::by_slug(client, slug).await?.with_context(|| format!("there is no organisation {slug:?}"))?;
        anyhow::ensure!(org.closed_at.is_none(), "the organisation {slug:?} is closed");
        return Ok(org);
    }
    let mut open = orgs::all(client).await?;
    open.retain(|org| !org.is_test && org.closed_at.is_none());
    match open.len() {
        0 => anyhow::bail!("there is no organisation yet. Make one: {}", first_org_hint(common)),
        1 => Ok(open.remove(0)),
        _ => {
            let slugs: Vec<&str> = open.iter().map(|org| org.slug.as_str()).collect();
            anyhow::bail!("there are several organisations: say which with --org ({})", slugs.join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_organisations_need_hosts() {
        assert_eq!(hostless([("a", 0)].into_iter()), None);
        assert_eq!(hostless([("a", 1), ("b", 2)].into_iter()), None);
        let warning = hostless([("a", 1), ("b", 0), ("c", 0)].into_iter()).expect("a warning");
        assert!(warning.contains("b, c have no host") && warning.contains("ORG_UNKNOWN"), "{warning}");
    }
}
