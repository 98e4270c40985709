//! Stories of contacts and their credits.

use surehold_core::command::*;
use surehold_core::ledger::RowWrite;
use surehold_core::outcome::*;
use surehold_core::rows::*;
use surehold_core::{Answer, Refusal};

use crate::world::*;

fn adjusted(w: &mut World, request: AdjustCredits) -> CreditsAdjusted {
    match w.ask(request).expect("adjusted").answer {
        Answer::CreditsAdjusted(adjusted) => adjusted,
        other => panic!("{other:?}"),
    }
}

fn added(w: &mut World, request: AddContact) -> ContactSaved {
    match w.ask(request).expect("added").answer {
        Answer::ContactAdded(saved) => saved,
        other => panic!("{other:?}"),
    }
}

#[test]
fn credits_are_granted_and_taken_by_a_difference() {
    let mut w = world();
    w.has_credits(ANN, "sj_credits", 2);
    let answer = adjusted(&mut w, adjust(ANN, &[("sj_credits", -1), ("cs_credits", 3), ("sjmini_credits", 0)]));
    assert_eq!(
        answer.balances,
        credits(&[
            ("sj_credits", 1),
            ("cs_credits", 3),
            ("sjmini_credits", 0),
            ("mock_discussion_token", 0),
            ("shared_mock_credits", 0)
        ])
    );
    assert_eq!(answer.applied, credits(&[("sj_credits", -1), ("cs_credits", 3), ("sjmini_credits", 0)]));
    let writes = w.ledger.writes();
    let entries: Vec<_> = writes.entries.iter().map(|e| (&*e.kind, e.delta, e.balance, e.reason)).collect();
    assert_eq!(entries, [("cs_credits", 3, 3, EntryReason::Grant), ("sj_credits", -1, 1, EntryReason::Grant)]);
    assert_eq!(writes.balances.len(), 2);
    assert_eq!(w.events(), ["credits.adjusted"]);
}

#[test]
fn a_balance_never_goes_below_zero() {
    let mut w = world();
    w.has_credits(ANN, "cs_credits", 5);
    w.has_credits(ANN, "sj_credits", 2);
    let too_many = adjust(ANN, &[("cs_credits", -1), ("sj_credits", -3)]);
    assert_eq!(
        refusal(w.ask(too_many.clone())),
        Refusal::InsufficientCredits { needed: 3, available: 2, kinds: vec!["sj_credits".into()] }
    );
    assert_eq!((w.credits(ANN, "cs_credits"), w.credits(ANN, "sj_credits")), (5, 2), "all or nothing");

    let answer = adjusted(&mut w, AdjustCredits { stop_at_zero: true, ..too_many });
    assert_eq!(answer.applied, credits(&[("cs_credits", -1), ("sj_credits", -2)]));
    assert_eq!((w.credits(ANN, "cs_credits"), w.credits(ANN, "sj_credits")), (4, 0));
    assert_eq!(code(w.ask(adjust(ANN, &[("sj_credits", i64::MIN)]))), "INSUFFICIENT_CREDITS");
}

#[test]
fn an_adjustment_of_nothing_writes_nothing() {
    let mut w = world();
    for request in [
        adjust(ANN, &[]),
        adjust(ANN, &[("sj_credits", 0)]),
        AdjustCredits { stop_at_zero: true, ..adjust(ANN, &[("sj_credits", -1)]) },
    ] {
        adjusted(&mut w, request);
    }
    assert!(w.ledger.writes().is_empty() && w.ledger.writes().entries.is_empty());
}

#[test]
fn kinds_that_the_school_does_not_have_are_refused() {
    let mut w = world();
    let allowed: Vec<String> = KINDS.iter().map(|(kind, _)| (*kind).to_owned()).collect();
    assert_eq!(
        refusal(w.ask(adjust(ANN, &[("gold", 1)]))),
        Refusal::CreditKindNotAllowed { kind: "gold".to_owned(), allowed }
    );
    let rich = AddContact { opening: credits(&[("gold", 1)]), ..add_contact("1700000", "new@example.org") };
    assert_eq!(code(w.ask(rich)), "CREDIT_KIND_NOT_ALLOWED");
    let exam = w.session(SJ);
    let id = w.is_booked(ANN, exam);
    assert_eq!(code(w.ask(RefundCredit { kind: Some("gold".into()), ..refund(id) })), "CREDIT_KIND_NOT_ALLOWED");
}

#[test]
fn a_new_contact_has_a_balance_of_each_kind() {
    let mut w = world();
    let request = AddContact {
        opening: credits(&[("sj_credits", 2), ("cs_credits", 0)]),
        hubspot_id: Some("815".to_owned()),
        ..add_contact("1700000", "new@example.org")
    };
    let answer = added(&mut w, request);
    let id = answer.contact_id;
    assert_eq!(answer.balances.len(), KINDS.len());
    for (kind, _) in KINDS {
        assert_eq!(answer.balances[kind], if kind == "sj_credits" { 2 } else { 0 });
    }
    assert_eq!(w.ledger.balances(id), Some(&answer.balances));
    let writes = w.ledger.writes();
    assert_eq!(writes.contacts[&id], RowWrite::Insert);
    assert!(writes.balances.is_empty(), "they are inserted with the contact");
    let [entry] = &*writes.entries else { panic!("{:?}", writes.entries) };
    assert_eq!((entry.delta, entry.balance, entry.reason), (2, 2, EntryReason::Opening));
    assert_eq!(writes.hubspot_links, [(Entity::Contact, id, "815".to_owned())]);

    // Known from now on, in the same batch, too.
    let exam = w.session(SJ);
    assert_eq!(booked(w.ask(book(id, exam))).balance, Some(1));
    adjusted(&mut w, adjust(id, &[("cs_credits", 1)]));
    assert!(w.ledger.writes().balances.is_empty());
    assert_eq!(w.ledger.writes().contacts[&id], RowWrite::Insert);
}

#[test]
fn one_contact_per_student_id_and_email() {
    let mut w = world();
    let ann = add_contact("1599999", "ann@example.org");
    assert_eq!(refusal(w.ask(ann)), Refusal::ContactExists { contact_id: ANN });
    let id = added(&mut w, add_contact("1599999", "other@example.org")).contact_id;
    assert_eq!(refusal(w.ask(add_contact("1599999", "other@example.org"))), Refusal::ContactExists { contact_id: id });
    w.ledger.load_identity("1800000".to_owned(), "far@example.org".to_owned(), NOBODY);
    assert_eq!(
        refusal(w.ask(add_contact("1800000", "far@example.org"))),
        Refusal::ContactExists { contact_id: NOBODY }
    );
}

#[test]
fn a_contact_takes_a_free_identity_and_leaves_the_old_one() {
    let mut w = world();
    let to = |id: &str, email: &str| ChangeContact {
        student_id: Some(id.to_owned()),
        email: Some(email.to_owned()),
        ..change_contact(ANN)
    };
    assert_eq!(refusal(w.ask(to("1600000", "ben@example.org"))), Refusal::ContactExists { contact_id: BEN });
    w.ask(to("1599999", "ann@example.org")).expect("it is hers");
    assert!(w.ledger.writes().is_empty());

    w.ask(to("1599999", "anna@example.org")).expect("changed");
    let contact = w.ledger.contact(ANN).expect("Ann").clone();
    assert_eq!((&*contact.email, contact.version), ("anna@example.org", 2));
    assert_eq!(w.ledger.writes().contacts[&ANN], RowWrite::Update);
    added(&mut w, add_contact("1599999", "ann@example.org"));
    assert_eq!(code(w.ask(add_contact("1599999", "anna@example.org"))), "CONTACT_EXISTS");
}

#[test]
fn a_change_of_a_contact_changes_what_it_names() {
    let mut w = world();
    let day = the_day();
    w.ask(ChangeContact { ndecc_exam_date: Some(Some(day)), ..change_contact(ANN) }).expect("changed");
    w.ask(ChangeContact { last_name: Some("Other".to_owned()), ..change_contact(ANN) }).expect("changed");
    let ann = student(ANN, "1599999", "ann@example.org");
    let expected = Contact { ndecc_exam_date: Some(day), last_name: "Other".to_owned(), version: 3, ..ann };
    assert_eq!(w.ledger.contact(ANN), Some(&expected));
    w.ask(ChangeContact { ndecc_exam_date: Some(None), ..change_contact(ANN) }).expect("changed");
    assert_eq!(w.ledger.contact(ANN).and_then(|c| c.ndecc_exam_date), None);
}

#[test]
fn balances_have_an_upper_limit() {
    let mut w = world();
    adjusted(&mut w, adjust(ANN, &[("sj_credits", 1_000_000_000)]));
    assert_eq!(code(w.ask(adjust(ANN, &[("sj_credits", 1)]))), "VALIDATION_ERROR");
    assert_eq!(code(w.ask(adjust(ANN, &[("sj_credits", i64::MAX)]))), "VALIDATION_ERROR");
}

#[test]
fn opening_balances_have_the_same_upper_limit() {
    let mut w = world();
    let rich =
        AddContact { opening: credits(&[("sj_credits", i64::MAX)]), ..add_contact("1700000", "new@example.org") };
    assert_eq!(code(w.ask(rich)), "VALIDATION_ERROR");
}
