//! `surehold doctor`

use std::process::ExitCode;

use secrecy::ExposeSecret;
use serde_json::json;

use super::database::{self, Database};
use super::output::{grouped, say, table};
use crate::config::Common;
use crate::store::connect::connect;
use crate::store::laws::{self, LawReport};
use crate::store::settings::{self, Setting};

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Reads one snapshot of the live data, while the server runs or when it does not, and checks every law in every \
organisation, hidden test organisations included. Settings that weaken the laws are warnings.\n\n\
Exit code 0: all laws hold. 1: one is broken, and the rows at fault are listed. 2: they could not be checked.\n\n  \
surehold doctor --json | jq '.laws[] | select(.violated > 0)'")]
pub struct DoctorArgs {
    /// Print JSON: {laws: […], settings: […], all_hold}.
    #[arg(long, env = "SUREHOLD_JSON")]
    json: bool,
    #[command(flatten)]
    pub common: Common,
}

pub async fn run(args: DoctorArgs) -> anyhow::Result<ExitCode> {
    check(args).await.or_else(|error| {
        eprintln!("surehold: {}", super::with_causes(&error));
        Ok(ExitCode::from(2))
    })
}

async fn check(args: DoctorArgs) -> anyhow::Result<ExitCode> {
    let database = Database::for_tool(&args.common).await?;
    database::with(database, async |database| {
        // Without the pools' time limits: a large database takes its time.
        let client = connect(database.url.expose_secret(), "surehold doctor").await?;
        let laws = laws::check(&client, None).await?;
        let settings = settings::check(&client, &args.common.app_role).await?;
        let all_hold = laws.iter().all(LawReport::holds);
        if args.json {
            let report = json!({ "laws": laws, "settings": settings, "all_hold": all_hold });
            say(serde_json::to_string_pretty(&report)?);
        } else {
            report(&laws, &settings);
        }
        Ok(if all_hold { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    })
    .await
}

fn report(laws: &[LawReport], settings: &[Setting]) {
    let rows: Vec<Vec<String>> = laws
        .iter()
        .map(|law| {
            let state = if law.holds() { "holds".to_owned() } else { format!("BROKEN ({})", grouped(law.violated)) };
            vec![law.law.to_string(), law.name.to_owned(), state, grouped(law.checked), law.rule.to_owned()]
        })
        .collect();
    say(table(&["LAW", "", "", "ROWS", ""], &rows));

    for law in laws.iter().filter(|law| !law.holds()) {
        say(format!("\nLaw {}, {}: rows at fault", law.law, law.name));
        let rows: Vec<Vec<String>> = law
            .violations
            .iter()
            .map(|v| vec![v.table.to_owned(), v.id.to_string(), v.problem.clone(), format!("(org {})", v.org_id)])
            .collect();
        say(table(&["TABLE", "ID", "PROBLEM", ""], &rows));
        let more = law.violated - i64::try_from(law.violations.len()).unwrap_or(i64::MAX);
        if more > 0 {
            say(format!("… and {} more", grouped(more)));
        }
    }

    say("");
    let weak: Vec<&Setting> = settings.iter().filter(|setting| !setting.ok).collect();
    for setting in &weak {
        say(format!("warning: {}: {} ({})", setting.name, setting.value, setting.advice));
    }
    if weak.is_empty() {
        say(format!("Settings: all {} are as they should be.", settings.len()));
    }
    let broken = laws.iter().filter(|law| !law.holds()).count();
    match broken {
        0 => say(format!("All {} laws hold.", laws.len())),
        n => say(format!("{n} of {} laws {} broken.", laws.len(), if n == 1 { "is" } else { "are" })),
    }
}
