//! The reads of the seeds' call sites go through indexes, however many rows there are.

use serde_json::Value;
use surehold::store::drop_in::catalogue::{Column, Kind, View};
use surehold::store::drop_in::query::{Claim, Condition, Operator, Query, Said, Selected};
use surehold::store::drop_in::statement::{Parameter, Statement};
use tokio_postgres::Client;
use uuid::Uuid;

use super::open;

/// How many rows a read looks at, in all tables together.
async fn rows_looked_at(client: &Client, org_id: Uuid, view: &'static View, conditions: Vec<Condition>) -> f64 {
    let query = Query {
        view,
        select: view.columns.iter().map(|column| Selected { column, alias: None }).collect(),
        conditions,
        order: Vec::new(),
        offset: 0,
        limit: 1000,
        is_counted: false,
        is_read: true,
    };
    rows_read_by(client, &Statement::of(org_id, &query)).await
}

/// The same of what a caller says of a row, found by the same filters.
async fn rows_compared_with(client: &Client, org_id: Uuid, view: &str, filters: &[(&str, String)]) -> f64 {
    let view = View::named(view).unwrap();
    let named = |(column, value): &(&str, String)| Condition::In(view.column(column).unwrap(), vec![value.clone()]);
    let text = |column: &&'static Column| column.kind == Kind::Text;
    let claim = Claim {
        view,
        conditions: filters.iter().map(named).collect(),
        values: view.columns.iter().filter(text).map(|column| (column, Said::Text("x".to_owned()))).collect(),
        limit: 100,
    };
    rows_read_by(client, &Statement::of_claim(org_id, &claim)).await
}

async fn rows_read_by(client: &Client, statement: &Statement) -> f64 {
    let literals: Vec<String> = statement.values.iter().map(literal).collect();
    let types: Vec<String> = statement.values.iter().map(|value| value.typed().1.name().to_owned()).collect();
    client.batch_execute(&format!("PREPARE shape ({}) AS {}", types.join(", "), statement.text)).await.unwrap();
    let explain = format!("EXPLAIN (ANALYZE, FORMAT JSON) EXECUTE shape ({})", literals.join(", "));
    let plan: Value = client.query_one(&explain, &[]).await.unwrap().get(0);
    client.batch_execute("DEALLOCATE shape").await.unwrap();
    scanned(&plan[0]["Plan"])
}

/// Each of these columns has this value.
fn equal(view: &View, filters: &[(&str, String)]) -> Vec<Condition> {
    let equal = |(column, value): &(&str, String)| {
        Condition::Compare(view.column(column).unwrap(), Operator::Eq, value.clone())
    };
    filters.iter().map(equal).collect()
}

fn literal(value: &Parameter) -> String {
    match value {
        Parameter::Org(id) => format!("'{id}'"),
        Parameter::Text(text) => format!("'{text}'"),
        Parameter::Texts(texts) => format!("'{{{}}}'", texts.join(",")),
        Parameter::Number(number) => number.to_string(),
    }
}

fn scanned(node: &Value) -> f64 {
    let number = |name: &str| node[name].as_f64().unwrap_or(0.0);
    let below: f64 = node["Plans"].as_array().into_iter().flatten().map(scanned).sum();
    if node["Relation Name"].is_null() {
        return below;
    }
    let rows = number("Actual Rows") + number("Rows Removed by Filter") + number("Rows Removed by Index Recheck");
    below + rows * number("Actual Loops")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lookups_by_a_name_read_few_rows() {
    let (api, scene) = open().await;
    let owner = api.school.db.owner().await;
    let copies = "INSERT INTO contacts SELECT c.* FROM (SELECT * FROM contacts WHERE email <> '' LIMIT 1) r, generate_series(1, 20000) n,
            jsonb_populate_record(r::contacts, jsonb_build_object('id', md5(n::text)::uuid, 'student_id', 'S' || n, 'email', n || '@example.org')) c;
        INSERT INTO slots SELECT c.* FROM (SELECT * FROM slots LIMIT 1) r, generate_series(1, 2000) n,
            jsonb_populate_record(r::slots, jsonb_build_object('id', md5(n::text)::uuid)) c;
        INSERT INTO bookings SELECT c.* FROM (SELECT * FROM bookings WHERE paid_by = 'credit' LIMIT 1) r, generate_series(1, 20000) n,
            jsonb_populate_record(r::bookings, jsonb_build_object('id', md5(n::text)::uuid, 'contact_id', md5(n::text)::uuid,
                'slot_id', md5((n % 2000 + 1)::text)::uuid, 'code', 'C' || n, 'exclusive_date', NULL)) c;
        INSERT INTO hubspot_links (org_id, entity, entity_id, hubspot_id)
            SELECT org_id, 'booking', id, '1' || row_number() OVER () FROM bookings UNION ALL
            SELECT org_id, 'contact', id, '2' || row_number() OVER () FROM contacts UNION ALL
            SELECT org_id, 'slot', id, '3' || row_number() OVER () FROM slots;
        INSERT INTO journal (org_id, id, at, command_id, principal, event, entity, entity_id)
            SELECT org_id, id, created_at, id, 'key:x', 'booking.confirmed', 'booking', id FROM bookings";
    owner.batch_execute(copies).await.unwrap_or_else(|error| panic!("{:?}", error.as_db_error()));
    // As autovacuum does within a minute. These are no statements of the desk: a slow one delays its caller alone.
    owner.batch_execute("ANALYZE").await.unwrap();
    let bookings = View::named("hubspot_bookings").unwrap();
    // A statement that is kept may be planned for its values or once for all.
    for mode in ["force_custom_plan", "force_generic_plan"] {
        owner.batch_execute(&format!("SET plan_cache_mode = {mode}")).await.unwrap();
        for (view, filters) in [
            ("hubspot_bookings", vec![("id", scene.booking.to_string())]),
            ("hubspot_bookings", vec![("booking_id", "C77".to_owned())]),
            ("hubspot_bookings", vec![("hubspot_id", "177".to_owned())]),
            ("hubspot_bookings", vec![("idempotency_key", "ANN-key".to_owned())]),
            ("hubspot_bookings", vec![("mock_exam_id", "377".to_owned())]),
            ("hubspot_bookings", vec![("associated_mock_exam", scene.exam.to_string())]),
            ("hubspot_bookings", vec![("contact_id", "277".to_owned())]),
            (
                "hubspot_bookings",
                vec![("student_id", "S77".to_owned()), ("student_email", "77@example.org".to_owned())],
            ),
            ("hubspot_contact_credits", vec![("student_id", "S77".to_owned()), ("email", "77@example.org".to_owned())]),
            ("hubspot_contact_credits", vec![("email", "77@example.org".to_owned())]),
            ("hubspot_contact_credits", vec![("hubspot_id", "277".to_owned())]),
            ("hubspot_mock_exams", vec![("hubspot_id", "377".to_owned())]),
            ("audit_logs", vec![("entity_id", scene.booking.to_string())]),
        ] {
            let shown = View::named(view).unwrap();
            let rows = rows_looked_at(&owner, api.school.org_id, shown, equal(shown, &filters)).await;
            assert!(rows < 1000.0, "{view} by {filters:?}, {mode}: {rows} rows");
            let rows = rows_compared_with(&owner, api.school.org_id, view, &filters).await;
            assert!(rows < 1000.0, "{view} by {filters:?}, {mode}, compared: {rows} rows");
        }
        // A key and all that continue it, as check_idempotency_key asks.
        let keys = (0..33).map(|generation| format!("ANN-key~{generation}")).chain(["ANN-key".to_owned()]);
        let of_keys = Condition::In(bookings.column("idempotency_key").unwrap(), keys.collect());
        let rows = rows_looked_at(&owner, api.school.org_id, bookings, vec![of_keys]).await;
        assert!(rows < 1000.0, "by all generations of a key, {mode}: {rows} rows");
    }
    // What has no index is read as a whole: the numbers above mean something.
    let by_name = [("attending_location", "nowhere".to_owned())];
    let rows = rows_looked_at(&owner, api.school.org_id, bookings, equal(bookings, &by_name)).await;
    assert!(rows > 20_000.0, "{rows}");
}
