//! What every connection sets and checks before it is used.

use std::time::Duration;

use tokio_postgres::Client;

use super::StoreError;

/// Sets up a fresh connection: role, isolation, durability, time zone, time limits. Refuses a server
/// that could lose an acknowledged commit, or that is not the one that decides.
pub async fn prepare(client: &Client, app_role: &str, allow_unsafe: bool) -> Result<(), StoreError> {
    let row = client
        .query_one(
            "SELECT current_setting('server_version_num')::int, pg_is_in_recovery(),
                    current_setting('fsync') = 'on' AND current_setting('full_page_writes') = 'on'",
            &[],
        )
        .await?;
    let (version, replica, durable): (i32, bool, bool) = (row.get(0), row.get(1), row.get(2));
    if version < 150_000 {
        return Err(StoreError::Unfit(format!("PostgreSQL 15 or newer is needed; this is {}", version / 10_000)));
    }
    if replica {
        return Err(StoreError::Unfit("this server is a replica; Surehold needs the primary".to_owned()));
    }
    if !durable && !allow_unsafe {
        return Err(StoreError::Unfit(
            "fsync or full_page_writes is off on this server: a crash would lose bookings that were acknowledged"
                .to_owned(),
        ));
    }
    // The login may be the role itself; then SET ROLE changes nothing.
    client.batch_execute(&format!("SET ROLE {}", quoted(app_role))).await?;
    client
        .batch_execute(
            "SET default_transaction_isolation = 'read committed';
             SELECT set_config('synchronous_commit', 'on', false)
                 WHERE current_setting('synchronous_commit') NOT IN ('on', 'remote_apply');
             SET TimeZone = 'UTC';
             -- Above the usual deadlock_timeout of 1 s: a deadlock must be told from a slow holder.
             SET lock_timeout = '1500ms';
             SET statement_timeout = '10s';
             SET idle_in_transaction_session_timeout = '10s';
             SET jit = off;",
        )
        .await?;
    Ok(())
}

/// Further settings of a connection for commands. All their statements look rows up by key: one plan is
/// right for all arguments, and it is a loop over keys, never a scan or a join of whole tables. (Left to itself the server would compare a plan's cost
/// with that of earlier ones, on smaller tables, and plan at every execution.)
pub async fn prepare_for_commands(client: &Client) -> Result<(), StoreError> {
    client.batch_execute(COMMAND_SETTINGS).await?;
    Ok(())
}

/// What [`prepare_for_commands`] sets.
pub const COMMAND_SETTINGS: &str = "SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off;
    SET enable_hashjoin = off; SET enable_mergejoin = off";

/// Further settings of a connection for reports, which may read a whole table.
pub async fn prepare_for_reports(client: &Client) -> Result<(), StoreError> {
    client.batch_execute("SET statement_timeout = '60s'").await?;
    Ok(())
}

/// Further settings of a connection for callers who say themselves what they read: nothing is written, and nobody waits
/// for longer than `timeout`.
pub async fn prepare_for_callers(client: &Client, timeout: Duration) -> Result<(), StoreError> {
    let timeout = timeout.as_millis();
    client
        .batch_execute(&format!("SET default_transaction_read_only = on; SET statement_timeout = '{timeout}ms'"))
        .await?;
    Ok(())
}

/// An SQL identifier, quoted.
pub fn quoted(identifier: &str) -> String {
    format!("\"{}\"", identifier.replace('"', "\"\""))
}
