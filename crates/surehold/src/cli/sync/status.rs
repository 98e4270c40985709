//! `surehold sync status`

use std::process::ExitCode;

use super::{Told, Which, mirror, named_or_all};
use crate::cli::database::{self, Database};
use crate::cli::output::{grouped, printable, table};
use crate::config::Common;
use crate::http::MirrorStatus;
use crate::hubspot::HubSpotArgs;
use crate::mirror::{Status, SyncReport};

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Reads the database only. Exit code 0 whatever it says; 1: the database cannot be read.\n\n  \
surehold sync status --json | jq '.[].parked'")]
pub(super) struct StatusArgs {
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    hubspot: HubSpotArgs,
    #[command(flatten)]
    pub common: Common,
}

pub(super) async fn run(args: StatusArgs) -> anyhow::Result<ExitCode> {
    let portals = args.hubspot.portals()?;
    let database = Database::for_tool(&args.common).await?;
    database::with(database, async |database| {
        let store = database.store(&args.common.store(&database.url)).await?;
        let mirror = mirror(&store, portals);
        let orgs = named_or_all(&store, &args.which, &args.common).await?;
        let mut told = Told::new(args.which.json, false, orgs.len());
        for org in &orgs {
            let status = mirror.status(org).await?;
            let words = sentences(&status);
            told.tell(org, &MirrorStatus::from(status), || words)?;
        }
        store.close();
        told.end()?;
        Ok(ExitCode::SUCCESS)
    })
    .await
}

fn sentences(status: &Status) -> String {
    let mut lines = Vec::new();
    if !status.is_mirrored {
        lines.push("no portal is set here (SUREHOLD_HUBSPOT_ACCESS_TOKEN), so nothing is sent from here".to_owned());
    }
    if status.pending.is_empty() && status.loose == 0 {
        lines.push("nothing waits for HubSpot".to_owned());
    } else {
        let rows = status.pending.iter().map(|pending| {
            vec![pending.entity.as_str().to_owned(), grouped(pending.rows), format!("{:.0}", pending.oldest)]
        });
        let loose = (status.loose > 0).then(|| vec!["association".to_owned(), grouped(status.loose), String::new()]);
        let rows: Vec<Vec<String>> = rows.chain(loose).collect();
        lines.push(format!("waiting for HubSpot:\n{}", table(&["KIND", "ROWS", "SINCE"], &rows)));
    }
    lines.push(last_run(status));
    if let Some(left) = status.calls_left_today {
        lines.push(format!("calls left today: {}", grouped(i64::try_from(left).unwrap_or(i64::MAX))));
    }
    if status.parked_rows > 0 {
        let rows: Vec<Vec<String>> = status
            .parked
            .iter()
            .map(|row| {
                let call = row.correlation_id.clone().unwrap_or_default();
                vec![row.entity.as_str().to_owned(), row.id.to_string(), row.problem.clone(), call]
            })
            .collect();
        let heading = format!("parked: {} (`sync retry KIND ID` or `sync retry --all`)", grouped(status.parked_rows));
        lines.push(format!("{heading}\n{}", table(&["KIND", "ID", "PROBLEM", "CORRELATION"], &rows)));
    }
    if !status.shortfalls.is_empty() {
        let rows: Vec<Vec<String>> = status
            .shortfalls
            .iter()
            .map(|short| {
                let (delta, applied) = (short.delta.to_string(), short.applied.to_string());
                vec![short.contact_id.to_string(), short.student_id.clone(), short.kind.clone(), delta, applied]
            })
            .collect();
        let heading = "cut below what was spent (`sync retry credits CONTACT` when it is dealt with)";
        lines.push(format!("{heading}\n{}", table(&["CONTACT", "STUDENT", "CREDIT", "CUT BY", "APPLIED"], &rows)));
    }
    lines.join("\n")
}

fn last_run(status: &Status) -> String {
    let running = if status.sync.is_running { "; a run is on now" } else { "" };
    let Some(ended) = status.sync.ended_at else { return format!("no run has ended yet{running}") };
    let how = match status.last_report() {
        None => String::new(),
        Some(SyncReport { problem: Some(problem), .. }) => format!(", early: {}", printable(&problem)),
        Some(report) => {
            let counts = report.counts();
            format!(": {} created, {} updated, {} refused", counts.created, counts.updated, counts.failed)
        }
    };
    format!("the last run ended at {ended:.0}{how}{running}")
}
