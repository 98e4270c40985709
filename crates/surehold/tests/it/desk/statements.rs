//! The desk's statements against the migrated schema.

use surehold::store::{
    api_keys, bookings, contacts, counters, experiences, journal, load, move_in, offerings, orgs, payments, session,
    sessions, write,
};

use crate::support::{School, TestDatabase};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_statement_is_prepared_by_the_server() {
    let client = TestDatabase::new().await.owner().await;
    let reads = [
        api_keys::STATEMENTS,
        bookings::STATEMENTS,
        contacts::STATEMENTS,
        counters::STATEMENTS,
        &experiences::statements(),
        journal::STATEMENTS,
        &move_in::statements(),
        &offerings::statements(),
        orgs::STATEMENTS,
        &payments::statements(),
        sessions::STATEMENTS,
    ]
    .concat();
    for sql in load::key_reads().iter().chain(&write::statements()).chain(&reads) {
        client.prepare(sql).await.unwrap_or_else(|e| panic!("{:?}: {sql}", e.as_db_error()));
    }
}

/// Without statistics the planner takes an organisation for a few rows.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reads_by_key_use_the_whole_key_without_statistics() {
    reads_use_the_whole_key("SELECT 1").await;
}

/// Statistics of a table with one row say that every organisation has one row.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reads_by_key_use_the_whole_key_with_statistics_from_the_first_day() {
    reads_use_the_whole_key("ANALYZE").await;
}

async fn reads_use_the_whole_key(on_the_first_day: &str) {
    let school = School::open().await;
    let client = school.db.owner().await;
    for table in
        ["slots", "contacts", "bookings", "credit_balances", "journal", "offerings", "trips", "payments", "refunds"]
    {
        let off = format!("ALTER TABLE {table} SET (autovacuum_enabled = off)");
        client.batch_execute(&off).await.unwrap();
    }
    school
        .book(school.student("A", &[("cs_credits", 1)]).await, school.session("Clinical Skills", 9).await)
        .await
        .unwrap();
    client.batch_execute(A_TRIP).await.unwrap_or_else(|e| panic!("{:?}", e.as_db_error()));
    client.batch_execute(on_the_first_day).await.unwrap();
    multiply_rows(&client).await;

    client.batch_execute(session::COMMAND_SETTINGS).await.unwrap();
    for (i, sql) in load::key_reads()
        .iter()
        .chain(&[write::UPDATE_SEATS, contacts::IDS_BY_IDENTITY, contacts::LINKED_IDS_BY_IDENTITY])
        .enumerate()
    {
        client.batch_execute(&format!("PREPARE q{i} AS {sql}")).await.unwrap();
        let arguments = client.prepare(sql).await.unwrap().params().len();
        let nulls = vec!["NULL"; arguments].join(", ");
        let plan = client.query(&format!("EXPLAIN EXECUTE q{i}({nulls})"), &[]).await.unwrap();
        let plan: Vec<String> = plan.iter().map(|row| row.get(0)).collect();
        let conditions: Vec<&String> = plan.iter().filter(|line| line.contains("Index Cond")).collect();
        assert!(!conditions.is_empty(), "no index is used by {sql}\n{}", plan.join("\n"));
        for condition in conditions {
            assert!(condition.contains(" AND "), "only part of the key is used by {sql}\n{}", plan.join("\n"));
        }
        // A slot may have very many bookings, of which a few are holds.
        if sql.contains("pending_payment") && sql.contains("t.slot_id = k.id") {
            assert!(
                plan.iter().any(|line| line.contains("bookings_holds")),
                "every booking of a slot is read\n{}",
                plan.join("\n")
            );
        }
    }
}

const A_TRIP: &str = "INSERT INTO trips SELECT org_id, id, id, 'planning', 1, now(), now() FROM contacts;
    INSERT INTO payments (org_id, id, contact_id, trip_id, source, status, amount_minor, currency, checkout, pay_until,
            expires_at, created_at, updated_at)
        SELECT org_id, id, contact_id, id, 'checkout', 'pending', 1, 'usd', '{}', now(), now() + interval '1 s', now(), now()
        FROM trips;
    INSERT INTO refunds (org_id, id, payment_id, amount_minor, status, reason, created_at, updated_at)
        SELECT org_id, id, id, 1, 'requested', '', now(), now() FROM payments";

/// Copies of the rows of one organisation, with other ids.
async fn multiply_rows(client: &tokio_postgres::Client) {
    let copies = [
        ("offerings", "id = md5(r.id::text || n)::uuid, name = r.name || n"),
        ("slots", "id = md5(r.id::text || n)::uuid"),
        ("contacts", "id = md5(r.id::text || n)::uuid, student_id = r.student_id || n"),
        ("bookings", "id = md5(r.id::text || n)::uuid, exclusive_date = NULL, code = r.code || n"),
        ("trips", "id = md5(r.id::text || n)::uuid"),
        ("payments", "id = md5(r.id::text || n)::uuid, trip_id = md5(r.id::text || n)::uuid"),
        ("refunds", "id = md5(r.id::text || n)::uuid, payment_id = md5(r.id::text || n)::uuid"),
        ("journal", "id = md5(r.id::text || n)::uuid, key = NULL, fingerprint = NULL, answer = NULL"),
    ];
    for (table, changes) in copies {
        // A row as JSON, some columns replaced, and a row again: no list of columns to keep up to date.
        let object = changes.split(", ").map(|change| {
            let (column, value) = change.split_once(" = ").unwrap();
            format!("'{column}', {value}")
        });
        let object = object.collect::<Vec<_>>().join(", ");
        let sql = format!(
            "INSERT INTO {table} SELECT c.* FROM (SELECT * FROM {table} LIMIT 1) r, generate_series(1, 3000) n,
             jsonb_populate_record(r::{table}, jsonb_build_object({object})) c"
        );
        client.batch_execute(&sql).await.unwrap_or_else(|e| panic!("{table}: {:?}", e.as_db_error()));
    }
    let balances = "INSERT INTO credit_balances SELECT org_id, id, 'cs_credits', 0 FROM contacts c
                    WHERE NOT EXISTS (SELECT 1 FROM credit_balances b WHERE b.contact_id = c.id)";
    client.batch_execute(balances).await.unwrap();
}
