//! One connection outside the pools, for what runs as the login itself: `migrate` and `doctor`.

use std::time::Duration;

use tokio_postgres::{Client, Config, NoTls};

use super::{StoreError, tls};

/// Opens a connection as the login of the URL, with no settings of ours. It ends when the client is dropped.
///
/// # Errors
///
/// [`StoreError::Unfit`] for a URL that cannot be read, else [`StoreError::Unavailable`] with the reason.
pub async fn connect(url: &str, application: &str) -> Result<Client, StoreError> {
    let mut config: Config =
        url.parse().map_err(|e| StoreError::Unfit(format!("the database URL cannot be read: {e}")))?;
    config.application_name(application).connect_timeout(Duration::from_secs(5));
    if tls::is_possible(&config) {
        let (client, connection) = config.connect(tls::connector()).await.map_err(unavailable)?;
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
