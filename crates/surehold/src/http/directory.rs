//! Organisations, API keys and catalogues, kept in memory for a few seconds: every request needs them, and
//! they hardly change. What is older than that is read again before it is used, so a revoked key and a
//! closed organisation are refused within that time by every server process.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use uuid::Uuid;

use crate::store::api_keys::{self, ApiKeyRow};
use crate::store::offerings::{self, Catalogue};
use crate::store::orgs::{self, OrgRow};
use crate::store::{Store, StoreError};

/// Entries of one sort; more are forgotten all at once.
const ENTRIES_MAX: usize = 4096;
/// An organisation that is not in memory may have been made a moment ago; but strangers must not make us
/// ask the database at every request.
const MISSING_ORG_MIN_AGE: Duration = Duration::from_millis(200);

/// What is known of organisations and API keys.
pub struct Directory {
    store: Store,
    max_age: Duration,
    known: Mutex<Known>,
    /// One reader asks the database; the others wait for its answer and find it.
    refresh: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct Known {
    orgs: Option<(Instant, Arc<Orgs>)>,
    /// However long ago.
    orgs_known_last: Option<Arc<Orgs>>,
    keys: HashMap<Uuid, (Instant, Arc<ApiKeyRow>)>,
    catalogues: HashMap<Uuid, (Instant, Arc<Catalogue>)>,
    slots: HashMap<(Uuid, String), (Instant, Uuid)>,
    slot_numbers: HashMap<(Uuid, Uuid), (Instant, Option<String>)>,
}

/// The open organisations.
pub struct Orgs(Vec<Arc<OrgRow>>);

impl Orgs {
    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<OrgRow>> {
        self.0.iter()
    }

    /// The one of an id.
    pub fn by_id(&self, id: Uuid) -> Option<Arc<OrgRow>> {
        self.0.iter().find(|org| org.id == id).cloned()
    }

    /// The one of a slug.
    pub fn by_slug(&self, slug: &str) -> Option<Arc<OrgRow>> {
        self.0.iter().find(|org| org.slug == slug).cloned()
    }

    /// The one that a request without a key belongs to: by its host, else the only one there is. Test
    /// organisations are reached by their keys only.
    pub fn by_host(&self, host: Option<&str>) -> Option<Arc<OrgRow>> {
        let mut real = self.0.iter().filter(|org| !org.is_test);
        if let Some(host) = host
            && let Some(org) = real.clone().find(|org| org.hosts.iter().any(|h| h.eq_ignore_ascii_case(host)))
        {
            return Some(org.clone());
        }
        let only = real.next()?;
        real.next().is_none().then(|| only.clone())
    }
}

impl Directory {
    /// An empty one, which fills itself.
    pub fn new(store: Store, max_age: Duration) -> Directory {
        Directory { store, max_age, known: Mutex::default(), refresh: tokio::sync::Mutex::new(()) }
    }

    /// The open organisations.
    pub async fn orgs(&self) -> Result<Arc<Orgs>, StoreError> {
        self.orgs_not_older_than(self.max_age).await
    }

    /// The organisations as they were known last, however long ago that is: for what can be answered without the
    /// database, while it does not answer.
    pub fn orgs_known_last(&self) -> Option<Arc<Orgs>> {
        self.known().orgs_known_last.clone()
    }

    /// The open organisation of an id.
    pub async fn org(&self, id: Uuid) -> Result<Option<Arc<OrgRow>>, StoreError> {
        if let Some(org) = self.orgs().await?.by_id(id) {
            return Ok(Some(org));
        }
        Ok(self.orgs_not_older_than(MISSING_ORG_MIN_AGE.min(self.max_age)).await?.by_id(id))
    }

    async fn orgs_not_older_than(&self, age: Duration) -> Result<Arc<Orgs>, StoreError> {
        let recent = || self.known().orgs.as_ref().filter(|(at, _)| at.elapsed() < age).map(|(_, orgs)| orgs.clone());
        if let Some(orgs) = recent() {
            return Ok(orgs);
        }
        let _turn = self.refresh.lock().await;
        if let Some(orgs) = recent() {
            return Ok(orgs);
        }
        let asked_at = Instant::now();
        let open = orgs::open(&*self.store.read().await?).await?;
        let orgs = Arc::new(Orgs(open.into_iter().map(Arc::new).collect()));
        let mut known = self.known();
        known.orgs = Some((asked_at, orgs.clone()));
        known.orgs_known_last = Some(orgs.clone());
        Ok(orgs)
    }

    /// The API key of an id, revoked or not.
    pub async fn api_key(&self, id: Uuid) -> Result<Option<Arc<ApiKeyRow>>, StoreError> {
        let recent = || fresh(&self.known().keys, &id, self.max_age);
        if let Some(key) = recent() {
            return Ok(Some(key));
        }
        // Only keys that exist are worth waiting for: a stranger's guesses must not hold the others up.
        let _turn = if self.known().keys.contains_key(&id) { Some(self.refresh.lock().await) } else { None };
        if let Some(key) = recent() {
            return Ok(Some(key));
        }
        let asked_at = Instant::now();
        let found = api_keys::find(&*self.store.read().await?, id).await?.map(Arc::new);
        match &found {
            Some(key) => remember(&mut self.known().keys, id, asked_at, key.clone()),
            None => {
                self.known().keys.remove(&id);
            }
        }
        Ok(found)
    }

    /// What an organisation sells, and its kinds of credit.
    pub async fn catalogue(&self, org_id: Uuid) -> Result<Arc<Catalogue>, StoreError> {
        let recent = || fresh(&self.known().catalogues, &org_id, self.max_age);
        if let Some(catalogue) = recent() {
            return Ok(catalogue);
        }
        let _turn = self.refresh.lock().await;
        if let Some(catalogue) = recent() {
            return Ok(catalogue);
        }
        let asked_at = Instant::now();
        let catalogue = Arc::new(offerings::catalogue(&*self.store.read().await?, org_id).await?);
        remember(&mut self.known().catalogues, org_id, asked_at, catalogue.clone());
        Ok(catalogue)
    }

    /// The catalogue as it was known last, however long ago that is; see [`Directory::orgs_known_last`].
    pub fn catalogue_known_last(&self, org_id: Uuid) -> Option<Arc<Catalogue>> {
        self.known().catalogues.get(&org_id).map(|(_, catalogue)| catalogue.clone())
    }

    /// The session that HubSpot knows by a number, if that was asked a moment ago.
    pub fn slot_of_hubspot_id(&self, org_id: Uuid, hubspot_id: &str) -> Option<Uuid> {
        fresh(&self.known().slots, &(org_id, hubspot_id.to_owned()), self.max_age)
    }

    /// Keeps what HubSpot knows a session as.
    pub fn keep_slot_of_hubspot_id(&self, org_id: Uuid, hubspot_id: &str, slot_id: Uuid) {
        remember(&mut self.known().slots, (org_id, hubspot_id.to_owned()), Instant::now(), slot_id);
    }

    /// HubSpot's number of a session, if that was asked a moment ago; `Some(None)`: it has none.
    pub fn hubspot_id_of_slot(&self, org_id: Uuid, slot_id: Uuid) -> Option<Option<String>> {
        fresh(&self.known().slot_numbers, &(org_id, slot_id), self.max_age)
    }

    /// Keeps HubSpot's number of a session that exists.
    pub fn keep_hubspot_id_of_slot(&self, org_id: Uuid, slot_id: Uuid, hubspot_id: Option<String>) {
        remember(&mut self.known().slot_numbers, (org_id, slot_id), Instant::now(), hubspot_id);
    }

    /// Has the organisations read again before they are used: one was made or closed here.
    pub fn forget_orgs(&self) {
        self.known().orgs = None;
    }

    /// A panic while it was locked leaves nothing half done: each change is one assignment.
    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn fresh<K: Eq + std::hash::Hash, V: Clone>(map: &HashMap<K, (Instant, V)>, key: &K, max_age: Duration) -> Option<V> {
    map.get(key).filter(|(at, _)| at.elapsed() < max_age).map(|(_, value)| value.clone())
}

fn remember<K: Eq + std::hash::Hash, V>(map: &mut HashMap<K, (Instant, V)>, key: K, at: Instant, value: V) {
    if map.len() >= ENTRIES_MAX && !map.contains_key(&key) {
        map.clear();
    }
    map.insert(key, (at, value));
}
