//! Random histories of a marketplace: two travellers, two slots with few seats, Stripe with refunds of its own, and
//! time that moves on. After each step the laws hold ([`crate::trip_laws::laws_hold`], by [`Market::ask`]).

use std::collections::BTreeMap;

use jiff::SignedDuration;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use surehold_core::command::*;
use surehold_core::decide::Stop;
use surehold_core::rows::*;
use surehold_core::{Command, Outcome};
use uuid::Uuid;

use crate::marketplace::*;
use crate::world::*;

/// What somebody asks, with payments and bookings still to be chosen among those there are.
#[derive(Debug, Clone)]
enum Wish {
    Hold {
        who: Uuid,
        items: Vec<(usize, i32)>,
        trip: Option<Index>,
    },
    Record {
        who: Uuid,
        amount_minor: i64,
    },
    Book {
        payment: Index,
        items: Vec<(usize, i32)>,
        trip: Option<Index>,
    },
    Settle {
        payment: Index,
        too_little: i64,
    },
    Await {
        payment: Index,
    },
    Release {
        payment: Index,
        reason: ReleaseReason,
    },
    Expire {
        payment: Index,
    },
    Refund {
        booking: Index,
        amount_minor: Option<i64>,
        by_traveller: bool,
    },
    Cancel {
        booking: Index,
        by_student: bool,
        return_credit: bool,
    },
    Mark {
        booking: Index,
        attendance: Option<Attendance>,
    },
    Slot {
        slot: usize,
        edit: Edit,
    },
    /// Stripe takes up what it was asked for, or goes on with it; and says so.
    StripeGoesOn {
        payment: Index,
        to: RefundStatus,
    },
    /// Stripe refuses what it was asked for.
    StripeRefuses {
        payment: Index,
    },
    /// Somebody refunds in Stripe's dashboard.
    Dashboard {
        payment: Index,
        part: i64,
    },
    /// A list of refunds that was read earlier.
    OldReading {
        reading: Index,
    },
}

#[derive(Debug, Clone)]
enum Edit {
    Blocked(bool),
    Price(i64),
    Withhold(i32),
    Status(SlotStatus),
}

#[derive(Debug, Clone)]
struct Step {
    wish: Wish,
    minutes_later: i64,
}

fn wishes() -> impl Strategy<Value = Wish> {
    let who = || select(vec![ANN, BEN]);
    let one = any::<Index>;
    let some = || prop::collection::vec((0..2usize, 1..3), 1..3);
    let trip = || prop::option::weighted(0.4, any::<Index>());
    let reason = select(vec![
        ReleaseReason::SessionExpired,
        ReleaseReason::PaymentFailed,
        ReleaseReason::CheckoutRefused,
        ReleaseReason::Replaced,
        ReleaseReason::Operator,
    ]);
    let attendance = select(vec![None, Some(Attendance::Yes), Some(Attendance::No)]);
    let status = prop_oneof![4 => Just(SlotStatus::Active), 1 => Just(SlotStatus::Inactive)];
    let edit = prop_oneof![
        2 => prop::bool::weighted(0.3).prop_map(Edit::Blocked),
        1 => (0..3i64).prop_map(|price| Edit::Price(price * 1111)),
        2 => (-2..3).prop_map(Edit::Withhold),
        2 => status.prop_map(Edit::Status),
    ];
    let to = select(vec![
        RefundStatus::Pending,
        RefundStatus::Succeeded,
        RefundStatus::Succeeded,
        RefundStatus::Succeeded,
        RefundStatus::Failed,
    ]);
    let too_little = prop_oneof![5 => Just(0), 1 => Just(1), 1 => Just(i64::MAX)];
    let part = prop_oneof![1 => Just(1), 2 => Just(i64::MAX)];
    let amount = prop::option::of(select(vec![1, 1666, 3333, 5000]));
    prop_oneof![
        9 => (who(), some(), trip()).prop_map(|(who, items, trip)| Wish::Hold { who, items, trip }),
        2 => (who(), 1..4i64).prop_map(|(who, n)| Wish::Record { who, amount_minor: n * 5000 }),
        3 => (one(), some(), trip()).prop_map(|(payment, items, trip)| Wish::Book { payment, items, trip }),
        8 => (one(), too_little).prop_map(|(payment, too_little)| Wish::Settle { payment, too_little }),
        2 => one().prop_map(|payment| Wish::Await { payment }),
        3 => (one(), reason).prop_map(|(payment, reason)| Wish::Release { payment, reason }),
        3 => one().prop_map(|payment| Wish::Expire { payment }),
        3 => (one(), amount, prop::bool::weighted(0.3))
            .prop_map(|(booking, amount_minor, by_traveller)| Wish::Refund { booking, amount_minor, by_traveller }),
        3 => (one(), any::<bool>(), prop::bool::weighted(0.7))
            .prop_map(|(booking, by_student, return_credit)| Wish::Cancel { booking, by_student, return_credit }),
        2 => (one(), attendance).prop_map(|(booking, attendance)| Wish::Mark { booking, attendance }),
        2 => (0..2usize, edit).prop_map(|(slot, edit)| Wish::Slot { slot, edit }),
        5 => (one(), to).prop_map(|(payment, to)| Wish::StripeGoesOn { payment, to }),
        1 => one().prop_map(|payment| Wish::StripeRefuses { payment }),
        2 => (one(), part).prop_map(|(payment, part)| Wish::Dashboard { payment, part }),
        1 => one().prop_map(|reading| Wish::OldReading { reading }),
    ]
}

fn histories() -> impl Strategy<Value = Vec<Step>> {
    let minutes = select(vec![0, 0, 0, 1, 20, 40, 240]);
    let step = (wishes(), minutes).prop_map(|(wish, minutes_later)| Step { wish, minutes_later });
    prop::collection::vec(step, 1..60)
}

/// The marketplace, what Stripe has of each payment's refunds, and every list of them that was ever read.
struct Life {
    market: Market,
    slots: [Uuid; 2],
    refunds: BTreeMap<Uuid, Vec<SeenRefund>>,
    readings: Vec<SeeRefunds>,
    next_refund: u32,
}

impl Life {
    /// Two days before a walk of four seats and a hike of three.
    fn begin() -> Life {
        let mut market = market();
        let slots = [market.walk(4), market.hike(3)];
        market.now = market.slot(slots[0]).starts_at - SignedDuration::from_hours(48);
        Life { market, slots, refunds: BTreeMap::new(), readings: Vec::new(), next_refund: 0 }
    }

    fn live_through(&mut self, history: &[Step], hears: &mut dyn FnMut(&Result<Outcome, Stop>)) {
        for step in history {
            self.market.now += SignedDuration::from_mins(step.minutes_later);
            if let Some(command) = self.choose(&step.wish) {
                let result = self.market.ask(Chosen(command));
                hears(&result);
            }
        }
    }

    fn payment(&self, index: &Index) -> Option<Payment> {
        let payments: Vec<&Payment> = self.market.ledger.payments().collect();
        (!payments.is_empty()).then(|| (*index.get(&payments)).clone())
    }

    fn booking(&self, index: &Index) -> Option<Uuid> {
        let ids: Vec<Uuid> = self.market.ledger.writes().bookings.keys().copied().collect();
        (!ids.is_empty()).then(|| *index.get(&ids))
    }

    fn trip(&self, index: &Option<Index>) -> Option<Uuid> {
        let ids: Vec<Uuid> = self.market.ledger.writes().trips.keys().copied().collect();
        index.as_ref().filter(|_| !ids.is_empty()).map(|index| *index.get(&ids))
    }

    fn wanted(&self, items: &[(usize, i32)]) -> Vec<(Uuid, i32)> {
        items.iter().map(|(slot, guests)| (self.slots[*slot], *guests)).collect()
    }

    fn choose(&mut self, wish: &Wish) -> Option<Command> {
        Some(match wish {
            Wish::Hold { who, items, trip } => {
                HoldTrip { trip_id: self.trip(trip), ..hold(*who, &self.wanted(items)) }.command()
            }
            Wish::Record { who, amount_minor } => {
                let reference = format!("r-{}", self.market.fresh_id());
                record(*who, &reference, *amount_minor).command()
            }
            Wish::Book { payment, items: wanted, trip } => {
                let Payment { id: payment_id, contact_id, .. } = self.payment(payment)?;
                let trip_id = self.trip(trip).unwrap_or_else(|| self.market.fresh_id());
                BookTrip { payment_id, trip_id, contact_id, items: items(&self.wanted(wanted)) }.command()
            }
            Wish::Settle { payment, too_little } => {
                let Payment { id: payment_id, amount_minor, currency, .. } = self.payment(payment)?;
                let amount_minor = amount_minor.saturating_sub(*too_little).max(0);
                Settle { payment_id, amount_minor, currency, session_id: None, stripe_payment_intent: None }.command()
            }
            Wish::Await { payment } => {
                let payment_id = self.payment(payment)?.id;
                AwaitPayment { payment_id, session_id: None, stripe_payment_intent: None }.command()
            }
            Wish::Release { payment, reason } => {
                ReleasePayment { payment_id: self.payment(payment)?.id, reason: *reason }.command()
            }
            Wish::Expire { payment } => ExpireHold { payment_id: self.payment(payment)?.id }.command(),
            Wish::Refund { booking, amount_minor, by_traveller } => {
                let all = refund_all(self.booking(booking)?);
                RefundBooking { amount_minor: *amount_minor, by_traveller: *by_traveller, ..all }.command()
            }
            Wish::Cancel { booking, by_student, return_credit } => {
                let by_traveller = cancel(self.booking(booking)?);
                Cancel { by_student: *by_student, return_credit: *return_credit, ..by_traveller }.command()
            }
            Wish::Mark { booking, attendance } => mark(self.booking(booking)?, *attendance).command(),
            Wish::Slot { slot, edit } => self.edit(self.slots[*slot], edit),
            Wish::StripeGoesOn { payment, to } => {
                let payment_id = self.payment(payment)?.id;
                self.stripe_goes_on(payment_id, *to);
                self.read(payment_id)
            }
            Wish::StripeRefuses { payment } => {
                let payment_id = self.payment(payment)?.id;
                let requested = |refund: &&Refund| refund.status == RefundStatus::Requested;
                let refund_id = self.market.ledger.refunds_of(payment_id).find(requested)?.id;
                FailRefund { payment_id, refund_id, problem: "no".to_owned() }.command()
            }
            Wish::Dashboard { payment, part } => {
                let payment = self.payment(payment)?;
                let back = |refund: &&Refund| refund.status != RefundStatus::Failed;
                let known: i64 =
                    self.market.ledger.refunds_of(payment.id).filter(back).map(|refund| refund.amount_minor).sum();
                let amount_minor = (*part).min(payment.money() - known);
                if amount_minor < 1 {
                    return None;
                }
                self.next_refund += 1;
                let made = seen(&format!("re_{}", self.next_refund), None, amount_minor, RefundStatus::Pending);
                self.refunds.entry(payment.id).or_default().push(made);
                self.read(payment.id)
            }
            Wish::OldReading { reading } => {
                (!self.readings.is_empty()).then(|| reading.get(&self.readings).clone())?.command()
            }
        })
    }

    fn edit(&self, slot_id: Uuid, edit: &Edit) -> Command {
        let usual = change(slot_id);
        match edit {
            Edit::Blocked(blocked) => {
                ChangeSlot { blocked: Some(blocked.then(|| "repairs".to_owned())), ..usual }.command()
            }
            Edit::Price(price) => ChangeSlot { price_minor: Some(Some(*price)), ..usual }.command(),
            Edit::Withhold(seats) => withhold(slot_id, *seats).command(),
            Edit::Status(status) => ChangeSlot { status: Some(*status), ..usual }.command(),
        }
    }

    /// The refunds that Stripe was asked for are there, and those that are there come to this state, if they may.
    fn stripe_goes_on(&mut self, payment_id: Uuid, to: RefundStatus) {
        let at_stripe = self.refunds.entry(payment_id).or_default();
        for refund in at_stripe.iter_mut() {
            refund.status = refund.status.max(to);
        }
        for refund in self.market.ledger.refunds_of(payment_id) {
            if refund.status == RefundStatus::Requested {
                self.next_refund += 1;
                let id = format!("re_{}", self.next_refund);
                at_stripe.push(seen(&id, Some(refund.id), refund.amount_minor, to));
            }
        }
    }

    fn read(&mut self, payment_id: Uuid) -> Command {
        let reading = see(payment_id, self.refunds.get(&payment_id).map_or(&[], Vec::as_slice));
        self.readings.push(reading.clone());
        reading.command()
    }
}

struct Chosen(Command);

impl Ask for Chosen {
    fn command(self) -> Command {
        self.0
    }
}

fn config() -> ProptestConfig {
    let asked_for = std::env::var_os("PROPTEST_CASES").is_some();
    let cases = if asked_for { ProptestConfig::default().cases } else { 100 };
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn seats_and_money_agree_in_every_history(history in histories()) {
        Life::begin().live_through(&history, &mut |_| {});
    }
}

/// The histories above prove nothing of what never happens in them.
#[test]
fn histories_of_trips_meet_every_answer_and_refusal() {
    let mut runner = TestRunner::deterministic();
    let mut met: BTreeMap<String, u32> = BTreeMap::new();
    let mut count = |what: String| *met.entry(what).or_default() += 1;
    for _ in 0..100 {
        let history = histories().new_tree(&mut runner).expect("a history").current();
        let mut life = Life::begin();
        life.live_through(&history, &mut |result| {
            count(match result {
                Ok(outcome) if outcome.replayed => "replay".to_owned(),
                Ok(outcome) => format!("{:?}", outcome.answer).split('(').next().expect("a name").to_owned(),
                Err(Stop::Refused(refusal)) => refusal.code().to_owned(),
                Err(Stop::ResolveAgain) => "resolve again".to_owned(),
            });
        });
        life.market.ledger.payments().for_each(|payment| {
            count(payment.status.to_string());
            count(payment.reason.clone().unwrap_or_default());
            count(payment.flag.clone().unwrap_or_default());
        });
    }
    for what in [
        "TripHeld",
        "TripBooked",
        "PaymentSaved",
        "BookingRefunded",
        "Cancelled",
        "AttendanceMarked",
        "replay",
        "INSUFFICIENT_AVAILABILITY",
        "SLOT_BLOCKED",
        "EXAM_NOT_ACTIVE",
        "EXAM_PAST",
        "CUTOFF_TIME_PASSED",
        "INVALID_PRICE",
        "TRIP_NOT_FOUND",
        "TRIP_ALREADY_BOOKED",
        "CHECKOUT_OPEN",
        "PAYMENT_PROCESSING",
        "PAYMENT_NOT_SUCCEEDED",
        "PAYMENT_SUCCEEDED",
        "PAYMENT_USED",
        "AMOUNT_MISMATCH",
        "FULLY_REFUNDED",
        "REFUND_TOO_LARGE",
        "BOOKING_NOT_ACTIVE",
        "CANCEL_TOO_LATE",
        "pending",
        "processing",
        "succeeded",
        "failed",
        "refunding",
        "partially_refunded",
        "refunded",
        "seats_gone",
        "replaced",
        "trip_paid_otherwise",
        "amount_mismatch",
        "operator",
        "REFUND_FAILED",
    ] {
        assert!(met.contains_key(what), "{what} is not among {met:?}");
    }
}
