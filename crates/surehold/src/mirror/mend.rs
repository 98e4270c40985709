//! Mends what a comparison found: ours wins, after changes of credits at HubSpot are counted.

use std::collections::{BTreeMap, HashSet};

use surehold_core::rows::Entity;
use uuid::Uuid;

use super::calls::Calls;
use super::check::Drift;
use super::credits::{self, Holder};
use super::push::entity_of;
use super::run::run;
use super::{MirrorError, SyncReport, associate};
use crate::hubspot::{BATCH_MAX, Fields, Object, Pair};
use crate::store::mirror::links;

/// Rows that one statement marks.
const CHUNK: usize = 1_000;

/// What has to be done about a difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Remedy {
    /// Write what is ours.
    Push,
    /// The record is gone: another one is made.
    Forget,
    /// Make it belong to what it should.
    Associate,
}

/// A difference without its words: all of them are kept until they are mended, however many there are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Broken {
    entity: Entity,
    id: Uuid,
    hubspot_id: Option<String>,
    remedy: Remedy,
    leaves: Vec<String>,
}

impl Broken {
    pub fn of(drift: &Drift) -> Broken {
        let Drift { entity, id, hubspot_id, remedy, leaves, .. } = drift;
        let (hubspot_id, leaves) = (hubspot_id.clone(), leaves.clone());
        Broken { entity: *entity, id: *id, hubspot_id, remedy: *remedy, leaves }
    }
}

/// Rows that are parked, and whose record is gone. They are not compared, and no push finds them.
pub(super) async fn gone(calls: &Calls<'_>) -> Result<Vec<Broken>, MirrorError> {
    let mut gone = Vec::new();
    for object in Object::ALL {
        let (entity, object_type) = (entity_of(object), calls.portal.mapping.object_type(object));
        let mut after = Uuid::nil();
        loop {
            let client = calls.mirror.store.read().await?;
            let page = links::parked_records(&client, calls.org.id, entity, after, BATCH_MAX).await?;
            drop(client);
            let Some((last, _)) = page.last() else { break };
            after = *last;
            let ids: Vec<String> = page.iter().map(|(_, hubspot_id)| hubspot_id.clone()).collect();
            let ids = &ids;
            let tried = calls
                .repeat(|hubspot| async move {
                    let nothing = Fields { properties: &[], with_history: &[] };
                    hubspot.batch_read(object_type, None, ids, nothing).await
                })
                .await?;
            let records = tried.needed()?.records;
            let is_there = |hubspot_id: &String| records.get(hubspot_id).is_some_and(|record| !record.archived);
            let broken = page.into_iter().filter(|(_, hubspot_id)| !is_there(hubspot_id)).map(|(id, hubspot_id)| {
                Broken { entity, id, hubspot_id: Some(hubspot_id), remedy: Remedy::Forget, leaves: Vec::new() }
            });
            gone.extend(broken);
        }
    }
    Ok(gone)
}

/// Mends differences. Says how many of them are not mended yet: HubSpot refused, or something came in between.
pub(super) async fn mend(calls: &Calls<'_>, broken: &[Broken]) -> Result<u64, MirrorError> {
    for broken in broken.chunks(CHUNK) {
        mark(calls, broken).await?;
    }
    run(calls, &mut SyncReport::default(), &()).await?;
    let mut still = 0;
    for broken in broken.chunks(CHUNK) {
        still += unsettled(calls, broken).await?;
    }
    Ok(still)
}

/// Has the next run do what each difference needs.
async fn mark(calls: &Calls<'_>, broken: &[Broken]) -> Result<(), MirrorError> {
    let holders: Vec<Holder> = broken
        .iter()
        .filter(|one| one.entity == Entity::Contact && one.remedy == Remedy::Push)
        .filter_map(|one| Some(Holder { id: one.id, hubspot_id: one.hubspot_id.clone()? }))
        .collect();
    credits::count(calls, &holders).await?;
    let of_others = broken.iter().filter_map(|one| Some((one.hubspot_id.as_ref()?, &one.leaves)));
    let pairs =
        of_others.flat_map(|(from, leaves)| leaves.iter().map(|to| Pair { from: from.clone(), to: to.clone() }));
    associate::leave(calls, pairs.collect()).await?;
    let org_id = calls.org.id;
    let client = calls.mirror.store.read().await?;
    let gone = broken.iter().filter(|one| one.remedy == Remedy::Forget);
    for (one, hubspot_id) in gone.filter_map(|one| Some((one, one.hubspot_id.as_deref()?))) {
        links::forget(&client, org_id, one.entity, one.id, hubspot_id).await?;
    }
    for (entity, ids) in by_entity(broken.iter().filter(|one| one.remedy == Remedy::Push)) {
        links::push_again(&client, org_id, entity, &ids).await?;
    }
    let loose = broken.iter().filter(|one| one.remedy == Remedy::Associate).map(|one| one.id);
    links::associate_again(&client, org_id, &loose.collect::<Vec<Uuid>>()).await?;
    Ok(())
}

async fn unsettled(calls: &Calls<'_>, broken: &[Broken]) -> Result<u64, MirrorError> {
    let client = calls.mirror.store.read().await?;
    let mut still = 0;
    for (entity, ids) in by_entity(broken.iter()) {
        let waiting: HashSet<Uuid> = links::unsettled(&client, calls.org.id, entity, &ids).await?.into_iter().collect();
        // A row may differ in two ways.
        still += ids.iter().filter(|id| waiting.contains(id)).count() as u64;
    }
    Ok(still)
}

fn by_entity<'b>(broken: impl Iterator<Item = &'b Broken>) -> Vec<(Entity, Vec<Uuid>)> {
    let mut all: BTreeMap<&str, (Entity, Vec<Uuid>)> = BTreeMap::new();
    for one in broken {
        all.entry(one.entity.as_str()).or_insert((one.entity, Vec::new())).1.push(one.id);
    }
    all.into_values().collect()
}
