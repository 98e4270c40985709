//! SQL readers: logins of other programs (reports, dashboards) that may read the views of `hubspot_sync` and
//! `marketplace`, rows of the organisations that they are listed for, and nothing else.
//!
//! Runs as the owner of the tables, as the migrations do: the server itself may give nobody anything.

use jiff::Timestamp;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Transaction};
use uuid::Uuid;

use super::StoreError;
use super::session::quoted;

/// The schemas of the views for SQL readers, in the order in which a reader's names are looked up. There is nothing
/// in them that a reader may not see.
pub const SCHEMAS: [&str; 2] = ["hubspot_sync", "marketplace"];

/// A login and an organisation whose rows it may read.
#[derive(Debug, Clone)]
pub struct Reader {
    /// The organisation's slug.
    pub org: String,
    /// The role, as it logs in.
    pub role: String,
    /// Since when.
    pub added_at: Timestamp,
}

/// What [`add`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Added {
    /// Whether the role had to be made. It has no password then.
    pub created: bool,
    /// Whether its defaults (search path, time limits) could be set. Only who manages a role may do that.
    pub has_defaults: bool,
}

/// Lets a role read the rows of an organisation; makes the role if there is none. Safe to repeat.
///
/// # Errors
///
/// [`StoreError::Unfit`] with a sentence for a role that could see more than the views, and for a login that may not
/// make roles.
pub async fn add(client: &mut Client, app_role: &str, org_id: Uuid, role: &str) -> Result<Added, StoreError> {
    let mut transaction = client.transaction().await?;
    let created = create_role(&mut transaction, role).await?;
    refuse_powerful(&transaction, app_role, role).await?;
    for schema in SCHEMAS {
        let grant = format!(
            "GRANT USAGE ON SCHEMA {schema} TO {role}; GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO {role}",
            role = quoted(role)
        );
        transaction.batch_execute(&grant).await?;
    }
    transaction
        .execute("INSERT INTO sql_readers (org_id, role) VALUES ($1, $2) ON CONFLICT DO NOTHING", &[&org_id, &role])
        .await?;
    let has_defaults = set_defaults(&mut transaction, role).await?;
    transaction.commit().await?;
    Ok(Added { created, has_defaults })
}

/// Takes an organisation's rows from a role, and after the last one the views, too. The role itself stays. `false`: it
/// was not listed.
pub async fn remove(client: &mut Client, org_id: Uuid, role: &str) -> Result<bool, StoreError> {
    let transaction = client.transaction().await?;
    let removed =
        transaction.execute("DELETE FROM sql_readers WHERE org_id = $1 AND role = $2", &[&org_id, &role]).await?;
    let row = transaction
        .query_one(
            "SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1), EXISTS (SELECT FROM sql_readers WHERE role = $1)",
            &[&role],
        )
        .await?;
    let (exists, is_listed): (bool, bool) = (row.try_get(0)?, row.try_get(1)?);
    if exists && !is_listed {
        for schema in SCHEMAS {
            let revoke = format!(
                "REVOKE ALL ON ALL TABLES IN SCHEMA {schema} FROM {role}; REVOKE ALL ON SCHEMA {schema} FROM {role}",
                role = quoted(role)
            );
            transaction.batch_execute(&revoke).await?;
        }
    }
    transaction.commit().await?;
    Ok(removed == 1)
}

/// Who may read what.
pub async fn list(client: &Client) -> Result<Vec<Reader>, StoreError> {
    let sql =
        "SELECT o.slug, r.role, r.added_at FROM sql_readers r JOIN orgs o ON o.id = r.org_id ORDER BY o.slug, r.role";
    let rows = client.query(sql, &[]).await?;
    rows.iter()
        .map(|row| Ok(Reader { org: row.try_get(0)?, role: row.try_get(1)?, added_at: row.try_get(2)? }))
        .collect()
}

async fn create_role(transaction: &mut Transaction<'_>, role: &str) -> Result<bool, StoreError> {
    if role.is_empty() || role.len() > 63 || role.contains('\0') {
        return Err(StoreError::Unfit("the name of a role must have 1 to 63 bytes".to_owned()));
    }
    if transaction.query_opt("SELECT FROM pg_roles WHERE rolname = $1", &[&role]).await?.is_some() {
        return Ok(false);
    }
    match transaction.batch_execute(&format!("CREATE ROLE {} LOGIN", quoted(role))).await {
        Ok(()) => Ok(true),
        Err(error) => Err(match error.code() {
            Some(&SqlState::INSUFFICIENT_PRIVILEGE) => StoreError::Unfit(format!(
                "this login may not make roles. Ask an administrator of the server to run\n  CREATE ROLE {} LOGIN \
                 PASSWORD '…';\nand try again",
                quoted(role)
            )),
            Some(&SqlState::RESERVED_NAME) => {
                StoreError::Unfit(format!("PostgreSQL keeps the name {role:?} for itself. Choose another"))
            }
            _ => error.into(),
        }),
    }
}

/// Who can become the owner or the server sees every organisation, whatever is listed.
async fn refuse_powerful(transaction: &Transaction<'_>, app_role: &str, role: &str) -> Result<(), StoreError> {
    let row = transaction
        .query_one(
            "SELECT r.rolsuper OR pg_has_role(r.oid, c.relowner, 'MEMBER') OR has_table_privilege(r.oid, c.oid, 'SELECT')
                    OR EXISTS (SELECT FROM pg_roles a WHERE a.rolname = $2 AND pg_has_role(r.oid, a.oid, 'MEMBER'))
             FROM pg_roles r, pg_class c WHERE r.rolname = $1 AND c.oid = 'orgs'::regclass",
            &[&role, &app_role],
        )
        .await?;
    if row.try_get(0)? {
        return Err(StoreError::Unfit(format!(
            "the role {role} can see more than a reader may: it is a superuser, or it can act as the owner of the \
             tables or as {app_role}. Choose a role of its own for reports"
        )));
    }
    Ok(())
}

/// The reader's names without a schema, and an end for reports that nobody waits for any more: a snapshot that is held
/// open keeps old versions of hot rows alive.
async fn set_defaults(transaction: &mut Transaction<'_>, role: &str) -> Result<bool, StoreError> {
    let database: String = transaction.query_one("SELECT current_database()::text", &[]).await?.try_get(0)?;
    let alter = format!("ALTER ROLE {} IN DATABASE {} SET", quoted(role), quoted(&database));
    let savepoint = transaction.savepoint("defaults").await?;
    let set = savepoint
        .batch_execute(&format!(
            "{alter} search_path = {}; {alter} statement_timeout = '60s'; \
             {alter} idle_in_transaction_session_timeout = '60s'",
            SCHEMAS.join(", ")
        ))
        .await;
    match set {
        Ok(()) => {
            savepoint.commit().await?;
            Ok(true)
        }
        Err(error) if error.code() == Some(&SqlState::INSUFFICIENT_PRIVILEGE) => {
            savepoint.rollback().await?;
            Ok(false)
        }
        Err(error) => Err(error.into()),
    }
}
