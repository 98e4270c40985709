//! Students whom we do not know yet: HubSpot is asked once, and what it knows becomes a contact.
//!
//! The only calls to HubSpot that somebody waits for, and the only ones without the lease: they only read. Those whom
//! we know never come here.

mod found;
mod lookups;

use std::sync::Arc;
use std::time::Duration;

use surehold_core::command::{AddContact, Command};
use surehold_core::{Answer, Refusal};
use uuid::Uuid;

pub use found::{CreditFound, Found};
pub use lookups::{Lookups, Pair};

use super::{Mirror, MirrorError, PRINCIPAL};
use crate::desk::{DeskError, own_request};
use crate::hubspot::{HubSpotError, Policy, Portal};
use crate::store::mirror::credits::{self, CountedTo};
use crate::store::orgs::OrgRow;
use crate::store::{contacts, offerings};
use lookups::Missed;

/// How long to wait when too many students are looked for at once.
const CROWD_PAUSE: Duration = Duration::from_secs(2);

/// What became of looking for a student.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LookedUp {
    /// HubSpot knows the student, who is this contact from now on.
    Added(Uuid),
    /// Somebody else was faster: this contact was there when we came.
    Known(Uuid),
    /// HubSpot does not know this student ID with this email.
    Unknown,
}

impl Mirror {
    /// Looks at HubSpot for a student who is not on the books, and puts the one found there on them. The student ID is
    /// in upper case, the email in lower case; both have to agree.
    ///
    /// Many at once make one call and one contact. The work goes on if the caller leaves.
    ///
    /// # Errors
    ///
    /// [`MirrorError`], the same one for all who asked together: HubSpot had no answer in time, or the contact could
    /// not be written. Nothing was lost; ask again later.
    pub async fn look_up(&self, org: &OrgRow, student_id: &str, email: &str) -> Result<LookedUp, Arc<MirrorError>> {
        let Some(portal) = self.portal(org) else { return Ok(LookedUp::Unknown) };
        let pair = Pair::new(org.id, student_id, email);
        if self.lookups.is_unknown(&pair, self.options.unknown_for) {
            count("remembered");
            return Ok(LookedUp::Unknown);
        }
        let mirror = self.clone();
        let work = {
            let pair = pair.clone();
            async move { mirror.bring_in(&portal, &pair).await.map_err(Arc::new) }
        };
        let looked_up = self.lookups.added.join(pair, work).await.unwrap_or_else(|missed| Err(failed(missed)));
        count(match &looked_up {
            Ok(LookedUp::Added(_)) => "added",
            Ok(LookedUp::Known(_)) => "known",
            Ok(LookedUp::Unknown) => "unknown",
            Err(_) => "failed",
        });
        looked_up
    }

    /// A student as HubSpot shows it; nothing is written, and the database is not asked. None: HubSpot does not know
    /// this student ID with this email, or there is no portal.
    ///
    /// # Errors
    ///
    /// [`MirrorError`]: HubSpot had no answer in time.
    pub async fn look_at(
        &self,
        org: &OrgRow,
        student_id: &str,
        email: &str,
    ) -> Result<Option<Arc<Found>>, Arc<MirrorError>> {
        let Some(portal) = self.portal(org) else { return Ok(None) };
        let pair = Pair::new(org.id, student_id, email);
        if self.lookups.is_unknown(&pair, self.options.unknown_for) {
            return Ok(None);
        }
        let mirror = self.clone();
        let work = {
            let pair = pair.clone();
            async move { mirror.ask(&portal, &pair).await.map(|found| found.map(Arc::new)).map_err(Arc::new) }
        };
        self.lookups.shown.join(pair, work).await.unwrap_or_else(|missed| Err(failed(missed)))
    }

    async fn bring_in(&self, portal: &Portal, pair: &Pair) -> Result<LookedUp, MirrorError> {
        let kinds = {
            let client = self.store.read().await?;
            // Whoever was here just before us may have brought the student in since our caller looked.
            let known = contacts::ids_by_identity(&client, &[pair.org_id], &[&pair.student_id], &[&pair.email]).await?;
            if let Some(contact_id) = known[0] {
                return Ok(LookedUp::Known(contact_id));
            }
            offerings::catalogue(&client, pair.org_id).await?.credit_kinds
            // The connection goes back before HubSpot is asked: those whom we know need it.
        };
        let Some(mut found) = self.ask(portal, pair).await? else { return Ok(LookedUp::Unknown) };
        found.credits.retain(|kind, _| kinds.iter().any(|(known, _)| known == kind));
        self.add(pair, &found).await
    }

    /// Asks HubSpot: one search, and one look at the record that it found.
    async fn ask(&self, portal: &Portal, pair: &Pair) -> Result<Option<Found>, MirrorError> {
        let time_max = self.options.lookup_time_max;
        let found = match tokio::time::timeout(time_max, found::find(portal, pair)).await {
            Ok(found) => found?,
            Err(_) => {
                let reason = format!("no answer within {time_max:?}");
                return Err(HubSpotError::Unknown { status: None, reason, correlation_id: None }.into());
            }
        };
        if found.is_none() {
            self.lookups.remember_unknown(pair, self.options.unknown_for);
        }
        Ok(found)
    }

    /// Puts a student on the books.
    ///
    /// Before the contact is there, it is noted up to which moment of HubSpot's history its opening balances go: every
    /// later change is counted by a pull. If a moment is noted already, by another server or by an attempt that did not
    /// come to its end, that one holds, and the balances are those of that moment. So whoever of several adds the
    /// contact, and whatever dies in between, nothing counts twice and nothing is lost.
    async fn add(&self, pair: &Pair, found: &Found) -> Result<LookedUp, MirrorError> {
        let counted = self.begin_counting(pair.org_id, found).await?;
        let counted_to = |kind: &str, credit: &CreditFound| counted.get(kind).copied().unwrap_or(credit.newest());
        let amount = |(kind, credit): (&Arc<str>, &CreditFound)| (kind.clone(), credit.at(counted_to(kind, credit)));
        let command = Command::AddContact(AddContact {
            id: None,
            student_id: pair.student_id.clone(),
            email: pair.email.clone(),
            first_name: found.first_name.clone(),
            last_name: found.last_name.clone(),
            ndecc_exam_date: found.ndecc_exam_date,
            opening: found.credits.iter().map(amount).collect(),
            hubspot_id: Some(found.hubspot_id.clone()),
        });
        let contact_id = match self.desk.submit(pair.org_id, own_request(PRINCIPAL, command)).await {
            Ok(outcome) => match outcome.answer {
                Answer::ContactAdded(saved) => saved.contact_id,
                other => return Err(MirrorError::Unexpected(format!("the desk answered {other:?}"))),
            },
            Err(DeskError::Refused(Refusal::ContactExists { contact_id })) => return Ok(LookedUp::Known(contact_id)),
            Err(DeskError::Refused(Refusal::Invalid(fields))) if fields.contains_key("hubspot_id") => {
                // The address or the student ID was changed at HubSpot. Whose record it is, is ours to say.
                let hubspot_id = &found.hubspot_id;
                tracing::warn!(hubspot_id, "HubSpot has another student ID or email for a contact than we do");
                self.lookups.remember_unknown(pair, self.options.unknown_for);
                return Ok(LookedUp::Unknown);
            }
            Err(error) => return Err(error.into()),
        };
        if found.credits.iter().any(|(kind, credit)| counted_to(kind, credit) < credit.newest()) {
            let client = self.store.read().await?;
            credits::want_pull(&client, pair.org_id, std::slice::from_ref(&found.hubspot_id)).await?;
        }
        Ok(LookedUp::Added(contact_id))
    }

    /// Notes up to which moments the credits of a record are counted, where nothing is noted yet; says what is.
    async fn begin_counting(
        &self,
        org_id: Uuid,
        found: &Found,
    ) -> Result<std::collections::BTreeMap<String, i64>, MirrorError> {
        let moments = found.credits.iter().map(|(kind, credit)| (kind.to_string(), credit.newest())).collect();
        let client = self.store.read().await?;
        credits::begin_counting(&client, org_id, &CountedTo::from([(found.hubspot_id.clone(), moments)])).await?;
        let mut counted = credits::counted_to(&client, org_id, std::slice::from_ref(&found.hubspot_id)).await?;
        Ok(counted.remove(&found.hubspot_id).unwrap_or_default())
    }
}

/// Why a lookup has no answer of its own.
fn failed(missed: Missed) -> Arc<MirrorError> {
    Arc::new(match missed {
        Missed::TooMany => {
            let message = "too many students are looked for at once".to_owned();
            HubSpotError::NotNow { after: CROWD_PAUSE, policy: Policy::Other, message }.into()
        }
        Missed::Died => MirrorError::Unexpected("looking for a student ended without an answer".to_owned()),
    })
}

fn count(outcome: &'static str) {
    metrics::counter!("surehold_hubspot_lookups_total", "outcome" => outcome).increment(1);
}
