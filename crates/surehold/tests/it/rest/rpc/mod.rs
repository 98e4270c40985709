//! The functions under the seeds' names.

mod cancel;
mod create;
mod keys;
mod lookups;
mod slot_seats;
mod trips;
mod who_may;
mod wrong;

use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::Api;
use crate::support::answer::Answer;
use crate::support::api::{Call, Student};

impl Api {
    /// Calls a function as the seeds' servers do.
    fn rpc(&self, function: &str, arguments: Value) -> Call {
        self.post(format!("/rest/v1/rpc/{function}"), arguments).header("content-profile", "public").by_service()
    }

    /// Books by the function.
    async fn creates(&self, arguments: Value) -> Answer {
        self.rpc("create_booking_atomic", arguments).await
    }

    /// Cancels by the function.
    async fn gives_up(&self, booking: &Value) -> Answer {
        let arguments =
            json!({ "p_booking_id": booking, "p_credit_field": "cs_credits", "p_restored_credit_value": 1 });
        self.rpc("cancel_booking_atomic", arguments).await
    }
}

impl Answer {
    /// Refuses with a message that begins so; never with a code that the seeds' callers take for success.
    #[track_caller]
    fn raises(&self, beginning: &str) {
        assert_eq!((self.status, self.code()), (400, "P0001"), "{self:?}");
        assert!(self.rest_message().starts_with(beginning), "{beginning}: {self:?}");
    }
}

/// What the exam school's route sends: eleven arguments.
fn booking(student: &Student, exam: Uuid, key: &str) -> Value {
    json!({
        "p_booking_id": format!("Clinical Skills-{}-May 4, 2030", student.student_id),
        "p_student_id": student.student_id, "p_student_email": student.email, "p_mock_exam_id": exam,
        "p_student_name": "Test", "p_token_used": "Clinical Skills Token", "p_attending_location": null,
        "p_dominant_hand": "true", "p_idempotency_key": key, "p_credit_field": "cs_credits", "p_new_credit_value": 1,
    })
}

/// The same with other arguments.
fn with(mut arguments: Value, others: Value) -> Value {
    for (name, value) in others.as_object().expect("an object") {
        arguments[name] = value.clone();
    }
    arguments
}
