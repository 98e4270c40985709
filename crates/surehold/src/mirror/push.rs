//! Pushing rows, a hundred with one call.
//!
//! A row whose record we know is written by HubSpot's id of it, and gets our own id there; only a row without a record is
//! written by our id, which makes one if there is none. Either may be repeated after a lost answer: there is still one.

use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt, stream};
use surehold_core::rows::Entity;
use uuid::Uuid;

use super::calls::{Calls, Tried};
use super::{Counts, MirrorError, credits};
use crate::hubspot::{BATCH_MAX, Object, Outcome, Properties, Refusal, Row};
use crate::store::mirror::links::{self, Pushed, Refused};
use crate::store::mirror::rows::Mirrored;

/// Calls under way at once. The limiter says how many go out; with this many, waiting for an answer does not hold up the
/// next call at any usual delay.
const AT_ONCE: usize = 8;

/// A row, ready to be sent.
#[derive(Debug, Clone)]
pub(super) struct Ready {
    pub id: Uuid,
    pub hubspot_id: Option<String>,
    pub version: i64,
    pub read_at: jiff::Timestamp,
    pub properties: Properties,
}

impl Ready {
    pub fn new<R>(row: &Mirrored<R>, properties: Properties) -> Ready {
        let Mirrored { id, hubspot_id, version, read_at, .. } = row;
        Ready { id: *id, hubspot_id: hubspot_id.clone(), version: *version, read_at: *read_at, properties }
    }
}

/// What became of a page of rows.
#[derive(Debug, Default)]
pub(super) struct PageOutcome {
    pub counts: Counts,
    /// Rows that HubSpot has now, with its id, and whether the record is new or was found by our own id: then
    /// everything in it is ours.
    pub saved: Vec<Saved>,
    /// Rows whose record was found: they still have to be pushed.
    pub adopted: u64,
}

impl PageOutcome {
    fn add(&mut self, other: PageOutcome) {
        self.counts.add(other.counts);
        self.saved.extend(other.saved);
        self.adopted += other.adopted;
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Saved {
    pub id: Uuid,
    pub hubspot_id: String,
    /// Whether it had no record that we knew of.
    pub is_first: bool,
}

/// Pushes a page of rows of one kind, and notes what became of each.
pub(super) async fn push(calls: &Calls<'_>, object: Object, rows: Vec<Ready>) -> Result<PageOutcome, MirrorError> {
    let (known, new): (Vec<Ready>, Vec<Ready>) = rows.into_iter().partition(|row| row.hubspot_id.is_some());
    let batches: Vec<Vec<Ready>> =
        known.chunks(BATCH_MAX).chain(new.chunks(BATCH_MAX)).map(<[Ready]>::to_vec).collect();
    let pushes: Vec<_> = batches.into_iter().map(|batch| push_batch(calls, object, batch)).collect();
    let mut pushes = stream::iter(pushes).buffer_unordered(AT_ONCE);
    let mut all = PageOutcome::default();
    let mut failed = None;
    while let Some(page) = pushes.next().await {
        match page {
            Ok(page) => all.add(page),
            // The others are under way already; what became of them is noted.
            Err(error) => failed = failed.or(Some(error)),
        }
    }
    failed.map_or(Ok(all), Err)
}

/// Pushes up to [`BATCH_MAX`] rows, which all have a record, or none. Halves them where HubSpot refuses all for the
/// sake of one.
fn push_batch<'a>(calls: &'a Calls<'_>, object: Object, batch: Vec<Ready>) -> BoxFuture<'a, Result<PageOutcome, MirrorError>> {
    async move {
        let mapping = &calls.portal.mapping;
        let is_known = batch.first().is_some_and(|row| row.hubspot_id.is_some());
        let rows: Vec<Row> = batch.iter().map(row_of).collect();
        let (object_type, id_property) = (mapping.object_type(object), mapping.id_property(object));
        let rows = &rows;
        let tried = calls
            .repeat(|hubspot| async move {
                match is_known {
                    true => hubspot.batch_update(object_type, None, rows).await,
                    false => hubspot.batch_upsert(object_type, id_property, rows).await,
                }
            })
            .await?;
        match tried {
            Tried::Done(answer) => {
                let mut outcomes = answer.outcomes;
                let verdicts: Vec<(Ready, Outcome)> = batch
                    .into_iter()
                    .map(|row| {
                        let outcome = outcomes.remove(&row.id.to_string()).unwrap_or(Outcome::Unknown);
                        (row, outcome)
                    })
                    .collect();
                // A refusal that names nobody is about somebody of whom nothing was said.
                let unplaced = answer.unplaced.into_iter().next();
                note(calls, object, verdicts, unplaced).await
            }
            Tried::Refused(refusal) if batch.len() == 1 => {
                let verdicts = batch.into_iter().map(|row| (row, Outcome::Refused(refusal.clone()))).collect();
                note(calls, object, verdicts, None).await
            }
            Tried::Refused(_) => {
                let (left, right) = batch.split_at(batch.len() / 2);
                let mut all = push_batch(calls, object, left.to_vec()).await?;
                all.add(push_batch(calls, object, right.to_vec()).await?);
                Ok(all)
            }
        }
    }
    .boxed()
}

fn row_of(row: &Ready) -> Row {
    let id = row.id.to_string();
    Row {
        id: row.hubspot_id.clone().unwrap_or_else(|| id.clone()),
        properties: row.properties.clone(),
        trace_id: id,
    }
}

/// Notes what became of rows.
async fn note(
    calls: &Calls<'_>,
    object: Object,
    verdicts: Vec<(Ready, Outcome)>,
    unplaced: Option<Refusal>,
) -> Result<PageOutcome, MirrorError> {
    let mut page = PageOutcome::default();
    let (mut pushed, mut refused) = (Vec::new(), Vec::new());
    for (row, outcome) in verdicts {
        match outcome {
            Outcome::Saved { id, is_new } => {
                page.counts.created += u64::from(is_new);
                page.counts.updated += u64::from(!is_new);
                page.saved.push(Saved { id: row.id, hubspot_id: id.clone(), is_first: row.hubspot_id.is_none() });
                pushed.push(Pushed { id: row.id, hubspot_id: id, version: row.version, read_at: row.read_at });
            }
            Outcome::Refused(refusal) => match calls.see_to(object, &row, refusal).await? {
                Some(row) => refused.push(row),
                None => page.adopted += 1,
            },
            Outcome::Unknown => {
                let problem = unplaced.as_ref().map_or("HubSpot's answer does not say what became of it".to_owned(), |refusal| refusal.message.clone());
                let correlation_id = unplaced.as_ref().and_then(|refusal| refusal.correlation_id.clone());
                refused.push(Refused { id: row.id, problem, correlation_id, is_final: false });
            }
        }
    }
    page.counts.failed = refused.len() as u64;
    if object == Object::Contact {
        // Before the link is noted: a record whose link we know, and nothing else, had a life before us.
        let first: Vec<String> =
            page.saved.iter().filter(|saved| saved.is_first).map(|saved| saved.hubspot_id.clone()).collect();
        credits::count_all(calls, &first).await?;
    }
    let (org_id, entity) = (calls.org.id, entity_of(object));
    let client = calls.mirror.store.read().await?;
    match links::pushed(&client, org_id, entity, &pushed).await {
        // Two rows with one record: each on its own, so that only the second is at fault.
        Err(error) if links::is_taken(&error) => {
            for row in pushed {
                if let Err(error) = links::pushed(&client, org_id, entity, std::slice::from_ref(&row)).await {
                    if !links::is_taken(&error) {
                        return Err(error.into());
                    }
                    let problem = format!("HubSpot's record {} belongs to another row already", row.hubspot_id);
                    page.saved.retain(|saved| saved.id != row.id);
                    refused.push(Refused { id: row.id, problem, correlation_id: None, is_final: true });
                }
            }
        }
        result => result?,
    }
    links::refused(&client, org_id, entity, &refused).await?;
    Ok(page)
}

/// The entity of a kind of record.
pub(super) fn entity_of(object: Object) -> Entity {
    match object {
        Object::Contact => Entity::Contact,
        Object::Session => Entity::Slot,
        Object::Booking => Entity::Booking,
    }
}
