//! Settings that hold a secret for everyone, or one per organisation: `secret` or `slug=secret,slug2=secret`.

use std::collections::BTreeMap;

use secrecy::{ExposeSecret, SecretString};

/// What a setting holds, by its name and by the look of its secrets.
pub struct Kind {
    /// Name of its variable.
    pub setting: &'static str,
    /// One of its secrets, with the article: "a secret key".
    pub what: &'static str,
    /// Several of its secrets: "keys".
    pub plural: &'static str,
    /// Whether a text begins as such a secret does, and goes on. It decides about `=`, too: in what fits, it belongs
    /// to the secret; in what does not, a slug stands before it.
    pub fits: fn(&str) -> bool,
    /// What to do about a wrong value; a sentence without its full stop.
    pub remedy: &'static str,
    /// Whether an organisation may have several.
    pub is_list: bool,
}

/// A setting's value: the same for every organisation, or by slug. No list in it is empty.
#[derive(Debug, Clone)]
pub enum Setting {
    /// For all.
    Everyone(Vec<SecretString>),
    /// For those that are named.
    BySlug(BTreeMap<String, Vec<SecretString>>),
}

impl Setting {
    /// Messages count entries instead of quoting them: what is not understood may be a secret.
    pub fn read(kind: &Kind, value: &SecretString) -> anyhow::Result<Setting> {
        let Kind { setting, remedy, plural, .. } = kind;
        let mut everyone = Vec::new();
        let mut by_slug = BTreeMap::new();
        let entries = value.expose_secret().split(',').map(str::trim);
        for (index, entry) in entries.enumerate().filter(|(_, entry)| !entry.is_empty()) {
            let number = index + 1;
            match entry.split_once('=') {
                // A secret may end in "=".
                Some((slug, secrets)) if !(kind.fits)(entry) => {
                    let slug = slug.trim();
                    anyhow::ensure!(
                        is_slug(slug),
                        "{setting}: what stands before = in entry {number} is no organisation's slug. {remedy}"
                    );
                    let secrets = kind.read_list(number, secrets)?;
                    anyhow::ensure!(
                        by_slug.insert(slug.to_owned(), secrets).is_none(),
                        "{setting} names the organisation {slug} twice. Keep one entry{}",
                        if kind.is_list { "; several secrets go into it with |" } else { "" }
                    );
                }
                _ => everyone.extend(kind.read_list(number, entry)?),
            }
        }
        match (everyone.is_empty(), by_slug.is_empty()) {
            (false, true) if everyone.len() > 1 && !kind.is_list => {
                anyhow::bail!("{setting} holds several {plural}. {remedy}")
            }
            (false, true) => Ok(Setting::Everyone(everyone)),
            (true, false) => Ok(Setting::BySlug(by_slug)),
            (false, false) => {
                anyhow::bail!("{setting} has entries with an organisation and entries without one. {remedy}")
            }
            (true, true) => anyhow::bail!("{setting} is set, but holds nothing. {remedy}"),
        }
    }

    /// All secrets in it.
    pub fn values(&self) -> Box<dyn Iterator<Item = &SecretString> + '_> {
        match self {
            Setting::Everyone(secrets) => Box::new(secrets.iter()),
            Setting::BySlug(secrets) => Box::new(secrets.values().flatten()),
        }
    }

    /// The secrets of an organisation; none if it has none.
    pub fn of(&self, slug: &str) -> &[SecretString] {
        match self {
            Setting::Everyone(secrets) => secrets,
            Setting::BySlug(secrets) => secrets.get(slug).map_or(&[], Vec::as_slice),
        }
    }

    /// The organisations that are named.
    pub fn slugs(&self) -> Box<dyn Iterator<Item = &str> + '_> {
        match self {
            Setting::Everyone(_) => Box::new(std::iter::empty()),
            Setting::BySlug(secrets) => Box::new(secrets.keys().map(String::as_str)),
        }
    }
}

impl Kind {
    fn read_list(&self, number: usize, text: &str) -> anyhow::Result<Vec<SecretString>> {
        let Kind { setting, what, remedy, .. } = self;
        let secrets: Vec<&str> = if self.is_list { text.split('|').collect() } else { vec![text] };
        let check = |secret: &str| {
            let secret = secret.trim();
            // Also what an HTTP header could not carry.
            let is_right = (self.fits)(secret) && secret.bytes().all(|byte| byte.is_ascii_graphic());
            anyhow::ensure!(is_right, "{setting}: entry {number} is not {what}{}. {remedy}", mix_up(secret));
            Ok(SecretString::from(secret))
        };
        secrets.into_iter().map(check).collect()
    }
}

/// Whether a text begins with one of these, and goes on.
pub fn begins_with(text: &str, prefixes: &[&str]) -> bool {
    prefixes.iter().any(|prefix| text.len() > prefix.len() && text.starts_with(prefix))
}

/// Empty counts as not given.
pub fn given(secret: Option<SecretString>) -> Option<SecretString> {
    secret.filter(|secret| !secret.expose_secret().trim().is_empty())
}

/// That one setting names an organisation and another one, which should, does not.
pub fn lacks(slug: &str, here: &str, there: &str) -> anyhow::Error {
    anyhow::anyhow!("{here} names the organisation {slug}, but {there} does not. Add {slug}=… to {there}")
}

/// Says what it probably is instead.
fn mix_up(secret: &str) -> &'static str {
    let known = [
        ("pk_", ", but a publishable key"),
        ("whsec_", ", but a webhook's signing secret"),
        ("sk_", ", but a secret key"),
        ("rk_", ", but a restricted key"),
        ("pat-", ", but an access token of HubSpot"),
    ];
    known.iter().find(|(prefix, _)| secret.starts_with(prefix)).map_or("", |(_, what)| what)
}

/// As `org create` makes them.
pub fn is_slug(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=63).contains(&text.len()) && text.bytes().all(plain) && !text.starts_with('-')
}

#[cfg(test)]
mod tests {
    use super::*;

    const PINS: Kind = Kind {
        setting: "PINS",
        what: "a pin",
        plural: "pins",
        fits: |text| begins_with(text, &["pin_"]),
        remedy: "Ask the bank",
        is_list: true,
    };

    fn read(text: &str) -> anyhow::Result<Setting> {
        Setting::read(&PINS, &SecretString::from(text))
    }

    fn of(setting: &Setting, slug: &str) -> Vec<String> {
        setting.of(slug).iter().map(|secret| secret.expose_secret().to_owned()).collect()
    }

    #[test]
    fn everyone_has_the_same_or_each_its_own() {
        let everyone = read("pin_a,pin_b=").expect("pins");
        assert_eq!(of(&everyone, "acme"), ["pin_a", "pin_b="]);
        assert!(everyone.slugs().next().is_none());
        let each = read("acme=pin_a|pin_b, other=pin_c").expect("pins");
        assert_eq!((of(&each, "acme"), of(&each, "third")), (vec!["pin_a".to_owned(), "pin_b".to_owned()], vec![]));
        assert_eq!(each.slugs().collect::<Vec<_>>(), ["acme", "other"]);
        assert_eq!(each.values().count(), 3);
    }

    #[test]
    fn what_it_probably_is_instead_is_said() {
        for (text, expected) in [
            ("pat-na1-x", "PINS: entry 1 is not a pin, but an access token of HubSpot. Ask the bank"),
            ("sk_x", "PINS: entry 1 is not a pin, but a secret key. Ask the bank"),
            ("hm", "PINS: entry 1 is not a pin. Ask the bank"),
        ] {
            assert_eq!(read(text).expect_err(text).to_string(), expected);
        }
    }
}
