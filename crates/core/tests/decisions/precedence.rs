//! One table per command: its refusals in their order of precedence.
//!
//! Each row can make an otherwise good request fail. Alone it gives its own code; together with any
//! row below it, the upper one wins.

use jiff::civil::date;
use surehold_core::command::*;
use surehold_core::decide::Stop;
use surehold_core::outcome::Outcome;
use surehold_core::rows::*;
use uuid::Uuid;

use crate::world::*;

/// A request about to be made under a key, and the world it is made in.
pub struct Case<C> {
    pub world: World,
    /// The session, or the one to move to.
    pub slot: Uuid,
    /// The booking that it is about.
    pub booking: Uuid,
    pub request: C,
}

const KEY: &str = "the caller's key";

pub type Row<C> = (&'static str, fn(&mut Case<C>));

#[track_caller]
pub fn table<C: Ask>(good: impl Fn() -> Case<C>, rows: &[Row<C>]) {
    let ask = |mut case: Case<C>| case.world.ask_with_key(KEY, case.request);
    let outcome = ask(good()).expect("without any trouble it is done");
    assert!(!outcome.replayed);
    for (i, (code, trouble)) in rows.iter().enumerate() {
        let mut case = good();
        trouble(&mut case);
        assert_eq!(said(ask(case)), *code, "row {i} alone");
        for (j, (lower, other_trouble)) in rows.iter().enumerate().skip(i + 1) {
            let mut case = good();
            other_trouble(&mut case);
            trouble(&mut case);
            assert_eq!(said(ask(case)), *code, "row {i}, {code}, over row {j}, {lower}");
        }
    }
}

fn said(result: Result<Outcome, Stop>) -> &'static str {
    match result {
        Ok(_) => "done",
        Err(Stop::ResolveAgain) => "resolve again",
        Err(Stop::Refused(refusal)) => refusal.code(),
    }
}

/// The first row of every table.
pub fn key_used_before<C>(case: &mut Case<C>) {
    case.world.has_used_key(KEY);
}

/// Ann could book this session.
fn good_booking() -> Case<Book> {
    let mut world = world();
    world.has_credits(ANN, "sj_credits", 1);
    let slot = world.session(SJ);
    Case { world, slot, booking: NOBODY, request: book(ANN, slot) }
}

/// Ann has a booking, and `request` is about it. The other session is two days later.
fn with_booking<C>(request: impl FnOnce(&mut World, Uuid, Uuid) -> C) -> Case<C> {
    let mut world = world();
    world.has_credits(ANN, "sj_credits", 1);
    let first = world.session(SJ);
    let slot = world.session_on(SJ, date(2026, 10, 25));
    let booking = booked(world.ask(book(ANN, first))).booking_id;
    let request = request(&mut world, booking, slot);
    Case { world, slot, booking, request }
}

fn with_slot<C>(request: impl FnOnce(Uuid) -> C) -> Case<C> {
    let mut world = world();
    let slot = world.session(SJ);
    Case { world, slot, booking: NOBODY, request: request(slot) }
}

pub fn full<C>(case: &mut Case<C>) {
    case.world.where_session(case.slot, |s| s.taken = s.capacity);
}

pub fn blocked<C>(case: &mut Case<C>) {
    case.world.where_session(case.slot, |s| s.is_blocked = true);
}

pub fn inactive<C>(case: &mut Case<C>) {
    case.world.where_session(case.slot, |s| s.status = SlotStatus::Inactive);
}

fn slot_cancelled<C>(case: &mut Case<C>) {
    case.world.where_session(case.slot, |s| s.status = SlotStatus::Cancelled);
}

pub fn begun<C>(case: &mut Case<C>) {
    case.world.now = case.world.slot(case.slot).starts_at;
}

fn prerequisite<C>(case: &mut Case<C>) {
    case.world.where_session(case.slot, |s| s.prerequisites = vec![NOBODY]);
}

/// Ann has a booking of the same type on the day of the session.
fn same_day<C>(case: &mut Case<C>) {
    let day = case.world.slot(case.slot).local_date;
    let other = case.world.session_on(SJ, day);
    case.world.is_booked(ANN, other);
}

fn booked_here(case: &mut Case<Book>) {
    case.world.is_booked(ANN, case.slot);
}

#[test]
fn book_refuses_in_order() {
    table::<Book>(
        good_booking,
        &[
            ("IDEMPOTENCY_MISMATCH", key_used_before),
            ("CONTACT_NOT_FOUND", |c| c.request.contact_id = NOBODY),
            ("EXAM_NOT_FOUND", |c| c.request.slot_id = NOBODY),
            ("INVALID_EXAM_TYPE", |c| c.request.expected.family = Some(Family::MockDiscussion)),
            ("VALIDATION_ERROR", |c| c.request.expected.local_date = Some(date(2026, 10, 24))),
            ("VALIDATION_ERROR", |c| c.request.attending_location = None),
            ("DUPLICATE_BOOKING", booked_here),
            ("EXAM_NOT_ACTIVE", inactive),
            ("EXAM_PAST", begun),
            ("SLOT_BLOCKED", blocked),
            ("DUPLICATE_BOOKING", same_day),
            ("PREREQUISITE_NOT_MET", prerequisite),
            ("EXAM_FULL", full),
            ("INSUFFICIENT_CREDITS", |c| c.world.has_credits(ANN, "sj_credits", 0)),
        ],
    );
}

#[test]
fn an_override_refuses_in_order() {
    table::<Book>(
        || {
            let case = good_booking();
            Case { request: override_for(ANN, case.slot), ..case }
        },
        &[
            ("IDEMPOTENCY_MISMATCH", key_used_before),
            ("CONTACT_NOT_FOUND", |c| c.request.contact_id = NOBODY),
            ("EXAM_NOT_FOUND", |c| c.request.slot_id = NOBODY),
            ("VALIDATION_ERROR", |c| c.request.guests = 0),
            ("DUPLICATE_BOOKING", booked_here),
            ("EXAM_NOT_ACTIVE", slot_cancelled),
            ("SLOT_BLOCKED", blocked),
            ("DUPLICATE_BOOKING", same_day),
            ("EXAM_FULL", full),
        ],
    );
}

#[test]
fn a_kind_of_credit_that_may_not_pay_is_refused() {
    table::<Book>(good_booking, &[("CREDIT_KIND_NOT_ALLOWED", wrong_kind)]);
}

fn wrong_kind(case: &mut Case<Book>) {
    case.request.pay = Pay::Credit { only: Some("cs_credits".into()) };
}

#[test]
fn a_kind_of_credit_that_may_not_pay_is_wrong_whatever_the_session() {
    table::<Book>(
        good_booking,
        &[
            ("VALIDATION_ERROR", |c| c.request.attending_location = None),
            ("CREDIT_KIND_NOT_ALLOWED", wrong_kind),
            ("EXAM_NOT_ACTIVE", inactive),
            ("EXAM_FULL", full),
        ],
    );
}

#[test]
fn cancel_refuses_in_order() {
    table::<Cancel>(
        || with_booking(|_, booking, _| cancel(booking)),
        &[
            ("IDEMPOTENCY_MISMATCH", key_used_before),
            ("BOOKING_NOT_FOUND", |c| c.request.booking_id = NOBODY),
            ("BOOKING_NOT_ACTIVE", |c| c.world.where_booking(c.booking, |b| b.status = BookingStatus::Expired)),
            ("CANCEL_TOO_LATE", begun),
        ],
    );
}

#[test]
fn move_refuses_in_order() {
    table::<Move>(
        || with_booking(|_, booking, to| move_to(to, booking)),
        &[
            ("IDEMPOTENCY_MISMATCH", key_used_before),
            ("BOOKING_NOT_FOUND", |c| c.request.booking_id = NOBODY),
            ("EXAM_NOT_FOUND", |c| c.request.to_slot_id = NOBODY),
            ("BOOKING_NOT_ACTIVE", |c| c.world.where_booking(c.booking, |b| b.status = BookingStatus::Completed)),
            ("EXAM_TYPE_MISMATCH", |c| c.world.where_session(c.slot, |s| s.offering_id = MINI)),
            ("EXAM_NOT_ACTIVE", inactive),
            ("EXAM_PAST", begun),
            ("SLOT_BLOCKED", blocked),
            ("DUPLICATE_BOOKING", same_day),
            ("PREREQUISITE_NOT_MET", prerequisite),
            ("EXAM_FULL", full),
        ],
    );
}

#[test]
fn mark_attendance_refuses_in_order() {
    table::<MarkAttendance>(
        || with_booking(|_, booking, _| mark(booking, Attendance::Yes)),
        &[
            ("IDEMPOTENCY_MISMATCH", key_used_before),
            ("BOOKING_NOT_FOUND", |c| c.request.booking_id = NOBODY),
            ("BOOKING_NOT_ACTIVE", |c| c.world.where_booking(c.booking, |b| b.status = BookingStatus::PendingPayment)),
        ],
    );
}

#[test]
fn refund_refuses_in_order() {
    table::<RefundCredit>(
        || {
            with_booking(|world, booking, _| {
                world.ask(Cancel { return_credit: false, ..cancel(booking) }).expect("it can be cancelled");
                refund(booking)
            })
        },
        &[
            ("IDEMPOTENCY_MISMATCH", key_used_before),
            ("BOOKING_NOT_FOUND", |c| c.request.booking_id = NOBODY),
            ("CREDIT_KIND_NOT_ALLOWED", |c| c.request.kind = Some("gold".into())),
            ("BOOKING_ACTIVE", |c| c.world.where_booking(c.booking, |b| b.status = BookingStatus::Confirmed)),
            ("ALREADY_REFUNDED", |c| {
                c.world.where_booking(c.booking, |b| b.credit_returned_at = Some(b.created_at));
            }),
            ("NOTHING_TO_REFUND", |c| c.world.where_booking(c.booking, |b| b.credit_kind = None)),
        ],
    );
}

#[test]
fn adjust_credits_refuses_in_order() {
    table::<AdjustCredits>(
        || with_slot(|_| adjust(ANN, &[("sj_credits", 1)])),
        &[
            ("IDEMPOTENCY_MISMATCH", key_used_before),
            ("CONTACT_NOT_FOUND", |c| c.request.contact_id = NOBODY),
            ("CREDIT_KIND_NOT_ALLOWED", |c| c.request.deltas.extend(credits(&[("gold", 1)]))),
            ("VALIDATION_ERROR", |c| c.request.deltas.extend(credits(&[("cs_credits", i64::MAX)]))),
            ("INSUFFICIENT_CREDITS", |c| c.request.deltas.extend(credits(&[("sj_credits", -1)]))),
        ],
    );
}

#[test]
fn too_large_a_grant_is_wrong_whatever_the_other_kinds() {
    table::<AdjustCredits>(
        || with_slot(|_| adjust(ANN, &[("sj_credits", 1)])),
        &[
            ("VALIDATION_ERROR", |c| c.request.deltas.extend(credits(&[("sj_credits", i64::MAX)]))),
            ("INSUFFICIENT_CREDITS", |c| c.request.deltas.extend(credits(&[("cs_credits", -1)]))),
        ],
    );
}

#[test]
fn add_contact_refuses_in_order() {
    table::<AddContact>(
        || with_slot(|_| add_contact("1700000", "new@example.org")),
        &[
            ("IDEMPOTENCY_MISMATCH", key_used_before),
            ("CREDIT_KIND_NOT_ALLOWED", |c| c.request.opening.extend(credits(&[("gold", 1)]))),
            ("VALIDATION_ERROR", |c| c.request.opening.extend(credits(&[("sj_credits", -1)]))),
        ],
    );
    table::<AddContact>(
        || with_slot(|_| add_contact("1700000", "new@example.org")),
        &[("IDEMPOTENCY_MISMATCH", key_used_before), ("CONTACT_EXISTS", is_ann)],
    );
}

fn is_ann(case: &mut Case<AddContact>) {
    (case.request.student_id, case.request.email) = ("1599999".to_owned(), "ann@example.org".to_owned());
}

#[test]
fn a_wrong_opening_balance_is_wrong_whoever_the_contact() {
    table::<AddContact>(
        || with_slot(|_| add_contact("1700000", "new@example.org")),
        &[
            ("VALIDATION_ERROR", |c| c.request.opening.extend(credits(&[("sj_credits", -1)]))),
            ("CONTACT_EXISTS", is_ann),
        ],
    );
}

#[test]
fn change_contact_refuses_in_order() {
    table::<ChangeContact>(
        || with_slot(|_| ChangeContact { first_name: Some("Anna".to_owned()), ..change_contact(ANN) }),
        &[
            ("IDEMPOTENCY_MISMATCH", key_used_before),
            ("CONTACT_NOT_FOUND", |c| c.request.contact_id = NOBODY),
            ("CONTACT_EXISTS", |c| {
                c.request.student_id = Some("1600000".to_owned());
                c.request.email = Some("ben@example.org".to_owned());
            }),
        ],
    );
}

#[test]
fn open_slot_refuses_in_order() {
    table::<OpenSlot>(
        || with_slot(|_| open(SJ, the_day())),
        &[
            ("IDEMPOTENCY_MISMATCH", key_used_before),
            ("INVALID_EXAM_TYPE", |c| c.request.offering_id = NOBODY),
            ("VALIDATION_ERROR", |c| c.request.capacity = 0),
            ("VALIDATION_ERROR", |c| c.request.prerequisites = vec![NOBODY]),
        ],
    );
}

#[test]
fn change_slot_refuses_in_order() {
    table::<ChangeSlot>(
        || with_slot(|slot| ChangeSlot { name: Some("New name".to_owned()), ..change(slot) }),
        &[
            ("IDEMPOTENCY_MISMATCH", key_used_before),
            ("EXAM_NOT_FOUND", |c| c.request.slot_id = NOBODY),
            ("VERSION_CONFLICT", |c| c.request.expected_version = Some(7)),
            ("VALIDATION_ERROR", |c| {
                c.request.times = Some(SlotTimes { ends_at: morning_of(the_day()).starts_at, ..morning_of(the_day()) });
            }),
            ("VALIDATION_ERROR", |c| c.request.prerequisites = Some(vec![NOBODY])),
            ("EXAM_CANCELLED", |c| {
                slot_cancelled(c);
                c.request.status = Some(SlotStatus::Active);
            }),
            ("EXAM_HAS_BOOKINGS", |c| {
                c.world.where_session(c.slot, |s| s.taken = 1);
                c.request.times = Some(morning_of(date(2026, 10, 24)));
            }),
            ("CAPACITY_TOO_LOW", |c| {
                c.world.where_session(c.slot, |s| (s.taken, s.held, s.withheld) = (1, 1, 1));
                c.request.capacity = Some(2);
            }),
        ],
    );
}

#[test]
fn withhold_refuses_in_order() {
    // The last row excludes the others: no number of seats is zero, too many and too few at once.
    let last: [Row<Withhold>; 3] = [
        ("VALIDATION_ERROR", |c| c.request.seats = 0),
        ("EXAM_FULL", full),
        ("RELEASE_EXCEEDS_WITHHELD", |c| c.request.seats = -1),
    ];
    for row in last {
        table::<Withhold>(
            || with_slot(|slot| withhold(slot, 1)),
            &[("IDEMPOTENCY_MISMATCH", key_used_before), ("EXAM_NOT_FOUND", |c| c.request.slot_id = NOBODY), row],
        );
    }
}

#[test]
fn withhold_of_what_is_on_sale_refuses_in_order() {
    table::<Withhold>(
        || with_slot(|slot| Withhold { on_sale_only: true, ..withhold(slot, 1) }),
        &[
            ("IDEMPOTENCY_MISMATCH", key_used_before),
            ("EXAM_NOT_FOUND", |c| c.request.slot_id = NOBODY),
            ("EXAM_NOT_ACTIVE", inactive),
            ("EXAM_PAST", begun),
            ("SLOT_BLOCKED", blocked),
            ("EXAM_FULL", full),
        ],
    );
}
