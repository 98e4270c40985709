//! What bookings belong to at HubSpot: their contact and their session. Making an association twice is making it once.

use std::collections::BTreeMap;

use surehold_core::rows::Entity;
use uuid::Uuid;

use super::MirrorError;
use super::calls::{Calls, Tried};
use crate::hubspot::associations::{ASSOCIATE_MAX, READ_MAX};
use crate::hubspot::{AssociationType, Object, Pair, PairOutcome, PairsAnswer, Refusal};
use crate::store::mirror::links::{self, AssociatedRow, Refused};
use crate::store::mirror::rows::{self, LooseRow};

/// One of the two things a booking belongs to.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum End {
    Contact,
    Session,
}

/// Associates bookings that wait for it, while there are at least so many of them for a call. Says how many associations
/// were made or ended.
pub(super) async fn associate(calls: &Calls<'_>, least: usize) -> Result<u64, MirrorError> {
    let mut changed = 0;
    let mut after = Uuid::nil();
    loop {
        let client = calls.mirror.store.read().await?;
        let page = rows::loose(&client, calls.org.id, true, after, READ_MAX).await?;
        drop(client);
        let Some(last) = page.last().filter(|_| page.len() >= least) else { return Ok(changed) };
        after = last.id;
        changed += associate_page(calls, page).await?;
    }
}

async fn associate_page(calls: &Calls<'_>, page: Vec<LooseRow>) -> Result<u64, MirrorError> {
    let mut changed = 0;
    let mut problems: BTreeMap<Uuid, Refusal> = BTreeMap::new();
    let mut now: BTreeMap<Uuid, (Option<String>, Option<String>)> =
        page.iter().map(|row| (row.id, (row.associated_contact.clone(), row.associated_session.clone()))).collect();
    for end in [End::Contact, End::Session] {
        // A booking that was moved leaves its old session first.
        for is_made in [false, true] {
            let pairs: BTreeMap<Pair, Uuid> = page
                .iter()
                .filter_map(|row| {
                    let (wanted, had) = ends(row, end);
                    let wanted = wanted.as_ref()?;
                    let to = if is_made { Some(wanted) } else { had.as_ref() };
                    let to = to.filter(|_| had.as_ref() != Some(wanted))?;
                    Some((Pair { from: row.hubspot_id.clone(), to: to.clone() }, row.id))
                })
                .filter(|(_, id)| !problems.contains_key(id))
                .collect();
            let refused = send(calls, end, is_made, pairs.keys().cloned().collect()).await?;
            for (pair, id) in pairs {
                match refused.get(&pair) {
                    Some(refusal) => drop(problems.insert(id, refusal.clone())),
                    None => {
                        changed += 1;
                        let Some((contact, session)) = now.get_mut(&id) else { continue };
                        let is_now = is_made.then_some(pair.to);
                        match end {
                            End::Contact => *contact = is_now,
                            End::Session => *session = is_now,
                        }
                    }
                }
            }
        }
    }
    let rows: Vec<AssociatedRow> = page
        .iter()
        .filter_map(|row| {
            let (contact, session) = now.remove(&row.id)?;
            let is_whole =
                row.contact.is_some() && contact == row.contact && row.session.is_some() && session == row.session;
            let version = if is_whole { row.pushed_version } else { 0 };
            Some(AssociatedRow { id: row.id, contact, session, version })
        })
        .collect();
    let refused: Vec<Refused> = problems
        .into_iter()
        .map(|(id, refusal)| Refused {
            id,
            problem: format!("could not be associated: {}", refusal.message),
            correlation_id: refusal.correlation_id,
            is_final: false,
        })
        .collect();
    let client = calls.mirror.store.read().await?;
    links::associated(&client, calls.org.id, &rows).await?;
    links::refused(&client, calls.org.id, Entity::Booking, &refused).await?;
    Ok(changed)
}

/// Ends associations of bookings with sessions that are not theirs. What HubSpot refuses stays.
pub(super) async fn leave(calls: &Calls<'_>, pairs: Vec<Pair>) -> Result<(), MirrorError> {
    send(calls, End::Session, false, pairs).await.map(drop)
}

/// What a booking should belong to, and what it does.
fn ends(row: &LooseRow, end: End) -> (&Option<String>, &Option<String>) {
    match end {
        End::Contact => (&row.contact, &row.associated_contact),
        End::Session => (&row.session, &row.associated_session),
    }
}

/// Makes or ends associations. Says which HubSpot refused.
async fn send(
    calls: &Calls<'_>,
    end: End,
    is_made: bool,
    pairs: Vec<Pair>,
) -> Result<BTreeMap<Pair, Refusal>, MirrorError> {
    let mapping = &calls.portal.mapping;
    let from = mapping.object_type(Object::Booking);
    let (to, association): (&str, &AssociationType) = match end {
        End::Contact => (mapping.object_type(Object::Contact), &mapping.bookings.to_contact),
        End::Session => (mapping.object_type(Object::Session), &mapping.bookings.to_session),
    };
    let mut refused = BTreeMap::new();
    let mut batches: Vec<Vec<Pair>> = pairs.chunks(ASSOCIATE_MAX.min(READ_MAX)).map(<[Pair]>::to_vec).collect();
    while let Some(batch) = batches.pop() {
        let pairs = &batch;
        let tried = calls
            .repeat(|hubspot| async move {
                match is_made {
                    true => hubspot.batch_associate(from, to, association, pairs).await,
                    false => hubspot.batch_disassociate(from, to, pairs).await,
                }
            })
            .await?;
        match tried {
            Tried::Done(answer) => refused.extend(not_done(answer)),
            Tried::Refused(refusal) => match batch.as_slice() {
                [pair] => drop(refused.insert(pair.clone(), refusal)),
                // One of them is at fault.
                _ => {
                    let (left, right) = batch.split_at(batch.len() / 2);
                    batches.extend([left.to_vec(), right.to_vec()]);
                }
            },
        }
    }
    Ok(refused)
}

fn not_done(answer: PairsAnswer) -> impl Iterator<Item = (Pair, Refusal)> {
    let unplaced = answer.unplaced.into_iter().next();
    answer.outcomes.into_iter().filter_map(move |(pair, outcome)| match outcome {
        PairOutcome::Done => None,
        PairOutcome::Refused(refusal) => Some((pair, refusal)),
        PairOutcome::Unknown => {
            let unsaid = Refusal {
                status: 200,
                category: String::new(),
                message: "HubSpot's answer does not say what became of it".to_owned(),
                correlation_id: None,
            };
            Some((pair, unplaced.clone().unwrap_or(unsaid)))
        }
    })
}
