//! Whether the database answers.

use tokio_postgres::Client;

use super::StoreError;

/// Asks the database the smallest question there is.
pub async fn ping(client: &Client) -> Result<(), StoreError> {
    client.query_one("SELECT 1", &[]).await?;
    Ok(())
}
