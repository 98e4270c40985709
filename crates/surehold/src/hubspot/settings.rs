//! Which organisation is mirrored by which portal of HubSpot.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use jiff::SignedDuration;
use reqwest::Url;
use secrecy::{ExposeSecret, SecretString};

use super::client::{API_BASE, HubSpot, HubSpotOptions};
use super::limiter::{Limiter, LimiterOptions};
use super::mapping::Mapping;
use super::paths::{OBJECTS_PATH, Paths};
use crate::per_org::{Kind, Setting, begins_with, given, is_slug, lacks};

const TOKEN_SETTING: &str = "SUREHOLD_HUBSPOT_ACCESS_TOKEN";
const CLIENT_SETTING: &str = "SUREHOLD_HUBSPOT_CLIENT_SECRET";
const CRON_SETTING: &str = "SUREHOLD_CRON_SECRET";
const MAPPING_SETTING: &str = "SUREHOLD_HUBSPOT_MAPPING";
const BASE_SETTING: &str = "SUREHOLD_HUBSPOT_API_BASE";
const PATH_SETTING: &str = "SUREHOLD_HUBSPOT_OBJECTS_PATH";

/// Calls per ten seconds that HubSpot's plans allow.
const CALLS: [u16; 4] = [100, 110, 190, 250];
/// Calls about associations per ten seconds that HubSpot's plans allow.
const ASSOCIATIONS: [u16; 2] = [100, 150];
/// A secret without a form of its own is as long as this at least.
const SECRET_MIN: usize = 16;

/// Where the mirror is.
#[derive(Debug, Clone, Args)]
pub struct HubSpotArgs {
    /// Access token of the HubSpot portal that mirrors the organisation, pat-…; without one nothing is mirrored.
    /// With a portal per organisation: slug=pat-…,slug2=pat-….
    ///
    /// First this flag, then SUREHOLD_HUBSPOT_ACCESS_TOKEN, then HUBSPOT_ACCESS_TOKEN. Better given as a variable:
    /// other users of the machine can see flags.
    #[arg(long, env = "SUREHOLD_HUBSPOT_ACCESS_TOKEN", hide_env_values = true, value_name = "TOKEN")]
    hubspot_access_token: Option<SecretString>,

    /// Client secret of the HubSpot app whose webhooks are heard; several, with commas, while one is rolled. With an
    /// app per organisation: slug=…|…,slug2=….
    ///
    /// First this flag, then SUREHOLD_HUBSPOT_CLIENT_SECRET, then HUBSPOT_CLIENT_SECRET.
    #[arg(long, env = "SUREHOLD_HUBSPOT_CLIENT_SECRET", hide_env_values = true, value_name = "SECRET")]
    hubspot_client_secret: Option<SecretString>,

    /// Where HubSpot's API is: another place only for tests.
    #[arg(long, env = "SUREHOLD_HUBSPOT_API_BASE", default_value = API_BASE, value_name = "URL")]
    pub hubspot_api_base: String,

    /// Path of HubSpot's objects, which says which version of its API is called: /crm/v3/objects, or a dated one such
    /// as /crm/objects/2026-09. Those of associations and properties follow from it.
    #[arg(long, env = "SUREHOLD_HUBSPOT_OBJECTS_PATH", default_value = OBJECTS_PATH, value_name = "PATH")]
    pub hubspot_objects_path: String,

    /// Calls to HubSpot in ten seconds: 100 for Free and Starter, 190 for Professional and Enterprise, 250 with the
    /// add-on for higher limits, 110 for apps of the marketplace.
    #[arg(long, env = "SUREHOLD_HUBSPOT_CALLS_PER_10S", default_value = "100", value_name = "N", value_parser = calls)]
    pub hubspot_calls_per_10s: u16,

    /// Calls about associations in ten seconds, which HubSpot counts apart: 100 for Free and Starter, 150 for
    /// Professional and Enterprise.
    #[arg(long, env = "SUREHOLD_HUBSPOT_ASSOCIATIONS_PER_10S", default_value = "100", value_name = "N", value_parser = associations)]
    pub hubspot_associations_per_10s: u16,

    /// How long a call to HubSpot may take, in seconds. When a server dies, others mirror its organisations after so long
    /// and a little more.
    #[arg(long, env = "SUREHOLD_HUBSPOT_TIMEOUT", default_value = "30", value_name = "SECONDS", value_parser = clap::value_parser!(u16).range(1..=120))]
    pub hubspot_timeout: u16,

    /// JSON file with what types, properties and associations are called at the portal, where that differs from the
    /// exam school's. With a portal per organisation: slug=FILE,slug2=FILE.
    #[arg(long, env = "SUREHOLD_HUBSPOT_MAPPING", value_name = "FILE")]
    pub hubspot_mapping: Option<String>,

    /// How often everything that changed is mirrored: 2h, 15m, 90s, or a number of seconds.
    #[arg(long, env = "SUREHOLD_HUBSPOT_SYNC_EVERY", default_value = "2h", value_name = "TIME", value_parser = interval)]
    pub hubspot_sync_every: Duration,

    /// Secret of the callers that may start jobs from outside, such as a scheduler: 16 characters at least; several,
    /// with commas, while one is rolled. With one per organisation: slug=…|…,slug2=….
    ///
    /// First this flag, then SUREHOLD_CRON_SECRET, then CRON_SECRET.
    #[arg(long, env = "SUREHOLD_CRON_SECRET", hide_env_values = true, value_name = "SECRET")]
    cron_secret: Option<SecretString>,
}

impl HubSpotArgs {
    /// A portal that was not given by anybody: the demo's.
    pub fn use_portal(&mut self, token: &str, client_secret: &str, api_base: &str) {
        self.hubspot_access_token = Some(SecretString::from(token));
        self.hubspot_client_secret = Some(SecretString::from(client_secret));
        api_base.clone_into(&mut self.hubspot_api_base);
    }

    /// Whether this program was given a portal by its own settings; HUBSPOT_ACCESS_TOKEN does not count.
    pub fn is_given(&self) -> bool {
        given(self.hubspot_access_token.clone()).is_some()
    }

    /// The portals; none if nothing is set.
    ///
    /// # Errors
    ///
    /// A sentence that names the setting and the remedy, without quoting a secret.
    pub fn portals(&self) -> anyhow::Result<Portals> {
        let variable = |name: &str| given(std::env::var(name).ok().map(SecretString::from));
        let or = |own: &Option<SecretString>, name: &str| given(own.clone()).or_else(|| variable(name));
        let secrets = Secrets {
            token: or(&self.hubspot_access_token, "HUBSPOT_ACCESS_TOKEN"),
            client: or(&self.hubspot_client_secret, "HUBSPOT_CLIENT_SECRET"),
            cron: or(&self.cron_secret, "CRON_SECRET"),
        };
        self.portals_of(&secrets)
    }

    fn portals_of(&self, secrets: &Secrets) -> anyhow::Result<Portals> {
        let Some(token) = &secrets.token else {
            anyhow::ensure!(
                secrets.client.is_none(),
                "{CLIENT_SETTING} is set, but {TOKEN_SETTING} is not. Set it to the portal's access token, pat-…, or \
                 unset both"
            );
            return Ok(Portals::default());
        };
        let tokens = Setting::read(&TOKENS, token)?;
        let client_secrets =
            secrets.client.as_ref().map(|secret| Setting::read(&CLIENT_SECRETS, secret)).transpose()?;
        let cron_secrets = secrets.cron.as_ref().map(|secret| Setting::read(&CRON_SECRETS, secret)).transpose()?;
        let mappings = Mappings::read(self.hubspot_mapping.as_deref().unwrap_or_default())?;
        let named = [
            (CLIENT_SETTING, client_secrets.iter().flat_map(Setting::slugs).collect::<Vec<_>>()),
            (CRON_SETTING, cron_secrets.iter().flat_map(Setting::slugs).collect()),
            (MAPPING_SETTING, mappings.by_slug.keys().map(String::as_str).collect()),
        ];
        for (setting, slugs) in named {
            if let Some(slug) = slugs.into_iter().find(|slug| tokens.of(slug).is_empty()) {
                return Err(lacks(slug, setting, TOKEN_SETTING));
            }
        }
        let clients = self.clients(&tokens)?;
        Ok(Portals { tokens: Some(tokens), clients, client_secrets, cron_secrets, mappings })
    }

    /// A client for each token. Organisations with the same token have the same portal, so they share its limiter.
    fn clients(&self, tokens: &Setting) -> anyhow::Result<HashMap<String, HubSpot>> {
        let or = |text: &str, default: &str| if text.trim().is_empty() { default } else { text.trim() }.to_owned();
        let api_base = or(&self.hubspot_api_base, API_BASE);
        let objects_path = or(&self.hubspot_objects_path, OBJECTS_PATH);
        Paths::of(&objects_path).context(PATH_SETTING)?;
        anyhow::ensure!(
            !is_in_the_clear(&api_base) || !tokens.values().any(|token| is_live(token.expose_secret())),
            "{BASE_SETTING} is not https, and {TOKEN_SETTING} holds a portal's own token, which would be sent in the \
             clear. Unset {BASE_SETTING}, or use a made-up token, pat-test-…"
        );
        let limits = LimiterOptions {
            calls: usize::from(self.hubspot_calls_per_10s),
            associations: usize::from(self.hubspot_associations_per_10s),
            ..LimiterOptions::default()
        };
        let call_time_max = Duration::from_secs(u64::from(self.hubspot_timeout));
        let options = HubSpotOptions { api_base, objects_path, call_time_max, ..HubSpotOptions::default() };
        // One HTTP client for all portals; its own token is replaced in each.
        let client =
            HubSpot::new(SecretString::from(String::new()), &options, Limiter::new(&limits)).context(BASE_SETTING)?;
        let of = |token: &SecretString| client.with_token(token.clone(), Limiter::new(&limits));
        Ok(tokens.values().map(|token| (token.expose_secret().to_owned(), of(token))).collect())
    }
}

/// What was given, wherever.
#[derive(Default)]
struct Secrets {
    token: Option<SecretString>,
    client: Option<SecretString>,
    cron: Option<SecretString>,
}

/// A portal, as an organisation uses it.
#[derive(Debug, Clone)]
pub struct Portal {
    /// Its API.
    pub client: HubSpot,
    /// Any of these may have signed a webhook; without one no webhook is believed.
    pub client_secrets: Vec<SecretString>,
    /// Any of these lets a caller start a job; without one nobody may.
    pub cron_secrets: Vec<SecretString>,
    /// What things are called there.
    pub mapping: Arc<Mapping>,
}

/// The portals of all organisations.
#[derive(Clone, Default)]
pub struct Portals {
    tokens: Option<Setting>,
    /// By token.
    clients: HashMap<String, HubSpot>,
    client_secrets: Option<Setting>,
    cron_secrets: Option<Setting>,
    mappings: Mappings,
}

impl Portals {
    /// The portal that mirrors an organisation, if it has one.
    pub fn of(&self, org_slug: &str) -> Option<Portal> {
        let token = self.tokens.as_ref()?.of(org_slug).first()?;
        let secrets = |setting: &Option<Setting>| setting.iter().flat_map(|set| set.of(org_slug)).cloned().collect();
        Some(Portal {
            client: self.clients.get(token.expose_secret())?.clone(),
            client_secrets: secrets(&self.client_secrets),
            cron_secrets: secrets(&self.cron_secrets),
            mapping: self.mappings.of(org_slug),
        })
    }

    /// Whether no organisation has a portal.
    pub fn is_empty(&self) -> bool {
        self.tokens.is_none()
    }

    /// The organisations that were named, so that one that does not exist can be warned of.
    pub fn slugs(&self) -> impl Iterator<Item = &str> {
        let settings = [&self.tokens, &self.client_secrets, &self.cron_secrets];
        let named = settings.into_iter().flatten().flat_map(Setting::slugs);
        let slugs: BTreeSet<&str> = named.chain(self.mappings.by_slug.keys().map(String::as_str)).collect();
        slugs.into_iter()
    }

    /// Whether these organisations can be mirrored: a token without a slug is for the only one. Two in one portal would
    /// overwrite each other's contacts.
    ///
    /// # Errors
    ///
    /// A sentence that names the setting and the remedy.
    pub fn check_orgs(&self, slugs: &[&str]) -> anyhow::Result<()> {
        let is_for_one = matches!(self.tokens, Some(Setting::Everyone(_)));
        anyhow::ensure!(
            !is_for_one || slugs.len() <= 1,
            "{TOKEN_SETTING} holds one token, but there are several organisations ({}). Say whose it is: {}=pat-…",
            slugs.join(", "),
            slugs[0]
        );
        Ok(())
    }
}

impl std::fmt::Debug for Portals {
    /// The map of clients has tokens for keys.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Portals").field("slugs", &self.slugs().collect::<Vec<_>>()).finish_non_exhaustive()
    }
}

/// The names at each portal.
#[derive(Debug, Clone, Default)]
struct Mappings {
    everyone: Arc<Mapping>,
    by_slug: BTreeMap<String, Arc<Mapping>>,
}

impl Mappings {
    /// Reads `FILE` or `slug=FILE,slug2=FILE`.
    fn read(setting: &str) -> anyhow::Result<Mappings> {
        let mut mappings = Mappings::default();
        let load = |file: &str| Mapping::load(Path::new(file.trim())).context(MAPPING_SETTING).map(Arc::new);
        let entries: Vec<_> = setting.split(',').map(str::trim).filter(|entry| !entry.is_empty()).collect();
        for entry in &entries {
            match entry.split_once('=') {
                Some((slug, file)) if is_slug(slug.trim()) => {
                    let earlier = mappings.by_slug.insert(slug.trim().to_owned(), load(file)?);
                    anyhow::ensure!(
                        earlier.is_none(),
                        "{MAPPING_SETTING} names the organisation {slug} twice. Keep one"
                    );
                }
                _ => {
                    anyhow::ensure!(
                        entries.len() == 1,
                        "{MAPPING_SETTING} has several entries, and one without an organisation. Give one file, or \
                         slug=FILE,slug2=FILE"
                    );
                    mappings.everyone = load(entry)?;
                }
            }
        }
        Ok(mappings)
    }

    fn of(&self, slug: &str) -> Arc<Mapping> {
        self.by_slug.get(slug).unwrap_or(&self.everyone).clone()
    }
}

const TOKENS: Kind = Kind {
    setting: TOKEN_SETTING,
    what: "an access token of HubSpot",
    plural: "tokens",
    fits: |secret| begins_with(secret, &["pat-"]),
    remedy: "Take the token of a service key or a private app, pat-…, from the portal's settings; for several portals \
             write slug=pat-…,slug2=pat-…",
    is_list: false,
};

const CLIENT_SECRETS: Kind = Kind {
    setting: CLIENT_SETTING,
    what: "a client secret of HubSpot",
    plural: "secrets",
    fits: |secret| is_random(secret) && !begins_with(secret, &["pat-"]),
    remedy: "Take the app's client secret from its settings at HubSpot; for several apps write slug=…,slug2=…",
    is_list: true,
};

const CRON_SECRETS: Kind = Kind {
    setting: CRON_SETTING,
    what: "a secret for callers: 16 characters at least, without = , |",
    plural: "secrets",
    fits: is_random,
    remedy: "Make one with: openssl rand -hex 32; for one per organisation write slug=…,slug2=…",
    is_list: true,
};

/// A secret that may look like anything, without what separates secrets and slugs; it may end in the `=` of base64.
fn is_random(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_graphic() && !b"=,|".contains(&byte);
    text.len() >= SECRET_MIN && text.trim_end_matches('=').bytes().all(plain)
}

/// Whether a token is one of a real portal: `pat-na1-…`, with the place of its data. Those of tests are made up.
fn is_live(token: &str) -> bool {
    let place = token.split('-').nth(1).unwrap_or_default();
    let letters = place.trim_end_matches(|char: char| char.is_ascii_digit());
    (2..=3).contains(&letters.len()) && letters.len() < place.len()
}

/// Whether others can read what is sent there: plain HTTP, except to this machine.
fn is_in_the_clear(api_base: &str) -> bool {
    let Ok(url) = Url::parse(api_base) else { return false };
    let host = url.host_str().unwrap_or_default();
    url.scheme() == "http" && !(host == "localhost" || host.starts_with("127.") || host == "[::1]")
}

/// A number of calls that a plan allows.
fn one_of(known: &[u16], text: &str) -> Result<u16, String> {
    let listed = || known.iter().map(u16::to_string).collect::<Vec<_>>().join(", ");
    text.trim().parse().ok().filter(|n| known.contains(n)).ok_or_else(|| format!("must be one of: {}", listed()))
}

fn calls(text: &str) -> Result<u16, String> {
    one_of(&CALLS, text)
}

fn associations(text: &str) -> Result<u16, String> {
    one_of(&ASSOCIATIONS, text)
}

/// A time between one second and one day.
fn interval(text: &str) -> Result<Duration, String> {
    const PROBLEM: &str = "must be a time from 1s to 24h, such as 2h, 15m or 90s";
    let text = text.trim();
    let seconds = match text.parse::<u64>() {
        Ok(seconds) => i64::try_from(seconds).unwrap_or(i64::MAX),
        Err(_) => text.parse::<SignedDuration>().map_err(|_| PROBLEM)?.as_secs(),
    };
    (1..=86_400).contains(&seconds).then(|| Duration::from_secs(seconds.unsigned_abs())).ok_or(PROBLEM.to_owned())
}

#[cfg(test)]
#[path = "settings_tests.rs"]
mod tests;
