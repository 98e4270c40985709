//! Experiences are added and changed by operators.

use surehold_core::Refusal;
use surehold_core::command::*;
use surehold_core::rows::*;

use crate::marketplace::*;
use crate::world::*;

fn add(name: &str) -> AddOffering {
    AddOffering { id: None, name: name.to_owned(), terms: OfferingTerms::default() }
}

fn change(offering_id: uuid::Uuid) -> ChangeOffering {
    ChangeOffering { offering_id, expected_version: None, name: None, terms: OfferingTerms::default() }
}

fn costs(price_minor: i64) -> OfferingTerms {
    OfferingTerms { price_minor: Some(price_minor), ..OfferingTerms::default() }
}

#[test]
fn a_new_experience_has_the_usual_terms() {
    let mut m = market();
    let saved = saved_offering(m.ask(add("Boat")));
    assert_eq!((saved.version, saved.changed), (1, true));
    let boat = m.ledger.offering(saved.offering_id).expect("an offering");
    assert_eq!((boat.name.as_str(), boat.family, boat.is_active, boat.version), ("Boat", Family::Experience, true, 1));
    assert_eq!((boat.price_minor, boat.guests_max, boat.booking_cutoff_minutes), (None, 10, 120));
    assert_eq!((boat.free_cancel_minutes, boat.late_refund_percent), (1440, 0));
    assert!(!boat.one_per_day && boat.credit_policy.is_empty());
    assert_eq!(m.events(), ["offering.added"]);
    assert_eq!(refusal(m.ask(add("Boat"))), Refusal::OfferingExists { offering_id: saved.offering_id });
}

#[test]
fn a_change_is_journalled_with_before_and_after() {
    let mut m = market();
    let terms = OfferingTerms {
        price_minor: Some(100),
        guests_max: Some(1000),
        booking_cutoff_minutes: Some(0),
        free_cancel_minutes: Some(527_040),
        late_refund_percent: Some(100),
        is_active: Some(false),
    };
    let request = ChangeOffering { expected_version: Some(1), name: Some("Stroll".to_owned()), terms, ..change(CITY) };
    let saved = saved_offering(m.ask(request));
    assert_eq!((saved.offering_id, saved.version, saved.changed), (CITY, 2, true));
    let row = m.ledger.writes().journal.last().expect("a row");
    let facts = |text: &Option<String>| -> serde_json::Value {
        serde_json::from_str(text.as_deref().expect("facts")).expect("JSON")
    };
    let (before, after) = (facts(&row.before), facts(&row.after));
    assert_eq!(
        (&before["name"], &before["price_minor"], &before["version"]),
        (&"City walk".into(), &5000.into(), &1.into())
    );
    let expected = serde_json::json!({
        "name": "Stroll", "price_minor": 100, "guests_max": 1000, "booking_cutoff_minutes": 0,
        "free_cancel_minutes": 527_040, "late_refund_percent": 100, "is_active": false, "version": 2,
    });
    assert_eq!(after, expected);
}

#[test]
fn what_is_not_said_stays_and_a_change_to_the_same_is_none() {
    let mut m = market();
    m.ask(ChangeOffering { terms: costs(100), ..change(HIKE) }).expect("it is changed");
    let hike = m.ledger.offering(HIKE).expect("the hike");
    assert_eq!((hike.name.as_str(), hike.guests_max, hike.late_refund_percent), ("Hike", 4, 50));
    for same in [
        change(HIKE),
        ChangeOffering { terms: costs(100), ..change(HIKE) },
        ChangeOffering { name: Some("Hike".to_owned()), ..change(HIKE) },
    ] {
        let saved = saved_offering(Ok(m.changes_nothing(same)));
        assert_eq!((saved.version, saved.changed), (2, false));
    }
}

#[test]
fn an_old_picture_is_refused() {
    let mut m = market();
    m.ask(ChangeOffering { terms: costs(100), ..change(CITY) }).expect("it is changed");
    let old = ChangeOffering { expected_version: Some(1), terms: costs(200), ..change(CITY) };
    assert_eq!(refusal(m.ask(old)), Refusal::VersionConflict { expected: 1, actual: 2 });
    m.ask(ChangeOffering { expected_version: Some(2), terms: costs(200), ..change(CITY) }).expect("it is changed");
}

#[test]
fn a_name_is_free_again_when_its_offering_has_another() {
    let mut m = market();
    let rename = |id, name: &str| ChangeOffering { name: Some(name.to_owned()), ..change(id) };
    assert_eq!(refusal(m.ask(rename(CITY, "Hike"))), Refusal::OfferingExists { offering_id: HIKE });
    m.ask(rename(HIKE, "Climb")).expect("it is renamed");
    m.ask(rename(CITY, "Hike")).expect("the name is free");
    assert_eq!(refusal(m.ask(add("Climb"))), Refusal::OfferingExists { offering_id: HIKE });
}

#[test]
fn wrong_terms_are_all_named() {
    let mut m = market();
    let wrong = |more: i32| OfferingTerms {
        price_minor: Some(if more > 0 { 100_000_000 } else { -1 }),
        guests_max: Some(if more > 0 { 1001 } else { 0 }),
        booking_cutoff_minutes: Some(if more > 0 { 527_041 } else { -1 }),
        free_cancel_minutes: Some(if more > 0 { 527_041 } else { -1 }),
        late_refund_percent: Some(if more > 0 { 101 } else { -1 }),
        is_active: None,
    };
    for terms in [wrong(1), wrong(-1)] {
        for result in [
            m.ask(AddOffering { terms: terms.clone(), ..add("Boat") }),
            m.ask(ChangeOffering { terms: terms.clone(), ..change(CITY) }),
        ] {
            let Refusal::Invalid(fields) = refusal(result) else { panic!("not valid") };
            let named: Vec<_> = fields.into_keys().collect();
            assert_eq!(named, ["cutoffMinutes", "freeCancellationMinutes", "lateRefundPercent", "maxGuests", "price"]);
        }
    }
    for right in [costs(0), costs(99_999_999)] {
        m.ask(ChangeOffering { terms: right, ..change(CITY) }).expect("it is changed");
    }
}

#[test]
fn an_exam_is_no_experience() {
    let mut m = market();
    assert_eq!(refusal(m.ask(ChangeOffering { terms: costs(1), ..change(SJ) })), Refusal::OfferingNotFound);
}
