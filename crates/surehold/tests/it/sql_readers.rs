//! Programs that read with SQL: an organisation's views, and nothing else.

use surehold::store::{readers, settings};
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;
use uuid::Uuid;

use crate::support::School;
use crate::support::cluster::{APP_ROLE, connect};
use crate::support::scene::{Scene, VIEWS};

/// A role's name that no other test has: roles belong to the whole server.
fn new_role() -> String {
    format!("Reports {}", Uuid::new_v4().simple())
}

async fn lets_read(school: &School, role: &str) -> readers::Added {
    readers::add(&mut school.db.owner().await, APP_ROLE, school.org_id, role).await.unwrap()
}

/// The role logs in.
async fn logs_in(school: &School, role: &str) -> Client {
    connect(&school.db.url.replace("user=surehold_owner", &format!("user='{role}'"))).await
}

async fn count(client: &Client, table: &str) -> Result<i64, SqlState> {
    match client.query_one(&format!("SELECT count(*) FROM {table}"), &[]).await {
        Ok(row) => Ok(row.get(0)),
        Err(error) => Err(error.code().cloned().expect("PostgreSQL's word")),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_sees_the_rows_of_its_organisation_by_the_seeds_names() {
    let school = School::open().await;
    let neighbour = school.neighbour("neighbour").await;
    let scene = Scene::of(&school, "ANN").await;
    Scene::of(&neighbour, "BOB").await;
    let role = new_role();
    let added = lets_read(&school, &role).await;
    assert!(added.created && added.has_defaults, "{added:?}");
    let reader = logs_in(&school, &role).await;

    for (schema, view) in VIEWS {
        let all = school.count(&format!("drop_in.{view}")).await;
        let ours = school.count(&format!("drop_in.{view} WHERE org_id = '{}'", school.org_id)).await;
        assert!(ours > 0 && all > ours, "{view}: {ours} of {all}");
        // By the name alone, as reports have it, and in its schema.
        assert_eq!(count(&reader, view).await, Ok(ours), "{view}");
        assert_eq!(count(&reader, &format!("{schema}.{view}")).await, Ok(ours), "{view}");
    }
    let sql = "SELECT student_id, booking_id, idempotency_key, id, mock_exam_id FROM hubspot_bookings";
    let row = reader.query_one(sql, &[]).await.unwrap();
    assert_eq!(row.get::<_, &str>(0), "ANN");
    assert_eq!(row.get::<_, &str>(1), "Clinical Skills-ANN-May 4, 2030");
    assert_eq!(row.get::<_, &str>(2), "ANN-key");
    // HubSpot has not seen the session yet, so its own id is its name there.
    assert_eq!((row.get(3), row.get(4)), (scene.booking, scene.exam.to_string()));
    let row = reader.query_one("SELECT id, cs_credits FROM hubspot_contact_credits", &[]).await.unwrap();
    assert_eq!((row.get(0), row.get(1)), (scene.student, 2));
    let row = reader.query_one("SELECT user_id, slot_id, trip_id, payment_id FROM bookings", &[]).await.unwrap();
    let ids: Vec<Uuid> = (0..4).map(|place| row.get(place)).collect();
    assert_eq!(ids, [scene.traveller, scene.slot, scene.trip.trip_id, scene.trip.payment_id]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_sees_no_table_and_changes_nothing() {
    let school = School::open().await;
    Scene::of(&school, "ANN").await;
    let role = new_role();
    lets_read(&school, &role).await;
    let reader = logs_in(&school, &role).await;

    let denied = Err(SqlState::INSUFFICIENT_PRIVILEGE);
    for table in ["public.bookings", "public.api_keys", "public.orgs", "public.sql_readers", "public.journal"] {
        assert_eq!(count(&reader, table).await, denied, "{table}");
    }
    for (schema, view) in VIEWS {
        assert_eq!(count(&reader, &format!("drop_in.{view}")).await, denied, "{view}");
        // A view that is a plain join of tables could be written through, if anybody were allowed to.
        let delete = reader.execute(&format!("DELETE FROM {schema}.{view}"), &[]).await.expect_err("a refusal");
        let code = delete.code().cloned();
        assert!(
            [SqlState::INSUFFICIENT_PRIVILEGE, SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE].map(Some).contains(&code),
            "{code:?}"
        );
    }
    assert_eq!(count(&reader, "drop_in.readable_orgs").await, denied);
    let role_of_the_server = reader.batch_execute(&format!("SET ROLE {APP_ROLE}")).await.expect_err("a refusal");
    assert_eq!(role_of_the_server.code(), Some(&SqlState::INSUFFICIENT_PRIVILEGE));
    school.laws_hold().await;
}

/// A function of the reader's own that is cheaper than the condition would be asked first, and sees every row that it
/// is asked about.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_readers_own_function_sees_no_other_organisations_rows() {
    let school = School::open().await;
    let neighbour = school.neighbour("neighbour").await;
    Scene::of(&school, "ANN").await;
    Scene::of(&neighbour, "BOB").await;
    let role = new_role();
    lets_read(&school, &role).await;
    let reader = logs_in(&school, &role).await;
    let spy = "CREATE TEMP TABLE seen (what text);
               CREATE FUNCTION pg_temp.spies(what text) RETURNS boolean LANGUAGE plpgsql COST 0.0000001 AS
               'BEGIN INSERT INTO seen VALUES (what); RETURN true; END'";
    reader.batch_execute(spy).await.unwrap();
    let spied = "SELECT count(*) FROM hubspot_contact_credits WHERE pg_temp.spies(student_id)";
    assert_eq!(reader.query_one(spied, &[]).await.unwrap().get::<_, i64>(0), 1);
    let seen: Vec<String> =
        reader.query("SELECT what FROM seen", &[]).await.unwrap().iter().map(|row| row.get(0)).collect();
    assert_eq!(seen, ["ANN"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_of_two_organisations_loses_one_and_then_everything() {
    let school = School::open().await;
    let neighbour = school.neighbour("neighbour").await;
    Scene::of(&school, "ANN").await;
    Scene::of(&neighbour, "BOB").await;
    let role = new_role();
    lets_read(&school, &role).await;
    let again = lets_read(&school, &role).await;
    assert!(!again.created, "the second time it is there");
    lets_read(&neighbour, &role).await;
    let mut owner = school.db.owner().await;
    let listed: Vec<String> = readers::list(&owner)
        .await
        .unwrap()
        .into_iter()
        .filter(|reader| reader.role == role)
        .map(|reader| reader.org)
        .collect();
    assert_eq!(listed, ["neighbour", "school"]);

    let reader = logs_in(&school, &role).await;
    let students = "hubspot_sync.hubspot_contact_credits";
    assert_eq!(count(&reader, students).await, Ok(2));
    assert!(readers::remove(&mut owner, school.org_id, &role).await.unwrap());
    assert!(!readers::remove(&mut owner, school.org_id, &role).await.unwrap());
    assert_eq!(count(&reader, students).await, Ok(1));
    assert!(readers::remove(&mut owner, neighbour.org_id, &role).await.unwrap());
    assert_eq!(count(&reader, students).await, Err(SqlState::INSUFFICIENT_PRIVILEGE));
}

/// As an operator does it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_program_lets_a_login_read() {
    let school = School::open().await;
    Scene::of(&school, "ANN").await;
    let role = new_role();
    let reader = async |arguments: &[&str]| {
        let run = tokio::process::Command::new(env!("CARGO_BIN_EXE_surehold"))
            .arg("reader")
            .args(arguments)
            .env("SUREHOLD_DATABASE_URL", &school.db.url)
            .output();
        let output = run.await.expect("the program runs");
        let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        (output.status.success(), said)
    };
    assert_eq!(reader(&["list"]).await, (true, "Nobody reads with SQL.\n".to_owned()));
    let (is_done, said) = reader(&["add", &role]).await;
    assert!(
        is_done && said.contains("It has no password yet") && said.contains("may read the rows of school"),
        "{said}"
    );
    assert_eq!(count(&logs_in(&school, &role).await, "hubspot_bookings").await, Ok(1));
    let (_, listed) = reader(&["list"]).await;
    assert!(listed.contains(&role) && listed.contains("school"), "{listed}");
    let (is_done, said) = reader(&["remove", &role, "--org", "school"]).await;
    assert!(is_done && said.contains("reads nothing of school any more"), "{said}");
    let (is_done, said) = reader(&["remove", &role]).await;
    assert!(!is_done && said.contains("does not read school"), "{said}");
    let (is_done, said) = reader(&["add", APP_ROLE]).await;
    assert!(!is_done && said.contains("can see more than a reader may"), "{said}");
}

/// A role that can see more than the views is no reader; and one that somebody gave more is named by the doctor.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_role_that_sees_more_is_refused_or_named() {
    let school = School::open().await;
    let mut owner = school.db.owner().await;
    let clerk = new_role();
    owner.batch_execute(&format!("CREATE ROLE \"{clerk}\" LOGIN IN ROLE {APP_ROLE}")).await.unwrap();
    for (role, says) in [
        ("surehold_owner", "can see more"),
        (APP_ROLE, "can see more"),
        (clerk.as_str(), "can see more"),
        ("public", "for itself"),
        ("pg_read_all_data", "can see more"),
        ("", "1 to 63 bytes"),
    ] {
        let refused = readers::add(&mut owner, APP_ROLE, school.org_id, role).await;
        let said = refused.expect_err(role).to_string();
        assert!(said.contains(says), "{role}: {said}");
    }

    let role = new_role();
    lets_read(&school, &role).await;
    let of_reader = async || {
        let all = settings::check(&school.db.owner().await, APP_ROLE).await.unwrap();
        all.into_iter().find(|setting| setting.name == format!("SQL reader {role}")).unwrap().ok
    };
    assert!(of_reader().await);
    owner.batch_execute(&format!("GRANT SELECT ON journal TO \"{role}\"")).await.unwrap();
    assert!(!of_reader().await);
}
