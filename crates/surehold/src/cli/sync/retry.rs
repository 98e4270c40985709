//! `surehold sync retry`

use std::process::ExitCode;

use serde_json::json;
use uuid::Uuid;

use super::{Told, Which, mirror, named_or_all};
use crate::cli::database::{self, Database};
use crate::cli::org::choose;
use crate::config::Common;
use crate::hubspot::Portals;
use crate::mirror::Parkable;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
A parked row is one that HubSpot refused so often that it is not tried again by itself; `sync status` says why. Mend the \
cause, then run this; the next run sends it.\n\n\
Exit code 0: they are tried again. 1: there is no such parked row.\n\n  \
surehold sync retry booking 01a20762-93b2-7666-9e90-dd722f2ac4fa\n  \
surehold sync retry credits 01a20762-8820-76ab-a916-e2a6d93b6377   a cut below what was spent is dealt with")]
pub(super) struct RetryArgs {
    /// Every parked row. Cuts of credits are not among them: each needs a look.
    #[arg(long, conflicts_with_all = ["kind", "id"], required_unless_present = "kind")]
    all: bool,
    /// contact, slot (or session), booking, credits.
    #[arg(value_name = "KIND", value_parser = kind, requires = "id")]
    kind: Option<Parkable>,
    /// UUID of the row; of credits, of the contact.
    #[arg(value_name = "ID")]
    id: Option<Uuid>,
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    pub common: Common,
}

fn kind(word: &str) -> Result<Parkable, String> {
    Parkable::read(word).ok_or_else(|| format!("must be one of: {}", Parkable::WORDS.join(", ")))
}

pub(super) async fn run(args: RetryArgs) -> anyhow::Result<ExitCode> {
    let database = Database::for_tool(&args.common).await?;
    database::with(database, async |database| {
        let store = database.store(&args.common.store(&database.url)).await?;
        let mirror = mirror(&store, Portals::default());
        let mut told;
        let is_done = match (args.kind, args.id) {
            (Some(kind), Some(id)) => {
                let org = choose(&*store.read().await?, args.which.org.as_deref(), &args.common).await?;
                told = Told::new(args.which.json, false, 1);
                let is_done = mirror.retry(&org, kind, id).await?;
                let word = kind.as_str();
                told.tell(&org, &json!({ "kind": word, "id": id, "retried": u8::from(is_done) }), || {
                    match (is_done, kind) {
                        (false, _) => format!("There is no parked {word} {id}."),
                        (true, Parkable::Credits) => {
                            "The contact's cuts below what was spent are dealt with.".to_owned()
                        }
                        (true, Parkable::Row(_)) => format!("The {word} is tried again at the next run."),
                    }
                })?;
                is_done
            }
            _ => {
                let orgs = named_or_all(&store, &args.which, &args.common).await?;
                told = Told::new(args.which.json, false, orgs.len());
                for org in &orgs {
                    let rows = mirror.retry_all(org).await?;
                    told.tell(org, &json!({ "retried": rows }), || {
                        format!("{rows} parked rows are tried again at the next run.")
                    })?;
                }
                true
            }
        };
        store.close();
        told.end()?;
        Ok(if is_done { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    })
    .await
}
