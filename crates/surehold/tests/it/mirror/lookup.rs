//! Students whom only HubSpot knows: found once, stored, and from then on like everybody else.

use std::future::IntoFuture;
use std::time::Duration;

use futures::future::join_all;
use serde_json::{Value, json};
use surehold::mirror::{LookedUp, Mirror, MirrorOptions};
use surehold_core::credit_history::{self, Change, Entry};
use surehold_simulators::hubspot::{CONTACTS, Chance, Effect, Fault, Policy, Rule};
use uuid::Uuid;

use crate::support::MirroredSchool;
use crate::support::answer::Answer;
use crate::support::api::{Api, Student, booking_of, merged};
use crate::support::cluster::connect;
use crate::support::gate::{Gate, Stop};
use crate::support::portal::{hubspot, portals_at};

const AWAY: &str = "DATABASE_UNAVAILABLE";
const CRM_AWAY: &str = "CRM_UNAVAILABLE";
/// Longer than any test takes.
const FOR_EVER: Duration = Duration::from_secs(600);

async fn logs_in(api: &Api, student: &Student) -> Answer {
    api.post("/api/user/login", student.identity()).await
}

async fn validates(api: &Api, student: &Student) -> Answer {
    let question = merged(student.identity(), json!({ "mock_type": "Clinical Skills" }));
    api.post("/api/mock-exams/validate-credits", question).await
}

async fn contacts(school: &MirroredSchool) -> i64 {
    school.api.school.count("contacts").await
}

/// Every call to HubSpot ends like this, until it is cleared.
fn always(fault: Fault) -> Rule {
    Rule { method: None, path: None, skip: 0, chance: Chance::Probability(1.0), fault }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_student_whom_only_hubspot_knows_is_found_at_the_first_login_and_stored() {
    let school = MirroredSchool::open().await;
    let api = &school.api;
    let values = [("cs_credits", "3"), ("shared_mock_credits", "2"), ("ndecc_exam_date", "2030-06-01")];
    let (ann, hubspot_id) = school.newcomer("ANN", &values);

    let first = logs_in(api, &ann).await.is(200);
    assert_eq!(first.data()["source"], "hubspot");
    assert_eq!(first.data()["hubspot_id"], hubspot_id);
    assert_eq!(first.data()["student_name"], "Test ANN");
    assert_eq!(first.data()["ndecc_exam_date"], "2030-06-01");
    let credits = json!({
        "cs_credits": 3, "mock_discussion_token": 0, "shared_mock_credits": 2, "sj_credits": 0, "sjmini_credits": 0,
    });
    assert_eq!(first.data()["credits"], credits);
    assert_eq!(school.lookups(), (1, 1));

    let again = logs_in(api, &ann).await.is(200);
    assert_eq!((&again.data()["source"], &again.data()["id"]), (&json!("database"), &first.data()["id"]));
    assert_eq!(again.data()["credits"], credits);
    let session = api.opens("Clinical Skills", 1).await;
    let token = again.data()["token"].as_str().unwrap();
    api.post("/api/bookings/create", booking_of(session)).bearer(token).await.is(201);
    assert_eq!(api.credits(&ann).await["cs_credits"], 2);
    assert_eq!(school.lookups(), (1, 1), "HubSpot was asked once");

    let audit = api.audit("contact", first.id()).await;
    assert_eq!(
        (&audit.rows()[0]["event"], &audit.rows()[0]["actor"]),
        (&json!("contact.added"), &json!("system:hubspot"))
    );
    assert_eq!(contacts(&school).await, 1);
    api.school.laws_hold().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_route_that_takes_a_newcomer_finds_one() {
    let school = MirroredSchool::open().await;
    let api = &school.api;
    let session = api.opens("Clinical Skills", 9).await;
    let newcomer = |student_id| school.newcomer(student_id, &[("cs_credits", "2"), ("mock_discussion_token", "1")]).0;

    let ann = newcomer("ANN");
    let asked = validates(api, &ann).await.is(200);
    assert_eq!((&asked.data()["source"], &asked.data()["available_credits"]), (&json!("hubspot"), &json!(2)));
    assert!(asked.data()["contact_id"].is_string() && asked.data().get("degraded").is_none(), "{asked:?}");
    assert_eq!(validates(api, &ann).await.is(200).data()["source"], "database");

    let ben = newcomer("BEN");
    let asked = api.post("/api/mock-discussions/validate-credits", ben.identity()).await.is(200);
    assert_eq!((&asked.data()["source"], &asked.data()["available_credits"]), (&json!("hubspot"), &json!(1)));

    let cid = newcomer("CID");
    api.books(&cid, session).await.is(201);
    assert_eq!(api.credits(&cid).await["cs_credits"], 1);

    let dan = newcomer("DAN");
    let discussion = api.opens("Mock Discussion", 9).await;
    api.books_discussion(&dan, discussion).by_service().await.is(201);

    let eve = newcomer("EVE");
    assert_eq!(api.credits(&eve).await["cs_credits"], 2);

    let fay = newcomer("FAY");
    let body = merged(fay.identity(), booking_of(session));
    api.post("/api/admin/bookings", body).by_admin().await.is(201);

    assert_eq!(school.lookups(), (6, 6));
    assert_eq!(contacts(&school).await, 6);

    // Who is not on the books has no bookings: HubSpot has nothing to say about that.
    let gil = newcomer("GIL");
    api.reads(&gil, "1").await.refused(404, "BOOKING_NOT_FOUND");
    api.cancels(&gil, "1").await.refused(404, "BOOKING_NOT_FOUND");
    let body = merged(gil.identity(), json!({ "booking_ids": ["1"] }));
    assert_eq!(api.post("/api/bookings/batch-cancel", body).await.is(200).data()["summary"]["not_found"], 1);
    assert_eq!(school.lookups(), (6, 6));
    api.school.laws_hold().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_at_once_make_one_call_and_one_contact() {
    let school = MirroredSchool::open().await;
    let (ann, _) = school.newcomer("ANN", &[("cs_credits", "3")]);
    let answers = join_all((0..30).map(|_| logs_in(&school.api, &ann))).await;
    let ids: Vec<Uuid> = answers.into_iter().map(|answer| answer.is(200).id()).collect();
    assert!(ids.iter().all(|id| *id == ids[0]));
    assert_eq!(school.lookups(), (1, 1));
    assert_eq!(contacts(&school).await, 1);
    assert_eq!(school.api.credits(&ann).await["cs_credits"], 3);
    school.api.school.laws_hold().await;

    // Who comes when the others are just through, with a look at the database from before, does not ask again.
    let late = school.mirror.look_up(&school.org, &ann.student_id, &ann.email).await;
    assert_eq!(late.unwrap(), LookedUp::Known(ids[0]));
    assert_eq!(school.lookups(), (1, 1));
}

/// They cannot know of each other before the database tells them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_servers_at_once_make_one_contact() {
    let school = MirroredSchool::open().await;
    let (ann, _) = school.newcomer("ANN", &[("cs_credits", "3")]);
    let gate = Gate::to(school.hubspot.address()).await;
    let options = MirrorOptions { lookup_time_max: FOR_EVER, ..MirrorOptions::default() };
    let server = || {
        let (store, desk) = (school.api.school.store.clone(), school.api.school.second_server());
        Mirror::new(store, desk, portals_at(&school.hubspot, &["--hubspot-api-base", &gate.url]), options)
    };
    let (one, other) = (server(), server());
    gate.stops(Stop::After("GET /crm/v3/objects/0-1/"));
    let release = async {
        gate.has_stopped(2).await;
        gate.stops(Stop::Nowhere);
    };
    let (first, second, ()) = tokio::join!(
        one.look_up(&school.org, &ann.student_id, &ann.email),
        other.look_up(&school.org, &ann.student_id, &ann.email),
        release
    );
    let outcomes = [first.unwrap(), second.unwrap()];
    let added = outcomes.iter().filter_map(|one| if let LookedUp::Added(id) = one { Some(*id) } else { None });
    let added: Vec<Uuid> = added.collect();
    assert!(added.len() == 1 && outcomes.contains(&LookedUp::Known(added[0])), "{outcomes:?}");
    assert_eq!(contacts(&school).await, 1);
    assert_eq!(school.api.credits(&ann).await["cs_credits"], 3);
    school.api.school.laws_hold().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_student_id_and_the_email_have_to_belong_together() {
    let school = MirroredSchool::open().await;
    let api = &school.api;
    let (ann, _) = school.newcomer("ann", &[("cs_credits", "3")]);
    let (ben, _) = school.newcomer("BEN", &[("cs_credits", "3")]);
    let session = api.opens("Clinical Skills", 2).await;
    let mixed = Student { email: ben.email.clone(), ..ann.clone() };
    logs_in(api, &mixed).await.refused(404, "STUDENT_NOT_FOUND");
    validates(api, &mixed).await.refused(404, "STUDENT_NOT_FOUND");
    api.books(&mixed, session).await.refused(404, "CONTACT_NOT_FOUND");
    api.get(format!("/api/bookings/list?{}", mixed.query())).await.refused(404, "CONTACT_NOT_FOUND");
    let nobody = Student { email: "nobody@example.org".to_owned(), ..ann.clone() };
    logs_in(api, &nobody).await.refused(404, "STUDENT_NOT_FOUND");
    // A record without an address is nobody's, whoever asks.
    school.hubspot.create(CONTACTS, &[("student_id", "CID"), ("cs_credits", "1")]).unwrap();
    let cid = Student { student_id: "CID".to_owned(), email: "cid@example.org".to_owned(), ..ann.clone() };
    logs_in(api, &cid).await.refused(404, "STUDENT_NOT_FOUND");
    assert_eq!(contacts(&school).await, 0);

    // However HubSpot spells them.
    assert_eq!(logs_in(api, &ann).await.is(200).data()["student_id"], "ANN");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_unknown_is_remembered_for_a_while() {
    let school = MirroredSchool::open_with(|options| options.mirror.unknown_for = FOR_EVER).await;
    let ann = Student { id: Uuid::nil(), student_id: "ANN".to_owned(), email: "ann@example.org".to_owned() };
    logs_in(&school.api, &ann).await.refused(404, "STUDENT_NOT_FOUND");
    assert_eq!(school.lookups(), (1, 0));
    school.newcomer("ANN", &[]);
    logs_in(&school.api, &ann).await.refused(404, "STUDENT_NOT_FOUND");
    validates(&school.api, &ann).await.refused(404, "STUDENT_NOT_FOUND");
    assert_eq!(school.lookups(), (1, 0), "HubSpot was not asked again");
    // Whom the office enrols is known at once.
    let enrolled = school.api.enrols("ANN", json!({})).await;
    assert_eq!(logs_in(&school.api, &ann).await.is(200).id(), enrolled.id);
}

/// Logs in again and again while the answer is this one.
async fn logs_in_after(status: u16, api: &Api, student: &Student) -> Answer {
    let asking = async {
        loop {
            let answer = logs_in(api, student).await;
            if answer.status != status {
                return answer;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(60), asking).await.expect("another answer within a minute")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory_ends_and_the_student_is_found() {
    let school = MirroredSchool::open_with(|options| options.mirror.unknown_for = Duration::from_millis(300)).await;
    let ann = Student { id: Uuid::nil(), student_id: "ANN".to_owned(), email: "ann@example.org".to_owned() };
    logs_in(&school.api, &ann).await.refused(404, "STUDENT_NOT_FOUND");
    school.newcomer("ANN", &[]);
    let found = logs_in_after(404, &school.api, &ann).await.is(200);
    assert_eq!(found.data()["source"], "hubspot");
    assert_eq!(school.lookups(), (2, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_hubspot_newcomers_wait_and_nobody_else_does() {
    let slow = Fault::Delay { ms: (600_000, 600_000), effect: Effect::All };
    for fault in [Fault::status(503), Fault::Reset { effect: Effect::None }, slow] {
        // As it is without our patience: two seconds.
        let school = MirroredSchool::open_with(|options| options.mirror = MirrorOptions::default()).await;
        let api = &school.api;
        let ben = api.enrols("BEN", json!({ "cs_credits": 9 })).await;
        let session = api.opens("Clinical Skills", 20).await;
        let (ann, _) = school.newcomer("ANN", &[("cs_credits", "1")]);
        school.hubspot.add_fault(always(fault));
        let list = format!("/api/bookings/list?{}", ann.query());
        let calls = async {
            tokio::join!(
                logs_in(api, &ann),
                validates(api, &ann),
                api.books(&ann, session).into_future(),
                api.get(list).into_future()
            )
        };
        // Each gives up by itself, long before the call that it makes would.
        let (login, question, booking, list) =
            tokio::time::timeout(Duration::from_secs(20), calls).await.expect("in time");
        for answer in [login, question, booking, list] {
            answer.refused(503, CRM_AWAY);
            assert_eq!(answer.header("retry-after"), Some("5"));
        }
        let before = school.hubspot.calls().len();
        assert!(before > 0);

        logs_in(api, &ben).await.is(200);
        assert_eq!(validates(api, &ben).await.is(200).data()["source"], "database");
        let booked = api.books(&ben, session).await.is(201);
        api.cancels(&ben, booked.id()).await.is(200);
        assert_eq!(school.hubspot.calls().len(), before, "nobody asks HubSpot about those who are known");

        // That HubSpot was away is not remembered as a no.
        school.hubspot.clear_faults();
        assert_eq!(logs_in_after(503, api, &ann).await.is(200).data()["source"], "hubspot");
        assert_eq!(contacts(&school).await, 2);
        api.school.laws_hold().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_newcomer_waits_as_long_as_hubspot_says() {
    for (retry_after, header) in [(Some(7), "7"), (Some(3600), "60")] {
        let school = MirroredSchool::open().await;
        let (ann, _) = school.newcomer("ANN", &[]);
        let fault = Fault::TooMany { policy: Policy::TenSecondlyRolling, retry_after };
        school.hubspot.add_fault(always(fault));
        let answer = logs_in(&school.api, &ann).await;
        answer.refused(503, CRM_AWAY);
        assert_eq!(answer.header("retry-after"), Some(header));
    }
}

/// A portal that refuses everything is no reason to say that a student does not exist.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_portal_that_refuses_is_away() {
    let school = MirroredSchool::open().await;
    let (ann, _) = school.newcomer("ANN", &[]);
    school.hubspot.add_fault(always(Fault::status(401)));
    let answer = logs_in(&school.api, &ann).await;
    answer.refused(503, CRM_AWAY);
}

/// The database goes away, and comes back when this is awaited.
async fn database_goes_away(api: &Api) -> impl Future<Output = ()> {
    let database = &api.school.db.name;
    let elsewhere = connect(&api.school.db.url.replace(&format!("dbname={database}"), "dbname=postgres")).await;
    let allow = |yes: bool| format!("ALTER DATABASE {database} WITH ALLOW_CONNECTIONS {yes}");
    elsewhere.batch_execute(&allow(false)).await.unwrap();
    let kill = format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{database}'");
    elsewhere.batch_execute(&kill).await.unwrap();
    let back = allow(true);
    async move { elsewhere.batch_execute(&back).await.unwrap() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_database_hubspot_says_what_credits_there_are_and_nothing_is_written() {
    // What is known of the school is fresh, and then it is old.
    for directory_max_age in [FOR_EVER, Duration::ZERO] {
        let school = MirroredSchool::open_with(|options| options.directory_max_age = directory_max_age).await;
        let api = &school.api;
        let (ann, hubspot_id) = school.newcomer("ANN", &[("cs_credits", "3"), ("shared_mock_credits", "1")]);
        let ben = api.enrols("BEN", json!({ "cs_credits": 1 })).await;
        let session = api.opens("Clinical Skills", 2).await;
        let token = api.logs_in(&ben).await;
        let record = school.hubspot.record(CONTACTS, &hubspot_id).unwrap();
        let back = database_goes_away(api).await;

        for _ in 0..2 {
            let asked = validates(api, &ann).await.is(200);
            let expected = json!({
                "eligible": true, "available_credits": 4, "mock_type": "Clinical Skills",
                "credit_breakdown": { "specific_credits": 3, "shared_credits": 1 }, "student_id": "ANN",
                "student_name": "Test ANN", "contact_id": null, "hubspot_id": hubspot_id, "source": "hubspot",
                "degraded": true,
            });
            assert_eq!(*asked.data(), expected);
        }
        let asked = api.post("/api/mock-discussions/validate-credits", ann.identity()).await.is(200);
        assert_eq!((&asked.data()["eligible"], &asked.data()["degraded"]), (&json!(false), &json!(true)));
        let question = merged(ann.identity(), json!({ "mock_type": "Dancing" }));
        api.post("/api/mock-exams/validate-credits", question).await.refused(400, "INVALID_EXAM_TYPE");

        // Whom HubSpot does not know may be on our books; and whose a token is, only the database knows.
        validates(api, &ben).await.refused(503, AWAY);
        let question = json!({ "mock_type": "Clinical Skills" });
        api.post("/api/mock-exams/validate-credits", question).bearer(&token).await.refused(503, AWAY);
        logs_in(api, &ann).await.refused(503, AWAY);
        api.books(&ann, session).await.refused(503, AWAY);
        api.get(format!("/api/bookings/list?{}", ann.query())).await.refused(503, AWAY);
        school.hubspot.add_fault(always(Fault::status(500)));
        validates(api, &ann).await.refused(503, AWAY);
        school.hubspot.clear_faults();

        back.await;
        assert_eq!(school.hubspot.record(CONTACTS, &hubspot_id).unwrap(), record);
        assert_eq!(contacts(&school).await, 1, "Ben");
        let asked = validates(api, &ann).await.is(200);
        assert!(asked.data().get("degraded").is_none() && asked.data()["source"] == "hubspot", "{asked:?}");
        assert_eq!(validates(api, &ann).await.is(200).data()["source"], "database");
        assert_eq!(validates(api, &ben).await.is(200).data()["source"], "database");
        api.school.laws_hold().await;
    }
}

/// It has answered nobody before, so all that it needs to know it has read at its start.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_has_just_started_can_do_without_the_database_too() {
    let school = MirroredSchool::open().await;
    let (ann, _) = school.newcomer("ANN", &[("cs_credits", "3")]);
    let back = database_goes_away(&school.api).await;
    assert_eq!(validates(&school.api, &ann).await.is(200).data()["degraded"], true);
    back.await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_portal_nobody_is_looked_for() {
    let api = Api::open().await;
    let ann = Student { id: Uuid::nil(), student_id: "ANN".to_owned(), email: "ann@example.org".to_owned() };
    logs_in(&api, &ann).await.refused(404, "STUDENT_NOT_FOUND");
    let back = database_goes_away(&api).await;
    validates(&api, &ann).await.refused(503, AWAY);
    back.await;

    // A test organisation is never mirrored.
    let school = MirroredSchool::open().await;
    let (ann, _) = school.newcomer("ANN", &[]);
    let made = school.api.call(reqwest::Method::POST, "/api/admin/test-orgs").by_admin().await.is(201);
    let key = made.data()["service_key"].as_str().unwrap();
    school.api.post("/api/user/login", ann.identity()).bearer(key).await.refused(404, "STUDENT_NOT_FOUND");
    assert_eq!(school.lookups(), (0, 0));
}

/// What a pull will count of a contact's credit, given what was noted when the contact was added.
async fn still_to_count(school: &MirroredSchool, hubspot_id: &str, kind: &str) -> Vec<i64> {
    let sql = "SELECT counted_to FROM hubspot_credits WHERE org_id = $1 AND hubspot_id = $2 AND kind = $3";
    let owner = school.api.school.db.owner().await;
    let counted_to = owner.query_one(sql, &[&school.api.school.org_id, &hubspot_id, &kind]).await.unwrap().get(0);
    let history = school.hubspot.history(CONTACTS, hubspot_id, kind);
    let entries: Vec<Entry> =
        history.into_iter().map(|entry| Entry { at: entry.timestamp, value: entry.value }).collect();
    let reading = credit_history::read(&entries, &[], counted_to, 1000);
    reading.changes.iter().map(|Change { delta, .. }| *delta).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_bought_while_a_student_is_looked_for_is_not_lost() {
    let hubspot = hubspot().await;
    let gate = Gate::to(hubspot.address()).await;
    let school = MirroredSchool::reached_at(&gate.url, hubspot, |_| {}).await;
    let (ann, hubspot_id) = school.newcomer("ANN", &[("cs_credits", "3"), ("sj_credits", "1")]);

    // Between the search and the look at the record: it is in what the record says.
    gate.stops(Stop::After("POST /crm/v3/objects/0-1/search"));
    let buys = async {
        gate.has_stopped(1).await;
        school.hubspot.edit(CONTACTS, &hubspot_id, &[("cs_credits", "4")]).unwrap();
        gate.stops(Stop::Nowhere);
    };
    let (answer, ()) = tokio::join!(logs_in(&school.api, &ann), buys);
    assert_eq!(answer.is(200).data()["cs_credits"], 4);
    assert_eq!(still_to_count(&school, &hubspot_id, "cs_credits").await, [0; 0]);

    // After that look, before the contact is there: it is still to be counted.
    let (ben, hubspot_id) = school.newcomer("BEN", &[("cs_credits", "3")]);
    gate.stops(Stop::After("GET /crm/v3/objects/0-1/"));
    let buys = async {
        gate.has_stopped(2).await;
        school.hubspot.edit(CONTACTS, &hubspot_id, &[("cs_credits", "5"), ("sj_credits", "1")]).unwrap();
        gate.stops(Stop::Nowhere);
    };
    let (answer, ()) = tokio::join!(logs_in(&school.api, &ben), buys);
    let answer = answer.is(200);
    assert_eq!((&answer.data()["cs_credits"], &answer.data()["sj_credits"]), (&json!(3), &json!(0)));
    assert_eq!(still_to_count(&school, &hubspot_id, "cs_credits").await, [2]);
    assert_eq!(still_to_count(&school, &hubspot_id, "sj_credits").await, [1]);
    school.api.school.laws_hold().await;
}

/// A server noted the moment and died before the contact was there. Its moment holds: what was bought since is counted
/// by a pull, which is asked for, and not twice.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_attempt_that_did_not_come_to_its_end_counts_nothing_twice() {
    let school = MirroredSchool::open().await;
    let api = &school.api;
    let (ann, hubspot_id) = school.newcomer("ANN", &[("cs_credits", "3"), ("sj_credits", "1")]);
    let noted = school.hubspot.history(CONTACTS, &hubspot_id, "cs_credits")[0].timestamp;
    for (kind, moment) in [("cs_credits", noted), ("sjmini_credits", 0)] {
        let sql = format!(
            "INSERT INTO hubspot_credits (org_id, hubspot_id, kind, counted_to) VALUES ('{}', '{hubspot_id}', '{kind}', {moment})",
            api.school.org_id
        );
        assert_eq!(api.meddles(&sql).await, 1);
    }
    let bought = [("cs_credits", "5"), ("sjmini_credits", "2"), ("sj_credits", "4")];
    school.hubspot.edit(CONTACTS, &hubspot_id, &bought).unwrap();
    let answer = logs_in(api, &ann).await.is(200);
    let opening = |kind: &str| answer.data()[kind].as_i64().unwrap();
    assert_eq!([opening("cs_credits"), opening("sjmini_credits"), opening("sj_credits")], [3, 0, 4]);
    assert_eq!(still_to_count(&school, &hubspot_id, "cs_credits").await, [2]);
    assert_eq!(still_to_count(&school, &hubspot_id, "sjmini_credits").await, [2]);
    assert_eq!(still_to_count(&school, &hubspot_id, "sj_credits").await, [0; 0]);
    assert_eq!(api.school.count("hubspot_links WHERE pull_wanted_at IS NOT NULL").await, 1);
    api.school.laws_hold().await;
}

/// Nobody owes us credits, and what is no number is not ours to guess.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn credits_that_cannot_be_had_are_none() {
    let school = MirroredSchool::open().await;
    let (ann, hubspot_id) =
        school.newcomer("ANN", &[("cs_credits", "-2"), ("sj_credits", "2"), ("sjmini_credits", "0.5")]);
    school.hubspot.edit(CONTACTS, &hubspot_id, &[("sj_credits", "2.5")]).unwrap();
    let answer = logs_in(&school.api, &ann).await.is(200);
    let credits: Vec<&Value> = ["cs_credits", "sj_credits", "sjmini_credits"].map(|kind| &answer.data()[kind]).into();
    assert_eq!(credits, [0, 2, 0], "the last whole number");
    school.api.school.laws_hold().await;
}

/// Whose record it is, is noted here; an address that was changed there takes nobody's place.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_that_is_another_contacts_changes_nothing() {
    let school = MirroredSchool::open().await;
    let api = &school.api;
    let (ann, hubspot_id) = school.newcomer("ANN", &[("cs_credits", "3")]);
    let known = logs_in(api, &ann).await.is(200);
    school.hubspot.edit(CONTACTS, &hubspot_id, &[("email", "anna@example.org"), ("cs_credits", "9")]).unwrap();
    let renamed = Student { email: "anna@example.org".to_owned(), ..ann.clone() };
    logs_in(api, &renamed).await.refused(404, "STUDENT_NOT_FOUND");
    let lookups = school.lookups();
    logs_in(api, &renamed).await.refused(404, "STUDENT_NOT_FOUND");
    assert_eq!(school.lookups(), lookups, "and is remembered");
    let still = logs_in(api, &ann).await.is(200);
    assert_eq!((still.id(), &still.data()["cs_credits"]), (known.id(), &json!(3)));
    assert_eq!(contacts(&school).await, 1);
    api.school.laws_hold().await;
}
