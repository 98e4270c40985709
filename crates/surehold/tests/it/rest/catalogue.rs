//! The catalogue, from which statements take their names and types, is what the database has.

use surehold::store::drop_in::catalogue::VIEWS;

use crate::support::TestDatabase;
use crate::support::scene;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_catalogue_names_what_sql_readers_see_column_by_column() {
    let db = TestDatabase::new().await;
    let owner = db.owner().await;
    let sql = "SELECT column_name::text, udt_name::text FROM information_schema.columns
               WHERE table_schema = $1 AND table_name = $2 ORDER BY ordinal_position";
    assert_eq!(VIEWS.len(), scene::VIEWS.len());
    for (schema, name) in scene::VIEWS {
        let view = VIEWS.iter().find(|view| view.name == name).unwrap_or_else(|| panic!("{name} is missing"));
        let ours: Vec<(String, String)> =
            view.columns.iter().map(|column| (column.name.to_owned(), column.kind.sql().to_owned())).collect();
        let of_schema = async |schema: &str| -> Vec<(String, String)> {
            let rows = owner.query(sql, &[&schema, &name]).await.unwrap();
            rows.iter().map(|row| (row.get(0), row.get(1))).collect()
        };
        assert_eq!(of_schema(schema).await, ours, "{schema}.{name}");
        // The server's own view has the organisation and keys for conditions besides.
        let hidden = |name: &str| name == "org_id" || name.starts_with("key_");
        let rows: Vec<_> = of_schema("drop_in").await.into_iter().filter(|(name, _)| !hidden(name)).collect();
        assert_eq!(rows, ours, "drop_in.{name}");
    }
}
