//! Looks after the mirror at HubSpot: sends what changed, counts what was bought there. Nothing here holds a lock that a
//! booking waits for; HubSpot being away delays the mirror, and nothing else.

use std::future::Future;
use std::time::Duration;

use super::{every, hubspot_metrics};
use crate::mirror::{Mirror, MirrorError, PullReport, SyncReport};
use crate::store::orgs::OrgRow;

/// How soon a run is tried again that another program was ahead of: it may have died in the middle, and its lease ends
/// within a minute or so.
const BUSY_PAUSE: Duration = Duration::from_secs(30);
/// How soon histories are read that webhooks asked for.
const WANTED_EVERY: Duration = Duration::from_secs(2);
/// How often the gauges are set.
const MEASURE_EVERY: Duration = Duration::from_secs(15);

/// Looks after each organisation that is mirrored, at once and again after each pause, until `stop` is ready.
pub async fn sync(mirror: Mirror, pause: Duration, stop: impl Future<Output = ()>) {
    tokio::pin!(stop);
    loop {
        let is_busy = tokio::select! {
            () = &mut stop => return,
            is_busy = sync_all(&mirror) => is_busy,
        };
        tokio::select! {
            () = &mut stop => return,
            () = tokio::time::sleep(if is_busy { pause.min(BUSY_PAUSE) } else { pause }) => {}
        }
    }
}

/// Says whether another program was at it.
async fn sync_all(mirror: &Mirror) -> bool {
    let mirrored = mirror.orgs().await.unwrap_or_else(|error| {
        tracing::warn!(%error, "HubSpot: nothing is mirrored; trying again");
        Vec::new()
    });
    let mut is_busy = false;
    for org in mirrored {
        match look_after(mirror, &org).await {
            Ok(SyncReport { problem: Some(problem), .. }) => {
                tracing::warn!(org = %org.id, problem, "HubSpot: what was changed there is asked for later");
            }
            Ok(report) => tracing::debug!(org = %org.id, ?report, "HubSpot: mirrored"),
            Err(MirrorError::Busy) => is_busy = true,
            Err(error) => {
                tracing::warn!(org = %org.id, %error, "HubSpot: the run ended early; what waits is sent later")
            }
        }
    }
    is_busy
}

/// A round of an organisation: counts what was bought at HubSpot and brings in what was made there, then sends what
/// changed here. Pulling comes first so that what it changes goes out in the same run; that it fails does not keep the
/// rest from being sent.
///
/// # Errors
///
/// [`MirrorError::Busy`] if another program is at it; what else kept the run from beginning.
pub async fn look_after(mirror: &Mirror, org: &OrgRow) -> Result<SyncReport, MirrorError> {
    let round = async {
        let (pulled, problem) = match pull(mirror, org).await {
            Ok(pulled) => (pulled, None),
            Err(MirrorError::Busy) => return Err(MirrorError::Busy),
            Err(error) => (PullReport::default(), Some(error.to_string())),
        };
        let mut report = mirror.sync(org, &()).await?;
        report.credits_counted += pulled.credits_counted;
        report.problem = report.problem.or(problem);
        Ok(report)
    };
    let ended = round.await;
    hubspot_metrics::count_run(org, &ended);
    ended
}

async fn pull(mirror: &Mirror, org: &OrgRow) -> Result<PullReport, MirrorError> {
    let contacts = mirror.pull_contacts(org).await?;
    let sessions = mirror.pull_sessions(org).await?;
    Ok(PullReport { contacts: contacts.contacts, credits_counted: contacts.credits_counted, ..sessions })
}

/// Reads the histories that webhooks asked for, soon after they did, until `stop` is ready.
pub async fn pull_wanted(mirror: Mirror, stop: impl Future<Output = ()>) {
    let mirror = &mirror;
    every(WANTED_EVERY, "credits changed at HubSpot", stop, || async move {
        for org in mirror.orgs().await? {
            match mirror.pull_wanted(&org).await {
                Ok(report) => hubspot_metrics::count_credits(&org, report.credits_counted),
                // They stay wanted.
                Err(MirrorError::Busy) => {}
                Err(error) => tracing::warn!(org = %org.id, %error, "HubSpot: changed credits have to wait"),
            }
        }
        Ok::<(), MirrorError>(())
    })
    .await;
}

/// Keeps the gauges of `/metrics`, until `stop` is ready.
pub async fn measure(mirror: Mirror, stop: impl Future<Output = ()>) {
    hubspot_metrics::describe();
    let mirror = &mirror;
    every(MEASURE_EVERY, "metrics of the mirror", stop, || measure_once(mirror)).await;
}

/// Sets the gauges of `/metrics` once.
///
/// # Errors
///
/// Only the database's.
pub async fn measure_once(mirror: &Mirror) -> Result<(), MirrorError> {
    for org in mirror.orgs().await? {
        hubspot_metrics::set(&org, &mirror.status(&org).await?);
    }
    Ok(())
}
