//! Refund a credit: give back the credit of a booking that no longer holds its seat in the future.

use crate::command::RefundCredit;
use crate::decide::{Act, Stop};
use crate::outcome::{Answer, Outcome, Refunded};
use crate::refusal::Refusal;

pub(super) fn refund_credit(act: &mut Act<'_>, c: &RefundCredit) -> Result<Outcome, Stop> {
    let mut booking = act.booking(c.booking_id)?;

    let kind = c.kind.clone().or(booking.credit_kind.clone());
    if let Some(kind) = &kind
        && act.ledger.org.token_label(kind).is_none()
    {
        return Err(Refusal::CreditKindNotAllowed {
            kind: kind.to_string(),
            allowed: act.ledger.org.credit_kinds.iter().map(|(k, _)| k.to_string()).collect(),
        }
        .into());
    }
    if booking.status.is_active() {
        return Err(Refusal::BookingActive.into());
    }
    if let Some(at) = booking.credit_returned_at {
        return Err(Refusal::AlreadyRefunded { at }.into());
    }
    // An override cost nothing, whatever kind the caller names.
    let Some(kind) = kind.filter(|_| booking.credit_kind.is_some()) else {
        return Err(Refusal::NothingToRefund.into());
    };

    // Effects.
    let before = booking.clone();
    let by = act.request.on_behalf_of.as_deref().unwrap_or(&act.request.principal);
    booking.refunded_by = Some(by.to_owned());
    let balance = act.return_credit(&mut booking, kind.clone());
    act.change_booking("booking.refunded", &before, &mut booking);
    let answer = Refunded {
        booking_id: booking.id,
        code: booking.code,
        kind,
        credits: i64::from(booking.guests),
        balance,
        refunded_at: act.now,
    };
    act.done(Answer::Refunded(answer), Some(booking.status))
}
