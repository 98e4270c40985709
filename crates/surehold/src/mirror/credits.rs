//! Credits that were bought or cut at HubSpot: read from a property's history there, counted once each.
//!
//! HubSpot's value is never taken over. See [`surehold_core::credit_history`] for how a change that was not ours is told.

use std::collections::BTreeMap;

use surehold_core::command::{AdjustCredits, Command, Key};
use surehold_core::credit_history::{self, Change, Entry};
use surehold_core::rows::EntryReason;
use surehold_core::{Answer, Refusal};
use uuid::Uuid;

use super::calls::Calls;
use super::{MirrorError, PRINCIPAL};
use crate::desk::{DeskError, own_request};
use crate::hubspot::mapping::CreditNames;
use crate::hubspot::{Fields, Mapping, Record};
use crate::store::mirror::credits::{self, Counted, CountedTo};

/// Records of one read, where histories are wanted: HubSpot takes no more.
pub(super) const HISTORIES_MAX: usize = 50;
/// Entries of a history that HubSpot keeps, of contacts.
const KEPT_MAX: usize = 45;
/// How long a moment stays open: entries of another server of HubSpot's may come a little later, with an earlier time.
const OPEN_MS: i64 = 10 * 60 * 1000;

/// A contact and its record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Holder {
    pub id: Uuid,
    pub hubspot_id: String,
}

/// Reads the histories of contacts, and counts what is new in them. Says how many changes were counted.
///
/// A record that was never read before is not counted: what is in it now is what its contact began with.
pub(super) async fn count(calls: &Calls<'_>, holders: &[Holder]) -> Result<u64, MirrorError> {
    let mut counted = 0;
    for holders in holders.chunks(HISTORIES_MAX) {
        let records = read(calls, holders).await?;
        let (known, already) = {
            let client = calls.mirror.store.read().await?;
            let ids: Vec<String> = holders.iter().map(|holder| holder.hubspot_id.clone()).collect();
            let contacts: Vec<Uuid> = holders.iter().map(|holder| holder.id).collect();
            (
                credits::counted_to(&client, calls.org.id, &ids).await?,
                credits::counted(&client, calls.org.id, &contacts).await?,
            )
        };
        let mut now = CountedTo::new();
        for holder in holders {
            let Some(record) = records.get(&holder.hubspot_id) else { continue };
            for (kind, names) in &calls.portal.mapping.contacts.credits {
                let since = known.get(&holder.hubspot_id).and_then(|kinds| kinds.get(kind)).copied();
                let newest = newest(record, names);
                let counted_to = match since {
                    None => newest,
                    Some(since) => {
                        let reading = credit_history::read(
                            &entries(record, &names.property),
                            &entries(record, &names.shadow),
                            since,
                            KEPT_MAX,
                        );
                        for at in &reading.unreadable {
                            tracing::warn!(contact = %holder.id, kind, at, "what was entered for a credit at HubSpot is no whole number");
                        }
                        if reading.is_cut_off {
                            tracing::warn!(contact = %holder.id, kind, "the history of a credit at HubSpot begins too late: changes before it are not counted");
                        }
                        for change in &reading.changes {
                            if !already.contains(&(holder.id, kind.clone(), change.at)) {
                                counted += u64::from(count_one(calls, holder.id, kind, change).await?);
                            }
                        }
                        since.max(newest - OPEN_MS)
                    }
                };
                if since != Some(counted_to) {
                    now.entry(holder.hubspot_id.clone()).or_default().insert(kind.clone(), counted_to);
                }
            }
        }
        if !now.is_empty() {
            let client = calls.mirror.store.read().await?;
            credits::set_counted_to(&client, calls.org.id, &now).await?;
        }
    }
    Ok(counted)
}

/// Says that everything in these records is to be counted, because it was all entered after they were made by us.
pub(super) async fn count_all(calls: &Calls<'_>, hubspot_ids: &[String]) -> Result<(), MirrorError> {
    let kinds: BTreeMap<String, i64> =
        calls.portal.mapping.contacts.credits.keys().map(|kind| (kind.clone(), 0)).collect();
    let all: CountedTo = hubspot_ids.iter().map(|id| (id.clone(), kinds.clone())).collect();
    let client = calls.mirror.store.read().await?;
    Ok(credits::begin_counting(&client, calls.org.id, &all).await?)
}

/// Of these contacts, those whose history was never read: what they began with has to be found out before it is written
/// over.
pub(super) async fn unread(calls: &Calls<'_>, holders: Vec<Holder>) -> Result<Vec<Holder>, MirrorError> {
    let ids: Vec<String> = holders.iter().map(|holder| holder.hubspot_id.clone()).collect();
    let client = calls.mirror.store.read().await?;
    let known = credits::counted_to(&client, calls.org.id, &ids).await?;
    let kinds = &calls.portal.mapping.contacts.credits;
    let is_read = |holder: &Holder| {
        known.get(&holder.hubspot_id).is_some_and(|read| kinds.keys().all(|kind| read.contains_key(kind)))
    };
    Ok(holders.into_iter().filter(|holder| !is_read(holder)).collect())
}

/// `true`: it was counted now, and not before.
async fn count_one(calls: &Calls<'_>, contact_id: Uuid, kind: &str, change: &Change) -> Result<bool, MirrorError> {
    let Change { at, delta } = *change;
    let command = AdjustCredits {
        contact_id,
        deltas: BTreeMap::from([(kind.into(), delta)]),
        reason: EntryReason::Hubspot,
        stop_at_zero: true,
        note: Some(format!("changed at HubSpot, {at}")),
    };
    let mut request = own_request(PRINCIPAL, Command::AdjustCredits(command));
    request.key = Key::Given(format!("hubspot:{contact_id}:{kind}:{at}"));
    let outcome = match calls.mirror.desk.submit(calls.org.id, request).await {
        Ok(outcome) => outcome,
        // The same moment was counted with another difference: entries before it are no longer kept.
        Err(DeskError::Refused(Refusal::IdempotencyMismatch)) => return Ok(false),
        Err(DeskError::Refused(refusal)) => {
            tracing::warn!(contact = %contact_id, kind, at, delta, %refusal, "a change of a credit at HubSpot cannot be counted");
            return Ok(false);
        }
        Err(error) => return Err(error.into()),
    };
    let Answer::CreditsAdjusted(adjusted) = outcome.answer else {
        return Err(MirrorError::Unexpected("the desk answered something else than was asked".to_owned()));
    };
    let applied = adjusted.applied.get(kind).copied().unwrap_or_default();
    let client = calls.mirror.store.read().await?;
    credits::count(&client, calls.org.id, &Counted { contact_id, kind, at, delta, applied }).await?;
    Ok(!outcome.replayed)
}

async fn read(calls: &Calls<'_>, holders: &[Holder]) -> Result<BTreeMap<String, Record>, MirrorError> {
    let ids: Vec<String> = holders.iter().map(|holder| holder.hubspot_id.clone()).collect();
    let names = history_names(&calls.portal.mapping);
    let (ids, names) = (&ids, &names);
    let object_type = &calls.portal.mapping.contacts.object;
    let tried = calls
        .repeat(|hubspot| async move {
            hubspot.batch_read(object_type, None, ids, Fields { properties: &[], with_history: names }).await
        })
        .await?;
    Ok(tried.needed()?.records)
}

/// The properties whose history says what was bought.
pub(super) fn history_names(mapping: &Mapping) -> Vec<&str> {
    let names = mapping.contacts.credits.values();
    names.flat_map(|names| [names.property.as_str(), names.shadow.as_str()]).collect()
}

/// The history of a property, as decisions read it.
pub(super) fn entries(record: &Record, property: &str) -> Vec<Entry> {
    let versions = record.properties_with_history.get(property).into_iter().flatten();
    versions
        .filter_map(|version| Some(Entry { at: version.timestamp?.as_millisecond(), value: version.value.clone() }))
        .collect()
}

/// The moment of a credit's newest entry; 0 if it was never set.
pub(super) fn newest(record: &Record, names: &CreditNames) -> i64 {
    entries(record, &names.property).iter().map(|entry| entry.at).max().unwrap_or_default()
}
