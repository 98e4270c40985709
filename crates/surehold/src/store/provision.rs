//! New organisations.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Transaction};
use uuid::Uuid;

use super::StoreError;
use crate::currency;

/// What a new organisation is called and where it is.
#[derive(Debug, Clone)]
pub struct NewOrg {
    /// Its name in commands and URLs: lower-case letters, digits and hyphens.
    pub slug: String,
    /// Its name for people.
    pub name: String,
    /// IANA name of its time zone.
    pub time_zone: String,
    /// What its experiences are sold in: an ISO 4217 code, in any case.
    pub currency: String,
    /// Host names whose requests belong to it.
    pub hosts: Vec<String>,
    /// A test organisation: hidden, never mirrored.
    pub is_test: bool,
}

/// A kind of credit: column name, and what a booking shows when it paid.
const CREDIT_KINDS: &[(&str, &str)] = &[
    ("sj_credits", "Situational Judgment Token"),
    ("cs_credits", "Clinical Skills Token"),
    ("sjmini_credits", "Mini-mock Token"),
    ("mock_discussion_token", "Mock Discussion Token"),
    ("shared_mock_credits", "Shared Token"),
];

struct NewOffering {
    family: &'static str,
    name: &'static str,
    credit_policy: &'static [&'static str],
    needs_dominant_hand: bool,
    needs_attending_location: bool,
}

/// What the exam school sells. Which credits pay, in which order, is data from here on.
const OFFERINGS: &[NewOffering] = &[
    NewOffering {
        family: "mock_exam",
        name: "Situational Judgment",
        credit_policy: &["sj_credits", "shared_mock_credits"],
        needs_dominant_hand: false,
        needs_attending_location: true,
    },
    NewOffering {
        family: "mock_exam",
        name: "Clinical Skills",
        credit_policy: &["cs_credits", "shared_mock_credits"],
        needs_dominant_hand: true,
        needs_attending_location: false,
    },
    NewOffering {
        family: "mock_exam",
        name: "Mini-mock",
        credit_policy: &["sjmini_credits"],
        needs_dominant_hand: false,
        needs_attending_location: true,
    },
    NewOffering {
        family: "mock_discussion",
        name: "Mock Discussion",
        credit_policy: &["mock_discussion_token"],
        needs_dominant_hand: false,
        needs_attending_location: false,
    },
];

/// Where the exam school's rooms are. A location that is not listed is in the organisation's own zone.
const LOCATIONS: &[(&str, &str)] = &[
    ("Calgary", "America/Edmonton"),
    ("Mississauga", "America/Toronto"),
    ("Mississauga - B9", "America/Toronto"),
    ("Mississauga - Lab D", "America/Toronto"),
    ("Montreal", "America/Toronto"),
    ("Richmond Hill", "America/Toronto"),
    ("Vancouver", "America/Vancouver"),
];

/// Makes an organisation in one transaction: the five kinds of credit, the four offerings of the exam
/// school and the time zones of its locations.
///
/// # Errors
///
/// [`StoreError::Unfit`] with a sentence about the field that is wrong, or a slug that is taken.
pub async fn create_org(client: &mut Client, org: &NewOrg) -> Result<Uuid, StoreError> {
    let currency = check(org)?;
    let id = Uuid::now_v7();
    let transaction = client.transaction().await?;
    refuse_taken_hosts(&transaction, org).await?;
    insert_org(&transaction, id, org, &currency).await?;
    insert_credit_kinds(&transaction, id).await?;
    for offering in OFFERINGS {
        insert_offering(&transaction, id, offering).await?;
    }
    transaction.commit().await?;
    Ok(id)
}

/// Checks what the database cannot. Returns the currency as it is kept.
fn check(org: &NewOrg) -> Result<String, StoreError> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if org.slug.is_empty() || org.slug.len() > 63 || !org.slug.chars().all(plain) || org.slug.starts_with('-') {
        return Err(StoreError::Unfit(format!(
            "the slug {:?} cannot be used: 1 to 63 lower-case letters, digits and hyphens, not starting with a hyphen",
            org.slug
        )));
    }
    if org.name.trim().is_empty() || org.name.chars().count() > 200 || org.name.contains(char::is_control) {
        return Err(StoreError::Unfit(
            "the name of an organisation must have 1 to 200 characters, and no control characters".to_owned(),
        ));
    }
    if let Some(host) = hosts(org).into_iter().find(|host| !is_host_name(host)) {
        return Err(StoreError::Unfit(format!(
            "{host:?} is not a host name. Give the name alone, without https://, port and path: book.acme.example"
        )));
    }
    if TimeZone::get(&org.time_zone).is_err() {
        return Err(StoreError::Unfit(format!(
            "{:?} is not a time zone. Use a name of the IANA database, such as America/Toronto",
            org.time_zone
        )));
    }
    currency::parse(&org.currency).ok_or_else(|| {
        StoreError::Unfit(format!(
            "{:?} is not a currency. Use a code of ISO 4217 with three letters, such as usd or eur",
            org.currency
        ))
    })
}

/// The hosts as they are kept.
fn hosts(org: &NewOrg) -> Vec<String> {
    org.hosts.iter().map(|host| host.trim().to_ascii_lowercase()).collect()
}

/// Labels of letters, digits and hyphens, with dots between: no scheme, port or path.
fn is_host_name(host: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let label =
        |l: &str| (1..=63).contains(&l.len()) && l.chars().all(plain) && !l.starts_with('-') && !l.ends_with('-');
    host.len() <= 253 && host.split('.').all(label)
}

/// A request's host must mean one organisation. Two that are made at once wait for each other here.
async fn refuse_taken_hosts(transaction: &Transaction<'_>, org: &NewOrg) -> Result<(), StoreError> {
    let hosts = hosts(org);
    if hosts.is_empty() || org.is_test {
        return Ok(());
    }
    transaction.execute("SELECT pg_advisory_xact_lock(hashtextextended('surehold orgs.hosts', 0))", &[]).await?;
    let taken = transaction
        .query_opt(
            "SELECT o.slug, h.host FROM orgs o, unnest(o.hosts) AS h (host)
             WHERE o.closed_at IS NULL AND NOT o.is_test AND lower(h.host) = ANY ($1) ORDER BY o.id, h.host LIMIT 1",
            &[&hosts],
        )
        .await?;
    let Some(taken) = taken else { return Ok(()) };
    let (slug, host): (String, String) = (taken.try_get(0)?, taken.try_get(1)?);
    Err(StoreError::Unfit(format!("the host {host} belongs to the organisation {slug:?} already")))
}

async fn insert_org(transaction: &Transaction<'_>, id: Uuid, org: &NewOrg, currency: &str) -> Result<(), StoreError> {
    let zones: BTreeMap<&str, &str> = LOCATIONS.iter().copied().collect();
    let zones = serde_json::to_value(zones).expect("text is always JSON");
    let secret: [u8; 32] = rand::random();
    let hosts = hosts(org);
    let inserted = transaction
        .execute(
            "INSERT INTO orgs (id, slug, name, time_zone, hosts, location_time_zones, token_secret, is_test, currency)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
            &[&id, &org.slug, &org.name, &org.time_zone, &hosts, &zones, &secret.as_slice(), &org.is_test, &currency],
        )
        .await;
    match inserted {
        Ok(_) => Ok(()),
        Err(error) if error.code() == Some(&SqlState::UNIQUE_VIOLATION) => {
            Err(StoreError::Unfit(format!("there is an organisation {:?} already", org.slug)))
        }
        Err(error) => Err(error.into()),
    }
}

async fn insert_credit_kinds(transaction: &Transaction<'_>, org_id: Uuid) -> Result<(), StoreError> {
    let kinds: Vec<&str> = CREDIT_KINDS.iter().map(|(kind, _)| *kind).collect();
    let labels: Vec<&str> = CREDIT_KINDS.iter().map(|(_, label)| *label).collect();
    transaction
        .execute(
            "INSERT INTO credit_kinds (org_id, kind, token_label, position)
             SELECT $1, kind, label, position::int FROM unnest($2::text[], $3::text[]) WITH ORDINALITY AS k (kind, label, position)",
            &[&org_id, &kinds, &labels],
        )
        .await?;
    Ok(())
}

async fn insert_offering(transaction: &Transaction<'_>, org_id: Uuid, o: &NewOffering) -> Result<(), StoreError> {
    transaction
        .execute(
            "INSERT INTO offerings (org_id, id, family, name, credit_policy, one_per_day, needs_dominant_hand,
                                    needs_attending_location, code_style)
             VALUES ($1, $2, $3, $4, $5, true, $6, $7, 'type_student_date')",
            &[
                &org_id,
                &Uuid::now_v7(),
                &o.family,
                &o.name,
                &o.credit_policy,
                &o.needs_dominant_hand,
                &o.needs_attending_location,
            ],
        )
        .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn org(slug: &str, name: &str, time_zone: &str) -> NewOrg {
        NewOrg {
            slug: slug.to_owned(),
            name: name.to_owned(),
            time_zone: time_zone.to_owned(),
            currency: "USD".to_owned(),
            hosts: Vec::new(),
            is_test: false,
        }
    }

    #[test]
    fn an_organisation_needs_a_plain_slug_a_name_and_a_real_time_zone() {
        assert_eq!(check(&org("demo-2", "Demo", "America/Toronto")).ok().as_deref(), Some("usd"));
        for wrong in [
            org("", "Demo", "UTC"),
            org("Demo", "Demo", "UTC"),
            org("-x", "Demo", "UTC"),
            org("a b", "Demo", "UTC"),
            org("demo", " ", "UTC"),
            org("demo", "De\u{1b}mo", "UTC"),
            org("demo", "Demo", "Toronto"),
            NewOrg { currency: "dollars".to_owned(), ..org("demo", "Demo", "UTC") },
        ] {
            assert!(check(&wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn hosts_are_plain_names() {
        for right in ["localhost", "book.acme.example", "127.0.0.1", "xn--bcher-kva.example"] {
            assert!(is_host_name(right), "{right}");
        }
        for wrong in
            ["", "https://acme.example", "acme.example:80", "acme.example/book", "a b", "a..b", "-a", "a.", "*.a"]
        {
            assert!(!is_host_name(wrong), "{wrong}");
        }
        let mut org = org("demo", "Demo", "UTC");
        org.hosts = vec![" Book.Acme.example ".to_owned()];
        assert!(check(&org).is_ok());
        org.hosts.push("acme.example:8787".to_owned());
        assert!(check(&org).is_err());
    }

    #[test]
    fn policies_name_known_kinds_and_locations_have_real_time_zones() {
        for offering in OFFERINGS {
            for kind in offering.credit_policy {
                assert!(CREDIT_KINDS.iter().any(|(known, _)| known == kind), "{kind}");
            }
        }
        for (_, zone) in LOCATIONS {
            assert!(TimeZone::get(zone).is_ok(), "{zone}");
        }
    }
}
