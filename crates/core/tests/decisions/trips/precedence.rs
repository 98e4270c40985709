//! The refusals of commands about trips and money, in their order of precedence.

use surehold_core::Outcome;
use surehold_core::command::*;
use surehold_core::decide::Stop;
use surehold_core::outcome::TripHeld;
use surehold_core::rows::*;
use uuid::Uuid;

use crate::marketplace::*;
use crate::precedence::*;
use crate::world::*;

const TRIP: Uuid = Uuid::from_u128(0x7a);
const TRIP_OF_BEN: Uuid = Uuid::from_u128(0x7b);

/// Ann could hold two seats of this slot, as a trip that she names.
fn good_hold() -> Case<HoldTrip> {
    let mut market = market();
    let slot = market.walk(10);
    let request = HoldTrip { trip_id: Some(TRIP), ..hold(ANN, &[(slot, 2)]) };
    Case { world: market.into_world(), slot, booking: NOBODY, request }
}

/// Ann could book two seats of this slot with money that was recorded.
fn good_booking() -> Case<BookTrip> {
    let mut market = market();
    let slot = market.walk(10);
    let payment_id = saved_payment(market.ask(record(ANN, "r-1", 10_000))).payment_id;
    let request = BookTrip { payment_id, trip_id: TRIP, contact_id: ANN, items: items(&[(slot, 2)]) };
    Case { world: market.into_world(), slot, booking: NOBODY, request }
}

/// Ann has booked two seats of this slot.
fn booked_by_ann<C>(request: impl FnOnce(Uuid) -> C) -> Case<C> {
    let mut market = market();
    let slot = market.walk(10);
    let booking = market.buys(ANN, &[(slot, 2)]).bookings[0].id;
    Case { world: market.into_world(), slot, booking, request: request(booking) }
}

/// Somebody holds a slot of another experience as this trip.
fn holds_as<C>(case: &mut Case<C>, who: Uuid, trip_id: Uuid) -> TripHeld {
    let other = case.world.session(HIKE);
    held(earlier(case, HoldTrip { trip_id: Some(trip_id), ..hold(who, &[(other, 1)]) }))
}

/// Something was asked while everything was still on sale.
fn earlier<C>(case: &mut Case<C>, command: impl Ask) -> Result<Outcome, Stop> {
    let now = std::mem::replace(&mut case.world.now, market().now);
    let result = case.world.ask(command);
    case.world.now = now;
    result
}

fn is_bens_trip(case: &mut Case<HoldTrip>) {
    holds_as(case, BEN, TRIP_OF_BEN);
    case.request.trip_id = Some(TRIP_OF_BEN);
}

fn without_price<C>(case: &mut Case<C>) {
    case.world.where_offering(CITY, |o| o.price_minor = None);
}

/// An hour before the start: checkouts end two hours before it.
fn after_the_cutoff<C>(case: &mut Case<C>) {
    case.world.now = minutes_before(case.world.slot(case.slot).starts_at, 60);
}

fn not_offered<C>(case: &mut Case<C>) {
    case.world.where_offering(CITY, |o| o.is_active = false);
}

#[test]
fn hold_trip_refuses_in_order() {
    for (code, trip_is) in [
        ("TRIP_ALREADY_BOOKED", is_paid as fn(&mut Case<HoldTrip>)),
        ("CHECKOUT_OPEN", is_held),
        ("PAYMENT_PROCESSING", is_processed),
    ] {
        table::<HoldTrip>(
            good_hold,
            &[
                ("IDEMPOTENCY_MISMATCH", key_used_before),
                ("EMPTY_TRIP", |c| c.request.items.clear()),
                ("TRIP_NOT_FOUND", is_bens_trip),
                (code, trip_is),
                ("EXAM_NOT_FOUND", |c| c.request.items[0].slot_id = NOBODY),
                ("VALIDATION_ERROR", |c| c.request.items[0].guests = 0),
                ("INVALID_PRICE", without_price),
                ("EXAM_NOT_ACTIVE", inactive),
                ("EXAM_NOT_ACTIVE", not_offered),
                ("EXAM_PAST", begun),
                ("CUTOFF_TIME_PASSED", after_the_cutoff),
                ("SLOT_BLOCKED", blocked),
                ("INSUFFICIENT_AVAILABILITY", full),
            ],
        );
    }
}

fn is_held(case: &mut Case<HoldTrip>) {
    holds_as(case, ANN, TRIP);
}

fn is_paid(case: &mut Case<HoldTrip>) {
    let trip = holds_as(case, ANN, TRIP);
    case.world.ask(paid(&trip)).expect("it is paid");
}

fn is_processed(case: &mut Case<HoldTrip>) {
    let trip = holds_as(case, ANN, TRIP);
    case.world.ask(on_its_way(&trip)).expect("it is on its way");
}

#[test]
fn book_trip_refuses_in_order() {
    for (code, trip_is) in
        [("TRIP_ALREADY_BOOKED", booked_otherwise as fn(&mut Case<BookTrip>)), ("CHECKOUT_OPEN", held_otherwise)]
    {
        table::<BookTrip>(
            good_booking,
            &[
                ("IDEMPOTENCY_MISMATCH", key_used_before),
                ("PAYMENT_NOT_FOUND", |c| c.request.payment_id = NOBODY),
                ("PAYMENT_NOT_FOUND", |c| c.request.contact_id = BEN),
                ("TRIP_NOT_FOUND", |c| {
                    holds_as(c, BEN, TRIP_OF_BEN);
                    c.request.trip_id = TRIP_OF_BEN;
                }),
                ("EMPTY_TRIP", |c| c.request.items.clear()),
                ("PAYMENT_NOT_SUCCEEDED", went_back),
                ("PAYMENT_USED", is_used),
                (code, trip_is),
                ("EXAM_NOT_FOUND", |c| c.request.items[0].slot_id = NOBODY),
                ("VALIDATION_ERROR", |c| c.request.items[0].guests = 0),
                ("INVALID_PRICE", without_price),
                ("EXAM_NOT_ACTIVE", inactive),
                ("EXAM_NOT_ACTIVE", not_offered),
                ("EXAM_PAST", begun),
                ("SLOT_BLOCKED", blocked),
                ("INSUFFICIENT_AVAILABILITY", full),
                ("AMOUNT_MISMATCH", has_paid_less),
            ],
        );
    }
}

/// All money of the payment that is named went back.
fn went_back(case: &mut Case<BookTrip>) {
    let payment = case.world.ledger.payment(case.request.payment_id).expect("a payment").clone();
    let all = seen("re_1", None, payment.amount_minor, RefundStatus::Succeeded);
    case.world.ask(see(payment.id, &[all])).expect("it is seen");
}

/// The payment that is named pays for another trip.
fn is_used(case: &mut Case<BookTrip>) {
    let slot = case.world.session(HIKE);
    let (payment_id, trip_id) = (case.request.payment_id, Uuid::from_u128(0x7c));
    let request = BookTrip { payment_id, trip_id, contact_id: ANN, items: items(&[(slot, 1)]) };
    earlier(case, request).expect("it is booked");
}

fn booked_otherwise(case: &mut Case<BookTrip>) {
    let trip = holds_as(case, ANN, TRIP);
    case.world.ask(paid(&trip)).expect("it is paid");
}

fn held_otherwise(case: &mut Case<BookTrip>) {
    holds_as(case, ANN, TRIP);
}

fn has_paid_less(case: &mut Case<BookTrip>) {
    case.request.payment_id = saved_payment(case.world.ask(record(ANN, "r-2", 9_999))).payment_id;
}

#[test]
fn record_payment_refuses_in_order() {
    let request = |_| record(ANN, "r-1", 10_000);
    table::<RecordPayment>(
        || booked_by_ann(request),
        &[
            ("IDEMPOTENCY_MISMATCH", key_used_before),
            ("VALIDATION_ERROR", |c| c.request.amount_minor = 0),
            ("VALIDATION_ERROR", |c| {
                c.world.ask(record(BEN, "r-1", 10_000)).expect("it is recorded");
            }),
        ],
    );
}

#[test]
fn an_operators_refund_refuses_in_order() {
    table::<RefundBooking>(
        || booked_by_ann(|booking| refund_part(booking, 10_000)),
        &[
            ("IDEMPOTENCY_MISMATCH", key_used_before),
            ("BOOKING_NOT_FOUND", |c| c.request.booking_id = NOBODY),
            ("PAYMENT_NOT_REFUNDABLE", |c| c.world.where_booking(c.booking, |b| b.purchase = None)),
            ("VALIDATION_ERROR", |c| c.request.amount_minor = Some(0)),
            ("BOOKING_NOT_ACTIVE", |c| c.world.where_booking(c.booking, |b| b.status = BookingStatus::Expired)),
            ("FULLY_REFUNDED", |c| drop(c.world.ask(refund_all(c.booking)).expect("it is refunded"))),
            ("REFUND_TOO_LARGE", |c| c.request.amount_minor = Some(10_001)),
        ],
    );
}

#[test]
fn a_travellers_refund_refuses_in_order() {
    for (code, status) in [
        ("CHECKOUT_OPEN", BookingStatus::PendingPayment),
        ("PAYMENT_PROCESSING", BookingStatus::Processing),
        ("BOOKING_NOT_ACTIVE", BookingStatus::Expired),
        ("BOOKING_NOT_ACTIVE", BookingStatus::Cancelled),
        ("BOOKING_NOT_ACTIVE", BookingStatus::Completed),
        ("BOOKING_NOT_ACTIVE", BookingStatus::NoShow),
    ] {
        let mut case = booked_by_ann(refund_to_traveller);
        case.world.where_booking(case.booking, |b| b.status = status);
        begun(&mut case); // too late besides
        assert_eq!(crate::world::code(case.world.ask(case.request)), code, "{status}");
    }
    table::<RefundBooking>(
        || booked_by_ann(refund_to_traveller),
        &[
            ("IDEMPOTENCY_MISMATCH", key_used_before),
            ("BOOKING_NOT_FOUND", |c| c.request.booking_id = NOBODY),
            ("PAYMENT_NOT_REFUNDABLE", |c| c.world.where_booking(c.booking, |b| b.purchase = None)),
            ("CANCEL_TOO_LATE", begun),
        ],
    );
}

#[test]
fn cancel_of_a_paid_booking_refuses_in_order() {
    for (code, status) in
        [("CHECKOUT_OPEN", BookingStatus::PendingPayment), ("PAYMENT_PROCESSING", BookingStatus::Processing)]
    {
        let mut case = booked_by_ann(cancel_by_operator);
        case.world.where_booking(case.booking, |b| b.status = status);
        assert_eq!(crate::world::code(case.world.ask(case.request)), code);
    }
    table::<Cancel>(
        || booked_by_ann(cancel),
        &[
            ("IDEMPOTENCY_MISMATCH", key_used_before),
            ("BOOKING_NOT_FOUND", |c| c.request.booking_id = NOBODY),
            ("BOOKING_NOT_ACTIVE", |c| c.world.where_booking(c.booking, |b| b.status = BookingStatus::Expired)),
            ("CANCEL_TOO_LATE", begun),
        ],
    );
}

#[test]
fn an_unknown_payment_is_not_found_whatever_is_asked_of_it() {
    let mut m = market();
    let slot = m.walk(1);
    let trip = TripHeld { payment_id: NOBODY, ..m.holds(ANN, &[(slot, 1)]) };
    let attach = AttachCheckout { payment_id: NOBODY, session_id: "cs_1".to_owned(), url: None };
    let flag = FlagPayment { payment_id: NOBODY, flag: None, stripe_dispute_id: None };
    let fail = FailRefund { payment_id: NOBODY, refund_id: NOBODY, problem: "no".to_owned() };
    let codes = [
        code(m.ask(paid(&trip))),
        code(m.ask(on_its_way(&trip))),
        code(m.ask(release(&trip, ReleaseReason::Operator))),
        code(m.ask(ExpireHold { payment_id: NOBODY })),
        code(m.ask(attach)),
        code(m.ask(flag)),
        code(m.ask(see(NOBODY, &[]))),
        code(m.ask(fail)),
    ];
    assert_eq!(codes, ["PAYMENT_NOT_FOUND"; 8]);
}

#[test]
fn offerings_refuse_in_order() {
    table::<AddOffering>(
        || {
            let world = market().into_world();
            let terms = OfferingTerms { price_minor: Some(100), ..OfferingTerms::default() };
            Case {
                world,
                slot: NOBODY,
                booking: NOBODY,
                request: AddOffering { id: None, name: "Boat".to_owned(), terms },
            }
        },
        &[
            ("IDEMPOTENCY_MISMATCH", key_used_before),
            ("VALIDATION_ERROR", |c| c.request.terms.price_minor = Some(-1)),
            ("EXPERIENCE_EXISTS", |c| c.request.name = "Hike".to_owned()),
        ],
    );
    table::<ChangeOffering>(
        || {
            let world = market().into_world();
            let terms = OfferingTerms { price_minor: Some(100), ..OfferingTerms::default() };
            let request = ChangeOffering { offering_id: CITY, expected_version: None, name: None, terms };
            Case { world, slot: NOBODY, booking: NOBODY, request }
        },
        &[
            ("IDEMPOTENCY_MISMATCH", key_used_before),
            ("INVALID_EXAM_TYPE", |c| c.request.offering_id = NOBODY),
            ("INVALID_EXAM_TYPE", |c| c.request.offering_id = SJ),
            ("VERSION_CONFLICT", |c| c.request.expected_version = Some(2)),
            ("VALIDATION_ERROR", |c| c.request.terms.late_refund_percent = Some(101)),
            ("EXPERIENCE_EXISTS", |c| c.request.name = Some("Hike".to_owned())),
        ],
    );
}
