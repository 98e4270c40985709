use super::*;
use crate::cli::storm::trips::there::{BookingThere, SlotThere};

const SESSION: &str = "cs_1";

/// One trip with two guests on one slot with two seats, at 100 each, paid and confirmed.
struct Case {
    slots: HashMap<Uuid, Slot>,
    there: There,
    journeys: Vec<Journey>,
    settled: Settled,
    counted: Counted,
}

fn case() -> Case {
    let (slot, elsewhere, payment) = (Uuid::from_u128(1), Uuid::from_u128(2), Uuid::from_u128(3));
    let opened = |id, seats| (id, Slot { id, experience: Uuid::nil(), price: 100, seats });
    let booking = BookingThere { reference: "PL-1".to_owned(), slot, guests: 2, status: "confirmed".to_owned() };
    let there = There {
        slots: vec![
            SlotThere { id: slot, capacity: 2, taken: 2, held: 0 },
            SlotThere { id: elsewhere, capacity: 1, taken: 1, held: 0 },
        ],
        payments: vec![PaymentThere {
            id: payment,
            status: "succeeded".to_owned(),
            amount: 200,
            received: 200,
            refunded: 0,
            flag: None,
            session: Some(SESSION.to_owned()),
            bookings: vec![booking],
        }],
        sessions: vec![SessionThere {
            id: SESSION.to_owned(),
            payment_id: Some(payment),
            is_open: false,
            is_paid: true,
            charged: 200,
            refunded: 0,
        }],
    };
    let journey =
        Journey { sessions: vec![SESSION.to_owned()], promised: vec![SESSION.to_owned()], ..Journey::default() };
    Case {
        slots: HashMap::from([opened(slot, 2), opened(elsewhere, 1)]),
        there,
        journeys: vec![journey],
        settled: Settled::default(),
        counted: Counted::default(),
    }
}

impl Case {
    /// The names of the checks that do not pass.
    fn wrong(&self) -> Vec<&'static str> {
        let known = Known {
            slots: &self.slots,
            booked_elsewhere: (Uuid::from_u128(2), 1),
            journeys: &self.journeys,
            more_sessions: &[],
        };
        let checks = judge(&known, &self.settled, &self.counted, &self.there);
        checks.iter().filter(|check| !check.passed).map(|check| check.check).collect()
    }
}

fn wrong_after(change: impl FnOnce(&mut Case)) -> Vec<&'static str> {
    let mut case = case();
    change(&mut case);
    case.wrong()
}

#[test]
fn what_is_right_passes() {
    assert_eq!(case().wrong(), [""; 0]);
    // All of it back, and the seats free.
    let refunded = wrong_after(|case| {
        case.there.payments.push(PaymentThere { id: Uuid::from_u128(4), ..case.there.payments[0].clone() });
        let payment = &mut case.there.payments[1];
        (payment.status, payment.refunded) = ("refunded".to_owned(), 200);
        payment.bookings[0].status = "cancelled".to_owned();
        let session = SessionThere { payment_id: Some(payment.id), refunded: 200, ..case.there.sessions[0].clone() };
        case.there.sessions.push(session);
    });
    assert_eq!(refunded, [""; 0]);
}

#[test]
fn seats_are_counted_from_the_bookings() {
    assert_eq!(wrong_after(|case| case.there.slots[0].taken = 1), ["seats"]);
    assert_eq!(wrong_after(|case| case.there.slots[0].held = 1), ["seats"]);
    assert_eq!(wrong_after(|case| case.there.slots.truncate(1)), ["seats"]);
    // Three guests on two seats, whatever the slot says of itself.
    let oversold = wrong_after(|case| {
        case.there.payments[0].bookings[0].guests = 3;
        case.there.payments[0].amount = 300;
        case.there.payments[0].received = 300;
        case.there.sessions[0].charged = 300;
    });
    assert_eq!(oversold, ["seats"]);
}

#[test]
fn money_is_counted_at_stripe() {
    assert_eq!(wrong_after(|case| case.there.payments[0].received = 100), ["money"]);
    assert_eq!(wrong_after(|case| case.there.payments[0].refunded = 200), ["money"]);
    assert_eq!(wrong_after(|case| case.there.sessions[0].refunded = 200), ["money"]);
    assert_eq!(wrong_after(|case| case.there.payments[0].flag = Some("AMOUNT_MISMATCH".to_owned())), ["money"]);
    // Paid, and given up: neither confirmed nor refunded.
    let lost = wrong_after(|case| {
        case.there.payments[0].status = "failed".to_owned();
        case.there.payments[0].bookings[0].status = "expired".to_owned();
        case.there.slots[0].taken = 0;
    });
    assert_eq!(lost, ["money", "bookings"]);
    assert_eq!(wrong_after(|case| drop(case.there.payments.remove(0))), ["seats", "money", "bookings"]);
}

#[test]
fn nothing_is_confirmed_without_money() {
    assert_eq!(wrong_after(|case| case.there.sessions[0].is_paid = false), ["bookings", "promises"]);
    assert_eq!(wrong_after(|case| drop(case.there.sessions.remove(0))), ["bookings", "promises"]);
}

#[test]
fn what_was_answered_counts() {
    assert_eq!(wrong_after(|case| case.counted.faults.push("checkout 500 INTERNAL_ERROR".to_owned())), ["answers"]);
    assert_eq!(wrong_after(|case| case.journeys[0].faults.push("two trips".to_owned())), ["promises"]);
    assert_eq!(wrong_after(|case| case.settled.payments_open = 1), ["settled"]);
}
