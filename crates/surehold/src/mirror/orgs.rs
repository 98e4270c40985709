//! Which organisations are mirrored.

use super::{Mirror, MirrorError};
use crate::store::orgs::{self, OrgRow};

impl Mirror {
    /// The open organisations that have a portal, oldest first.
    ///
    /// # Errors
    ///
    /// The database's; also that one token would have two organisations in one portal, where they would overwrite each
    /// other's contacts.
    pub async fn orgs(&self) -> Result<Vec<OrgRow>, MirrorError> {
        let mut open = orgs::open(&*self.store.read().await?).await?;
        open.retain(|org| !org.is_test);
        let slugs: Vec<&str> = open.iter().map(|org| org.slug.as_str()).collect();
        self.portals.check_orgs(&slugs).map_err(|error| MirrorError::Unexpected(error.to_string()))?;
        open.retain(|org| self.portal(org).is_some());
        Ok(open)
    }

    /// Whether any organisation may have a portal.
    pub fn is_configured(&self) -> bool {
        !self.portals.is_empty()
    }
}
