//! Another try for what is parked.

use surehold_core::rows::Entity;
use uuid::Uuid;

use super::{Mirror, MirrorError};
use crate::store::mirror::{credits, links};
use crate::store::orgs::OrgRow;

/// What can be parked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parkable {
    /// A row that HubSpot refused.
    Row(Entity),
    /// Cuts at HubSpot that went below what was spent, of a contact.
    Credits,
}

impl Parkable {
    /// Every name.
    pub const WORDS: [&str; 5] = ["contact", "slot", "session", "booking", "credits"];

    /// What a name means.
    pub fn read(word: &str) -> Option<Parkable> {
        Some(match word {
            "contact" => Parkable::Row(Entity::Contact),
            // What the journal calls a slot is a session to the school.
            "slot" | "session" => Parkable::Row(Entity::Slot),
            "booking" => Parkable::Row(Entity::Booking),
            "credits" => Parkable::Credits,
            _ => return None,
        })
    }

    /// Its first name.
    pub fn as_str(self) -> &'static str {
        match self {
            Parkable::Row(entity) => entity.as_str(),
            Parkable::Credits => "credits",
        }
    }
}

impl Mirror {
    /// Has a parked row tried again at the next run; of credits, the contact's shortfalls are dealt with. `false`: there
    /// is no such parked row.
    ///
    /// # Errors
    ///
    /// Only the database's.
    pub async fn retry(&self, org: &OrgRow, what: Parkable, id: Uuid) -> Result<bool, MirrorError> {
        let client = self.store.read().await?;
        Ok(match what {
            Parkable::Row(entity) => links::retry(&client, org.id, entity, id).await?,
            Parkable::Credits => credits::settle(&client, org.id, id).await? > 0,
        })
    }

    /// Has every parked row tried again at the next run. Says how many there are. Shortfalls are not among them: each
    /// needs a look.
    ///
    /// # Errors
    ///
    /// Only the database's.
    pub async fn retry_all(&self, org: &OrgRow) -> Result<u64, MirrorError> {
        Ok(links::retry_all(&*self.store.read().await?, org.id).await?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_means_something() {
        for word in Parkable::WORDS {
            let what = Parkable::read(word).expect(word);
            assert_eq!(Parkable::read(what.as_str()), Some(what));
        }
        assert_eq!(Parkable::read("session"), Parkable::read("slot"));
        assert_eq!((Parkable::read("payment"), Parkable::read("")), (None, None));
    }
}
