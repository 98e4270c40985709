//! What a portal needs before it can be mirrored to: our properties, and a group for them. What is missing is made;
//! what is there is never changed. Any number of times, by several at once.

use serde::Serialize;

use super::{Mirror, MirrorError};
use crate::hubspot::shape::Planned;
use crate::hubspot::{HubSpotError, Object, Portal, Property, PropertyGroup};
use crate::store::orgs::OrgRow;

/// HubSpot's status for "there is one already", also in the bin.
const EXISTS: u16 = 409;

/// What a set-up found and did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct SetupReport {
    /// Whether nothing was done, only looked.
    pub dry_run: bool,
    /// What was made; in a dry run, what would be.
    pub made: Vec<Part>,
    /// How many properties were there, and fit.
    pub fitting: u64,
    /// What is there and cannot be used, or could not be made.
    pub misfits: Vec<Misfit>,
}

/// A piece of a portal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Part {
    /// Of which objects: `contacts`, `sessions` or `bookings`.
    pub object: &'static str,
    /// Their type at the portal.
    pub object_type: String,
    /// `type`, `group` or `property`.
    pub what: &'static str,
    /// Its name for programs.
    pub name: String,
}

/// A piece of a portal that somebody has to look at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Misfit {
    /// Which.
    #[serde(flatten)]
    pub part: Part,
    /// What is wrong, and the remedy: a sentence without its full stop.
    pub problem: String,
}

impl Mirror {
    /// Makes what is missing at an organisation's portal, and says what is there and does not fit. A dry run only says
    /// what would be made.
    ///
    /// # Errors
    ///
    /// No portal, or HubSpot does not answer or does not let us: what was made until then stays.
    pub async fn set_up(&self, org: &OrgRow, dry_run: bool) -> Result<SetupReport, MirrorError> {
        let portal = self.portal_needed(org)?;
        let mut setup = Setup { portal, report: SetupReport { dry_run, ..SetupReport::default() } };
        for object in Object::ALL {
            setup.object(object).await?;
        }
        Ok(setup.report)
    }
}

struct Setup {
    portal: Portal,
    report: SetupReport,
}

impl Setup {
    async fn object(&mut self, object: Object) -> Result<(), MirrorError> {
        let kind = self.portal.mapping.object_type(object).to_owned();
        let existing = match self.portal.client.list_properties(&kind).await {
            Ok(existing) => existing,
            Err(HubSpotError::Refused(refusal)) if !refusal.is_access() => {
                let member = object.member();
                let problem = format!(
                    "the portal does not know this type of objects: {}. Say the right one as {member}.object in the file \
                     of --hubspot-mapping",
                    refusal.message
                );
                self.misfit(self.part(object, "type", &kind), problem);
                return Ok(());
            }
            Err(error) => return Err(error.into()),
        };
        let planned = self.portal.mapping.properties(object);
        let (there, missing): (Vec<_>, Vec<_>) =
            planned.into_iter().partition(|planned| named(&existing, planned).is_some());
        for planned in &there {
            self.compare(object, planned, named(&existing, planned));
        }
        if !missing.is_empty() {
            self.group(object).await?;
        }
        for planned in &missing {
            self.property(object, planned).await?;
        }
        Ok(())
    }

    /// The group, where it is needed. Somebody else may make it at the same moment.
    async fn group(&mut self, object: Object) -> Result<(), MirrorError> {
        let PropertyGroup { name, label } = self.portal.mapping.property_group();
        let (client, kind) = (&self.portal.client, self.portal.mapping.object_type(object));
        if client.list_property_groups(kind).await?.iter().any(|group| group.name == name) {
            return Ok(());
        }
        if !self.report.dry_run {
            match client.create_property_group(kind, &PropertyGroup { name: name.clone(), label }).await {
                Err(HubSpotError::Refused(refusal)) if refusal.status == EXISTS => return Ok(()),
                made => made?,
            }
        }
        self.report.made.push(self.part(object, "group", &name));
        Ok(())
    }

    /// A property that the portal has not.
    async fn property(&mut self, object: Object, planned: &Planned) -> Result<(), MirrorError> {
        let part = self.part(object, "property", &planned.name);
        if self.report.dry_run {
            self.report.made.push(part);
            return Ok(());
        }
        let Portal { client, mapping, .. } = &self.portal;
        let kind = mapping.object_type(object);
        match client.create_property(kind, &planned.definition(&mapping.group)).await {
            Ok(()) => self.report.made.push(part),
            Err(HubSpotError::Refused(refusal)) if refusal.status == EXISTS => {
                let now = client.list_properties(kind).await?;
                self.compare(object, planned, named(&now, planned));
            }
            Err(HubSpotError::Refused(refusal)) if !refusal.is_access() => {
                let problem = format!("HubSpot refused to make the property {}: {}", planned.name, refusal.message);
                self.misfit(part, problem);
            }
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    /// A property that the portal has; if it does not show it, it is in the bin.
    fn compare(&mut self, object: Object, planned: &Planned, existing: Option<&Property>) {
        let problem = match existing {
            Some(existing) => planned.misfit(existing),
            None => Some(format!(
                "the property {} is in the portal's bin. Restore it there, or remove it for good and run this again",
                planned.name
            )),
        };
        match problem {
            None => self.report.fitting += 1,
            Some(problem) => self.misfit(self.part(object, "property", &planned.name), problem),
        }
    }

    fn misfit(&mut self, part: Part, problem: String) {
        self.report.misfits.push(Misfit { part, problem });
    }

    fn part(&self, object: Object, what: &'static str, name: &str) -> Part {
        let object_type = self.portal.mapping.object_type(object).to_owned();
        Part { object: object.member(), object_type, what, name: name.to_owned() }
    }
}

fn named<'p>(existing: &'p [Property], planned: &Planned) -> Option<&'p Property> {
    existing.iter().find(|property| property.name == planned.name)
}
