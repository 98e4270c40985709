//! What has to be true once everything has settled. Pure: from what was answered and what is there to checks.

use std::collections::{BTreeMap, HashMap, HashSet};

use uuid::Uuid;

use super::super::check::Check;
use super::counter::Counted;
use super::settle::Settled;
use super::simulator::SessionThere;
use super::stage::Slot;
use super::there::{PaymentThere, There};
use super::traveller::Journey;

/// What the storm knows by itself.
pub struct Known<'a> {
    /// The slots as they were opened.
    pub slots: &'a HashMap<Uuid, Slot>,
    /// The slot whose bookings were paid elsewhere, and how many seats that took.
    pub booked_elsewhere: (Uuid, i64),
    pub journeys: &'a [Journey],
    /// Sessions of the last seat's checkouts.
    pub more_sessions: &'a [String],
}

/// Everything but the laws and the last seats.
pub fn judge(known: &Known<'_>, settled: &Settled, counted: &Counted, there: &There) -> Vec<Check> {
    vec![
        check_settled(settled),
        check_seats(known, there),
        check_money(known, there),
        check_bookings(there),
        check_answers(counted),
        check_promises(known, there),
    ]
}

fn check_settled(settled: &Settled) -> Check {
    let Settled { seconds, payments_open, undelivered, .. } = settled;
    let found = match settled.is_over() {
        true => format!("every payment after {seconds:.1} s"),
        false => {
            format!("after {seconds:.0} s, {payments_open} payments are open and {undelivered} webhooks undelivered")
        }
    };
    Check::new("settled", settled.is_over(), found)
}

/// No slot has more guests than seats, and each counts them right.
fn check_seats(known: &Known<'_>, there: &There) -> Check {
    let mut guests: HashMap<Uuid, i64> = HashMap::from([known.booked_elsewhere]);
    for booking in there.payments.iter().flat_map(|payment| &payment.bookings).filter(|b| b.is_confirmed()) {
        *guests.entry(booking.slot).or_default() += booking.guests;
    }
    let mut faults = Vec::new();
    for (id, opened) in known.slots {
        let guests = guests.get(id).copied().unwrap_or(0);
        let Some(slot) = there.slots.iter().find(|slot| slot.id == *id) else {
            faults.push(format!("slot {id} is gone"));
            continue;
        };
        if guests > opened.seats {
            faults.push(format!("oversold: slot {id} has {guests} guests on {} seats", opened.seats));
        }
        let expected = (opened.seats, guests, 0);
        let found = (slot.capacity, slot.taken, slot.held);
        if found != expected {
            faults.push(format!(
                "slot {id}: {}, {} taken and {} held seats where there are {}, {} and {}",
                found.0, found.1, found.2, expected.0, expected.1, expected.2
            ));
        }
    }
    let sold: i64 = guests.values().sum();
    let all: i64 = known.slots.values().map(|slot| slot.seats).sum();
    Check::no_faults("seats", format!("{sold} of {all} sold, no slot oversold, none held any more"), faults)
}

/// Whatever Stripe has taken pays for confirmed bookings, or went back; to the cent.
fn check_money(known: &Known<'_>, there: &There) -> Check {
    let payments: HashMap<Uuid, &PaymentThere> = there.payments.iter().map(|payment| (payment.id, payment)).collect();
    let paid: Vec<&SessionThere> = there.sessions.iter().filter(|session| session.is_paid).collect();
    let faults = paid.iter().flat_map(|session| {
        let payment = session.payment_id.and_then(|id| payments.get(&id));
        match payment {
            None => vec![format!("{} was paid, and there is no payment of it", session.id)],
            Some(payment) => money_faults(known, session, payment),
        }
    });
    let faults: Vec<String> = faults.collect();
    let back: i64 = paid.iter().map(|session| session.refunded).sum();
    let came: i64 = paid.iter().map(|session| session.charged).sum();
    let found = format!("{} paid: {came} came, {back} went back, the rest pays for bookings", paid.len());
    Check::no_faults("money", found, faults)
}

fn money_faults(known: &Known<'_>, session: &SessionThere, payment: &PaymentThere) -> Vec<String> {
    let price = |slot: &Uuid| known.slots.get(slot).map_or(0, |slot| slot.price);
    let confirmed = payment.bookings.iter().filter(|booking| booking.is_confirmed());
    let worth: i64 = confirmed.map(|booking| booking.guests * price(&booking.slot)).sum();
    let name = format!("payment {} ({})", payment.id, payment.status);
    let mut faults = Vec::new();
    if (payment.received, payment.amount) != (session.charged, session.charged) {
        let (asked, knows) = (payment.amount, payment.received);
        faults.push(format!("{name}: {} came, {asked} was asked for, {knows} is known", session.charged));
    }
    if payment.refunded != session.refunded {
        faults.push(format!("{name}: {} went back, {} is known", session.refunded, payment.refunded));
    }
    if session.charged - session.refunded != worth {
        let kept = session.charged - session.refunded;
        faults.push(format!("{name}: {kept} was kept for confirmed bookings worth {worth}"));
    }
    let fits = match (worth > 0, session.refunded > 0) {
        (true, false) => payment.status == "succeeded",
        (true, true) => payment.status == "partially_refunded",
        (false, _) => payment.status == "refunded",
    };
    if !fits {
        faults.push(format!("{name}: its bookings are worth {worth}, {} went back", session.refunded));
    }
    faults.extend(payment.flag.iter().map(|flag| format!("{name} is flagged {flag}")));
    faults
}

/// Nothing is confirmed without money, and of a payment that succeeded nothing is left out.
fn check_bookings(there: &There) -> Check {
    let paid: HashSet<Uuid> =
        there.sessions.iter().filter(|session| session.is_paid).filter_map(|session| session.payment_id).collect();
    let mut faults = Vec::new();
    let mut confirmed = 0;
    for payment in &there.payments {
        for booking in &payment.bookings {
            let name = format!("booking {} of payment {}", booking.reference, payment.id);
            confirmed += usize::from(booking.is_confirmed());
            if booking.is_confirmed() && !paid.contains(&payment.id) {
                faults.push(format!("{name} is confirmed, and nobody paid for it"));
            }
            if booking.status == "pending_payment" {
                faults.push(format!("{name} is still held"));
            }
            if payment.status == "succeeded" && !booking.is_confirmed() {
                faults.push(format!("{name} is {}, and all of it was paid", booking.status));
            }
        }
        if payment.status != "failed" && !paid.contains(&payment.id) {
            faults.push(format!("payment {} is {}, and nobody paid it", payment.id, payment.status));
        }
    }
    if confirmed == 0 {
        faults.push("nothing was confirmed at all".to_owned());
    }
    Check::no_faults("bookings", format!("{confirmed} confirmed, each with its money"), faults)
}

/// Nobody was told of a deadlock, nor of anything else that is ours to mend.
fn check_answers(counted: &Counted) -> Check {
    let mut faults: BTreeMap<&str, usize> = BTreeMap::new();
    for fault in &counted.faults {
        *faults.entry(fault).or_default() += 1;
    }
    let faults = faults.into_iter().map(|(fault, n)| format!("{n} x {fault}")).collect();
    let all: usize = counted.answers.values().sum();
    let found = format!("{all}, none of them an error; {} asked to come again (503)", counted.overloaded);
    Check::no_faults("answers", found, faults)
}

/// What was answered is so.
fn check_promises(known: &Known<'_>, there: &There) -> Check {
    let sessions: HashMap<&str, &SessionThere> =
        there.sessions.iter().map(|session| (session.id.as_str(), session)).collect();
    let answered = known.journeys.iter().flat_map(|journey| &journey.sessions).chain(known.more_sessions);
    let mut faults: Vec<String> = answered
        .filter(|id| !sessions.contains_key(id.as_str()))
        .map(|id| format!("the checkout {id} was answered, and Stripe does not have it"))
        .collect();
    for id in known.journeys.iter().flat_map(|journey| &journey.promised) {
        if sessions.get(id.as_str()).is_none_or(|session| !session.is_paid) {
            faults.push(format!("the success page said that {id} was paid, and it was not"));
        }
    }
    faults.extend(known.journeys.iter().flat_map(|journey| journey.faults.iter().cloned()));
    faults.sort();
    faults.dedup();
    Check::no_faults(
        "promises",
        "each checkout that was answered is Stripe's; double clicks are one".to_owned(),
        faults,
    )
}

#[cfg(test)]
#[path = "judge_tests.rs"]
mod tests;
