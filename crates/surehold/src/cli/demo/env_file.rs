//! `<data-dir>/demo.env`: what scripts need to talk to the demo. Lines of `NAME=value` for a shell.

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret, SecretString};
use tokio_postgres::config::Host;

/// The contents of demo.env.
#[derive(Debug, Default)]
pub struct EnvFile {
    /// SUREHOLD_URL
    pub url: Option<String>,
    /// SUREHOLD_SERVICE_KEY
    pub service_key: Option<SecretString>,
    /// SUREHOLD_ADMIN_KEY
    pub admin_key: Option<SecretString>,
    /// DATABASE_URL
    pub database_url: Option<SecretString>,
    /// SUREHOLD_STRIPE_API_BASE: where the demo's simulator of Stripe is, if that takes the payments.
    pub stripe_api_base: Option<String>,
    /// SUREHOLD_STRIPE_SECRET_KEY
    pub stripe_secret_key: Option<SecretString>,
    /// SUREHOLD_STRIPE_WEBHOOK_SECRET
    pub stripe_webhook_secret: Option<SecretString>,
    /// SUREHOLD_HUBSPOT_API_BASE: where the demo's simulator of HubSpot is, if the school is mirrored there.
    pub hubspot_api_base: Option<String>,
    /// SUREHOLD_HUBSPOT_ACCESS_TOKEN
    pub hubspot_access_token: Option<SecretString>,
    /// SUREHOLD_HUBSPOT_CLIENT_SECRET
    pub hubspot_client_secret: Option<SecretString>,
}

impl EnvFile {
    /// Where it lies.
    pub fn path(data_dir: &Path) -> PathBuf {
        data_dir.join("demo.env")
    }

    /// Reads it; `None` if there is none, or it is not text.
    pub fn read(path: &Path) -> Option<EnvFile> {
        let text = std::fs::read_to_string(path).ok()?;
        let mut file = EnvFile::default();
        for line in text.lines() {
            let Some((name, value)) = line.trim().split_once('=') else { continue };
            let value = unquoted(value);
            match name {
                "SUREHOLD_URL" => file.url = Some(value),
                "SUREHOLD_SERVICE_KEY" => file.service_key = Some(SecretString::from(value)),
                "SUREHOLD_ADMIN_KEY" => file.admin_key = Some(SecretString::from(value)),
                "SUREHOLD_STRIPE_API_BASE" => file.stripe_api_base = Some(value),
                "SUREHOLD_STRIPE_SECRET_KEY" => file.stripe_secret_key = Some(SecretString::from(value)),
                "SUREHOLD_STRIPE_WEBHOOK_SECRET" => file.stripe_webhook_secret = Some(SecretString::from(value)),
                "SUREHOLD_HUBSPOT_API_BASE" => file.hubspot_api_base = Some(value),
                "SUREHOLD_HUBSPOT_ACCESS_TOKEN" => file.hubspot_access_token = Some(SecretString::from(value)),
                "SUREHOLD_HUBSPOT_CLIENT_SECRET" => file.hubspot_client_secret = Some(SecretString::from(value)),
                "DATABASE_URL" => file.database_url = Some(SecretString::from(value)),
                _ => {}
            }
        }
        Some(file)
    }

    /// Writes it, readable by its owner only: whole or not at all.
    pub fn write(&self, path: &Path) -> std::io::Result<()> {
        let mut text = String::from("# Written by `surehold demo` at each start. For a shell: . demo.env\n");
        let mut line = |name: &str, value: Option<&str>| {
            if let Some(value) = value {
                text += &format!("{name}={}\n", super::shell_word(value));
            }
        };
        line("SUREHOLD_URL", self.url.as_deref());
        line("SUREHOLD_SERVICE_KEY", self.service_key.as_ref().map(|k| k.expose_secret()));
        line("SUREHOLD_ADMIN_KEY", self.admin_key.as_ref().map(|k| k.expose_secret()));
        line("DATABASE_URL", self.database_url.as_ref().map(|k| k.expose_secret()));
        line("SUREHOLD_STRIPE_API_BASE", self.stripe_api_base.as_deref());
        line("SUREHOLD_STRIPE_SECRET_KEY", self.stripe_secret_key.as_ref().map(|k| k.expose_secret()));
        line("SUREHOLD_STRIPE_WEBHOOK_SECRET", self.stripe_webhook_secret.as_ref().map(|k| k.expose_secret()));
        line("SUREHOLD_HUBSPOT_API_BASE", self.hubspot_api_base.as_deref());
        line("SUREHOLD_HUBSPOT_ACCESS_TOKEN", self.hubspot_access_token.as_ref().map(|k| k.expose_secret()));
        line("SUREHOLD_HUBSPOT_CLIENT_SECRET", self.hubspot_client_secret.as_ref().map(|k| k.expose_secret()));

        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let fresh = path.with_extension("env.new");
        // An old one may have other permissions than a new one gets.
        let _ = std::fs::remove_file(&fresh);
        let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&fresh)?;
        file.write_all(text.as_bytes())?;
        std::fs::rename(&fresh, path)
    }
}

fn unquoted(value: &str) -> String {
    match value.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\'')) {
        Some(inner) => inner.replace(r"'\''", "'"),
        None => value.to_owned(),
    }
}

/// The private server's connection string as a URL: no spaces, so that every tool and every shell takes it.
pub fn as_url(connection: &str) -> String {
    let Ok(config) = connection.parse::<tokio_postgres::Config>() else { return connection.to_owned() };
    let (Some(Host::Unix(folder)), Some(user), Some(database)) =
        (config.get_hosts().first(), config.get_user(), config.get_dbname())
    else {
        return connection.to_owned();
    };
    let port = config.get_ports().first().copied().unwrap_or(5432);
    format!("postgresql://{user}@{}:{port}/{database}", percent_encoded(&folder.to_string_lossy()))
}

fn percent_encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out += &format!("%{byte:02X}");
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_string_becomes_a_url_that_means_the_same() {
        let url = as_url("host='/run/my folder/x' port=5433 user=surehold_owner dbname=surehold");
        assert_eq!(url, "postgresql://surehold_owner@%2Frun%2Fmy%20folder%2Fx:5433/surehold");
        let config: tokio_postgres::Config = url.parse().expect("a URL");
        assert_eq!(config.get_hosts(), [Host::Unix("/run/my folder/x".into())]);
        assert_eq!((config.get_user(), config.get_ports()), (Some("surehold_owner"), [5433].as_slice()));
        assert_eq!(as_url("postgres://somebody@db.example.org/x"), "postgres://somebody@db.example.org/x");
    }

    #[test]
    fn what_is_written_is_read_again() {
        let folder = std::env::temp_dir().join(format!("surehold-env-{}", uuid::Uuid::now_v7().simple()));
        let path = EnvFile::path(&folder);
        let file = EnvFile {
            url: Some("http://127.0.0.1:1".to_owned()),
            admin_key: Some("it's".into()),
            ..EnvFile::default()
        };
        file.write(&path).expect("written");
        file.write(&path).expect("written again");
        let read = EnvFile::read(&path).expect("read");
        assert_eq!(read.url.as_deref(), Some("http://127.0.0.1:1"));
        assert_eq!(read.admin_key.expect("a key").expose_secret(), "it's");
        assert!(read.service_key.is_none());
        let mode = std::os::unix::fs::PermissionsExt::mode(&path.metadata().expect("a file").permissions());
        assert_eq!(mode & 0o777, 0o600);
        std::fs::remove_dir_all(folder).expect("removed");
    }
}
