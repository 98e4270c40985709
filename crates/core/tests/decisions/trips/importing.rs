//! Trips, money and bookings that were made elsewhere, and the order of their refusals.

use surehold_core::Refusal;
use surehold_core::command::*;
use surehold_core::decide::Stop;
use surehold_core::outcome::*;
use surehold_core::rows::*;
use surehold_core::{Answer, Outcome};
use uuid::Uuid;

use crate::marketplace::*;
use crate::precedence::{Case, Row, full, key_used_before, table};
use crate::world::*;

/// Somebody who has never been here.
const ZOE: Uuid = Uuid::from_u128(0x20e);
const TRIP: Uuid = Uuid::from_u128(0x7219);
const MONEY: Uuid = Uuid::from_u128(0x3036);
const THEIRS: Uuid = Uuid::from_u128(0xb00c);

fn trip() -> ImportTrip {
    let created_at = Some(at("2026-09-01T08:00:00Z"));
    ImportTrip { id: TRIP, contact_id: ZOE, is_cancelled: false, created_at }
}

/// 100.00 that Stripe took.
fn money() -> ImportPayment {
    ImportPayment {
        id: MONEY,
        contact_id: ZOE,
        amount_minor: 10_000,
        currency: "usd".to_owned(),
        is_paid: true,
        stripe_payment_intent: Some("pi_theirs".to_owned()),
        stripe_session_id: Some("cs_theirs".to_owned()),
        refund: None,
        created_at: Some(at("2026-09-01T08:01:00Z")),
    }
}

fn went_back(stripe_id: Option<&str>, amount_minor: i64) -> Option<ImportedRefund> {
    let stripe_refund_id = stripe_id.map(str::to_owned);
    Some(ImportedRefund { stripe_refund_id, amount_minor, booking_id: Some(THEIRS), at: None })
}

/// Two seats that this money paid for.
fn seats(slot_id: Uuid) -> ImportTripBooking {
    ImportTripBooking {
        id: THEIRS,
        contact_id: ZOE,
        trip_id: TRIP,
        slot_id,
        payment_id: Some(MONEY),
        price_minor: 10_000,
        guests: 2,
        status: BookingStatus::Confirmed,
        code: Some("PL-0A1B2C3D".to_owned()),
        attendance: None,
        created_at: Some(at("2026-09-01T08:02:00Z")),
        cancelled_at: None,
    }
}

/// The trip and the money are here, and a walk with ten seats.
fn before_its_booking(money: ImportPayment) -> (Market, Uuid) {
    let mut m = market();
    let walk = m.walk(10);
    m.ask(trip()).expect("a trip");
    m.ask(money).expect("its money");
    (m, walk)
}

fn good() -> Case<ImportTripBooking> {
    let (m, slot) = before_its_booking(money());
    Case { world: m.into_world(), slot, booking: THEIRS, request: seats(slot) }
}

fn of_an_exam(case: &mut Case<ImportTripBooking>) {
    case.request.slot_id = case.world.session(SJ);
}

#[test]
fn import_trip_booking_refuses_in_order() {
    table::<ImportTripBooking>(
        good,
        &[
            ("IDEMPOTENCY_MISMATCH", key_used_before),
            ("CONTACT_NOT_FOUND", |c| c.request.contact_id = NOBODY),
            ("EXAM_NOT_FOUND", |c| c.request.slot_id = NOBODY),
            ("TRIP_NOT_FOUND", |c| c.request.trip_id = NOBODY),
            ("PAYMENT_NOT_FOUND", |c| c.request.payment_id = Some(NOBODY)),
            ("VALIDATION_ERROR", |c| c.request.guests = 0),
            ("AMOUNT_MISMATCH", |c| c.request.price_minor = 10_001),
            ("EXAM_CANCELLED", |c| c.world.where_session(c.slot, |s| s.status = SlotStatus::Cancelled)),
            ("EXAM_FULL", full),
        ],
    );
    let others: [Row<ImportTripBooking>; 2] =
        [("EXAM_NOT_FOUND", of_an_exam), ("TRIP_NOT_FOUND", |c| c.request.contact_id = ANN)];
    for row in others {
        table(good, &[row]);
    }
}

#[test]
fn what_contradicts_itself_is_not_taken_over() {
    let wrong: [Row<ImportTripBooking>; 8] = [
        ("VALIDATION_ERROR", |c| c.request.status = BookingStatus::PendingPayment),
        ("VALIDATION_ERROR", |c| c.request.status = BookingStatus::Expired),
        ("VALIDATION_ERROR", |c| c.request.attendance = Some(Attendance::Yes)),
        ("VALIDATION_ERROR", |c| c.request.status = BookingStatus::NoShow),
        ("VALIDATION_ERROR", |c| c.request.cancelled_at = Some(at("2026-09-02T08:00:00Z"))),
        ("VALIDATION_ERROR", |c| c.request.guests = -2),
        ("VALIDATION_ERROR", |c| c.request.price_minor = -1),
        ("VALIDATION_ERROR", |c| c.request.price_minor = 100_000_000),
    ];
    for row in wrong {
        table(good, &[row]);
    }
    let mut m = market();
    for amount_minor in [0, -1, 100_000_000] {
        assert_eq!(code(m.ask(ImportPayment { amount_minor, ..money() })), "VALIDATION_ERROR");
    }
    for refund in [went_back(None, 0), went_back(None, 10_001)] {
        assert_eq!(code(m.ask(ImportPayment { refund, ..money() })), "VALIDATION_ERROR");
    }
    assert_eq!(
        code(m.ask(ImportPayment { is_paid: false, refund: went_back(None, 5), ..money() })),
        "VALIDATION_ERROR"
    );
}

#[test]
fn a_booking_comes_with_its_trip_its_traveller_and_its_money() {
    let (mut m, walk) = before_its_booking(money());
    assert_eq!(m.trip(TRIP).created_at, at("2026-09-01T08:00:00Z"));
    assert_eq!((m.trip(TRIP).status, m.payment(MONEY).trip_id), (TripStatus::Planning, None));
    booked(m.ask(seats(walk)));
    let booking = m.booking(THEIRS);
    assert_eq!((booking.code.as_str(), booking.contact_id), ("PL-0A1B2C3D", ZOE));
    assert_eq!(booking.created_at, at("2026-09-01T08:02:00Z"));
    assert_eq!(m.seats(walk), (2, 0));
    assert_eq!((m.trip(TRIP).status, m.payment(MONEY).trip_id), (TripStatus::Booked, Some(TRIP)));
    let payment = m.payment(MONEY);
    assert_eq!(
        (payment.status, payment.stripe_payment_intent.as_deref(), payment.stripe_session_id.as_deref()),
        (PaymentStatus::Succeeded, Some("pi_theirs"), Some("cs_theirs"))
    );
    // From now on it is a booking as any other: the money goes back by Stripe.
    let refund = refunded(m.ask(refund_to_traveller(THEIRS))).refund.expect("it is early");
    assert_eq!((refund.payment_id, refund.amount_minor), (MONEY, 10_000));
    assert_eq!((m.seats(walk), m.trip(TRIP).status), ((0, 0), TripStatus::Cancelled));
}

#[test]
fn whatever_is_here_stays_as_it_is() {
    let (mut m, walk) = before_its_booking(money());
    m.ask(seats(walk)).expect("taken over");
    m.ask(refund_to_traveller(THEIRS)).expect("given up here");
    m.changes_nothing(trip());
    m.changes_nothing(ImportPayment { is_paid: false, ..money() });
    m.changes_nothing(seats(walk));
    assert_eq!(code(m.ask(ImportTrip { contact_id: ANN, ..trip() })), "TRIP_NOT_FOUND");
    assert_eq!(code(m.ask(ImportPayment { contact_id: ANN, ..money() })), "PAYMENT_NOT_FOUND");
}

#[test]
fn one_payment_pays_for_several_bookings_of_one_trip_and_never_for_more_than_it_has() {
    let (mut m, walk) = before_its_booking(money());
    let half = |id: u128| ImportTripBooking { id: Uuid::from_u128(id), price_minor: 5000, code: None, ..seats(walk) };
    m.ask(half(1)).expect("the first half");
    m.ask(half(2)).expect("the other half");
    let third = ImportTripBooking { price_minor: 1, ..half(3) };
    let expected = Refusal::AmountMismatch {
        paid_minor: 0,
        paid_currency: "usd".to_owned(),
        needed_minor: 1,
        needed_currency: "usd".to_owned(),
    };
    assert_eq!(refusal(m.ask(third)), expected);
    m.ask(ImportTrip { id: NOBODY, ..trip() }).expect("another trip");
    assert_eq!(code(m.ask(ImportTripBooking { trip_id: NOBODY, price_minor: 0, ..half(4) })), "PAYMENT_USED");
}

#[test]
fn a_booking_without_a_payment_brings_along_what_it_cost() {
    let (mut m, walk) = before_its_booking(money());
    m.ask(ImportTripBooking { payment_id: None, ..seats(walk) }).expect("taken over");
    let own = m.payment(m.booking(THEIRS).purchase.expect("a purchase").payment_id);
    assert_eq!((own.amount_minor, own.money(), own.status), (10_000, 10_000, PaymentStatus::Succeeded));
    assert_eq!((own.stripe_payment_intent, own.trip_id), (None, Some(TRIP)));

    // Of one that was cancelled nobody says that money came; its reference is ours.
    let unpaid =
        ImportTripBooking { id: NOBODY, status: BookingStatus::Cancelled, code: None, payment_id: None, ..seats(walk) };
    m.ask(unpaid).expect("taken over");
    let booking = m.booking(NOBODY);
    assert_eq!((booking.status, booking.cancelled_at), (BookingStatus::Expired, None));
    assert_eq!(m.payment(booking.purchase.expect("a purchase").payment_id).status, PaymentStatus::Failed);
    assert_eq!(m.seats(walk), (2, 0));

    // Nobody knows what it cost: it cost nothing.
    let free = ImportTripBooking { id: ZOE, price_minor: 0, code: None, payment_id: None, ..seats(walk) };
    m.ask(free).expect("taken over");
    assert_eq!((m.booking(ZOE).paid_by, m.booking(ZOE).purchase), (PaidBy::Override, None));
}

#[test]
fn where_a_booking_stands_has_to_fit_its_money() {
    let all_back = || ImportPayment { refund: went_back(Some("re_1"), 10_000), ..money() };
    let failed = || ImportPayment { is_paid: false, ..money() };
    let stands = |status, attendance| move |slot| ImportTripBooking { status, attendance, ..seats(slot) };
    let try_it = |money: ImportPayment, booking: &dyn Fn(Uuid) -> ImportTripBooking| {
        let (mut m, walk) = before_its_booking(money);
        m.ask(booking(walk)).map(|_| m.booking(THEIRS).status).map_err(|stop| match stop {
            Stop::Refused(refusal) => refusal.code(),
            Stop::ResolveAgain => "resolve again",
        })
    };
    let (confirmed, cancelled) = (stands(BookingStatus::Confirmed, None), stands(BookingStatus::Cancelled, None));
    let attended = stands(BookingStatus::Completed, Some(Attendance::Yes));
    assert_eq!(try_it(all_back(), &confirmed), Err("PAYMENT_NOT_SUCCEEDED"));
    assert_eq!(try_it(failed(), &confirmed), Err("PAYMENT_NOT_SUCCEEDED"));
    assert_eq!(try_it(failed(), &attended), Err("PAYMENT_NOT_SUCCEEDED"));
    assert_eq!(try_it(all_back(), &attended), Ok(BookingStatus::Completed));
    assert_eq!(try_it(all_back(), &cancelled), Ok(BookingStatus::Cancelled));
    assert_eq!(try_it(failed(), &cancelled), Ok(BookingStatus::Expired));
    assert_eq!(try_it(money(), &cancelled), Ok(BookingStatus::Cancelled));
}

#[test]
fn money_whose_booking_finds_no_seat_books_another_trip() {
    let (mut m, walk) = before_its_booking(money());
    m.sells_out(walk);
    assert_eq!(refusal(m.ask(seats(walk))), Refusal::Full { requested: 2, available: 0 });
    let other = m.walk(5);
    let book = BookTrip { payment_id: MONEY, trip_id: TRIP, contact_id: ZOE, items: items(&[(other, 2)]) };
    assert_eq!(booked_trip(m.ask(book)).bookings.len(), 1);
}

#[test]
fn a_trip_stands_where_its_bookings_do() {
    let (mut m, walk) = before_its_booking(money());
    let cancelled = ImportTripBooking { status: BookingStatus::Cancelled, price_minor: 4000, ..seats(walk) };
    m.ask(cancelled).expect("taken over");
    assert_eq!(m.trip(TRIP).status, TripStatus::Cancelled);
    m.ask(ImportTripBooking { id: NOBODY, price_minor: 6000, code: None, ..seats(walk) }).expect("taken over");
    assert_eq!(m.trip(TRIP).status, TripStatus::Booked);

    let mut m = market();
    m.ask(ImportTrip { is_cancelled: true, ..trip() }).expect("taken over");
    assert_eq!(m.trip(TRIP).status, TripStatus::Cancelled);
}

/// In the original, amounts of events were added up under the last refund's id, or twice.
#[test]
fn b3_7_what_went_back_elsewhere_is_put_right_by_stripes_word() {
    let (mut m, walk) = before_its_booking(ImportPayment { refund: went_back(Some("re_2"), 9000), ..money() });
    m.ask(seats(walk)).expect("taken over");
    assert_eq!(refunded(m.ask(refund_part(THEIRS, 1000))).refund.expect("a refund").amount_minor, 1000);
    let stripe = [seen("re_1", None, 3000, RefundStatus::Succeeded), seen("re_2", None, 3000, RefundStatus::Succeeded)];
    m.ask(see(MONEY, &stripe)).expect("it is seen");
    let amounts: Vec<_> = m.refunds(MONEY).iter().map(|r| (r.stripe_refund_id.clone(), r.amount_minor)).collect();
    let id = |id: &str| Some(id.to_owned());
    assert_eq!(amounts, [(id("re_2"), 3000), (None, 1000), (id("re_1"), 3000)]);
    assert_eq!((m.payment(MONEY).status, m.payment(MONEY).refunded_minor), (PaymentStatus::PartiallyRefunded, 6000));
}

#[test]
fn a_refund_of_which_nobody_knew_stripes_id_is_counted_once() {
    let (mut m, walk) = before_its_booking(ImportPayment { refund: went_back(None, 4000), ..money() });
    m.ask(seats(walk)).expect("taken over");
    m.ask(see(MONEY, &[])).expect("Stripe was asked too early");
    assert_eq!(m.payment(MONEY).refunded_minor, 4000);
    m.ask(see(MONEY, &[seen("re_1", None, 4000, RefundStatus::Succeeded)])).expect("it is seen");
    let [refund] = &m.refunds(MONEY)[..] else { panic!("one refund") };
    assert_eq!((refund.stripe_refund_id.as_deref(), refund.amount_minor), (Some("re_1"), 4000));
    assert_eq!((m.payment(MONEY).status, m.payment(MONEY).refunded_minor), (PaymentStatus::PartiallyRefunded, 4000));
}

#[test]
fn experiences_may_keep_their_ids() {
    let mut m = market();
    let boat = |id| AddOffering { id, name: "Boat".to_owned(), terms: OfferingTerms::default() };
    let added = saved_offering(m.ask(boat(Some(THEIRS))));
    assert_eq!((added.offering_id, added.changed), (THEIRS, true));
    let again = saved_offering(Ok(m.changes_nothing(AddOffering { name: "Ship".to_owned(), ..boat(Some(THEIRS)) })));
    assert_eq!((again.offering_id, again.changed), (THEIRS, false));
    assert_eq!(refusal(m.ask(boat(Some(NOBODY)))), Refusal::OfferingExists { offering_id: THEIRS });
    // A fingerprint is that of this text, so a key from before ids could be given is still recognised.
    let text = serde_json::to_string(&boat(None).command()).expect("JSON");
    assert!(text.starts_with(r#"{"add_offering":{"name":"Boat","terms":{"#), "{text}");
}

#[track_caller]
fn saved_trip(result: Result<Outcome, Stop>) -> TripSaved {
    match result.expect("it can be saved").answer {
        Answer::TripSaved(trip) => trip,
        other => panic!("expected a trip, got {other:?}"),
    }
}

#[test]
fn a_trip_says_whether_it_is_new() {
    let mut m = market();
    assert!(saved_trip(m.ask(trip())).changed);
    assert!(!saved_trip(m.ask(trip())).changed);
}
