//! The laws of trips and money, checked on a ledger.

use std::collections::BTreeSet;

use surehold_core::Ledger;
use surehold_core::rows::*;
use uuid::Uuid;

/// Laws 1, 2, 5, 7 and 8 of what commands have made so far, and what the tables' constraints say of it.
pub fn laws_hold(ledger: &Ledger) {
    let writes = ledger.writes();
    let bookings: Vec<&Booking> = writes.bookings.keys().filter_map(|id| ledger.booking(*id)).collect();
    for slot in writes.slots.keys().filter_map(|id| ledger.slot(*id)) {
        assert!(slot.taken >= 0 && slot.held >= 0 && slot.withheld >= 0 && slot.available() >= 0, "law 1: {slot:?}");
        let seats = |counts: fn(BookingStatus) -> bool| -> i32 {
            bookings.iter().filter(|b| b.slot_id == slot.id && counts(b.status)).map(|b| b.guests).sum()
        };
        let (taken, held) = (seats(BookingStatus::is_taken), seats(|s| s.is_live() && !s.is_taken()));
        assert_eq!((slot.taken, slot.held), (taken, held), "law 2: {slot:?}");
    }
    journal_is_complete(ledger);
    for booking in bookings.iter().filter(|booking| booking.purchase.is_some()) {
        booking_has_its_money(ledger, booking);
    }
    for payment in ledger.payments() {
        money_is_accounted_for(ledger, payment);
    }
    for trip in writes.trips.keys().filter_map(|id| ledger.trip(*id)) {
        let of_trip = |p: &&Payment| p.trip_id == Some(trip.id);
        let open = ledger.payments().filter(of_trip).filter(|p| p.status.is_open()).count();
        assert!(open <= 1, "one open payment: {trip:?}");
        let confirmed =
            bookings.iter().any(|b| b.status.is_taken() && b.purchase.is_some_and(|p| p.trip_id == trip.id));
        assert_eq!(trip.status == TripStatus::Booked, confirmed, "{trip:?}");
    }
    let codes: BTreeSet<&str> = bookings.iter().map(|booking| booking.code.as_str()).collect();
    assert_eq!(codes.len(), bookings.len(), "references are unique");
}

fn journal_is_complete(ledger: &Ledger) {
    let writes = ledger.writes();
    let check = |entity: Entity, id: Uuid, version: i64, status: Option<&str>| {
        let rows = writes.journal.iter().filter(|row| (row.entity, row.entity_id) == (entity, id));
        let facts = rows.filter(|row| row.event != "request.unchanged").map(|row| row.after.as_deref());
        let facts: Vec<serde_json::Value> =
            facts.map(|text| serde_json::from_str(text.expect("facts")).expect("JSON")).collect();
        let versions: Vec<i64> = facts.iter().filter_map(|facts| facts["version"].as_i64()).collect();
        assert_eq!(versions, (1..=version).collect::<Vec<_>>(), "law 5: the versions of {entity} {id}");
        if let Some(status) = status {
            assert_eq!(facts.last().expect("a row")["status"], status, "law 5: {entity} {id}");
        }
    };
    for booking in writes.bookings.keys().filter_map(|id| ledger.booking(*id)) {
        check(Entity::Booking, booking.id, booking.version, Some(booking.status.as_str()));
    }
    for trip in writes.trips.keys().filter_map(|id| ledger.trip(*id)) {
        check(Entity::Trip, trip.id, trip.version, Some(trip.status.as_str()));
    }
    for payment in writes.payments.keys().filter_map(|id| ledger.payment(*id)) {
        check(Entity::Payment, payment.id, payment.version, Some(payment.status.as_str()));
    }
    for refund in writes.refunds.keys().filter_map(|id| ledger.refund(*id)) {
        check(Entity::Refund, refund.id, refund.version, Some(refund.status.as_str()));
    }
    for row in &writes.journal {
        let kept = |id: &String| writes.stripe_events.iter().any(|event| event.id == *id);
        assert!(row.stripe_event_id.as_ref().is_none_or(kept), "the event of {row:?} is kept");
    }
}

fn booking_has_its_money(ledger: &Ledger, booking: &Booking) {
    let payment = ledger.payment(booking.purchase.expect("a purchase").payment_id).expect("its payment");
    let went_through = payment.status.pays() || payment.status == PaymentStatus::Refunded;
    let fits = match booking.status {
        BookingStatus::PendingPayment => payment.status == PaymentStatus::Pending,
        BookingStatus::Processing => payment.status == PaymentStatus::Processing,
        BookingStatus::Confirmed => payment.status.pays(),
        BookingStatus::Expired => !payment.status.is_open() && !payment.status.pays(),
        BookingStatus::Cancelled | BookingStatus::Completed | BookingStatus::NoShow => went_through,
    };
    assert!(fits, "law 7: {booking:?} of {payment:?}");
    match booking.status {
        BookingStatus::PendingPayment => {
            assert_eq!(booking.expires_at, payment.expires_at, "law 8: {booking:?}");
            assert!(payment.pay_until < payment.expires_at, "law 8: {payment:?}");
        }
        _ => assert_eq!(booking.expires_at, None, "law 8: {booking:?}"),
    }
    assert!(booking.code.starts_with("PL-") && booking.code.len() == 11, "{booking:?}");
}

fn money_is_accounted_for(ledger: &Ledger, payment: &Payment) {
    let bookings = ledger.bookings_of_payment(payment.id);
    let price = |b: &&Booking| b.purchase.map_or(0, |purchase| purchase.price_minor);
    let prices: i64 = bookings.iter().map(price).sum();
    match payment.source {
        PaymentSource::Checkout => assert_eq!(payment.amount_minor, prices, "law 7: {payment:?}"),
        PaymentSource::Recorded => assert!(prices <= payment.amount_minor, "law 7: {payment:?}"),
    }
    let back: i64 =
        ledger.refunds_of(payment.id).filter(|r| r.status != RefundStatus::Failed).map(|r| r.amount_minor).sum();
    assert!(back <= payment.money(), "law 7: {back} of {payment:?} goes back");
    assert!(payment.refunded_minor <= payment.money(), "law 7: {payment:?}");
    match payment.status {
        PaymentStatus::Pending => assert_eq!(payment.received_minor, None, "law 7: {payment:?}"),
        PaymentStatus::Failed => assert_eq!(payment.money(), 0, "law 7: {payment:?}"),
        PaymentStatus::Succeeded | PaymentStatus::PartiallyRefunded => {
            let as_asked = (payment.received_minor, payment.received_currency.as_ref());
            assert_eq!(as_asked, (Some(payment.amount_minor), Some(&payment.currency)), "law 7: {payment:?}");
        }
        PaymentStatus::Refunding | PaymentStatus::Refunded => {
            let is_seen_to = back == payment.money() || payment.flag.is_some();
            assert!(is_seen_to, "law 7: only {back} of {payment:?} goes back");
        }
        PaymentStatus::Processing => {}
    }
}
