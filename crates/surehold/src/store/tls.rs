//! TLS to a database: with the certificate authorities that Mozilla trusts, or with one that is given.

use std::path::Path;
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::{self, PemObject};
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres_rustls::MakeRustlsConnect;

/// Whether a connection may use TLS: not where the URL forbids it, nor on unix sockets, which need none.
pub fn is_possible(config: &Config) -> bool {
    let is_local = config.get_hosts().iter().all(|host| matches!(host, Host::Unix(_)));
    config.get_ssl_mode() != SslMode::Disable && !is_local
}

/// A connector that verifies the server's certificate.
pub fn connector() -> MakeRustlsConnect {
    connector_trusting(RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() })
}

/// The same, with these authorities alone.
pub fn connector_trusting(roots: RootCertStore) -> MakeRustlsConnect {
    let config = rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("the provider knows TLS 1.2 and 1.3")
        .with_root_certificates(roots)
        .with_no_client_auth();
    MakeRustlsConnect::new(config)
}

/// The certificate authorities of a PEM file.
///
/// # Errors
///
/// A sentence that says what is wrong with the file.
pub fn authorities(file: &Path) -> Result<RootCertStore, String> {
    let text = std::fs::read(file).map_err(|error| format!("{} cannot be read: {error}", file.display()))?;
    let unusable = |problem: &str| format!("{} holds no usable certificate: {problem}", file.display());
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&text) {
        let certificate = certificate.map_err(|error: pem::Error| unusable(&error.to_string()))?;
        roots.add(certificate).map_err(|error| unusable(&error.to_string()))?;
    }
    match roots.is_empty() {
        true => Err(unusable("it should be PEM text, with a line -----BEGIN CERTIFICATE-----")),
        false => Ok(roots),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &str, bytes: &[u8]) -> Result<RootCertStore, String> {
        let file = std::env::temp_dir().join(format!("surehold-ca-{}-{name}", std::process::id()));
        std::fs::write(&file, bytes).expect("a temporary file");
        let read = authorities(&file);
        std::fs::remove_file(&file).expect("it is there");
        read
    }

    #[test]
    fn what_is_no_certificate_is_said_to_be_none() {
        let missing = authorities(Path::new("/nowhere/ca.pem")).expect_err("there is none");
        assert!(missing.starts_with("/nowhere/ca.pem cannot be read: "), "{missing}");
        let broken = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        let key = b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
        for (name, bytes) in [("empty", &b""[..]), ("binary", b"\x30\x82\x01\x0a"), ("broken", broken), ("key", key)] {
            let problem = read(name, bytes).expect_err(name);
            assert!(problem.contains("holds no usable certificate: "), "{name}: {problem}");
        }
    }
}
