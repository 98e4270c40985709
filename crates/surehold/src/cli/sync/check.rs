//! `surehold sync --check`: compares both sides row by row.

use serde_json::json;

use super::Told;
use super::bar::Bar;
use crate::cli::output::{grouped, table};
use crate::mirror::{CheckReport, Mirror};
use crate::store::orgs::OrgRow;

pub(super) async fn check(mirror: &Mirror, org: &OrgRow, heal: bool, told: &mut Told) -> anyhow::Result<bool> {
    let bar = Bar::new();
    let ended = mirror.check(org, heal, &bar).await;
    drop(bar);
    let report = ended?;
    told.tell(org, &as_json(&report), || sentences(&report))?;
    Ok(report.drifted == 0)
}

fn as_json(report: &CheckReport) -> serde_json::Value {
    let drift = report.drift.iter().map(|drift| {
        let kind = drift.entity.as_str();
        json!({ "kind": kind, "id": drift.id, "hubspot_id": drift.hubspot_id, "problem": drift.problem })
    });
    json!({
        "compared": report.compared, "drifted": report.drifted, "healed": report.healed,
        "pending": report.pending, "parked": report.parked, "drift": drift.collect::<Vec<_>>(),
    })
}

fn sentences(report: &CheckReport) -> String {
    let number = |n: u64| grouped(i64::try_from(n).unwrap_or(i64::MAX));
    let mut text = format!("{} rows compared, {} mended: ", number(report.compared), number(report.healed));
    if report.pending + report.parked > 0 {
        text = format!(
            "{} rows wait and {} are parked, which are not compared. {text}",
            number(report.pending),
            number(report.parked)
        );
    }
    if report.drifted == 0 {
        return text + "both sides agree.";
    }
    let rows: Vec<Vec<String>> = report
        .drift
        .iter()
        .map(|drift| {
            let hubspot_id = drift.hubspot_id.clone().unwrap_or_default();
            vec![drift.entity.as_str().to_owned(), drift.id.to_string(), hubspot_id, drift.problem.clone()]
        })
        .collect();
    let (drifted, listed) = (number(report.drifted), report.drift.len() as u64);
    let more = match report.drifted.saturating_sub(listed) {
        0 => String::new(),
        more => format!("\n… and {} more", number(more)),
    };
    format!("{text}{drifted} differ.\n{}{more}", table(&["KIND", "ID", "HUBSPOT", "PROBLEM"], &rows))
}
