//! Bringing a database to the program's version, and the role that the server works as.
//!
//! Runs as the owner of the tables. The server itself works as the app role, which can read, insert and
//! update, but neither change the tables nor touch what is append-only.

use std::time::Duration;

use refinery::Runner;
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

use super::StoreError;
use super::connect::connect;
use super::session::quoted;

mod embedded {
    refinery::embed_migrations!("../../migrations");
}

/// Taken while migrating, so that two at once run one after the other. The number is "surehold" in ASCII.
const MIGRATION_LOCK: i64 = 0x7375_7265_686f_6c64;

/// The table in which the migrations that were applied are recorded.
const HISTORY: &str = "refinery_schema_history";

/// What the app role may do with each table. `journal` and `credit_entries` are append-only by this; triggers
/// would do it too, but not on distributed tables.
const PRIVILEGES: &[(&str, &str)] = &[
    ("orgs", "SELECT, INSERT, UPDATE"),
    ("api_keys", "SELECT, INSERT, UPDATE"),
    ("credit_kinds", "SELECT, INSERT, UPDATE"),
    ("offerings", "SELECT, INSERT, UPDATE"),
    ("slots", "SELECT, INSERT, UPDATE"),
    ("contacts", "SELECT, INSERT, UPDATE"),
    ("credit_balances", "SELECT, INSERT, UPDATE"),
    ("bookings", "SELECT, INSERT, UPDATE"),
    ("credit_entries", "SELECT, INSERT"),
    ("journal", "SELECT, INSERT"),
    ("trips", "SELECT, INSERT, UPDATE"),
    ("payments", "SELECT, INSERT, UPDATE"),
    ("refunds", "SELECT, INSERT, UPDATE"),
    ("stripe_events", "SELECT, INSERT"),
    ("hubspot_links", "SELECT, INSERT, UPDATE"),
    ("hubspot_syncs", "SELECT, INSERT, UPDATE"),
    ("hubspot_credits", "SELECT, INSERT, UPDATE"),
    ("hubspot_credit_changes", "SELECT, INSERT, UPDATE"),
    ("import_rows", "SELECT, INSERT, UPDATE"),
    ("sql_readers", "SELECT"),
    (HISTORY, "SELECT"),
];

/// The schema of the views that the REST routes read.
const DROP_IN: &str = "drop_in";

/// The views there that the app role may read.
const VIEWS: &[&str] = &[
    "hubspot_contact_credits",
    "hubspot_mock_exams",
    "hubspot_bookings",
    "experience_slots",
    "bookings",
    "trips",
    "payments",
    "audit_logs",
];

/// What a migration did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MigrateReport {
    /// The migrations that were applied, in order; none when the database was up to date.
    pub applied: Vec<String>,
    /// The version that the database has now.
    pub version: i32,
    /// Whether the app role had to be made.
    pub role_created: bool,
}

/// The version of the schema that this program needs.
pub fn program_version() -> i32 {
    embedded::migrations::runner().get_migrations().iter().map(|m| m.version()).max().unwrap_or(0)
}

/// Applies what is missing, makes the app role and gives it its privileges. Safe to run at any time, and
/// by several at once.
///
/// # Errors
///
/// [`StoreError::Unfit`] with a sentence that says what to do: the database is newer than the program,
/// a migration was changed after it was applied, or the login may not do what is needed.
pub async fn migrate(url: &str, app_role: &str) -> Result<MigrateReport, StoreError> {
    let mut client = connect(url, "surehold migrate").await?;
    check_server(&client, app_role).await?;
    // Held by the session, so it ends with the connection, whatever happens.
    client.execute("SELECT pg_advisory_lock($1)", &[&MIGRATION_LOCK]).await?;
    if let Some(found) = version(&client).await?
        && found > program_version()
    {
        return Err(newer(found));
    }
    let applied = apply(&mut client).await?;
    let role_created = create_role(&client, app_role).await?;
    grant_membership(&client, app_role).await?;
    grant_privileges(&mut client, app_role).await?;
    Ok(MigrateReport { applied, version: program_version(), role_created })
}

/// Refuses a database whose schema is not the program's.
///
/// # Errors
///
/// [`StoreError::Unfit`] with a sentence that says what to do.
pub async fn check_version(client: &Client) -> Result<(), StoreError> {
    let needed = program_version();
    match version(client).await? {
        None => Err(StoreError::Unfit(
            "this database has no Surehold tables yet. Run `surehold migrate` with the same database URL".to_owned(),
        )),
        Some(found) if found < needed => Err(StoreError::Unfit(format!(
            "this database is at schema version {found}, but this program needs version {needed}. \
             Run `surehold migrate` with the same database URL"
        ))),
        Some(found) if found > needed => Err(newer(found)),
        Some(_) => Ok(()),
    }
}

fn newer(found: i32) -> StoreError {
    StoreError::Unfit(format!(
        "this database is at schema version {found}, but this program knows only up to version {}. \
         Use the newer program; migrations never go back",
        program_version()
    ))
}

/// The schema version of a database; `None` if nothing was ever applied.
async fn version(client: &Client) -> Result<Option<i32>, StoreError> {
    let there: bool = client.query_one("SELECT to_regclass($1::text) IS NOT NULL", &[&HISTORY]).await?.try_get(0)?;
    if !there {
        return Ok(None);
    }
    match client.query_one(&format!("SELECT max(version) FROM {HISTORY}"), &[]).await {
        Ok(row) => Ok(row.try_get(0)?),
        Err(error) if error.code() == Some(&SqlState::INSUFFICIENT_PRIVILEGE) => Err(StoreError::Unfit(
            "this login may not read the tables of Surehold. Run `surehold migrate` as their owner, \
             with the same --app-role"
                .to_owned(),
        )),
        Err(error) => Err(error.into()),
    }
}

async fn check_server(client: &Client, app_role: &str) -> Result<(), StoreError> {
    let row = client
        .query_one("SELECT current_setting('server_version_num')::int, pg_is_in_recovery(), current_user::text", &[])
        .await?;
    let (version, replica, login): (i32, bool, String) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
    if version < 150_000 {
        return Err(StoreError::Unfit(format!("PostgreSQL 15 or newer is needed; this is {}", version / 10_000)));
    }
    if replica {
        return Err(StoreError::Unfit("this server is a replica; migrate the primary".to_owned()));
    }
    if app_role.is_empty() || app_role.len() > 63 || app_role.contains('\0') {
        return Err(StoreError::Unfit("the name of the app role must have 1 to 63 bytes".to_owned()));
    }
    if login == app_role {
        return Err(StoreError::Unfit(format!(
            "migrate has to run as the owner of the tables, but it is logged in as the app role {app_role} itself, \
             which must not own them. Use the owner's login, or name another role with --app-role"
        )));
    }
    Ok(())
}

async fn apply(client: &mut Client) -> Result<Vec<String>, StoreError> {
    let runner: Runner = embedded::migrations::runner();
    let report = runner.run_async(client).await.map_err(|error| {
        let mut text = error.to_string();
        let mut source = std::error::Error::source(&error);
        while let Some(cause) = source {
            let words = database_words(cause);
            if !text.contains(&words) && !words.starts_with("ERROR: ") {
                text = format!("{text}: {words}");
            }
            source = cause.source();
        }
        StoreError::Unfit(format!("the migrations could not be applied (are you the owner of the database?): {text}"))
    })?;
    Ok(report.applied_migrations().iter().map(|m| format!("V{:04} {}", m.version(), m.name())).collect())
}

/// What PostgreSQL said, if it said anything; the driver alone says only "db error".
fn database_words(error: &(dyn std::error::Error + 'static)) -> String {
    match error.downcast_ref::<tokio_postgres::Error>().and_then(tokio_postgres::Error::as_db_error) {
        Some(db) => format!("{} ({})", db.message(), db.code().code()),
        None => error.to_string(),
    }
}

/// Makes the role unless there is one. Roles belong to the whole server, so another database's migration
/// may be making it right now: that is success, too.
async fn create_role(client: &Client, app_role: &str) -> Result<bool, StoreError> {
    let known = client.query_opt("SELECT FROM pg_roles WHERE rolname = $1", &[&app_role]).await?;
    if known.is_some() {
        return Ok(false);
    }
    match client.batch_execute(&format!("CREATE ROLE {} NOLOGIN", quoted(app_role))).await {
        Ok(()) => Ok(true),
        Err(error) => match error.code() {
            Some(&SqlState::DUPLICATE_OBJECT | &SqlState::UNIQUE_VIOLATION) => Ok(false),
            Some(&SqlState::INSUFFICIENT_PRIVILEGE) => Err(not_allowed(client, "create roles", app_role, true).await),
            _ => Err(error.into()),
        },
    }
}

/// Lets the owner's login do SET ROLE to the app role, so that one login serves for both.
async fn grant_membership(client: &Client, app_role: &str) -> Result<(), StoreError> {
    let row = client.query_one("SELECT current_setting('server_version_num')::int >= 160000", &[]).await?;
    // From 16 on, membership and the right to SET ROLE are two things.
    let with_set: bool = row.try_get(0)?;
    let privilege = if with_set { "SET" } else { "MEMBER" };
    let grant = if with_set {
        format!("GRANT {} TO CURRENT_USER WITH SET TRUE", quoted(app_role))
    } else {
        format!("GRANT {} TO CURRENT_USER", quoted(app_role))
    };
    let is_member = format!("SELECT pg_has_role(current_user, $1::name, '{privilege}')");
    for pause_ms in [20, 50, 100, 200, 400, 0] {
        // A superuser is a member of every role.
        if client.query_one(&is_member, &[&app_role]).await?.try_get(0)? {
            return Ok(());
        }
        match client.batch_execute(&grant).await {
            Ok(()) => return Ok(()),
            Err(error) => match error.code() {
                Some(&SqlState::INSUFFICIENT_PRIVILEGE) => {
                    return Err(not_allowed(client, "make itself a member of the app role", app_role, false).await);
                }
                // Two migrations of two databases on one server: "tuple concurrently updated".
                Some(&SqlState::INTERNAL_ERROR | &SqlState::UNIQUE_VIOLATION) if pause_ms > 0 => {
                    tokio::time::sleep(Duration::from_millis(pause_ms)).await;
                }
                _ => return Err(error.into()),
            },
        }
    }
    Ok(())
}

async fn not_allowed(client: &Client, what: &str, app_role: &str, create: bool) -> StoreError {
    let login: String = match client.query_one("SELECT current_user::text", &[]).await {
        Ok(row) => row.get(0),
        Err(_) => "this login".to_owned(),
    };
    let (role, owner) = (quoted(app_role), quoted(&login));
    let create = if create { format!("CREATE ROLE {role} NOLOGIN; ") } else { String::new() };
    StoreError::Unfit(format!(
        "the login {login} may not {what}. Ask an administrator of the server to run\n  {create}GRANT {role} TO {owner};\n\
         (from PostgreSQL 16 on with `WITH SET TRUE`), and run `surehold migrate` again"
    ))
}

/// Gives the app role exactly its privileges: what an earlier version or a person gave it goes.
async fn grant_privileges(client: &mut Client, app_role: &str) -> Result<(), StoreError> {
    let role = quoted(app_role);
    let schema: String = client.query_one("SELECT current_schema()::text", &[]).await?.try_get(0)?;
    let schema = quoted(&schema);
    let transaction = client.transaction().await?;
    let mut sql = format!("GRANT USAGE ON SCHEMA {schema} TO {role};");
    for (table, privileges) in PRIVILEGES {
        sql +=
            &format!("REVOKE ALL ON {schema}.{table} FROM {role}; GRANT {privileges} ON {schema}.{table} TO {role};");
    }
    sql += &format!("GRANT USAGE ON SCHEMA {DROP_IN} TO {role};");
    for view in VIEWS {
        sql += &format!("REVOKE ALL ON {DROP_IN}.{view} FROM {role}; GRANT SELECT ON {DROP_IN}.{view} TO {role};");
    }
    transaction.batch_execute(&sql).await?;
    transaction.commit().await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_table_of_the_migrations_has_its_privileges() {
        let runner = embedded::migrations::runner();
        let mut tables = 0;
        for sql in runner.get_migrations().iter().filter_map(|m| m.sql()) {
            for rest in sql.split("CREATE TABLE ").skip(1) {
                let name: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                assert!(PRIVILEGES.iter().any(|(table, _)| *table == name), "{name} is missing in PRIVILEGES");
                tables += 1;
            }
        }
        assert_eq!(tables + 1, PRIVILEGES.len());
    }

    #[test]
    fn every_view_of_the_rest_routes_has_its_privileges() {
        let runner = embedded::migrations::runner();
        let sql: String = runner.get_migrations().iter().filter_map(|m| m.sql()).collect();
        let named = |rest: &str| rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
        let views: Vec<String> = sql.split(&format!("CREATE VIEW {DROP_IN}.")).skip(1).map(named).collect();
        // The readers' own view is read by their views alone.
        let expected: Vec<&str> = VIEWS.iter().copied().chain(["readable_orgs"]).collect();
        assert_eq!(views, expected);
    }

    #[test]
    fn what_is_append_only_can_be_neither_updated_nor_deleted() {
        for table in ["journal", "credit_entries"] {
            let (_, privileges) = PRIVILEGES.iter().find(|(name, _)| *name == table).expect("listed");
            assert_eq!(*privileges, "SELECT, INSERT");
        }
        assert!(PRIVILEGES.iter().all(|(_, privileges)| !privileges.contains("DELETE")));
    }
}
