//! Which functions there are, and which arguments they take.

use axum::http::StatusCode;
use serde_json::Value;

use crate::http::error::ApiError;
use crate::http::rest::nearest::nearest;

/// A function.
#[derive(Debug)]
pub struct Function {
    /// Its name.
    pub name: &'static str,
    /// Arguments that a call must have.
    pub required: &'static [&'static str],
    /// Arguments that it may have.
    pub optional: &'static [&'static str],
    /// What PostgreSQL would refuse to execute first where nothing may be written; `None`: the function only reads.
    pub writes: Option<&'static str>,
    /// What is done.
    pub work: Work,
}

/// What functions do.
#[derive(Debug, Clone, Copy)]
pub enum Work {
    /// Book a seat.
    CreateBooking,
    /// Book a trip that is paid.
    CreateTripBookings,
    /// Say whether a booking of a trip is confirmed.
    ConfirmBooking,
    /// Take seats out of sale.
    DecrementSlot,
    /// Put them back.
    ReleaseSlot,
    /// Give a booking up.
    CancelBooking,
    /// Find the booking of an idempotency key.
    CheckKey,
    /// Count what is not for sale any more of a session.
    ExamBookings,
    /// Find a contact.
    ContactCredits,
    /// Find a booking.
    Booking,
}

/// A slot is named by its ID, …
const BY_SLOT: &[&str] = &["p_slot_id", "p_count"];
/// … or by its experience and its local start.
const BY_START: &[&str] = &["p_experience_id", "p_slot_date", "p_slot_time", "p_count"];

/// Every function.
pub const FUNCTIONS: &[Function] = &[
    Function {
        name: "create_booking_atomic",
        required: &[
            "p_booking_id",
            "p_student_id",
            "p_student_email",
            "p_mock_exam_id",
            "p_student_name",
            "p_token_used",
            "p_attending_location",
            "p_dominant_hand",
            "p_idempotency_key",
            "p_credit_field",
            "p_new_credit_value",
        ],
        optional: &["p_mock_set"],
        writes: Some("INSERT"),
        work: Work::CreateBooking,
    },
    Function {
        name: "create_booking_atomic",
        required: &["p_payment_id", "p_trip_id", "p_user_id", "p_items"],
        optional: &[],
        writes: Some("INSERT"),
        work: Work::CreateTripBookings,
    },
    Function {
        name: "confirm_booking_atomic",
        required: &["p_booking_id", "p_trip_id"],
        optional: &[],
        writes: Some("UPDATE"),
        work: Work::ConfirmBooking,
    },
    Function {
        name: "decrement_slot_availability",
        required: BY_SLOT,
        optional: &[],
        writes: Some("UPDATE"),
        work: Work::DecrementSlot,
    },
    Function {
        name: "decrement_slot_availability",
        required: BY_START,
        optional: &[],
        writes: Some("UPDATE"),
        work: Work::DecrementSlot,
    },
    Function {
        name: "decrement_slot_inventory",
        required: BY_SLOT,
        optional: &[],
        writes: Some("UPDATE"),
        work: Work::DecrementSlot,
    },
    Function {
        name: "release_slot_availability",
        required: BY_SLOT,
        optional: &[],
        writes: Some("UPDATE"),
        work: Work::ReleaseSlot,
    },
    Function {
        name: "release_slot_availability",
        required: BY_START,
        optional: &[],
        writes: Some("UPDATE"),
        work: Work::ReleaseSlot,
    },
    Function {
        name: "cancel_booking_atomic",
        required: &["p_booking_id", "p_credit_field", "p_restored_credit_value"],
        optional: &[],
        writes: Some("UPDATE"),
        work: Work::CancelBooking,
    },
    Function {
        name: "check_idempotency_key",
        required: &["p_idempotency_key"],
        optional: &[],
        writes: None,
        work: Work::CheckKey,
    },
    Function {
        name: "increment_exam_bookings",
        required: &["p_exam_id", "p_delta"],
        optional: &[],
        writes: Some("UPDATE"),
        work: Work::ExamBookings,
    },
    Function {
        name: "get_contact_credits",
        required: &[],
        optional: &["p_student_id", "p_email", "p_id", "p_hubspot_id"],
        writes: None,
        work: Work::ContactCredits,
    },
    Function {
        name: "get_booking",
        required: &[],
        optional: &["p_id", "p_hubspot_id", "p_booking_id"],
        writes: None,
        work: Work::Booking,
    },
];

impl Function {
    /// Whether it can be called with arguments of these names.
    fn takes(&self, names: &[&str]) -> bool {
        self.required.iter().all(|required| names.contains(required))
            && names.iter().all(|name| self.required.contains(name) || self.optional.contains(name))
    }

    /// `(a, b)`, as hints write it.
    fn signature(&self) -> String {
        let mut all = [self.required, self.optional].concat();
        all.sort_unstable();
        format!("({})", all.join(", "))
    }
}

/// The functions of a name: several if they differ in their arguments.
pub fn named(name: &str) -> impl Iterator<Item = &'static Function> {
    FUNCTIONS.iter().filter(move |function| function.name == name)
}

/// The function of a name that takes arguments of these names, which are sorted. `by_post`: with a body.
pub fn find(schema: &str, name: &str, names: &[&str], by_post: bool) -> Result<&'static Function, ApiError> {
    named(name).find(|function| function.takes(names)).ok_or_else(|| no_function(schema, name, names, by_post))
}

/// 404: no function of this name takes these arguments.
pub fn no_function(schema: &str, name: &str, names: &[&str], by_post: bool) -> ApiError {
    let listed = names.join(", ");
    let (called, searched) = match names.len() {
        0 => (" without parameters".to_owned(), " without parameters".to_owned()),
        1 => (format!("({listed})"), format!(" with parameter {listed}")),
        _ => (format!("({listed})"), format!(" with parameters {listed}")),
    };
    let or = if by_post { " or with a single unnamed json/jsonb parameter" } else { "" };
    let message = format!("Could not find the function {schema}.{name}{called} in the schema cache");
    let details = format!(
        "Searched for the function {schema}.{name}{searched}{or}, but no matches were found in the schema cache."
    );
    let error = ApiError::new(StatusCode::NOT_FOUND, "PGRST202", message).with_details(Value::String(details));
    match meant(name, names) {
        Some(function) => error.with_hint(format!("Perhaps you meant to call the function {schema}.{function}")),
        None => error,
    }
}

/// The function that may be meant: by its arguments if there is one of this name, else by its name.
fn meant(name: &str, names: &[&str]) -> Option<String> {
    let mut of_this_name = named(name).peekable();
    if of_this_name.peek().is_none() {
        return nearest(name, FUNCTIONS.iter().map(|function| function.name)).map(str::to_owned);
    }
    let strange = |function: &Function| {
        let all = [function.required, function.optional].concat();
        let unknown = names.iter().filter(|name| !all.contains(name)).count();
        unknown + function.required.iter().filter(|required| !names.contains(required)).count()
    };
    let nearest = of_this_name.min_by_key(|function| strange(function))?;
    Some(format!("{name}{}", nearest.signature()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_all_there_and_nothing_else_is() {
        let find = |name, names: &[&str]| find("public", name, names, true);
        assert!(find("get_booking", &[]).is_ok() && find("get_booking", &["p_id"]).is_ok());
        assert!(find("check_idempotency_key", &["p_idempotency_key"]).is_ok());
        assert!(find("check_idempotency_key", &[]).is_err());
        assert!(find("check_idempotency_key", &["p_idempotency_key", "p_more"]).is_err());
        let create = &FUNCTIONS[0];
        assert_eq!(create.required.len(), 11);
        assert!(create.takes(create.required) && create.takes(&[create.required, create.optional].concat()));
        assert!(!create.takes(&create.required[1..]));
    }

    #[test]
    fn what_may_be_meant_is_said() {
        let hint = |name, names: &[&str]| no_function("public", name, names, true).hint;
        let of = |hint: Option<std::sync::Arc<str>>| hint.map(|hint| hint.to_string()).unwrap_or_default();
        assert_eq!(of(hint("get_bookin", &[])), "Perhaps you meant to call the function public.get_booking");
        let arguments = of(hint("check_idempotency_key", &["key"]));
        assert_eq!(arguments, "Perhaps you meant to call the function public.check_idempotency_key(p_idempotency_key)");
        assert_eq!(hint("something_else_altogether", &[]), None);
    }
}
