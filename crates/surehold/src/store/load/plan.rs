//! What a batch needs, known before anything is locked.

use std::collections::BTreeSet;
use std::sync::Arc;

use deadpool_postgres::Object;
use surehold_core::command::{Key, Request, WantedIdentity};
use uuid::Uuid;

use super::statements;
use crate::store::StoreError;

/// The rows that a batch of requests needs, sorted and without repeats.
#[derive(Debug, Default)]
pub struct Plan {
    pub(super) slots: BTreeSet<Uuid>,
    pub(super) contacts: BTreeSet<Uuid>,
    pub(super) bookings: BTreeSet<Uuid>,
    pub(super) offerings: BTreeSet<Uuid>,
    pub(super) offerings_to_lock: BTreeSet<Uuid>,
    pub(super) offering_names: BTreeSet<String>,
    pub(super) slots_to_see: BTreeSet<Uuid>,
    pub(super) identities: BTreeSet<WantedIdentity>,
    pub(super) keys: BTreeSet<(String, Arc<str>)>,
    pub(super) payments: BTreeSet<Uuid>,
    pub(super) trips: BTreeSet<Uuid>,
    pub(super) travellers: BTreeSet<Uuid>,
    pub(super) references: BTreeSet<String>,
}

impl Plan {
    /// What these requests need. `earlier_key` is the key that an earlier attempt of the same request
    /// wrote under, if that attempt's answer was lost.
    pub fn of<'r>(requests: impl Iterator<Item = (&'r Request, Option<&'r str>)>) -> Plan {
        let mut plan = Plan::default();
        for (request, earlier_key) in requests {
            let needs = request.command.needs();
            plan.slots.extend(needs.slots);
            plan.contacts.extend(needs.contacts);
            plan.bookings.extend(needs.bookings);
            plan.offerings.extend(needs.offerings);
            plan.slots_to_see.extend(needs.slots_to_see);
            plan.identities.extend(needs.identities);
            plan.payments.extend(needs.payments);
            plan.trips.extend(needs.trips);
            plan.travellers.extend(needs.travellers);
            plan.references.extend(needs.references);
            plan.offerings_to_lock.extend(needs.offerings_to_lock);
            plan.offering_names.extend(needs.offering_names);
            if let Key::Given(key) = &request.key {
                plan.keys.insert((key.clone(), request.principal.clone()));
            }
            plan.keys.extend(earlier_key.map(|key| (key.to_owned(), request.principal.clone())));
        }
        plan
    }

    /// Adds payments whose holds have come to their end. Says whether any of them is new to the plan.
    pub fn add_due(&mut self, payments: &[Uuid]) -> bool {
        let known = self.payments.len();
        self.payments.extend(payments);
        self.payments.len() > known
    }
}

/// Adds what belongs to each booking and payment that is named: the slots and contacts to lock. By plain reads before
/// the locks; decisions notice if something has moved since.
pub async fn resolve(client: &Object, plans: &mut [(Uuid, Plan)]) -> Result<(), StoreError> {
    let (org_ids, ids) = pairs(plans, |plan| &plan.bookings);
    if !ids.is_empty() {
        let statement = client.prepare_cached(&statements::PLACES).await?;
        for row in client.query(&statement, &[&org_ids, &ids]).await? {
            let plan = of_org(plans, row.try_get(3)?)?;
            plan.slots.insert(row.try_get(0)?);
            plan.contacts.insert(row.try_get(1)?);
            plan.payments.extend(row.try_get::<_, Option<Uuid>>(2)?);
        }
    }
    let (org_ids, ids) = pairs(plans, |plan| &plan.payments);
    if !ids.is_empty() {
        let statement = client.prepare_cached(&statements::PAYMENT_PLACES).await?;
        for row in client.query(&statement, &[&org_ids, &ids]).await? {
            let plan = of_org(plans, row.try_get(3)?)?;
            plan.contacts.insert(row.try_get(0)?);
            plan.trips.extend(row.try_get::<_, Option<Uuid>>(1)?);
            plan.slots.extend(row.try_get::<_, Vec<Uuid>>(2)?);
        }
    }
    Ok(())
}

/// The elements of some lists, each with its organisation.
pub(super) fn pairs<'p, T: Copy + 'p>(
    plans: &'p [(Uuid, Plan)],
    list: impl Fn(&'p Plan) -> &'p BTreeSet<T>,
) -> (Vec<Uuid>, Vec<T>) {
    plans.iter().flat_map(|(org_id, plan)| list(plan).iter().map(|element| (*org_id, *element))).unzip()
}

/// What belongs to one organisation, of a list that is sorted by organisation.
pub(super) fn of_org<T>(sorted: &mut [(Uuid, T)], org_id: Uuid) -> Result<&mut T, StoreError> {
    match sorted.binary_search_by_key(&org_id, |(id, _)| *id) {
        Ok(index) => Ok(&mut sorted[index].1),
        Err(_) => Err(StoreError::Corrupt(format!("a row of organisation {org_id}, which was not asked about"))),
    }
}
