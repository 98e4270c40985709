//! Records as HubSpot has them, good and bad.

use serde_json::{Value, json};
use uuid::Uuid;

use super::*;
use crate::hubspot::Mapping;

fn ann() -> Pair {
    Pair::new(Uuid::nil(), "S1", "ann@x.example")
}

fn record(properties: Value, history: Value) -> Record {
    let body = json!({ "id": "7001", "properties": properties, "propertiesWithHistory": history });
    serde_json::from_value(body).expect("a record")
}

fn found(properties: Value, history: Value) -> Option<Found> {
    read(&Mapping::default().contacts, &record(properties, history), &ann())
}

fn at(second: u8, value: &str) -> Value {
    json!({ "value": value, "timestamp": format!("2026-01-01T00:00:{second:02}Z") })
}

fn moment(second: i64) -> i64 {
    1_767_225_600_000 + second * 1000
}

#[test]
fn a_record_is_the_students_by_both_names_in_any_case() {
    for (student_id, email, is_hers) in [
        ("S1", "ann@x.example", true),
        (" s1", "Ann@X.example ", true),
        ("S2", "ann@x.example", false),
        ("S1", "anna@x.example", false),
        ("", "ann@x.example", false),
    ] {
        let properties = json!({ "student_id": student_id, "email": email });
        assert_eq!(found(properties, json!({})).is_some(), is_hers, "{student_id} {email}");
    }
    for properties in [json!({ "student_id": "S1" }), json!({ "email": "ann@x.example" }), json!({}), json!(null)] {
        assert_eq!(found(properties.clone(), json!({})), None, "{properties}");
    }
    let properties = json!({ "student_id": "S1", "email": "ann@x.example" });
    for (member, value) in [("archived", json!(true)), ("id", json!("7-1")), ("id", json!(""))] {
        let mut body = json!({ "id": "7001", "properties": properties });
        body[member] = value;
        let record: Record = serde_json::from_value(body.clone()).expect("a record");
        assert_eq!(read(&Mapping::default().contacts, &record, &ann()), None, "{body}");
    }
}

#[test]
fn names_and_dates_are_made_fit_or_left_out() {
    let of = |more: Value| {
        let mut properties = json!({ "student_id": "S1", "email": "ann@x.example" });
        for (name, value) in more.as_object().expect("members") {
            properties[name] = value.clone();
        }
        found(properties, json!({})).expect("hers")
    };
    let long = "x".repeat(300);
    let whole = of(json!({ "firstname": " An\u{0}n\n", "lastname": long }));
    assert_eq!((whole.first_name.as_str(), whole.last_name.len()), ("Ann", 200));
    let bare = of(json!({ "firstname": null }));
    assert_eq!((bare.first_name.as_str(), bare.last_name.as_str(), bare.ndecc_exam_date), ("", "", None));
    let day = jiff::civil::date(2026, 10, 23);
    for (text, date) in [
        ("2026-10-23", Some(day)),
        ("2026-10-23T00:00:00Z", Some(day)),
        ("1792713600000", Some(day)),
        ("", None),
        ("soon", None),
        ("2026-10-23x", None),
        ("0026-10-23", None),
        ("ääääää-10-23", None),
    ] {
        assert_eq!(of(json!({ "ndecc_exam_date": text })).ndecc_exam_date, date, "{text:?}");
    }
}

#[test]
fn credits_and_the_moment_that_they_are_of_are_the_newest_of_the_history() {
    let properties = json!({ "student_id": "S1", "email": "ann@x.example", "cs_credits": "5" });
    let found = found(properties, json!({ "cs_credits": [at(2, "3"), at(9, "5"), at(1, "4")] })).expect("hers");
    let credit = &found.credits["cs_credits"];
    assert_eq!((credit.amount(), credit.newest()), (5, moment(9)));
    let amounts = [0, 1, 2, 8, 9].map(|second| credit.at(moment(second)));
    assert_eq!(amounts, [4, 4, 3, 3, 5], "the oldest that there is, where the history does not go back that far");
    assert_eq!(credit.at(0), 0, "before everything");
    let never = &found.credits["sj_credits"];
    assert_eq!((never.amount(), never.newest(), never.at(moment(1))), (0, 0, 0));
    assert_eq!(found.credits.len(), 5, "every kind that the portal has");
}

/// What is no number holds nothing up, and the next number is compared with the last one before, as a pull does.
#[test]
fn what_is_no_whole_number_counts_for_nothing() {
    for (history, amount) in [
        (json!([at(1, "3"), at(2, "abc")]), 3),
        (json!([at(1, "3"), at(2, "2.5")]), 3),
        (json!([at(1, "abc")]), 0),
        (json!([at(1, "3"), at(2, "")]), 0),
        (json!([at(1, "4.0")]), 4),
        (json!([at(1, "-2")]), 0),
        (json!([at(1, "99999999999999")]), AMOUNT_MAX),
        (json!([{ "value": "7" }, at(1, "3")]), 3),
        (json!([]), 0),
    ] {
        let credit = CreditFound::of(&serde_json::from_value::<Vec<Version>>(history.clone()).expect("versions"));
        assert_eq!(credit.amount(), amount, "{history}");
        let plain = !["abc", "2.5", "-2", "99999999999999"].iter().any(|bad| history.to_string().contains(bad));
        assert_eq!(credit.is_plain(), plain, "{history}");
    }
    // What a pull will count is not taken already.
    let history = json!([at(1, "abc"), at(5, "7")]);
    let credit = CreditFound::of(&serde_json::from_value::<Vec<Version>>(history).expect("versions"));
    assert_eq!((credit.at(moment(1)), credit.at(moment(5))), (0, 7));
}
