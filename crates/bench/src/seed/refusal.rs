//! What the functions raise, as the product's errors: the same codes, statuses, sentences and details.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use surehold::http::ApiError;
use surehold_core::Refusal;
use surehold_core::refusal::Shortage;
use surehold_core::rows::PaymentStatus;
use tokio_postgres::error::SqlState;
use uuid::Uuid;

/// The error of a refusal: SQLSTATE P0001, the code as message, JSON as detail. `None`: it is none of the
/// function's, so something else went wrong.
pub fn of(state: &SqlState, message: &str, detail: Option<&str>) -> Option<ApiError> {
    if *state != SqlState::RAISE_EXCEPTION {
        return None;
    }
    if message == "VALIDATION_ERROR" {
        return Some(ApiError::invalid(read::<BTreeMap<String, String>>(detail)?));
    }
    refusal(message, detail).map(ApiError::from)
}

fn refusal(code: &str, detail: Option<&str>) -> Option<Refusal> {
    Some(match code {
        "IDEMPOTENCY_MISMATCH" => Refusal::IdempotencyMismatch,
        "CONTACT_NOT_FOUND" => Refusal::ContactNotFound,
        "EXAM_NOT_FOUND" => Refusal::SlotNotFound,
        "INVALID_EXAM_TYPE" => Refusal::WrongFamily { actual: read::<Actual>(detail)?.actual },
        "EXAM_NOT_ACTIVE" => Refusal::SlotNotActive { activates_at: read::<NotActive>(detail)?.activates_at },
        "EXAM_PAST" => Refusal::SlotPast,
        "SLOT_BLOCKED" => Refusal::SlotBlocked,
        "DUPLICATE_BOOKING" => {
            let Duplicate { booking_id, code } = read(detail)?;
            Refusal::DuplicateBooking { booking_id, code }
        }
        "PREREQUISITE_NOT_MET" => {
            let Prerequisites { missing, required } = read(detail)?;
            Refusal::PrerequisiteNotMet { missing, required }
        }
        "EXAM_FULL" => {
            let Full { requested, available } = read(detail)?;
            Refusal::Full { requested, available }
        }
        "INSUFFICIENT_CREDITS" => {
            let Credits { needed, available, kinds } = read(detail)?;
            Refusal::InsufficientCredits { needed, available, kinds: kinds.into_iter().map(Arc::from).collect() }
        }
        "PAYMENT_NOT_FOUND" => Refusal::PaymentNotFound,
        "PAYMENT_USED" => Refusal::PaymentUsed,
        "TRIP_NOT_FOUND" => Refusal::TripNotFound,
        "PAYMENT_NOT_SUCCEEDED" => Refusal::PaymentNotSucceeded { status: read::<Payment>(detail)?.status },
        "INSUFFICIENT_AVAILABILITY" => {
            let Short { slot_id, requested, available } = read(detail)?;
            Refusal::Shortages(vec![Shortage { slot_id, requested, available }])
        }
        "AMOUNT_MISMATCH" => {
            let Amounts { paid_minor, paid_currency, needed_minor, needed_currency } = read(detail)?;
            Refusal::AmountMismatch { paid_minor, paid_currency, needed_minor, needed_currency }
        }
        _ => return None,
    })
}

fn read<T: DeserializeOwned>(detail: Option<&str>) -> Option<T> {
    serde_json::from_str(detail?).ok()
}

#[derive(Deserialize)]
struct Actual {
    actual: String,
}

#[derive(Deserialize)]
struct NotActive {
    activates_at: Option<jiff::Timestamp>,
}

#[derive(Deserialize)]
struct Duplicate {
    booking_id: Uuid,
    code: String,
}

#[derive(Deserialize)]
struct Prerequisites {
    missing: Vec<Uuid>,
    required: usize,
}

#[derive(Deserialize)]
struct Full {
    requested: i32,
    available: i32,
}

#[derive(Deserialize)]
struct Credits {
    needed: i64,
    available: i64,
    kinds: Vec<String>,
}

#[derive(Deserialize)]
struct Payment {
    status: PaymentStatus,
}

#[derive(Deserialize)]
struct Short {
    slot_id: Uuid,
    requested: i32,
    available: i32,
}

#[derive(Deserialize)]
struct Amounts {
    paid_minor: i64,
    paid_currency: String,
    needed_minor: i64,
    needed_currency: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code_of(message: &str, detail: Option<&str>) -> Option<(u16, &'static str)> {
        of(&SqlState::RAISE_EXCEPTION, message, detail).map(|error| (error.status.as_u16(), error.code))
    }

    #[test]
    fn what_is_raised_has_the_products_codes_and_statuses() {
        let full = r#"{"requested": 1, "available": 0}"#;
        assert_eq!(code_of("EXAM_FULL", Some(full)), Some((409, "EXAM_FULL")));
        let credits = r#"{"needed": 1, "available": 0, "kinds": ["cs_credits"]}"#;
        assert_eq!(code_of("INSUFFICIENT_CREDITS", Some(credits)), Some((402, "INSUFFICIENT_CREDITS")));
        assert_eq!(code_of("IDEMPOTENCY_MISMATCH", None), Some((422, "IDEMPOTENCY_MISMATCH")));
        let fields = r#"{"dominant_hand": "is required"}"#;
        assert_eq!(code_of("VALIDATION_ERROR", Some(fields)), Some((400, "VALIDATION_ERROR")));
    }

    #[test]
    fn what_the_function_does_not_raise_is_no_refusal() {
        assert_eq!(code_of("EXAM_FULL", None), None);
        assert_eq!(code_of("control reached end of function", None), None);
        assert!(of(&SqlState::UNIQUE_VIOLATION, "EXAM_PAST", None).is_none());
    }
}
