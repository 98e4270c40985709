//! Plain reads of payments. Changes go through the desk.

use tokio_postgres::Client;
use uuid::Uuid;

use super::StoreError;

const DUE: &str =
    "SELECT id FROM payments WHERE org_id = $1 AND status = 'pending' AND expires_at <= now() ORDER BY id";

/// Every statement of this file, for the test that prepares them.
pub const STATEMENTS: &[&str] = &[DUE];

/// Payments whose holds have come to their end.
pub async fn due(client: &Client, org_id: Uuid) -> Result<Vec<Uuid>, StoreError> {
    client.query(DUE, &[&org_id]).await?.iter().map(|row| Ok(row.try_get(0)?)).collect()
}
