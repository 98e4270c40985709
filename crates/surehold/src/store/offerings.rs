//! What a school sells for credits, and the kinds of credit that pay for it. Experiences are sold for money, by other
//! routes: see [`super::experiences`].

use std::sync::{Arc, LazyLock};

use surehold_core::rows::{CreditKind, Family, Offering};
use tokio_postgres::Client;
use uuid::Uuid;

use super::{StoreError, rows};

/// The offerings of one organisation that are no experiences, and its kinds of credit.
#[derive(Debug, Clone)]
pub struct Catalogue {
    /// What is on sale, by name.
    pub offerings: Vec<Arc<Offering>>,
    /// Kinds of credit with the label that a booking shows, in the organisation's order.
    pub credit_kinds: Vec<(CreditKind, String)>,
}

impl Catalogue {
    /// The offering of a name, in any case.
    pub fn offering(&self, name: &str) -> Option<&Arc<Offering>> {
        self.offerings.iter().find(|offering| offering.name.eq_ignore_ascii_case(name))
    }

    /// The kind of credit that a caller names by its column (`sj_credits`) or its label (`Shared Token`).
    pub fn credit_kind(&self, text: &str) -> Option<&CreditKind> {
        self.credit_kinds
            .iter()
            .find(|(kind, label)| kind.eq_ignore_ascii_case(text) || label.eq_ignore_ascii_case(text))
            .map(|(kind, _)| kind)
    }

    /// The names of the offerings of a family.
    pub fn names(&self, family: Option<Family>) -> Vec<&str> {
        self.offerings.iter().filter(|o| family.is_none_or(|f| f == o.family)).map(|o| o.name.as_str()).collect()
    }
}

static OFFERINGS: LazyLock<String> = LazyLock::new(|| {
    format!("SELECT {} FROM offerings WHERE org_id = $1 AND family <> 'experience' ORDER BY name", rows::OFFERING)
});
const KINDS: &str = "SELECT kind, token_label FROM credit_kinds WHERE org_id = $1 ORDER BY position, kind";

/// Every statement of this file, for the test that prepares them.
pub fn statements() -> [&'static str; 2] {
    [&OFFERINGS, KINDS]
}

/// The catalogue of an organisation.
pub async fn catalogue(client: &Client, org_id: Uuid) -> Result<Catalogue, StoreError> {
    Ok(Catalogue {
        offerings: client
            .query(&*OFFERINGS, &[&org_id])
            .await?
            .iter()
            .map(|row| rows::offering(row).map(Arc::new))
            .collect::<Result<_, _>>()?,
        credit_kinds: client
            .query(KINDS, &[&org_id])
            .await?
            .iter()
            .map(|row| Ok((CreditKind::from(row.try_get::<_, &str>(0)?), row.try_get(1)?)))
            .collect::<Result<_, StoreError>>()?,
    })
}
