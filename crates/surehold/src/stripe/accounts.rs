//! Which organisation is paid through which Stripe account.

use std::collections::BTreeMap;

use clap::Args;
use secrecy::{ExposeSecret, SecretString};

use super::client::{API_BASE, Stripe, StripeOptions, is_live};
use crate::per_org::{Kind, Setting, begins_with, given, lacks};

const KEY_SETTING: &str = "SUREHOLD_STRIPE_SECRET_KEY";
const WEBHOOK_SETTING: &str = "SUREHOLD_STRIPE_WEBHOOK_SECRET";
const BASE_SETTING: &str = "SUREHOLD_STRIPE_API_BASE";

/// Where payments go.
#[derive(Debug, Clone, Args)]
pub struct StripeArgs {
    /// Secret key of the Stripe account that takes payments, sk_… or a restricted rk_…; without one nothing can
    /// be paid. With an account per organisation: slug=sk_…,slug2=sk_….
    ///
    /// First this flag, then SUREHOLD_STRIPE_SECRET_KEY, then STRIPE_SECRET_KEY. Better given as a variable:
    /// other users of the machine can see flags.
    #[arg(long, env = "SUREHOLD_STRIPE_SECRET_KEY", hide_env_values = true, value_name = "KEY")]
    stripe_secret_key: Option<SecretString>,

    /// Signing secret of the webhook that Stripe calls, whsec_…; several, with commas, while one is rolled. With
    /// an account per organisation: slug=whsec_…|whsec_…,slug2=whsec_….
    ///
    /// First this flag, then SUREHOLD_STRIPE_WEBHOOK_SECRET, then STRIPE_WEBHOOK_SECRET.
    #[arg(long, env = "SUREHOLD_STRIPE_WEBHOOK_SECRET", hide_env_values = true, value_name = "SECRET")]
    stripe_webhook_secret: Option<SecretString>,

    /// Where Stripe's API is: another place only for tests.
    #[arg(long, env = "SUREHOLD_STRIPE_API_BASE", default_value = API_BASE, value_name = "URL")]
    pub stripe_api_base: String,
}

impl StripeArgs {
    /// An account that was not given by anybody: the demo's.
    pub fn use_account(&mut self, key: &str, webhook_secret: &str, api_base: &str) {
        self.stripe_secret_key = Some(SecretString::from(key));
        self.stripe_webhook_secret = Some(SecretString::from(webhook_secret));
        api_base.clone_into(&mut self.stripe_api_base);
    }

    /// Whether this program was given an account by its own settings; STRIPE_SECRET_KEY does not count.
    pub fn is_given(&self) -> bool {
        given(self.stripe_secret_key.clone()).is_some()
    }

    /// The accounts; none if nothing is set.
    ///
    /// # Errors
    ///
    /// A sentence that names the setting and the remedy, without quoting a secret.
    pub fn accounts(&self) -> anyhow::Result<Accounts> {
        let variable = |name: &str| std::env::var(name).ok().map(SecretString::from);
        let key = given(self.stripe_secret_key.clone()).or_else(|| given(variable("STRIPE_SECRET_KEY")));
        let webhook = given(self.stripe_webhook_secret.clone()).or_else(|| given(variable("STRIPE_WEBHOOK_SECRET")));
        Accounts::parse(key.as_ref(), webhook.as_ref(), &self.stripe_api_base)
    }
}

/// A Stripe account, as an organisation uses it.
#[derive(Debug, Clone)]
pub struct Account {
    /// Its API.
    pub client: Stripe,
    /// Any of these may have signed a webhook.
    pub webhook_secrets: Vec<SecretString>,
}

/// The accounts of all organisations.
#[derive(Debug, Clone, Default)]
pub struct Accounts {
    everyone: Option<Account>,
    by_slug: BTreeMap<String, Account>,
}

impl Accounts {
    /// Reads the settings: `key` is `sk_…` or `slug=sk_…,slug2=sk_…`, `webhook` is `whsec_…,whsec_…` or
    /// `slug=whsec_…|whsec_…,slug2=whsec_…`.
    ///
    /// # Errors
    ///
    /// A sentence that names the setting and the remedy, without quoting a secret.
    pub fn parse(
        key: Option<&SecretString>,
        webhook: Option<&SecretString>,
        api_base: &str,
    ) -> anyhow::Result<Accounts> {
        let (key, webhook) = match (key, webhook) {
            (None, None) => return Ok(Accounts::default()),
            (Some(key), Some(webhook)) => (key, webhook),
            (Some(_), None) => anyhow::bail!(
                "{KEY_SETTING} is set, but {WEBHOOK_SETTING} is not: without it nobody would learn that something \
                 was paid. Set it to the webhook's signing secret, whsec_…"
            ),
            (None, Some(_)) => anyhow::bail!(
                "{WEBHOOK_SETTING} is set, but {KEY_SETTING} is not. Set it to the account's secret key, sk_…, or \
                 unset both"
            ),
        };
        let keys = Setting::read(&KEYS, key)?;
        let secrets = Setting::read(&WEBHOOKS, webhook)?;
        let api_base = if api_base.trim().is_empty() { API_BASE } else { api_base.trim() };
        let options = StripeOptions { api_base: api_base.to_owned(), ..StripeOptions::default() };
        // One HTTP client for all accounts; its own key is replaced in each.
        let client = Stripe::new(SecretString::from(String::new()), &options)
            .map_err(|error| anyhow::anyhow!("{BASE_SETTING}: {error}"))?;
        let is_https = options.api_base.to_ascii_lowercase().starts_with("https:");
        anyhow::ensure!(
            is_https || !keys.values().any(|key| is_live(key.expose_secret())),
            "{BASE_SETTING} is not https, and {KEY_SETTING} holds a live key, which would be sent in the clear. \
             Unset {BASE_SETTING}, or use a test key, sk_test_…"
        );
        accounts(&client, keys, secrets)
    }

    /// The account that an organisation uses, if it has one.
    pub fn of(&self, org_slug: &str) -> Option<Account> {
        self.by_slug.get(org_slug).or(self.everyone.as_ref()).cloned()
    }

    /// Whether no organisation has an account.
    pub fn is_empty(&self) -> bool {
        self.everyone.is_none() && self.by_slug.is_empty()
    }

    /// The organisations that were named, so that one that does not exist can be warned of.
    pub fn slugs(&self) -> impl Iterator<Item = &str> {
        self.by_slug.keys().map(String::as_str)
    }
}

/// Puts keys and webhook secrets together.
fn accounts(client: &Stripe, keys: Setting, secrets: Setting) -> anyhow::Result<Accounts> {
    let account = |mut key: Vec<SecretString>, webhook_secrets: Vec<SecretString>| Account {
        client: client.with_key(key.swap_remove(0)),
        webhook_secrets,
    };
    let mut accounts = Accounts::default();
    match (keys, secrets) {
        (Setting::Everyone(key), Setting::Everyone(secrets)) => accounts.everyone = Some(account(key, secrets)),
        // One account with a webhook per organisation.
        (Setting::Everyone(key), Setting::BySlug(secrets)) => {
            accounts.by_slug =
                secrets.into_iter().map(|(slug, secrets)| (slug, account(key.clone(), secrets))).collect();
        }
        (Setting::BySlug(_), Setting::Everyone(_)) => anyhow::bail!(
            "{KEY_SETTING} names organisations, but {WEBHOOK_SETTING} does not: each account has a webhook and a \
             secret of its own. Write slug=whsec_…,slug2=whsec_…"
        ),
        (Setting::BySlug(keys), Setting::BySlug(mut secrets)) => {
            for (slug, key) in keys {
                let Some(secrets) = secrets.remove(&slug) else {
                    return Err(lacks(&slug, KEY_SETTING, WEBHOOK_SETTING));
                };
                accounts.by_slug.insert(slug, account(key, secrets));
            }
            if let Some(slug) = secrets.keys().next() {
                return Err(lacks(slug, WEBHOOK_SETTING, KEY_SETTING));
            }
        }
    }
    Ok(accounts)
}

const KEYS: Kind = Kind {
    setting: KEY_SETTING,
    what: "a secret key",
    plural: "keys",
    fits: |secret| begins_with(secret, &["sk_", "rk_"]),
    remedy: "Take the account's secret key, sk_… (or a restricted one, rk_…), from Stripe's dashboard; for several \
             accounts write slug=sk_…,slug2=sk_…",
    is_list: false,
};

const WEBHOOKS: Kind = Kind {
    setting: WEBHOOK_SETTING,
    what: "a webhook's signing secret",
    plural: "secrets",
    fits: |secret| begins_with(secret, &["whsec_"]),
    remedy: "Take the webhook's signing secret, whsec_…, from Stripe's dashboard; for several accounts write \
             slug=whsec_…,slug2=whsec_…",
    is_list: true,
};

#[cfg(test)]
#[path = "accounts_tests.rs"]
mod tests;
