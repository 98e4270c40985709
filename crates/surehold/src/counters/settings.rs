//! Which organisation's counters are in which Redis.

use std::collections::HashMap;

use clap::Args;
use redis::{Client, ConnectionAddr};
use secrecy::{ExposeSecret, SecretString};

use crate::per_org::{Kind, Setting, begins_with, given};

const URL_SETTING: &str = "SUREHOLD_REDIS_URL";
const SHARED_SETTING: &str = "REDIS_URL";
const SCHEMES: &[&str] =
    &["redis://", "rediss://", "valkey://", "valkeys://", "unix://", "redis+unix://", "valkey+unix://"];

/// Where counters are kept.
#[derive(Debug, Clone, Args)]
pub struct RedisArgs {
    /// Redis (6 or newer, or Valkey) in which exam:{id}:bookings, the seats of each session that are out of sale, is
    /// kept right for programs that read it there: redis://user:password@host:6379/0, rediss://… with TLS, or
    /// unix:///path; without one there are no counters. With a Redis per organisation: slug=redis://…,slug2=redis://….
    ///
    /// First this flag, then SUREHOLD_REDIS_URL, then REDIS_URL. Better given as a variable: other users of the
    /// machine can see flags.
    #[arg(long, env = "SUREHOLD_REDIS_URL", hide_env_values = true, value_name = "URL")]
    redis_url: Option<SecretString>,

    #[arg(skip)]
    ignores_shared: bool,
}

impl RedisArgs {
    /// REDIS_URL does not count: it may be meant for another program.
    pub fn ignore_shared(&mut self) {
        self.ignores_shared = true;
    }

    /// The Redis of each organisation; none if nothing is set.
    ///
    /// # Errors
    ///
    /// A sentence that names the setting and the remedy, without quoting the URL: it may hold a password.
    pub fn redises(&self) -> anyhow::Result<Redises> {
        let shared = || std::env::var(SHARED_SETTING).ok().filter(|_| !self.ignores_shared).map(SecretString::from);
        match (given(self.redis_url.clone()), given(shared())) {
            (Some(urls), _) => Redises::read(URL_SETTING, &urls),
            (None, Some(urls)) => Redises::read(SHARED_SETTING, &urls),
            (None, None) => Ok(Redises::default()),
        }
    }
}

/// The Redis of each organisation.
#[derive(Clone, Default)]
pub struct Redises {
    setting: &'static str,
    urls: Option<Setting>,
    /// By URL.
    clients: HashMap<String, Client>,
}

impl Redises {
    /// Reads `redis://…`, or `slug=redis://…,slug2=redis://…`, from a setting.
    ///
    /// # Errors
    ///
    /// As [`RedisArgs::redises`].
    pub fn read(setting: &'static str, value: &SecretString) -> anyhow::Result<Redises> {
        let urls = Setting::read(&Kind { setting, ..URLS }, value)?;
        let mut clients = HashMap::new();
        for url in urls.values().map(ExposeSecret::expose_secret) {
            // What the client says of a URL is not passed on: it might quote it.
            let Ok(client) = Client::open(url) else {
                anyhow::bail!("{setting}: what stands after :// in a URL cannot be read. {}", URLS.remedy)
            };
            if matches!(client.get_connection_info().addr(), ConnectionAddr::TcpTls { .. }) {
                // The client takes the process's own; there may be one already.
                let _ = rustls::crypto::ring::default_provider().install_default();
            }
            clients.insert(url.to_owned(), client);
        }
        Ok(Redises { setting, urls: Some(urls), clients })
    }

    /// The Redis of an organisation, if it has one.
    pub fn of(&self, org_slug: &str) -> Option<Client> {
        let url = self.urls.as_ref()?.of(org_slug).first()?;
        self.clients.get(url.expose_secret()).cloned()
    }

    /// Whether no organisation has one.
    pub fn is_empty(&self) -> bool {
        self.urls.is_none()
    }

    /// The organisations that were named, so that one that does not exist can be warned of.
    pub fn slugs(&self) -> impl Iterator<Item = &str> {
        self.urls.iter().flat_map(Setting::slugs)
    }

    /// Whether these organisations can be told apart: a URL without a slug is for the only one. A counter's key names
    /// no organisation, and two portals of HubSpot may give their sessions the same number.
    ///
    /// # Errors
    ///
    /// A sentence that names the setting and the remedy.
    pub fn check_orgs(&self, slugs: &[&str]) -> anyhow::Result<()> {
        let is_for_one = matches!(self.urls, Some(Setting::Everyone(_)));
        anyhow::ensure!(
            !is_for_one || slugs.len() <= 1,
            "{} holds one Redis, but there are several organisations ({}). Say whose it is: {}=redis://…",
            self.setting,
            slugs.join(", "),
            slugs[0]
        );
        Ok(())
    }
}

const URLS: Kind = Kind {
    setting: URL_SETTING,
    what: "a URL of Redis",
    plural: "URLs",
    fits: |text| begins_with(text, SCHEMES),
    remedy: "It looks like this: redis://user:password@host:6379, rediss://… with TLS, or unix:///path; for a Redis per \
             organisation write slug=redis://…,slug2=redis://…. A comma in a password is %2C",
    is_list: false,
};

#[cfg(test)]
#[path = "settings_tests.rs"]
mod tests;
