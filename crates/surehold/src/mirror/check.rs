//! Compares both sides row by row.

use serde::Serialize;
use surehold_core::rows::Entity;
use uuid::Uuid;

use super::calls::Calls;
use super::mend::{Broken, Remedy, gone, mend};
use super::push::entity_of;
use super::run::{Progress, run};
use super::{Mirror, MirrorError, SyncReport, properties};
use crate::hubspot::associations::{Associated, READ_MAX};
use crate::hubspot::{AssociationsRead, BATCH_MAX, Fields, Mapping, Object, Properties, Record};
use crate::store::mirror::rows::{self, LooseRow, Which};
use crate::store::mirror::{changes, links, status};
use crate::store::orgs::OrgRow;

/// Differences that are listed; all are counted.
const LISTED_MAX: usize = 1_000;

/// What a comparison found.
#[derive(Debug, Clone, Default, Serialize)]
pub struct CheckReport {
    /// Rows that were compared.
    pub compared: u64,
    /// The first differences.
    pub drift: Vec<Drift>,
    /// Differences that are left.
    pub drifted: u64,
    /// Differences that were mended.
    pub healed: u64,
    /// Rows that wait to be pushed: those are not compared.
    pub pending: u64,
    /// Rows that are parked: nor are those.
    pub parked: u64,
}

/// A row that is not at HubSpot as it should be.
#[derive(Debug, Clone, Serialize)]
pub struct Drift {
    /// Which kind.
    #[serde(serialize_with = "as_text")]
    pub entity: Entity,
    /// The row.
    pub id: Uuid,
    /// Its record.
    pub hubspot_id: Option<String>,
    /// What differs.
    pub problem: String,
    #[serde(skip)]
    pub(super) remedy: Remedy,
    /// Of a booking: sessions that it belongs to at HubSpot, and should not.
    #[serde(skip)]
    pub(super) leaves: Vec<String>,
}

fn as_text<S: serde::Serializer>(entity: &Entity, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(entity.as_str())
}

impl Mirror {
    /// Compares every row that HubSpot has with its record, and every booking's associations. What waits to be pushed
    /// is not compared. With `heal`, pushes first what waits, and mends what differs: ours wins, after changes of
    /// credits at HubSpot are counted.
    ///
    /// # Errors
    ///
    /// As of [`Mirror::sync`].
    pub async fn check(&self, org: &OrgRow, heal: bool, progress: &dyn Progress) -> Result<CheckReport, MirrorError> {
        let calls = self.calls(org).await?;
        let result = check(&calls, heal, progress).await;
        calls.end().await;
        result
    }
}

async fn check(calls: &Calls<'_>, heal: bool, progress: &dyn Progress) -> Result<CheckReport, MirrorError> {
    let store = &calls.mirror.store;
    changes::sweep(&*store.report().await?, calls.org.id).await?;
    let mut broken = Vec::new();
    if heal {
        run(calls, &mut SyncReport::default(), &()).await?;
        broken = gone(calls).await?;
    }
    let parked = broken.len() as u64;
    let mut report = compare(calls, progress, |drift| {
        if heal {
            broken.extend(drift.iter().map(Broken::of));
        }
    })
    .await?;
    if !broken.is_empty() {
        let still = mend(calls, &broken).await?;
        let found = parked + report.drifted;
        report = compare(calls, &(), |_| {}).await?;
        report.healed = found.saturating_sub(report.drifted + still);
    }
    let client = store.read().await?;
    report.pending = u64::try_from(status::waiting(&client, calls.org.id).await?).unwrap_or_default();
    report.parked = u64::try_from(status::parked_rows(&client, calls.org.id).await?).unwrap_or_default();
    Ok(report)
}

/// `found` is told of every difference, page by page: the report lists the first ones only.
async fn compare(
    calls: &Calls<'_>,
    progress: &dyn Progress,
    mut found: impl FnMut(&[Drift]),
) -> Result<CheckReport, MirrorError> {
    let mut report = CheckReport::default();
    for object in Object::ALL {
        let mut after = Uuid::nil();
        loop {
            let page = expected(calls, object, after).await?;
            let Some(last) = page.last() else { break };
            after = last.id;
            progress.found(page.len() as u64);
            let mut drift = compare_page(calls, object, &page).await?;
            without_waiting(calls, entity_of(object), &mut drift).await?;
            found(&drift);
            report.add(page.len(), drift);
            progress.done(page.len() as u64);
        }
    }
    let mut after = Uuid::nil();
    loop {
        let client = calls.mirror.store.read().await?;
        let page = rows::loose(&client, calls.org.id, false, after, READ_MAX).await?;
        drop(client);
        let Some(last) = page.last() else { return Ok(report) };
        after = last.id;
        let mut drift = compare_associations(calls, &page).await?;
        without_waiting(calls, Entity::Booking, &mut drift).await?;
        found(&drift);
        report.add(0, drift);
    }
}

impl CheckReport {
    fn add(&mut self, compared: usize, drift: Vec<Drift>) {
        self.compared += compared as u64;
        self.drifted += drift.len() as u64;
        let room = LISTED_MAX.saturating_sub(self.drift.len());
        self.drift.extend(drift.into_iter().take(room));
    }
}

/// A row as HubSpot should have it.
struct Expected {
    id: Uuid,
    hubspot_id: String,
    properties: Properties,
}

async fn expected(calls: &Calls<'_>, object: Object, after: Uuid) -> Result<Vec<Expected>, MirrorError> {
    let (mapping, org_id) = (&calls.portal.mapping, calls.org.id);
    let client = calls.mirror.store.read().await?;
    let expected = |id, hubspot_id: &Option<String>, properties| {
        Some(Expected { id, hubspot_id: hubspot_id.clone()?, properties })
    };
    Ok(match object {
        Object::Contact => {
            let page = rows::contacts(&client, org_id, Which::Known, after, BATCH_MAX).await?;
            page.iter()
                .filter_map(|row| {
                    let mut all = properties::of_contact(mapping, row);
                    let shadows: Vec<&String> = mapping.contacts.credits.values().map(|names| &names.shadow).collect();
                    let mut credits = properties::of_credits(mapping, &row.row, Uuid::nil());
                    // Which write it was does not matter.
                    credits.retain(|name, _| !shadows.contains(&name));
                    all.extend(credits);
                    expected(row.id, &row.hubspot_id, all)
                })
                .collect()
        }
        Object::Session => {
            let page = rows::sessions(&client, org_id, Which::Known, after, BATCH_MAX).await?;
            page.iter()
                .filter_map(|row| expected(row.id, &row.hubspot_id, properties::of_session(mapping, row)))
                .collect()
        }
        Object::Booking => {
            let page = rows::bookings(&client, org_id, Which::Known, after, BATCH_MAX).await?;
            page.iter()
                .filter_map(|row| expected(row.id, &row.hubspot_id, properties::of_booking(mapping, row)))
                .collect()
        }
    })
}

async fn compare_page(calls: &Calls<'_>, object: Object, page: &[Expected]) -> Result<Vec<Drift>, MirrorError> {
    let mapping: &Mapping = &calls.portal.mapping;
    let ids: Vec<String> = page.iter().map(|row| row.hubspot_id.clone()).collect();
    let names: Vec<&str> =
        page.first().map(|row| row.properties.keys().map(String::as_str).collect()).unwrap_or_default();
    let (ids, names) = (&ids, &names);
    let tried = calls
        .repeat(|hubspot| async move {
            let fields = Fields { properties: names, with_history: &[] };
            hubspot.batch_read(mapping.object_type(object), None, ids, fields).await
        })
        .await?;
    let records = tried.needed()?.records;
    let drift = page.iter().filter_map(|row| {
        let (problem, remedy) = match records.get(&row.hubspot_id) {
            None => ("HubSpot has no such record".to_owned(), Remedy::Forget),
            Some(record) if record.archived => ("HubSpot's record is in the bin".to_owned(), Remedy::Forget),
            Some(record) => (differences(&row.properties, record)?, Remedy::Push),
        };
        let (entity, hubspot_id, leaves) = (entity_of(object), Some(row.hubspot_id.clone()), Vec::new());
        Some(Drift { entity, id: row.id, hubspot_id, problem, remedy, leaves })
    });
    Ok(drift.collect())
}

/// Which properties differ; nothing if none does.
fn differences(expected: &Properties, record: &Record) -> Option<String> {
    let differ = expected.iter().filter_map(|(name, wanted)| {
        let found = record.property(name).unwrap_or_default();
        (!same(wanted, found)).then(|| format!("{name} is {found:?} instead of {wanted:?}"))
    });
    let differ: Vec<String> = differ.collect();
    (!differ.is_empty()).then(|| differ.join("; "))
}

/// HubSpot writes some values in a way of its own: instants as ISO 8601, whole numbers with or without decimals.
fn same(wanted: &str, found: &str) -> bool {
    let instant = |text: &str| text.parse::<jiff::Timestamp>().ok().map(|at| at.as_millisecond());
    let number = |text: &str| text.parse::<f64>().ok();
    wanted == found
        || (number(wanted).is_some() && number(wanted) == number(found))
        || (number(wanted).is_some() && wanted.parse::<i64>().ok() == instant(found))
}

async fn compare_associations(calls: &Calls<'_>, page: &[LooseRow]) -> Result<Vec<Drift>, MirrorError> {
    let bookings = &calls.portal.mapping.bookings;
    let contacts = associations(calls, page, Object::Contact).await?;
    let sessions = associations(calls, page, Object::Session).await?;
    let drift = page.iter().filter_map(|row| {
        let found = |read: &AssociationsRead| read.of.get(&row.hubspot_id).cloned().unwrap_or_default();
        let lacks = |read, to: &Option<String>, kind| {
            let is_it = |one: &Associated| Some(&one.id) == to.as_ref() && one.types.contains(kind);
            to.is_some() && !found(read).iter().any(is_it)
        };
        let others = found(&sessions);
        let is_other =
            |one: &&Associated| Some(&one.id) != row.session.as_ref() && one.types.contains(&bookings.to_session);
        let leaves: Vec<String> = others.iter().filter(is_other).map(|one| one.id.clone()).collect();
        let problem = if lacks(&contacts, &row.contact, &bookings.to_contact) {
            "it is not associated with its contact"
        } else if lacks(&sessions, &row.session, &bookings.to_session) {
            "it is not associated with its session"
        } else if !leaves.is_empty() {
            "it is associated with another session, too"
        } else {
            return None;
        };
        Some(Drift {
            entity: Entity::Booking,
            id: row.id,
            hubspot_id: Some(row.hubspot_id.clone()),
            problem: problem.to_owned(),
            remedy: Remedy::Associate,
            leaves,
        })
    });
    Ok(drift.collect())
}

async fn associations(calls: &Calls<'_>, page: &[LooseRow], to: Object) -> Result<AssociationsRead, MirrorError> {
    let mapping = &calls.portal.mapping;
    let ids: Vec<String> = page.iter().map(|row| row.hubspot_id.clone()).collect();
    let (from, to, ids) = (mapping.object_type(Object::Booking), mapping.object_type(to), &ids);
    calls.repeat(|hubspot| async move { hubspot.read_associations(from, to, ids).await }).await?.needed()
}

/// What changed here while HubSpot was asked is no drift: it waits.
async fn without_waiting(calls: &Calls<'_>, entity: Entity, drift: &mut Vec<Drift>) -> Result<(), MirrorError> {
    if drift.is_empty() {
        return Ok(());
    }
    changes::notice(&*calls.mirror.store.report().await?, calls.org.id).await?;
    let ids: Vec<Uuid> = drift.iter().map(|one| one.id).collect();
    let waiting = links::waiting(&*calls.mirror.store.read().await?, calls.org.id, entity, &ids).await?;
    drift.retain(|one| !waiting.contains(&one.id));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::same;

    #[test]
    fn values_are_equal_however_hubspot_writes_them() {
        assert!(same("3", "3") && same("3", "3.0") && same("", "") && same("1893456000000", "2030-01-01T00:00:00Z"));
        assert!(!same("3", "4") && !same("3", "") && !same("a", "b") && !same("1893456000001", "2030-01-01T00:00:00Z"));
    }
}
