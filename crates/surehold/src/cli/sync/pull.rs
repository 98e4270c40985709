//! `surehold sync --pull`: what was changed at HubSpot.

use clap::ValueEnum;

use super::Told;
use crate::mirror::{Mirror, PullReport};
use crate::store::orgs::OrgRow;

/// What to pull.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum What {
    /// Both.
    All,
    /// Credits that were bought or cut.
    Contacts,
    /// Sessions that were made there.
    Sessions,
}

pub(super) async fn pull(mirror: &Mirror, org: &OrgRow, what: What, told: &mut Told) -> anyhow::Result<bool> {
    let mut report = PullReport::default();
    if what != What::Sessions {
        let PullReport { contacts, credits_counted, .. } = mirror.pull_contacts(org).await?;
        report = PullReport { contacts, credits_counted, ..report };
    }
    if what != What::Contacts {
        let PullReport { sessions_added, sessions_refused, .. } = mirror.pull_sessions(org).await?;
        report = PullReport { sessions_added, sessions_refused, ..report };
    }
    told.tell(org, &report, || sentences(&report, what))?;
    Ok(report.sessions_refused == 0)
}

fn sentences(report: &PullReport, what: What) -> String {
    let PullReport { contacts, credits_counted, sessions_added, sessions_refused } = report;
    let of_contacts = format!("{contacts} contacts looked at, {credits_counted} changes of credits counted.");
    let of_sessions = format!("{sessions_added} sessions brought in, {sessions_refused} could not be.");
    match what {
        What::Contacts => of_contacts,
        What::Sessions => of_sessions,
        What::All => format!("{of_contacts} {of_sessions}"),
    }
}
