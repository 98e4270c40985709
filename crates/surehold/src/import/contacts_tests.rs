use super::super::table;
use super::*;

fn parsed(text: &str) -> (Lines<ContactRow>, Lines<String>) {
    let table = table::read(text.as_bytes(), COLUMNS).expect("a table");
    let mut report = Report::default();
    let (rows, _) = parse(&table, &mut report);
    let lines =
        report.lines().iter().map(|l| (l.line, format!("{}: {}", l.problem.column, l.problem.reason))).collect();
    (rows, lines)
}

fn row(credits: &[(&str, i64)]) -> ContactRow {
    ContactRow {
        id: None,
        record_id: Some("7".to_owned()),
        student_id: "A1".to_owned(),
        email: "a@b.c".to_owned(),
        first_name: Some("Ada".to_owned()),
        last_name: None,
        ndecc_exam_date: Some(None),
        credits: credits.iter().map(|(kind, n)| ((*kind).to_owned(), *n)).collect(),
    }
}

fn contact() -> KnownContact {
    KnownContact {
        id: Uuid::nil(),
        student_id: "A1".to_owned(),
        email: "a@b.c".to_owned(),
        first_name: "Ada".to_owned(),
        last_name: "Park".to_owned(),
        ndecc_exam_date: None,
        hubspot_id: None,
        seen: None,
        opened_with: None,
    }
}

/// The bad rows of the sample, each for its own reason.
#[test]
fn the_sample_has_five_thousand_contacts_and_ten_rows_that_cannot_be_taken() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/contacts.csv");
    let text = std::fs::read_to_string(file).expect("the sample");
    let (rows, problems) = parsed(&text);
    assert_eq!(rows.len(), 5000);
    assert_eq!(
        problems,
        [
            (302, "Student ID: is missing".to_owned()),
            (733, "Student ID: must be letters A to Z, digits, hyphens and underscores only".to_owned()),
            (1164, "Email: is not an email address".to_owned()),
            (1595, "SJ Credits: must not be negative".to_owned()),
            (2026, "SJ Credits: is not a whole number".to_owned()),
            (2457, "SJ Credits: must be from 0 to 1000000".to_owned()),
            (2888, "Email: is missing".to_owned()),
            (3319, "Student ID: is the same person as in line 12; the first row counts".to_owned()),
            (3750, "Record ID: must be digits only, or empty".to_owned()),
            (5012, ": has 4 cells, but the first line names 11 columns".to_owned()),
        ]
    );
    assert_eq!(rows[0].1.email, "yara.vanderberg0@example.ca");
}

#[test]
fn one_record_id_for_two_people_is_the_first_ones() {
    let (rows, problems) = parsed("Record ID,Student ID,Email\n7,A1,a@b.c\n7,A2,d@e.f\n,A2,d@e.f\n");
    assert_eq!(rows.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [2, 4]);
    assert_eq!(problems, [(3, "Record ID: is the record of line 2, too; the first row counts".to_owned())]);
}

#[test]
fn credits_count_as_the_difference_from_what_was_seen() {
    let seen = SeenContact::of(&row(&[("sj_credits", 3), ("cs_credits", 1)]));
    let mut notes = Vec::new();
    let deltas = credit_deltas(&row(&[("sj_credits", 5), ("cs_credits", 1)]), &contact(), Some(&seen), &mut notes);
    assert_eq!(deltas, BTreeMap::from([(CreditKind::from("sj_credits"), 2)]));
    let deltas = credit_deltas(&row(&[("sj_credits", 1)]), &contact(), Some(&seen), &mut notes);
    assert_eq!(deltas, BTreeMap::from([(CreditKind::from("sj_credits"), -2)]));
    assert!(notes.is_empty());
}

#[test]
fn a_contact_that_was_here_before_its_first_import_keeps_its_credits() {
    let mut notes = Vec::new();
    assert!(credit_deltas(&row(&[("sj_credits", 5)]), &contact(), None, &mut notes).is_empty());
    assert_eq!(notes.len(), 1);
    // Added by an import that was stopped before it could remember what it saw.
    let added = KnownContact { opened_with: Some(BTreeMap::from([("sj_credits".to_owned(), 5)])), ..contact() };
    assert!(credit_deltas(&row(&[("sj_credits", 5)]), &added, None, &mut notes).is_empty());
    let deltas = credit_deltas(&row(&[("sj_credits", 6)]), &added, None, &mut notes);
    assert_eq!(deltas.values().copied().collect::<Vec<_>>(), [1]);
    assert_eq!(notes.len(), 1);
}

#[test]
fn only_what_changed_in_the_file_is_changed() {
    let mut file = row(&[]);
    assert_eq!(changes(&file, &contact(), None).map(|_| ()), None);
    let seen = SeenContact::of(&file);
    // Edited here since: an old file does not undo it.
    let edited = KnownContact { first_name: "Adele".to_owned(), email: "new@b.c".to_owned(), ..contact() };
    assert!(changes(&file, &edited, Some(&seen)).is_none());
    file.first_name = Some("Adah".to_owned());
    file.ndecc_exam_date = Some(Some(jiff::civil::date(2027, 1, 2)));
    let change = changes(&file, &edited, Some(&seen)).expect("a change");
    assert_eq!(change.first_name.as_deref(), Some("Adah"));
    assert_eq!(change.ndecc_exam_date, Some(Some(jiff::civil::date(2027, 1, 2))));
    assert_eq!((change.student_id, change.email, change.last_name), (None, None, None));
}

#[test]
fn a_column_that_a_file_does_not_have_leaves_what_was_seen() {
    let before = SeenContact::of(&row(&[("sj_credits", 3), ("cs_credits", 1)]));
    let mut later = row(&[("cs_credits", 2)]);
    later.first_name = None;
    let seen = SeenContact::after(&later, Some(&before));
    assert_eq!(seen.first_name.as_deref(), Some("Ada"));
    assert_eq!(seen.credits, BTreeMap::from([("sj_credits".to_owned(), 3), ("cs_credits".to_owned(), 2)]));
}

/// Else each import would find news, and running it twice would change something.
#[test]
fn what_was_seen_is_the_same_after_a_round_through_the_database() {
    let seen = SeenContact::of(&row(&[("sj_credits", 3)]));
    let json = serde_json::to_value(&seen).expect("JSON");
    assert_eq!(serde_json::from_value::<SeenContact>(json).expect("the same"), seen);
}

#[test]
fn a_second_record_of_a_person_is_not_a_second_contact() {
    let linked = |id: &str| KnownContact { hubspot_id: Some(id.to_owned()), ..contact() };
    assert!(matches!(who(&row(&[]), vec![]), Ok(None)));
    assert!(matches!(who(&row(&[]), vec![linked("7")]), Ok(Some(_))));
    assert!(matches!(who(&row(&[]), vec![contact()]), Ok(Some(_))));
    assert!(matches!(who(&row(&[]), vec![linked("8")]), Err(Stop::Refused(_))));
    assert!(matches!(who(&row(&[]), vec![linked("7"), contact()]), Err(Stop::Refused(_))));
    let without = ContactRow { record_id: None, ..row(&[]) };
    assert!(matches!(who(&without, vec![linked("8")]), Ok(Some(_))));
}

#[test]
fn the_note_of_an_adjustment_can_be_read_again() {
    let credits = BTreeMap::from([("sj_credits".to_owned(), 3)]);
    assert_eq!(credits_of_note(&note_of_credits(&credits)), Some(credits));
    assert_eq!(credits_of_note("something else"), None);
}
