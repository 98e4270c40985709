//! Names of a portal, right and wrong.

use super::*;

fn problem(text: &str) -> String {
    format!("{:#}", Mapping::parse(text).expect_err(text))
}

#[test]
fn the_defaults_are_the_exam_schools_and_have_no_problem() {
    let mapping = Mapping::default();
    assert_eq!(mapping.problems(), Vec::<String>::new());
    assert_eq!(Mapping::parse("{}").expect("nothing differs"), mapping);
    let types = Object::ALL.map(|object| mapping.object_type(object));
    assert_eq!(types, ["0-1", "2-50158913", "2-50158943"]);
    assert_eq!((mapping.bookings.to_contact.type_id, mapping.bookings.to_session.type_id), (1289, 1291));
    assert_eq!(mapping.bookings.to_contact.category, "USER_DEFINED");
    assert_eq!(mapping.contacts.credits["mock_discussion_token"].shadow, "surehold_mock_discussion_token");
    assert_eq!(mapping.contacts.credits.len(), 5);
}

#[test]
fn a_written_mapping_reads_back() {
    let text = serde_json::to_string_pretty(&Mapping::default()).expect("JSON");
    assert_eq!(Mapping::parse(&text).expect("a mapping"), Mapping::default());
}

#[test]
fn a_file_names_only_what_differs() {
    let mapping = Mapping::parse(
        r#"{"sessions": {"object": "2-7", "name": "title"}, "bookings": {"to_contact": {"category": "HUBSPOT_DEFINED", "type_id": 9}},
            "contacts": {"credits": {"gold": {"property": "gold", "shadow": "gold_before"}}}}"#,
    )
    .expect("a mapping");
    assert_eq!((mapping.sessions.object.as_str(), mapping.sessions.name.as_str()), ("2-7", "title"));
    assert_eq!(mapping.sessions.mock_type, "mock_type");
    assert_eq!((mapping.bookings.to_contact.type_id, mapping.bookings.to_session.type_id), (9, 1291));
    assert_eq!(mapping.contacts.credits.keys().collect::<Vec<_>>(), ["gold"], "the kinds are all replaced");
}

#[test]
fn every_object_has_one_unique_property_and_credits_have_shadows() {
    let mapping = Mapping::default();
    for object in Object::ALL {
        let planned = mapping.properties(object);
        let unique: Vec<_> = planned.iter().filter(|planned| planned.shape == Shape::Unique).collect();
        assert_eq!(unique.len(), 1);
        assert_eq!((unique[0].name.as_str(), mapping.id_property(object)), ("surehold_id", "surehold_id"));
    }
    let contacts = mapping.properties(Object::Contact);
    let shape_of = |name: &str| contacts.iter().find(|planned| planned.name == name).map(|planned| planned.shape);
    assert_eq!((shape_of("cs_credits"), shape_of("surehold_cs_credits")), (Some(Shape::Number), Some(Shape::Text)));
    assert_eq!((shape_of("firstname"), shape_of("nothing")), (Some(Shape::Text), None));
}

#[test]
fn wrong_values_are_named_with_their_place() {
    for (text, expected) in [
        (r#"{"contact": {}}"#, "unknown field `contact`"),
        (r#"{"contacts": {"phone": "x"}}"#, "unknown field `phone`"),
        (r#"{"bookings": {"to_contact": {"category": "USER_DEFINED", "type_id": 1, "x": 2}}}"#, "unknown field `x`"),
        (r#"{"bookings": {"to_contact": {"category": "USER_DEFINED", "type_id": -1}}}"#, "invalid value"),
        (r#"{"contacts": {"email": 7}}"#, "line 1 column"),
        (r#"{"group": "Our group"}"#, r#"group: "Our group" is no name of a group. Take its internal name"#),
        (r#"{"contacts": {"email": "E-mail"}}"#, r#"contacts.email: "E-mail" is no name of a property. Take"#),
        (r#"{"contacts": {"email": ""}}"#, r#"contacts.email: "" is no name"#),
        (r#"{"contacts": {"email": "_x"}}"#, r#"contacts.email: "_x" is no name"#),
        (r#"{"sessions": {"object": "exams"}}"#, r#"sessions.object: "exams" is no type of objects. It looks like"#),
        (r#"{"sessions": {"object": "2-50158943"}}"#, r#"bookings.object: "2-50158943" is also sessions.object"#),
        (r#"{"bookings": {"email": "name"}}"#, r#"bookings.email: "name" is also bookings.name"#),
        (
            r#"{"contacts": {"credits": {"a": {"property": "student_id", "shadow": "b"}}}}"#,
            r#"contacts.credits.a.property: "student_id" is also contacts.student_id"#,
        ),
        (
            r#"{"bookings": {"to_session": {"category": "OURS", "type_id": 0}}}"#,
            r#"bookings.to_session.category: "OURS" is none of USER_DEFINED"#,
        ),
        (r#"{"bookings": {"to_session": {"category": "OURS", "type_id": 0}}}"#, "bookings.to_session.type_id: 0 is no"),
    ] {
        let problem = problem(text);
        assert!(problem.contains(expected), "{problem}\n  lacks {expected}");
    }
}

#[test]
fn all_wrong_values_are_named_at_once() {
    let problem = problem(r#"{"contacts": {"email": "A"}, "bookings": {"name": "B"}}"#);
    assert!(problem.contains("contacts.email") && problem.contains("; bookings.name"), "{problem}");
}

#[test]
fn a_file_is_named_when_it_cannot_be_used() {
    let missing = Mapping::load(Path::new("/no/such/mapping.json")).expect_err("no file");
    assert!(format!("{missing:#}").starts_with("cannot read /no/such/mapping.json: "), "{missing:#}");
    let program = std::env::current_exe().expect("a path");
    assert!(Mapping::load(&program).is_err(), "not a text");
}
