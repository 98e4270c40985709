//! Which money pays for which booking, and how much of it.
//!
//! There, a payment names one booking, and pays for all that its checkout held; newer bookings name their payment. Often
//! a booking has none at all: then it brings along what it cost.

use std::collections::{BTreeMap, HashMap};

use uuid::Uuid;

use super::facts::BookingFacts;
use super::payments::{PaymentFacts, State};

/// What a booking is paid with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Paid {
    /// The payment.
    pub payment_id: Uuid,
    /// Where that stands.
    pub state: State,
    /// What of it pays for the booking, in minor units.
    pub share_minor: i64,
}

/// What each booking is paid with. Bookings without money are not in it.
#[derive(Default)]
pub struct Money {
    paid: HashMap<Uuid, Paid>,
    bookings_of: HashMap<Uuid, Vec<Uuid>>,
    amounts: HashMap<Uuid, i64>,
}

impl Money {
    /// Finds out, for all bookings and payments of a database.
    pub fn of(bookings: &[BookingFacts], payments: &[PaymentFacts]) -> Money {
        let by_id: HashMap<Uuid, &PaymentFacts> = payments.iter().map(|payment| (payment.id, payment)).collect();
        let by_booking = naming(payments);
        let mut chosen: HashMap<Uuid, Uuid> = HashMap::new();
        let mut trips: BTreeMap<Uuid, Vec<&BookingFacts>> = BTreeMap::new();
        for booking in bookings {
            let named = booking.payment_id.and_then(|id| by_id.get(&id));
            if let Some(payment) = named.or_else(|| by_booking.get(&booking.id)) {
                chosen.insert(booking.id, payment.id);
            }
            if let Some(trip_id) = booking.trip_id {
                trips.entry(trip_id).or_default().push(booking);
            }
        }
        for of_trip in trips.values() {
            let Some(payment) = only_money(of_trip, &by_id, &chosen) else { continue };
            let covered = || of_trip.iter().filter(|b| chosen.get(&b.id).is_none_or(|id| *id == payment.id));
            let costs: i64 = covered().map(|booking| booking.price_minor.unwrap_or(0)).sum();
            if costs <= payment.amount_minor {
                let ids: Vec<Uuid> = covered().map(|booking| booking.id).collect();
                chosen.extend(ids.into_iter().map(|id| (id, payment.id)));
            }
        }
        Money::shared(bookings, &by_id, &chosen)
    }

    fn shared(
        bookings: &[BookingFacts],
        payments: &HashMap<Uuid, &PaymentFacts>,
        chosen: &HashMap<Uuid, Uuid>,
    ) -> Money {
        let mut paid_by: BTreeMap<Uuid, Vec<&BookingFacts>> = BTreeMap::new();
        for booking in bookings {
            if let Some(payment_id) = chosen.get(&booking.id) {
                paid_by.entry(*payment_id).or_default().push(booking);
            }
        }
        let amounts = payments.values().map(|payment| (payment.id, payment.amount_minor)).collect();
        let mut money = Money { amounts, ..Money::default() };
        for (payment_id, of_payment) in paid_by {
            let Some(payment) = payments.get(&payment_id) else { continue };
            let prices: Vec<Option<i64>> = of_payment.iter().map(|booking| booking.price_minor).collect();
            for (booking, share_minor) in of_payment.iter().zip(shares(payment.amount_minor, &prices)) {
                money.paid.insert(booking.id, Paid { payment_id, state: payment.state, share_minor });
                money.bookings_of.entry(payment_id).or_default().push(booking.id);
            }
        }
        money
    }

    /// What a booking is paid with.
    pub fn paid(&self, booking_id: Uuid) -> Option<Paid> {
        self.paid.get(&booking_id).copied()
    }

    /// What a payment is of, in minor units.
    pub fn amount(&self, payment_id: Uuid) -> Option<i64> {
        self.amounts.get(&payment_id).copied()
    }

    /// What a payment pays for.
    pub fn bookings_of(&self, payment_id: Uuid) -> &[Uuid] {
        self.bookings_of.get(&payment_id).map_or(&[], Vec::as_slice)
    }
}

/// The payment that names a booking: one with money before one without.
fn naming(payments: &[PaymentFacts]) -> HashMap<Uuid, &PaymentFacts> {
    let mut naming: HashMap<Uuid, &PaymentFacts> = HashMap::new();
    for payment in payments {
        let Some(booking_id) = payment.booking_id else { continue };
        let best = naming.entry(booking_id).or_insert(payment);
        if payment.state < best.state {
            *best = payment;
        }
    }
    naming
}

/// The payment with money that pays for bookings of a trip, if there is one alone.
fn only_money<'p>(
    of_trip: &[&BookingFacts],
    payments: &HashMap<Uuid, &'p PaymentFacts>,
    chosen: &HashMap<Uuid, Uuid>,
) -> Option<&'p PaymentFacts> {
    let paying = of_trip.iter().filter_map(|booking| payments.get(chosen.get(&booking.id)?).copied());
    let mut with_money = paying.filter(|payment| payment.state.has_money());
    let first = with_money.next()?;
    with_money.all(|payment| payment.id == first.id).then_some(first)
}

/// Divides an amount by what things cost, or evenly where that is not known of all. The first gets what is left over.
fn shares(amount: i64, prices: &[Option<i64>]) -> Vec<i64> {
    let known: Option<Vec<i64>> = prices.iter().copied().collect();
    let weights = known.filter(|known| known.iter().sum::<i64>() > 0).unwrap_or_else(|| vec![1; prices.len()]);
    let all: i128 = weights.iter().map(|weight| i128::from(*weight)).sum();
    let share = |weight: &i64| i64::try_from(i128::from(amount) * i128::from(*weight) / all.max(1)).unwrap_or(0);
    let mut shares: Vec<i64> = weights.iter().map(share).collect();
    let left = amount - shares.iter().sum::<i64>();
    if let Some(first) = shares.first_mut() {
        *first += left;
    }
    shares
}

/// Minor units of an amount in major ones, as `numeric` columns have it: of currencies with two decimals.
pub fn minor_of_major(text: &str) -> Result<i64, String> {
    let wrong = || "is not an amount of money as 75 or 75.50".to_owned();
    let (whole, cents) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let (cents, rest) = cents.split_at(cents.len().min(2));
    if whole.is_empty() || !digits(whole) || !digits(cents) || !rest.bytes().all(|byte| byte == b'0') {
        return Err(if text.starts_with('-') { "must not be negative".to_owned() } else { wrong() });
    }
    format!("{whole}{cents:0<2}").parse().map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn booking(id: u128, trip: u128, price: Option<i64>) -> BookingFacts {
        BookingFacts {
            id: Uuid::from_u128(id),
            trip_id: Some(Uuid::from_u128(trip)),
            payment_id: None,
            price_minor: price,
            ..BookingFacts::default()
        }
    }

    fn payment(id: u128, booking: u128, amount_minor: i64, state: State) -> PaymentFacts {
        PaymentFacts { id: Uuid::from_u128(id), booking_id: Some(Uuid::from_u128(booking)), amount_minor, state }
    }

    fn shares_of(money: &Money, bookings: &[BookingFacts]) -> Vec<Option<(u128, i64)>> {
        bookings.iter().map(|b| money.paid(b.id).map(|paid| (paid.payment_id.as_u128(), paid.share_minor))).collect()
    }

    #[test]
    fn the_payment_of_a_checkout_pays_for_its_whole_trip() {
        let trip = [booking(1, 7, Some(3000)), booking(2, 7, Some(6001)), booking(3, 8, Some(500))];
        let money = Money::of(&trip, &[payment(9, 1, 10_001, State::Paid)]);
        assert_eq!(shares_of(&money, &trip), [Some((9, 3334)), Some((9, 6667)), None], "with the fee, to the cent");
        assert_eq!(money.bookings_of(Uuid::from_u128(9)).len(), 2);
    }

    #[test]
    fn a_payment_of_less_than_the_trip_costs_pays_for_the_booking_that_it_names() {
        let trip = [booking(1, 7, Some(3000)), booking(2, 7, Some(6000))];
        let money = Money::of(&trip, &[payment(9, 1, 3000, State::Paid)]);
        assert_eq!(shares_of(&money, &trip), [Some((9, 3000)), None]);
    }

    #[test]
    fn money_counts_before_attempts_and_a_named_payment_before_all() {
        let mut trip = [booking(1, 7, Some(3000)), booking(2, 7, None)];
        let payments =
            [payment(8, 1, 3000, State::Failed), payment(9, 1, 3000, State::Paid), payment(10, 5, 99, State::Paid)];
        trip[1].payment_id = Some(Uuid::from_u128(10));
        let money = Money::of(&trip, &payments);
        assert_eq!(shares_of(&money, &trip), [Some((9, 3000)), Some((10, 99))]);
        let failed = Money::of(&trip[..1], &payments[..1]);
        assert_eq!(shares_of(&failed, &trip[..1]), [Some((8, 3000))]);
    }

    #[test]
    fn what_nobody_knows_the_price_of_is_divided_evenly() {
        assert_eq!(shares(100, &[None, Some(5), Some(9)]), [34, 33, 33]);
        assert_eq!(shares(100, &[Some(0), Some(0)]), [50, 50]);
        assert_eq!(shares(99_999_999, &[Some(99_999_999), Some(1)]).iter().sum::<i64>(), 99_999_999);
    }

    #[test]
    fn amounts_in_major_units_become_minor_ones() {
        for (text, minor) in [("75", 7500), ("75.5", 7550), ("75.50", 7550), ("0.07", 7), ("19.9900", 1999), ("0", 0)] {
            assert_eq!(minor_of_major(text), Ok(minor), "{text}");
        }
        for wrong in ["", "-1", "1.005", "1e3", "1,50", ".5", "$5", "99999999999999999999"] {
            assert!(minor_of_major(wrong).is_err(), "{wrong}");
        }
    }
}
