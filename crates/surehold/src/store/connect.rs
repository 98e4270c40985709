//! One connection outside the pools, for what runs as the login itself: `migrate` and `doctor`.

use std::time::Duration;

use rustls::RootCertStore;
use tokio_postgres::config::SslMode;
use tokio_postgres::{Client, Config, NoTls};

use super::{StoreError, tls};

/// Opens a connection as the login of the URL, with no settings of ours. It ends when the client is dropped.
///
/// # Errors
///
/// [`StoreError::Unfit`] for a URL that cannot be read, else [`StoreError::Unavailable`] with the reason.
pub async fn connect(url: &str, application: &str) -> Result<Client, StoreError> {
    connect_trusting(url, application, None).await
}

/// The same, to a server whose certificate one of these authorities signed, and to no other.
///
/// # Errors
///
/// As of [`connect`]; also if the URL says that there is no TLS.
pub async fn connect_trusting(
    url: &str,
    application: &str,
    authorities: Option<RootCertStore>,
) -> Result<Client, StoreError> {
    let mut config: Config =
        url.parse().map_err(|e| StoreError::Unfit(format!("the database URL cannot be read: {e}")))?;
    config.application_name(application).connect_timeout(Duration::from_secs(5));
    if authorities.is_some() && !tls::is_possible(&config) {
        let problem = "a certificate authority is named, but the URL says that there is no TLS (sslmode=disable, or a \
                       unix socket): leave one of them out";
        return Err(StoreError::Unfit(problem.to_owned()));
    }
    if tls::is_possible(&config) {
        let connector = match authorities {
            Some(roots) => {
                // Whoever says who is to be trusted does not want to be answered in the clear.
                config.ssl_mode(SslMode::Require);
                tls::connector_trusting(roots)
            }
            None => tls::connector(),
        };
        let (client, connection) = config.connect(connector).await.map_err(unavailable)?;
        tokio::spawn(connection);
        Ok(client)
    } else {
        let (client, connection) = config.connect(NoTls).await.map_err(unavailable)?;
        tokio::spawn(connection);
        Ok(client)
    }
}

fn unavailable(error: tokio_postgres::Error) -> StoreError {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(&error);
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    StoreError::Unavailable(text)
}
