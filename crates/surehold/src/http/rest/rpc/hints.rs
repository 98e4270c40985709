//! What callers are told who write to a view.

/// What changes what a view shows.
pub fn instead_of_writing(view: &str) -> &'static str {
    match view {
        "hubspot_bookings" => {
            "Call rpc('create_booking_atomic', …) to book and rpc('cancel_booking_atomic', …) to cancel."
        }
        "hubspot_contact_credits" => {
            "Credits change with the bookings that they pay for: call rpc('create_booking_atomic', …) or \
             rpc('cancel_booking_atomic', …)."
        }
        "hubspot_mock_exams" => {
            "total_bookings follows from the bookings, and rpc('increment_exam_bookings', …) returns it; sessions are \
             changed by /api/admin/mock-exams."
        }
        "experience_slots" => {
            "Call rpc('decrement_slot_availability', …) to take seats out of sale and rpc('release_slot_availability', …) \
             to put them back; slots are changed by /api/admin/slots."
        }
        "bookings" => {
            "Call rpc('create_booking_atomic', …) or the function create-booking to book, and \
             /functions/v1/bookings/{id}/cancel to cancel."
        }
        "trips" | "payments" => {
            "Call the function checkout, or rpc('create_booking_atomic', …) for a trip that is paid."
        }
        // audit_logs
        _ => "Notes are added to it by POST; nothing in it is changed or deleted.",
    }
}
