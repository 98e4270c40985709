//! The marketplace of trips, as travellers, its own servers and Stripe see it.

mod changed_trips;
mod checkout;
mod checkout_outages;
mod crashes;
mod create_booking;
mod defects;
mod late_money;
mod refunds;
mod settling;
mod storm;
mod webhook;
mod who_may;
mod workers;
