//! Refusals in the words of the trips marketplace: the engine's own codes are those of the exam school.

use axum::http::StatusCode;

use crate::http::error::ApiError;

/// There is no such experience.
pub fn no_experience() -> ApiError {
    ApiError::not_found("EXPERIENCE_NOT_FOUND", "There is no such experience.")
}

/// There is no such slot.
pub fn no_slot() -> ApiError {
    ApiError::not_found("SLOT_NOT_FOUND", "There is no such slot.")
}

/// The same error with the code, the status and the sentence that callers of the marketplace know.
pub fn in_words_of_trips(error: ApiError) -> ApiError {
    let bad = StatusCode::BAD_REQUEST;
    let (status, code, sentence) = match error.code {
        "EXAM_NOT_FOUND" => return no_slot(),
        "INVALID_EXAM_TYPE" => return no_experience(),
        // The seed's function answers 400 to whatever a slot has against it.
        "EXAM_FULL" => (bad, "INSUFFICIENT_AVAILABILITY", error.sentence.replace("session", "slot")),
        "EXAM_NOT_ACTIVE" => (bad, "SLOT_NOT_ACTIVE", "This slot is not open for booking.".into()),
        "EXAM_PAST" => (bad, "SLOT_PAST", "This slot has already begun.".into()),
        "SLOT_BLOCKED" => (bad, "SLOT_BLOCKED", "This slot is blocked.".into()),
        "EXAM_CANCELLED" => (error.status, "SLOT_CANCELLED", "This slot was cancelled. Open a new one instead.".into()),
        _ => return error,
    };
    ApiError { status, code, sentence, ..error }
}
