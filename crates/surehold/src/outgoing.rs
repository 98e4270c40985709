//! Calls to other companies' servers: what our clients of them have in common.

use std::sync::Arc;
use std::time::Duration;

use reqwest::redirect::Policy;
use reqwest::{Client, Url};

/// How much of an answer that is not what was expected is worth a log line, in characters.
const EXCERPT_MAX: usize = 200;

/// An HTTP client that trusts the authorities that Mozilla trusts, and does not follow redirects: those would carry
/// the secret of a call to another place. The second limit is on a whole call, connection and answer included.
pub fn client(connect_time_max: Duration, call_time_max: Duration) -> reqwest::Result<Client> {
    Client::builder()
        .tls_backend_preconfigured(tls())
        .connect_timeout(connect_time_max)
        .timeout(call_time_max)
        .redirect(Policy::none())
        .user_agent(concat!("surehold/", env!("CARGO_PKG_VERSION")))
        .build()
}

/// The URL of an API without its last slash. It is not quoted in errors: it may hold a password.
///
/// `whose` is as in "Stripe's API"; `example` is what the URL should look like.
pub fn check_base(whose: &str, example: &str, text: &str) -> anyhow::Result<Arc<str>> {
    let remedy = format!("It looks like this: {example}");
    let url = Url::parse(text).map_err(|error| anyhow::anyhow!("the URL of {whose} is no URL ({error}). {remedy}"))?;
    anyhow::ensure!(matches!(url.scheme(), "https" | "http"), "the URL of {whose} is not https. {remedy}");
    let is_bare =
        url.username().is_empty() && url.password().is_none() && url.query().is_none() && url.fragment().is_none();
    anyhow::ensure!(is_bare, "the URL of {whose} holds more than a place. {remedy}");
    Ok(Arc::from(text.trim_end_matches('/')))
}

/// reqwest says only "error sending request"; what happened is further down.
pub fn with_causes(error: &reqwest::Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

/// The beginning of a body that is not what was expected.
pub fn excerpt(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(&body[..body.len().min(EXCERPT_MAX * 4)]);
    text.chars().take(EXCERPT_MAX).map(|char| if char.is_control() { ' ' } else { char }).collect()
}

/// Puts a mark where a text repeats a secret.
pub fn scrub(text: &mut String, secret: &str, mark: &str) {
    if !secret.is_empty() && text.contains(secret) {
        *text = text.replace(secret, mark);
    }
}

/// As towards the database: the authorities that Mozilla trusts, whatever the machine has.
fn tls() -> rustls::ClientConfig {
    let roots = rustls::RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("the provider knows TLS 1.2 and 1.3")
        .with_root_certificates(roots)
        .with_no_client_auth()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_plain_url_is_a_base() {
        let check = |url: &str| check_base("Acme's API", "https://api.acme.example", url).map(|base| base.to_string());
        assert_eq!(check("https://api.stripe.com/").expect("a URL"), "https://api.stripe.com");
        assert_eq!(check("http://127.0.0.1:9/stripe").expect("a URL"), "http://127.0.0.1:9/stripe");
        for url in [
            "",
            "api.stripe.com",
            "ftp://api.stripe.com",
            "https://me:pass@x.example",
            "https://me@x.example",
            "https://x.example/?a",
            "https://x.example/#a",
        ] {
            let error = check(url).expect_err(url).to_string();
            assert!(error.contains("the URL of Acme's API "), "{error}");
            assert!(error.contains("It looks like this: https://api.acme.example"), "{error}");
            assert!(!error.contains("pass"), "{error}");
        }
    }

    #[test]
    fn an_excerpt_is_one_short_line() {
        assert_eq!(excerpt(b"<html>\n\tgone"), "<html>  gone");
        assert_eq!(excerpt("é".repeat(5_000).as_bytes()).chars().count(), EXCERPT_MAX);
    }

    #[test]
    fn a_secret_is_scrubbed_wherever_it_stands() {
        let scrubbed = |text: &str, secret: &str| {
            let mut text = text.to_owned();
            scrub(&mut text, secret, "[key]");
            text
        };
        assert_eq!(scrubbed("a HUSH b HUSH", "HUSH"), "a [key] b [key]");
        assert_eq!(scrubbed("a HUSH", ""), "a HUSH");
    }
}
