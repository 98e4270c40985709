//! Sessions that were made at HubSpot: brought in by the rules of `surehold import sessions`.

use std::collections::HashSet;

use jiff::Timestamp;

use super::calls::Calls;
use super::pull::PullReport;
use super::search::ByTime;
use super::{Mirror, MirrorError};
use crate::hubspot::{Filter, Mapping, Record};
use crate::import::importer::{Done, Importer, RETRIES, Stop};
use crate::import::report::{Level, Report};
use crate::import::sessions::{self as rows, import, parse};
use crate::import::table::Table;
use crate::store::mirror::links;
use crate::store::offerings::catalogue;
use crate::store::orgs::OrgRow;

/// When a session was made.
const CREATED: &str = "hs_createdate";

/// The columns of a table of sessions, in the order of [`cells`].
const COLUMNS: [&str; 12] = [
    rows::RECORD_ID,
    rows::NAME,
    rows::MOCK_TYPE,
    rows::MOCK_SET,
    rows::DATE,
    rows::START,
    rows::END,
    rows::LOCATION,
    rows::CAPACITY,
    rows::TOTAL_BOOKINGS,
    rows::IS_ACTIVE,
    rows::ACTIVATION,
];

impl Mirror {
    /// Brings in sessions that were made at HubSpot and are not ours yet. What HubSpot counts as their bookings is kept
    /// out of sale. The next run writes our id to their records.
    ///
    /// # Errors
    ///
    /// As of [`Mirror::sync`].
    pub async fn pull_sessions(&self, org: &OrgRow) -> Result<PullReport, MirrorError> {
        let calls = self.calls(org).await?;
        let result = pull(&calls).await;
        calls.end().await;
        result
    }
}

async fn pull(calls: &Calls<'_>) -> Result<PullReport, MirrorError> {
    let mut records = unknown(calls).await?;
    // HubSpot does not know yet that these are ours; what somebody changes there until then is written over.
    let ids: Vec<String> = records.iter().map(|record| record.id.clone()).collect();
    let ours = links::brought_in(&*calls.mirror.store.read().await?, calls.org.id, &ids).await?;
    records.retain(|record| !ours.contains(&record.id));
    bring_in(calls, &records).await
}

/// Every session without our id, oldest first.
async fn unknown(calls: &Calls<'_>) -> Result<Vec<Record>, MirrorError> {
    let names = &calls.portal.mapping.sessions;
    let search = ByTime {
        object_type: &names.object,
        by: CREATED,
        at: |record| record.created_at,
        filter: Filter::has_not(&names.surehold_id),
        properties: &properties(&calls.portal.mapping),
    };
    let mut all = Vec::new();
    let mut seen = HashSet::new();
    let mut from = Some(Timestamp::UNIX_EPOCH);
    while let Some(begin) = from {
        let page = search.from(calls, begin).await?;
        all.extend(page.records.into_iter().filter(|record| seen.insert(record.id.clone())));
        from = page.next;
    }
    Ok(all)
}

async fn bring_in(calls: &Calls<'_>, records: &[Record]) -> Result<PullReport, MirrorError> {
    let mut pulled = PullReport::default();
    if records.is_empty() {
        return Ok(pulled);
    }
    let mirror = calls.mirror;
    let client = mirror.store.read().await?;
    let catalogue = catalogue(&client, calls.org.id).await?;
    drop(client);
    let cells = records.iter().map(|record| cells(&calls.portal.mapping, record)).collect();
    let table = Table::of(&COLUMNS, cells);
    let mut report = Report::default();
    let (parsed, _) = parse(&table, calls.org, &catalogue, &mut report);
    let importer = Importer {
        store: mirror.store.clone(),
        desk: mirror.desk.clone(),
        org: calls.org.clone(),
        catalogue,
        dry_run: false,
    };
    for (line, row) in parsed {
        for _ in 0..RETRIES {
            match import(&importer, &row).await {
                // Somebody else changed the same thing. If that goes on, the next pull finds it.
                Err(Stop::Again) => continue,
                Ok((Done::Added, _)) => pulled.sessions_added += 1,
                Ok(_) => {}
                Err(Stop::Refused(problem)) => report.refuse(line, [problem]),
                Err(Stop::Fatal(error)) => return Err(MirrorError::Unexpected(format!("{error:#}"))),
            }
            break;
        }
    }
    for line in report.lines() {
        let record = usize::try_from(line.line - 1).ok().and_then(|place| records.get(place));
        let (id, problem) = (record.map(|record| record.id.as_str()), &line.problem);
        tracing::warn!(
            org = %calls.org.id, session = id, column = problem.column, value = %problem.value,
            "a session that was made at HubSpot was not taken, or not as it is there: {}", problem.reason
        );
        pulled.sessions_refused += u64::from(line.level == Level::Refused);
    }
    Ok(pulled)
}

/// The columns of a table of sessions, each with what it is called at the portal; without the record's id.
pub(crate) fn session_columns(mapping: &Mapping) -> Vec<(&'static str, &str)> {
    COLUMNS[1..].iter().copied().zip(properties(mapping)).collect()
}

fn properties(mapping: &Mapping) -> [&str; 11] {
    let names = &mapping.sessions;
    [
        &names.name,
        &names.mock_type,
        &names.mock_set,
        &names.exam_date,
        &names.start_time,
        &names.end_time,
        &names.location,
        &names.capacity,
        &names.total_bookings,
        &names.is_active,
        &names.scheduled_activation,
    ]
}

/// A record as a row of a table.
fn cells(mapping: &Mapping, record: &Record) -> Vec<String> {
    let mut cells = vec![record.id.clone()];
    cells.extend(properties(mapping).map(|name| record.property(name).unwrap_or_default().to_owned()));
    // HubSpot writes instants as milliseconds or as ISO 8601; tables have the latter.
    if let Some(activation) = cells.last_mut()
        && let Some(at) = activation.parse().ok().and_then(|millis| Timestamp::from_millisecond(millis).ok())
    {
        *activation = at.to_string();
    }
    cells
}
