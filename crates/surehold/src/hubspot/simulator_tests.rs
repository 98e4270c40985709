//! The client against the stand-in for HubSpot: it has to understand all that we send, and we all that it says.

use std::net::SocketAddr;
use std::time::Duration;

use secrecy::SecretString;
use surehold_simulators::hubspot::{Limits, Options, Simulator};

use super::*;

const TOKEN: &str = "pat-test-simulated";

async fn start(multi_status: bool) -> Simulator {
    let options = Options {
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        token: TOKEN.to_owned(),
        limits: Limits::none(),
        search_delay: Duration::ZERO,
        multi_status,
        ..Options::default()
    };
    Simulator::start(options).await.expect("a simulator")
}

fn client_of(simulator: &Simulator, token: &str, objects_path: &str) -> HubSpot {
    let options = HubSpotOptions {
        api_base: simulator.base_url().to_owned(),
        objects_path: objects_path.to_owned(),
        ..HubSpotOptions::default()
    };
    HubSpot::new(SecretString::from(token), &options, Limiter::new(&LimiterOptions::default())).expect("a client")
}

/// Makes what is missing, as a set-up does.
async fn set_up(client: &HubSpot, mapping: &Mapping) {
    for object in Object::ALL {
        let kind = mapping.object_type(object);
        let groups = client.list_property_groups(kind).await.expect("groups");
        if !groups.iter().any(|group| group.name == mapping.group) {
            client.create_property_group(kind, &mapping.property_group()).await.expect("a group");
        }
        let existing = client.list_properties(kind).await.expect("properties");
        for planned in mapping.properties(object) {
            match existing.iter().find(|property| property.name == planned.name) {
                Some(property) => assert_eq!(planned.misfit(property), None),
                None => client.create_property(kind, &planned.definition(&mapping.group)).await.expect("a property"),
            }
        }
        let now = client.list_properties(kind).await.expect("properties");
        for planned in mapping.properties(object) {
            let found = now.iter().find(|property| property.name == planned.name).expect("made");
            assert_eq!(planned.misfit(found), None);
        }
    }
}

fn row(id: &str, properties: &[(&str, &str)]) -> Row {
    let properties = properties.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Row { id: id.to_owned(), properties, trace_id: format!("trace of {id}") }
}

fn saved(answer: &BatchAnswer, id: &str) -> (String, bool) {
    match &answer.outcomes[&format!("trace of {id}")] {
        Outcome::Saved { id, is_new } => (id.clone(), *is_new),
        other => panic!("{id}: {other:?}"),
    }
}

async fn the_whole_way(multi_status: bool, objects_path: &str) {
    let simulator = start(multi_status).await;
    let client = client_of(&simulator, TOKEN, objects_path);
    let mapping = Mapping::default();
    set_up(&client, &mapping).await;
    let [contacts, sessions, bookings] = Object::ALL.map(|object| mapping.object_type(object));

    // Contacts: one is refused, the others are written; again, they are the same.
    let rows = [
        row(
            "c-1",
            &[("student_id", "S1"), ("email", "a@x.example"), ("cs_credits", "3"), ("surehold_cs_credits", "3")],
        ),
        row("c-2", &[("no_such_property", "1")]),
        row("c-3", &[("student_id", "S3"), ("email", "c@x.example")]),
    ];
    let first = client.batch_upsert(contacts, "surehold_id", &rows).await.expect("an answer");
    let (one, is_new) = saved(&first, "c-1");
    assert!(is_new && saved(&first, "c-3").1);
    let Outcome::Refused(refusal) = &first.outcomes["trace of c-2"] else { panic!("{first:?}") };
    assert!(refusal.category == "VALIDATION_ERROR" && refusal.message.contains("no_such_property"), "{refusal}");
    let again = client.batch_upsert(contacts, "surehold_id", &rows[..1]).await.expect("an answer");
    assert_eq!(saved(&again, "c-1"), (one.clone(), false));
    let update = Row { id: one.clone(), ..row("c-1", &[("cs_credits", "2")]) };
    let updated = client.batch_update(contacts, None, &[update]).await.expect("an answer");
    assert_eq!(saved(&updated, "c-1"), (one.clone(), false));

    // Read back: by our id, with history, one alone, and by a search.
    let fields = Fields { properties: &["email"], with_history: &["cs_credits"] };
    let ids = ["c-1", "c-2", "c-3"].map(str::to_owned);
    let found = client.batch_read(contacts, Some("surehold_id"), &ids, fields).await.expect("records");
    assert_eq!(found.records.keys().collect::<Vec<_>>(), ["c-1", "c-3"]);
    let history = &found.records["c-1"].properties_with_history["cs_credits"];
    assert_eq!(history.iter().map(|version| version.value.as_str()).collect::<Vec<_>>(), ["2", "3"]);
    assert!(history[0].timestamp.is_some() && !history[0].source_type.is_empty());
    let alone =
        client.get_record(contacts, Some("surehold_id"), "c-1", fields).await.expect("a record").expect("there");
    assert_eq!((alone.id.as_str(), alone.property("email")), (one.as_str(), Some("a@x.example")));
    assert_eq!(client.get_record(contacts, None, "999999", fields).await, Ok(None));
    let page = client.search(contacts, &Search::all_of(vec![Filter::eq("student_id", "S1")], &["email"])).await;
    let page = page.expect("a page");
    assert_eq!((page.total, page.records[0].id.as_str(), page.after), (1, one.as_str(), None));

    // A booking of a session, with every kind of value.
    let session = row("s-1", &[("mock_type", "Clinical Skills"), ("exam_date", "2026-10-23"), ("capacity", "12")]);
    let session = saved(&client.batch_upsert(sessions, "surehold_id", &[session]).await.expect("an answer"), "s-1").0;
    let booking = row(
        "b-1",
        &[
            ("booking_id", "Clinical Skills-S1-October 23, 2026"),
            ("is_active", "Active"),
            ("dominant_hand", "true"),
            ("token_refunded_at", "1700000000000"),
            ("attendance", ""),
        ],
    );
    let booking = saved(&client.batch_upsert(bookings, "surehold_id", &[booking]).await.expect("an answer"), "b-1").0;
    let pair = |to: &str| Pair { from: booking.clone(), to: to.to_owned() };
    let ways = [
        (contacts, &mapping.bookings.to_contact, pair(&one)),
        (sessions, &mapping.bookings.to_session, pair(&session)),
    ];
    for (kind, association, pair) in ways {
        for _ in 0..2 {
            let pairs = std::slice::from_ref(&pair);
            let answer = client.batch_associate(bookings, kind, association, pairs).await.expect("an answer");
            assert_eq!(answer.outcomes[&pair], PairOutcome::Done);
        }
        let ids = [booking.clone()];
        let read = client.read_associations(bookings, kind, &ids).await.expect("associations");
        assert_eq!(read.of[&booking].iter().map(|to| to.id.as_str()).collect::<Vec<_>>(), [pair.to.as_str()]);
        assert!(read.of[&booking][0].types.contains(association), "{read:?}");
        let pairs = std::slice::from_ref(&pair);
        let ended = client.batch_disassociate(bookings, kind, pairs).await.expect("an answer");
        assert_eq!(ended.outcomes[&pair], PairOutcome::Done);
        let read = client.read_associations(bookings, kind, &ids).await.expect("associations");
        assert!(read.of[&booking].is_empty() && read.refused.is_empty(), "{read:?}");
    }
    let nobody = Pair { from: booking.clone(), to: "999999".to_owned() };
    let association = &mapping.bookings.to_contact;
    let answer = client.batch_associate(bookings, contacts, association, &[nobody.clone(), pair(&one)]).await;
    let answer = answer.expect("an answer");
    assert_eq!(answer.outcomes[&pair(&one)], PairOutcome::Done);
    assert_ne!(answer.outcomes[&nobody], PairOutcome::Done, "{answer:?}");
}

#[tokio::test]
async fn the_stand_in_understands_the_old_versions() {
    the_whole_way(true, "/crm/v3/objects").await;
}

#[tokio::test]
async fn the_stand_in_understands_a_dated_version_with_errors_in_a_success() {
    the_whole_way(false, "/crm/objects/2026-09").await;
}

/// Whatever the speed of this machine: the stand-in counts arrivals in every window, and never has to say no.
#[tokio::test]
async fn many_calls_at_once_never_meet_the_limits() {
    let simulator = start(true).await;
    let (calls, searches, interval, search_interval) = (12, 3, 400, 100);
    simulator.set_limits(Limits {
        calls,
        searches,
        interval_ms: interval,
        search_interval_ms: search_interval,
        ..Limits::starter()
    });
    let limiter = Limiter::new(&LimiterOptions {
        calls: calls as usize,
        searches: searches as usize,
        interval: Duration::from_millis(interval),
        search_interval: Duration::from_millis(search_interval),
        ..LimiterOptions::default()
    });
    let client = client_of(&simulator, TOKEN, "/crm/v3/objects").with_token(SecretString::from(TOKEN), limiter);
    for (count, is_search) in [(40, false), (12, true)] {
        let mut asked = tokio::task::JoinSet::new();
        for n in 0..count {
            let client = client.at(if n % 2 == 0 { Priority::Person } else { Priority::Sync });
            asked.spawn(async move {
                if is_search {
                    client.search("0-1", &Search::all_of(vec![Filter::has("email")], &[])).await.map(drop)
                } else {
                    client.get_record("0-1", None, "1", Fields::default()).await.map(drop)
                }
            });
        }
        for answer in asked.join_all().await {
            answer.expect("never too fast");
        }
    }
    let seen = simulator.limits();
    assert_eq!((seen.calls.refused, seen.searches.refused), (0, 0), "{seen:?}");
    assert!(client.limiter().calls_left_today().is_some_and(|left| left < 250_000));
}

#[tokio::test]
async fn the_stand_in_refuses_a_wrong_token() {
    let simulator = start(true).await;
    let client = client_of(&simulator, "pat-test-other", "/crm/v3/objects");
    let error = client.list_properties("0-1").await.expect_err("a wrong token");
    assert!(error.refusal().is_some_and(Refusal::is_access), "{error}");
}

#[test]
fn the_stand_in_signs_as_we_do() {
    let request = signature::Signed { method: "POST", uri: "https://x.example/a?b=c%40d", body: b"[]" };
    let (ours, _) = signature::sign(&SecretString::from("secret"), request, 1_700_000_000_000);
    let theirs = surehold_simulators::hubspot::sign("secret", "POST", request.uri, request.body, 1_700_000_000_000);
    assert_eq!(ours, theirs);
}
