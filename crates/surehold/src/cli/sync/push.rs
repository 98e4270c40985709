//! `surehold sync`: sends everything that changed.

use super::Told;
use super::bar::Bar;
use crate::cli::output::{grouped, printable};
use crate::mirror::{Mirror, SyncReport};
use crate::store::orgs::OrgRow;

pub(super) async fn push(mirror: &Mirror, org: &OrgRow, told: &mut Told) -> anyhow::Result<bool> {
    let bar = Bar::new();
    let ended = mirror.sync(org, &bar).await;
    drop(bar);
    let report = ended?;
    told.tell(org, &report, || sentences(&report))?;
    let counts = report.counts();
    Ok(report.problem.is_none() && counts.failed == 0 && report.pending == 0 && report.parked == 0)
}

fn sentences(report: &SyncReport) -> String {
    let counts = report.counts();
    let number = |n: u64| grouped(i64::try_from(n).unwrap_or(i64::MAX));
    let mut text = format!(
        "{} created, {} updated, {} refused, {} associations, in {:.1} s.",
        number(counts.created),
        number(counts.updated),
        number(counts.failed),
        number(report.associations),
        report.duration().as_secs_f64(),
    );
    if report.credits_counted > 0 {
        text += &format!(" {} counted.", rows(report.credits_counted, "change of credits", "changes of credits"));
    }
    if report.pending > 0 {
        text += &format!(" {} to wait.", rows(report.pending, "row has", "rows have"));
    }
    if report.parked > 0 {
        text += &format!(" {} parked: see `sync status`.", rows(report.parked, "row is", "rows are"));
    }
    if let Some(problem) = &report.problem {
        text += &format!("\nIt ended early: {}", printable(problem));
    }
    text
}

fn rows(n: u64, one: &str, many: &str) -> String {
    let n = i64::try_from(n).unwrap_or(i64::MAX);
    format!("{} {}", grouped(n), if n == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mirror::Counts;

    #[test]
    fn a_run_is_told_in_one_line_unless_it_ended_early() {
        let report = SyncReport {
            contacts: Counts { created: 1_200, updated: 3, failed: 0 },
            bookings: Counts { created: 34, updated: 0, failed: 1 },
            associations: 68,
            milliseconds: 1_234,
            ..SyncReport::default()
        };
        assert_eq!(sentences(&report), "1,234 created, 3 updated, 1 refused, 68 associations, in 1.2 s.");
        let early = SyncReport {
            credits_counted: 1,
            pending: 2,
            parked: 1,
            problem: Some("no \u{1b}[2Janswer".to_owned()),
            ..SyncReport::default()
        };
        assert_eq!(
            sentences(&early),
            "0 created, 0 updated, 0 refused, 0 associations, in 0.0 s. 1 change of credits counted. 2 rows have to wait. \
             1 row is parked: see `sync status`.\nIt ended early: no \\u{1b}[2Janswer"
        );
    }
}
