//! Pushing rows, a hundred with one call.
//!
//! A row whose record we know is written by HubSpot's id of it, and gets our own id there; only a row without a record is
//! written by our id, which makes one if there is none. Either may be repeated after a lost answer: there is still one.

use futures::FutureExt;
use futures::future::BoxFuture;
use surehold_core::rows::Entity;
use uuid::Uuid;

use super::calls::{Calls, Tried};
use super::credits::{self, Holder};
use super::{Counts, MirrorError};
use crate::hubspot::{Object, Outcome, Properties, Refusal, Row};
use crate::store::mirror::links::{self, Pushed, Refused};
use crate::store::mirror::rows::Mirrored;

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

/// What became of a batch of rows.
#[derive(Debug, Default)]
pub(super) struct Done {
    pub rows: u64,
    pub counts: Counts,
    /// Rows whose record was found: they still have to be pushed.
    pub adopted: u64,
    /// Changes of credits at HubSpot that were counted after the push.
    pub credits_counted: u64,
    /// What HubSpot has now.
    saved: Vec<Saved>,
}

impl Done {
    fn add(&mut self, other: Done) {
        self.counts.add(other.counts);
        self.saved.extend(other.saved);
        self.adopted += other.adopted;
    }
}

/// A row that HubSpot has now.
#[derive(Debug)]
struct Saved {
    holder: Holder,
    /// Whether it had no record that we knew of.
    is_first: bool,
    /// Whether the record was made by this very call.
    is_new: bool,
}

/// Pushes up to [`BATCH_MAX`](crate::hubspot::BATCH_MAX) rows, which all have a record that we know, or none, and notes
/// what became of each. Of contacts, counts what their histories tell: before a record is written for the first time,
/// what was in it; and after each write, what it wrote over.
pub(super) async fn push(calls: &Calls<'_>, object: Object, batch: Vec<Ready>) -> Result<Done, MirrorError> {
    let rows = batch.len() as u64;
    if object == Object::Contact {
        let known = batch.iter().filter_map(|row| Some(Holder { id: row.id, hubspot_id: row.hubspot_id.clone()? }));
        let unread = credits::unread(calls, known.collect()).await?;
        credits::count(calls, &unread).await?;
    }
    let mut done = push_batch(calls, object, batch).await?;
    done.rows = rows;
    if object == Object::Contact {
        // Nothing can have been written over in a record that did not exist.
        let written = std::mem::take(&mut done.saved).into_iter().filter(|saved| !saved.is_new);
        let holders: Vec<Holder> = written.map(|saved| saved.holder).collect();
        done.credits_counted = credits::count(calls, &holders).await?;
    }
    Ok(done)
}

/// Sends a batch. Halves it where HubSpot refuses all for the sake of one.
fn push_batch<'a>(calls: &'a Calls<'_>, object: Object, batch: Vec<Ready>) -> BoxFuture<'a, Result<Done, MirrorError>> {
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
    Row { id: row.hubspot_id.clone().unwrap_or_else(|| id.clone()), properties: row.properties.clone(), trace_id: id }
}

/// Notes what became of rows.
async fn note(
    calls: &Calls<'_>,
    object: Object,
    verdicts: Vec<(Ready, Outcome)>,
    unplaced: Option<Refusal>,
) -> Result<Done, MirrorError> {
    let mut done = Done::default();
    let (mut pushed, mut refused) = (Vec::new(), Vec::new());
    for (row, outcome) in verdicts {
        match outcome {
            Outcome::Saved { id, is_new } => {
                done.counts.created += u64::from(is_new);
                done.counts.updated += u64::from(!is_new);
                let holder = Holder { id: row.id, hubspot_id: id.clone() };
                done.saved.push(Saved { holder, is_first: row.hubspot_id.is_none(), is_new });
                pushed.push(Pushed { id: row.id, hubspot_id: id, version: row.version, read_at: row.read_at });
            }
            Outcome::Refused(refusal) => match calls.see_to(object, &row, refusal).await? {
                Some(row) => refused.push(row),
                None => done.adopted += 1,
            },
            Outcome::Unknown => {
                let problem =
                    unplaced.as_ref().map_or("HubSpot's answer does not say what became of it".to_owned(), |refusal| {
                        refusal.message.clone()
                    });
                let correlation_id = unplaced.as_ref().and_then(|refusal| refusal.correlation_id.clone());
                refused.push(Refused { id: row.id, problem, correlation_id, is_final: false });
            }
        }
    }
    done.counts.failed = refused.len() as u64;
    if object == Object::Contact {
        // Before the link is noted: a record whose link we know, and nothing else, had a life before us.
        let first: Vec<String> =
            done.saved.iter().filter(|saved| saved.is_first).map(|saved| saved.holder.hubspot_id.clone()).collect();
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
                    done.saved.retain(|saved| saved.holder.id != row.id);
                    refused.push(Refused { id: row.id, problem, correlation_id: None, is_final: true });
                }
            }
        }
        result => result?,
    }
    links::refused(&client, org_id, entity, &refused).await?;
    Ok(done)
}

/// The entity of a kind of record.
pub(super) fn entity_of(object: Object) -> Entity {
    match object {
        Object::Contact => Entity::Contact,
        Object::Session => Entity::Slot,
        Object::Booking => Entity::Booking,
    }
}
