//! `surehold sync --setup`: makes what a portal lacks.

use super::Told;
use crate::cli::output::table;
use crate::mirror::{Mirror, SetupReport};
use crate::store::orgs::OrgRow;

pub(super) async fn set_up(mirror: &Mirror, org: &OrgRow, dry_run: bool, told: &mut Told) -> anyhow::Result<bool> {
    let report = mirror.set_up(org, dry_run).await?;
    told.tell(org, &report, || sentences(&report))?;
    Ok(report.misfits.is_empty())
}

fn sentences(report: &SetupReport) -> String {
    let SetupReport { dry_run, made, fitting, misfits } = report;
    let would = if *dry_run { "to be made" } else { "made" };
    let mut text = format!("{fitting} properties fit, {} {would}, {} do not fit.", made.len(), misfits.len());
    if !made.is_empty() {
        let rows: Vec<Vec<String>> = made
            .iter()
            .map(|part| vec![part.object.to_owned(), part.object_type.clone(), part.what.to_owned(), part.name.clone()])
            .collect();
        text += &format!(
            "\n\n{}\n{}",
            if *dry_run { "To be made:" } else { "Made:" },
            table(&["OF", "TYPE", "", ""], &rows)
        );
    }
    if !misfits.is_empty() {
        let rows: Vec<Vec<String>> = misfits
            .iter()
            .map(|misfit| vec![misfit.part.object.to_owned(), misfit.part.object_type.clone(), misfit.problem.clone()])
            .collect();
        text += &format!("\n\nFor you to look at:\n{}", table(&["OF", "TYPE", "PROBLEM"], &rows));
    }
    text
}
