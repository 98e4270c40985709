//! What to do about a refused row: most are tried again later, but some say that HubSpot has the record already, or no
//! longer.

use super::MirrorError;
use super::calls::{Calls, Tried};
use super::push::{Ready, entity_of};
use crate::hubspot::{Fields, Object, Refusal};
use crate::store::mirror::links::{self, Refused};

impl Calls<'_> {
    /// Looks at a refusal. Nothing, if the row can be pushed after all, by the id that it has now.
    pub async fn see_to(&self, object: Object, row: &Ready, refusal: Refusal) -> Result<Option<Refused>, MirrorError> {
        let refused = |problem: String, is_final: bool| {
            Some(Refused { id: row.id, problem, correlation_id: refusal.correlation_id.clone(), is_final })
        };
        if let Some(gone) = row.hubspot_id.as_deref().filter(|_| refusal.is_not_found()) {
            return Ok(refused(self.missing(object, row, gone).await?, true));
        }
        let Some(existing) = refusal.existing_id() else { return Ok(refused(refusal.message.clone(), false)) };
        // An address belongs to one contact of HubSpot's. It is ours only if the student ID says so, too.
        if object != Object::Contact || row.hubspot_id.is_some() {
            return Ok(refused(refusal.message.clone(), true));
        }
        if !self.is_same_contact(row, existing).await? {
            let problem = format!(
                "HubSpot's contact {existing} has this address, but another student ID. Mend one of the two, then retry"
            );
            return Ok(refused(problem, true));
        }
        let client = self.mirror.store.read().await?;
        if links::adopt(&client, self.org.id, entity_of(object), row.id, existing).await? {
            tracing::info!(org = %self.org.id, contact = %row.id, hubspot_id = existing, "found the contact at HubSpot");
            return Ok(None);
        }
        Ok(refused(format!("HubSpot's contact {existing} belongs to another contact of ours already"), true))
    }

    /// Why a record may be missing. One that we have written was there; one that only an import has named may be in
    /// another portal, and so may all the others: to make them anew would be the worse mistake.
    async fn missing(&self, object: Object, row: &Ready, record: &str) -> Result<String, MirrorError> {
        let client = self.mirror.store.read().await?;
        let was_there = links::was_pushed(&client, self.org.id, entity_of(object), row.id).await?;
        Ok(match was_there {
            true => {
                format!("HubSpot has no record {record} any more. `surehold sync --check --heal` makes another one")
            }
            false => format!(
                "HubSpot has no record {record}, and nothing was ever written to it. If an import named it, perhaps \
                 SUREHOLD_HUBSPOT_ACCESS_TOKEN is of another portal than the export. Give the token of that one, and \
                 then `surehold sync retry --all`"
            ),
        })
    }

    async fn is_same_contact(&self, row: &Ready, existing: &str) -> Result<bool, MirrorError> {
        let names = &self.portal.mapping.contacts;
        let wanted = [names.student_id.as_str(), names.email.as_str()];
        let tried = self
            .repeat(|hubspot| async move {
                hubspot
                    .get_record(&names.object, None, existing, Fields { properties: &wanted, with_history: &[] })
                    .await
            })
            .await?;
        let Tried::Done(Some(record)) = tried else { return Ok(false) };
        let same = |name: &String| {
            let ours = row.properties.get(name).map(|value| value.to_lowercase());
            ours.is_some() && ours == record.property(name).map(|value| value.trim().to_lowercase())
        };
        Ok(same(&names.student_id) && same(&names.email))
    }
}
