//! The settings of the server and of the app role on which the laws rest.

use serde::Serialize;
use tokio_postgres::Client;

use super::StoreError;

/// One setting.
#[derive(Debug, Clone, Serialize)]
pub struct Setting {
    /// Its name.
    pub name: String,
    /// What it is.
    pub value: String,
    /// Whether it is as it should be.
    pub ok: bool,
    /// What to do about it if not.
    pub advice: &'static str,
}

/// Reads them.
pub async fn check(client: &Client, app_role: &str) -> Result<Vec<Setting>, StoreError> {
    let mut settings = server(client).await?;
    settings.extend(role(client, app_role).await?);
    settings.extend(readers(client, app_role).await?);
    Ok(settings)
}

async fn server(client: &Client) -> Result<Vec<Setting>, StoreError> {
    const WANTED: &[(&str, &str)] = &[
        ("fsync", "set fsync = on: without it a power failure can lose acknowledged bookings, or the database"),
        ("full_page_writes", "set full_page_writes = on, unless the file system rules out torn pages"),
        ("synchronous_commit", "Surehold's own connections set it to on; others should, too"),
        (
            "data_checksums",
            "make the cluster with data checksums (pg_checksums --enable): they find damage by the disk",
        ),
    ];
    let row = client
        .query_one(
            "SELECT current_setting('fsync'), current_setting('full_page_writes'),
                    current_setting('synchronous_commit'), current_setting('data_checksums'),
                    current_setting('server_version'), current_setting('server_version_num')::int >= 150000,
                    pg_is_in_recovery()",
            &[],
        )
        .await?;
    let mut settings = Vec::new();
    for (place, (name, advice)) in WANTED.iter().enumerate() {
        let value: String = row.try_get(place)?;
        // remote_apply, remote_write … wait for more than on, or at least for the local disk.
        let ok = value == "on" || (*name == "synchronous_commit" && value.starts_with("remote_"));
        settings.push(Setting { name: (*name).to_owned(), value, ok, advice });
    }
    settings.push(Setting {
        name: "server_version".to_owned(),
        value: row.try_get(4)?,
        ok: row.try_get(5)?,
        advice: "use PostgreSQL 15 or newer",
    });
    let replica: bool = row.try_get(6)?;
    settings.push(Setting {
        name: "role of this server".to_owned(),
        value: if replica { "replica" } else { "primary" }.to_owned(),
        ok: !replica,
        advice: "give the primary's URL: a replica lags behind",
    });
    Ok(settings)
}

async fn role(client: &Client, app_role: &str) -> Result<Vec<Setting>, StoreError> {
    let advice = "run `surehold migrate` as the owner with the same --app-role";
    let Some(row) = client.query_opt("SELECT rolsuper FROM pg_roles WHERE rolname = $1", &[&app_role]).await? else {
        return Ok(vec![Setting {
            name: format!("role {app_role}"),
            value: "does not exist".to_owned(),
            ok: false,
            advice,
        }]);
    };
    let superuser: bool = row.try_get(0)?;
    let mut settings = vec![Setting {
        name: format!("role {app_role}"),
        value: if superuser { "superuser" } else { "no superuser" }.to_owned(),
        ok: !superuser,
        advice: "take SUPERUSER from the app role: it could change what is append-only",
    }];
    for table in ["journal", "credit_entries"] {
        let sql = "SELECT has_table_privilege($1::name, $2, 'UPDATE') OR has_any_column_privilege($1::name, $2, 'UPDATE')
                          OR has_table_privilege($1::name, $2, 'DELETE') OR has_table_privilege($1::name, $2, 'TRUNCATE')";
        let can: bool = client.query_one(sql, &[&app_role, &table]).await?.try_get(0)?;
        settings.push(Setting {
            name: format!("{app_role} on {table}"),
            value: if can { "may change or delete rows" } else { "append-only" }.to_owned(),
            ok: !can,
            advice,
        });
    }
    Ok(settings)
}

/// SQL readers see views and nothing else, unless somebody gave them more.
async fn readers(client: &Client, app_role: &str) -> Result<Vec<Setting>, StoreError> {
    let sql = "SELECT DISTINCT r.role, p.rolsuper OR EXISTS (
                   SELECT FROM pg_roles a WHERE a.rolname = $1 AND pg_has_role(p.oid, a.oid, 'MEMBER'))
                   OR EXISTS (SELECT FROM pg_class c WHERE c.relkind IN ('r', 'p')
                       AND c.relnamespace = (SELECT o.relnamespace FROM pg_class o WHERE o.oid = 'orgs'::regclass)
                       AND has_table_privilege(p.oid, c.oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE'))
               FROM sql_readers r JOIN pg_roles p ON p.rolname = r.role ORDER BY r.role";
    let rows = client.query(sql, &[&app_role]).await?;
    rows.iter()
        .map(|row| {
            let (role, can): (String, bool) = (row.try_get(0)?, row.try_get(1)?);
            Ok(Setting {
                name: format!("SQL reader {role}"),
                value: if can { "sees tables" } else { "sees its views only" }.to_owned(),
                ok: !can,
                advice: "take from it what `surehold reader` did not give: tables hold every organisation's rows",
            })
        })
        .collect()
}
