//! Stories of bookings that were made elsewhere, and the order of their refusals.

use jiff::civil::date;
use surehold_core::Refusal;
use surehold_core::command::*;
use surehold_core::key::fingerprint;
use surehold_core::rows::*;
use uuid::Uuid;

use crate::precedence::{Case, Row, full, key_used_before, table};
use crate::world::*;

const THEIRS: Uuid = Uuid::from_u128(0xb00c);

/// A booking of Ann's that a situational judgment credit paid for.
fn imported(slot_id: Uuid) -> ImportBooking {
    ImportBooking {
        id: THEIRS,
        contact_id: ANN,
        slot_id,
        guests: 1,
        status: BookingStatus::Confirmed,
        code: Some("Situational Judgment-1599999-October 23, 2026".to_owned()),
        credit_kind: Some("sj_credits".into()),
        token_used: Some("Situational Judgment Token".to_owned()),
        credit_returned: None,
        attending_location: Some("vancouver".to_owned()),
        dominant_hand: None,
        attendance: None,
        created_at: Some(at("2026-09-01T08:00:00Z")),
        cancelled_at: None,
        hubspot_id: Some("9001".to_owned()),
    }
}

fn good() -> Case<ImportBooking> {
    let mut world = world();
    let slot = world.session(SJ);
    Case { world, slot, booking: THEIRS, request: imported(slot) }
}

fn same_day(case: &mut Case<ImportBooking>) {
    let other = case.world.session(SJ);
    case.world.is_booked(ANN, other);
}

#[test]
fn import_booking_refuses_in_order() {
    table::<ImportBooking>(
        good,
        &[
            ("IDEMPOTENCY_MISMATCH", key_used_before),
            ("CONTACT_NOT_FOUND", |c| c.request.contact_id = NOBODY),
            ("EXAM_NOT_FOUND", |c| c.request.slot_id = NOBODY),
            ("VALIDATION_ERROR", |c| c.request.guests = 0),
            ("CREDIT_KIND_NOT_ALLOWED", |c| c.request.credit_kind = Some("gold".into())),
            ("EXAM_CANCELLED", |c| c.world.where_session(c.slot, |s| s.status = SlotStatus::Cancelled)),
            ("DUPLICATE_BOOKING", same_day),
            ("EXAM_FULL", full),
        ],
    );
}

#[test]
fn what_contradicts_itself_is_not_taken_over() {
    let wrong: [Row<ImportBooking>; 8] = [
        ("VALIDATION_ERROR", |c| c.request.status = BookingStatus::PendingPayment),
        ("VALIDATION_ERROR", |c| c.request.status = BookingStatus::Processing),
        ("VALIDATION_ERROR", |c| c.request.status = BookingStatus::Expired),
        ("VALIDATION_ERROR", |c| c.request.attendance = Some(Attendance::Yes)),
        ("VALIDATION_ERROR", |c| c.request.status = BookingStatus::NoShow),
        ("VALIDATION_ERROR", |c| {
            (c.request.status, c.request.attendance) = (BookingStatus::Completed, Some(Attendance::No));
        }),
        ("VALIDATION_ERROR", |c| c.request.cancelled_at = Some(at("2026-09-02T08:00:00Z"))),
        ("VALIDATION_ERROR", |c| {
            c.request.credit_kind = None;
            c.request.credit_returned = Some(CreditReturned { at: None, by: None });
        }),
    ];
    for row in wrong {
        table(good, &[row]);
    }
}

#[test]
fn a_booking_comes_with_its_id_its_code_and_its_date() {
    let Case { mut world, slot, request, .. } = good();
    let answer = booked(world.ask(request));
    assert_eq!((answer.booking_id, answer.balance), (THEIRS, Some(0)));
    let booking = world.booking(THEIRS);
    assert_eq!(booking.code, "Situational Judgment-1599999-October 23, 2026");
    assert_eq!(booking.created_at, at("2026-09-01T08:00:00Z"));
    assert_eq!((booking.status, booking.exclusive_date), (BookingStatus::Confirmed, Some(the_day())));
    assert_eq!(world.slot(slot).taken, 1);
    assert_eq!(world.events(), ["booking.imported"]);
    assert_eq!(world.ledger.writes().hubspot_links, [(Entity::Booking, THEIRS, "9001".to_owned())]);
    // From now on it is a booking as any other.
    assert_eq!(cancelled(world.ask(cancel(THEIRS))).balance, Some(1));
}

#[test]
fn a_booking_pays_for_itself_and_the_balance_stays() {
    let entries = |world: &World| -> Vec<_> {
        world.ledger.writes().entries.iter().map(|e| (e.reason, e.delta, e.balance, e.booking_id)).collect()
    };
    let Case { mut world, request, .. } = good();
    world.has_credits(ANN, "sj_credits", 2);
    world.ask(request).expect("taken over");
    assert_eq!(world.credits(ANN, "sj_credits"), 2);
    let paid = [(EntryReason::Import, 1, 3, None), (EntryReason::Booking, -1, 2, Some(THEIRS))];
    assert_eq!(entries(&world), paid);

    let Case { mut world, request, .. } = good();
    let returned = Some(CreditReturned { at: Some(at("2026-09-03T08:00:00Z")), by: None });
    world.ask(ImportBooking { status: BookingStatus::Cancelled, credit_returned: returned, ..request }).expect("taken");
    assert_eq!(world.credits(ANN, "sj_credits"), 0);
    let came_back = [
        (EntryReason::Import, 1, 1, None),
        (EntryReason::Booking, -1, 0, Some(THEIRS)),
        (EntryReason::Return, 1, 1, Some(THEIRS)),
        (EntryReason::Import, -1, 0, None),
    ];
    assert_eq!(entries(&world), came_back);
    let booking = world.booking(THEIRS);
    assert_eq!(booking.credit_returned_at, Some(at("2026-09-03T08:00:00Z")));
    assert_eq!(booking.returned_kind.as_deref(), Some("sj_credits"));
    assert_eq!(booking.cancelled_at, Some(world.now), "nobody knows when");
    assert_eq!(code(world.ask(refund(THEIRS))), "ALREADY_REFUNDED");
}

#[test]
fn two_bookings_for_the_last_seat_are_one_booking() {
    let Case { mut world, slot, request, .. } = good();
    world.where_session(slot, |s| s.capacity = 1);
    world.ask(request.clone()).expect("the first");
    let second = ImportBooking { id: NOBODY, contact_id: BEN, hubspot_id: None, ..request };
    assert_eq!(refusal(world.ask(second)), Refusal::Full { requested: 1, available: 0 });
}

#[test]
fn what_holds_no_seat_needs_none() {
    let Case { mut world, slot, request, .. } = good();
    world.where_session(slot, |s| (s.taken, s.status) = (s.capacity, SlotStatus::Cancelled));
    let other = world.session(SJ);
    world.is_booked(ANN, other);
    world.ask(ImportBooking { status: BookingStatus::Cancelled, ..request }).expect("it is history");
    assert_eq!(world.slot(slot).taken, 10);
}

#[test]
fn a_past_session_that_is_not_on_sale_still_had_its_bookings() {
    let Case { mut world, slot, request, .. } = good();
    world.where_session(slot, |s| {
        (s.status, s.is_blocked, s.prerequisites) = (SlotStatus::Inactive, true, vec![NOBODY]);
    });
    world.now = at("2027-01-01T00:00:00Z");
    world.ask(ImportBooking { status: BookingStatus::Completed, ..request }).expect("it was made");
    assert_eq!(world.slot(slot).taken, 1);
}

#[test]
fn a_booking_that_is_here_stays_as_it_is() {
    let Case { mut world, slot, request, .. } = good();
    world.ask(request.clone()).expect("taken over");
    world.ask(cancel(THEIRS)).expect("cancelled here");
    let writes = world.ledger.writes().clone();
    assert_eq!(booked(world.ask(request)).booking_id, THEIRS);
    assert_eq!((world.booking(THEIRS).status, world.slot(slot).taken), (BookingStatus::Cancelled, 0));
    assert_eq!(*world.ledger.writes(), writes);
}

#[test]
fn an_offering_that_allows_several_a_day_allows_one_a_session() {
    let mut world = world();
    let (first, second) = (world.session(TOUR), world.session(TOUR));
    let tour = |id: u128, slot| ImportBooking { id: Uuid::from_u128(id), hubspot_id: None, ..imported(slot) };
    world.ask(tour(1, first)).expect("the first");
    world.ask(tour(2, second)).expect("another session of the day");
    assert_eq!(code(world.ask(tour(3, first))), "DUPLICATE_BOOKING");
}

#[test]
fn contacts_and_sessions_may_keep_their_ids() {
    let mut world = world();
    let contact = || AddContact { id: Some(THEIRS), ..add_contact("1700000", "new@example.org") };
    world.ask(contact()).expect("added");
    assert_eq!(world.ledger.identity("1700000", "new@example.org"), Some(THEIRS));
    let other = AddContact { id: Some(THEIRS), ..add_contact("1700001", "other@example.org") };
    assert_eq!(refusal(world.ask(other)), Refusal::ContactExists { contact_id: THEIRS });

    let session = || OpenSlot { id: Some(THEIRS), ..open(SJ, date(2026, 11, 2)) };
    let opened = saved(world.ask(session()));
    assert_eq!((opened.slot_id, opened.changed), (THEIRS, true));
    let again = saved(world.ask(OpenSlot { capacity: 3, ..session() }));
    assert_eq!((again.slot_id, again.changed, world.slot(THEIRS).capacity), (THEIRS, false, 10));
}

#[test]
fn what_asks_for_no_id_is_the_request_that_it_always_was() {
    // A fingerprint is that of this text, so a key from before ids could be given is still recognised.
    let contact = serde_json::to_string(&add_contact("1700000", "new@example.org").command()).expect("JSON");
    assert_eq!(
        contact,
        r#"{"add_contact":{"student_id":"1700000","email":"new@example.org","first_name":"New","last_name":"Student","ndecc_exam_date":null,"opening":{},"hubspot_id":null}}"#
    );
    let session = serde_json::to_string(&open(SJ, the_day()).command()).expect("JSON");
    assert!(session.starts_with(r#"{"open_slot":{"offering_id":"#), "{session}");
    let with_id = AddContact { id: Some(THEIRS), ..add_contact("1700000", "new@example.org") };
    assert_ne!(fingerprint(&with_id.command()), fingerprint(&add_contact("1700000", "new@example.org").command()));
}
