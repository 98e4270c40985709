//! Between HubSpot and the desk: what is mirrored there, and what comes back from there.
//!
//! HubSpot is only ever called outside a transaction, and only by who holds the organisation's lease, except to look a
//! student up. A booking never waits for it. What HubSpot says of credits becomes a command of the desk, each of which
//! can be given any number of times.
//!
//! Who wins, field by field: docs/decisions/0007-who-owns-which-field.md.

mod adopt;
mod associate;
mod batches;
mod calls;
mod check;
mod credits;
mod error;
mod lease;
mod lookup;
mod mend;
mod orgs;
mod parked;
mod properties;
mod pull;
mod push;
mod report;
mod run;
mod search;
mod sessions;
mod setup;
mod status;

use std::sync::Arc;
use std::time::Duration;

pub use check::{CheckReport, Drift};
pub use error::MirrorError;
pub use lookup::{Found, LookedUp};
pub use parked::Parkable;
pub use pull::PullReport;
pub use report::{Counts, SyncReport};
pub use run::Progress;
pub(crate) use sessions::session_columns;
pub use setup::{Misfit, Part, SetupReport};
pub use status::Status;

use crate::desk::Desk;
use crate::hubspot::{Portal, Portals};
use crate::store::Store;
use crate::store::orgs::OrgRow;

/// Who does what HubSpot says, in the journal.
pub const PRINCIPAL: &str = "system:hubspot";

/// How the mirror works.
#[derive(Debug, Clone, Copy)]
pub struct MirrorOptions {
    /// How long a student who is not known yet may be looked for.
    pub lookup_time_max: Duration,
    /// How long it is remembered that HubSpot does not know a student either.
    pub unknown_for: Duration,
    /// The pause of a run after a call whose answer was lost; twice as long after each further one.
    pub retry_pause: Duration,
}

impl Default for MirrorOptions {
    fn default() -> MirrorOptions {
        MirrorOptions {
            lookup_time_max: Duration::from_secs(2),
            unknown_for: Duration::from_secs(30),
            retry_pause: Duration::from_millis(200),
        }
    }
}

/// Mirrors organisations at their portals. Cheap to clone.
#[derive(Clone)]
pub struct Mirror {
    store: Store,
    desk: Desk,
    portals: Arc<Portals>,
    options: MirrorOptions,
    lookups: lookup::Lookups,
}

impl Mirror {
    /// Puts the parts together.
    pub fn new(store: Store, desk: Desk, portals: Portals, options: MirrorOptions) -> Mirror {
        let lookups = lookup::Lookups::default();
        Mirror { store, desk, portals: Arc::new(portals), options, lookups }
    }

    /// The portal of an organisation, if it is mirrored. Test organisations never are.
    pub fn portal(&self, org: &OrgRow) -> Option<Portal> {
        if org.is_test { None } else { self.portals.of(&org.slug) }
    }

    fn portal_needed(&self, org: &OrgRow) -> Result<Portal, MirrorError> {
        self.portal(org).ok_or(MirrorError::NoPortal)
    }
}
