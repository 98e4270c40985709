//! What a row is at HubSpot: its properties, as text.

use jiff::Timestamp;
use surehold_core::credit_history;
use uuid::Uuid;

use crate::hubspot::{Mapping, Properties};
use crate::store::mirror::rows::{BookingRow, ContactRow, Mirrored, SessionRow};

/// A contact without its credits.
pub(super) fn of_contact(mapping: &Mapping, contact: &Mirrored<ContactRow>) -> Properties {
    let (names, row) = (&mapping.contacts, &contact.row);
    let mut properties = Properties::from([
        (names.surehold_id.clone(), contact.id.to_string()),
        (names.student_id.clone(), row.student_id.clone()),
        (names.first_name.clone(), row.first_name.clone()),
        (names.last_name.clone(), row.last_name.clone()),
        (names.ndecc_exam_date.clone(), row.ndecc_exam_date.map(|date| date.to_string()).unwrap_or_default()),
    ]);
    // A traveller has none. To clear an address at HubSpot is not ours.
    if !row.email.is_empty() {
        properties.insert(names.email.clone(), row.email.clone());
    }
    properties
}

/// The credits of a contact, each with its shadow. A write has a name of its own, so that no two are equal.
pub(super) fn of_credits(mapping: &Mapping, contact: &ContactRow, write: Uuid) -> Properties {
    let write = write.simple().to_string();
    let kinds = mapping.contacts.credits.iter();
    let amounts = kinds.filter_map(|(kind, names)| Some((names, *contact.credits.get(kind)?)));
    amounts
        .flat_map(|(names, amount)| {
            [
                (names.property.clone(), amount.to_string()),
                (names.shadow.clone(), credit_history::shadow(amount, &write)),
            ]
        })
        .collect()
}

/// A session.
pub(super) fn of_session(mapping: &Mapping, session: &Mirrored<SessionRow>) -> Properties {
    let (names, row) = (&mapping.sessions, &session.row);
    let is_active = match row.status.as_str() {
        "active" => "true",
        // A scheduled session is on sale from that moment on; nobody writes it.
        "scheduled" if row.activates_at.is_some_and(|at| at <= session.read_at) => "true",
        "scheduled" => "scheduled",
        _ => "false",
    };
    Properties::from([
        (names.surehold_id.clone(), session.id.to_string()),
        (names.name.clone(), row.name.clone()),
        (names.mock_type.clone(), row.mock_type.clone()),
        (names.mock_set.clone(), row.mock_set.clone().unwrap_or_default()),
        (names.exam_date.clone(), row.date.to_string()),
        (names.start_time.clone(), row.start.strftime("%H:%M").to_string()),
        (names.end_time.clone(), row.end.strftime("%H:%M").to_string()),
        (names.location.clone(), row.location.clone().unwrap_or_default()),
        (names.capacity.clone(), row.capacity.to_string()),
        (names.total_bookings.clone(), row.taken.to_string()),
        (names.is_active.clone(), is_active.to_owned()),
        (names.scheduled_activation.clone(), row.activates_at.map(millis).unwrap_or_default()),
    ])
}

/// A booking.
pub(super) fn of_booking(mapping: &Mapping, booking: &Mirrored<BookingRow>) -> Properties {
    let (names, row) = (&mapping.bookings, &booking.row);
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    let is_active = match row.status.as_str() {
        "cancelled" | "expired" => "Cancelled",
        "completed" | "no_show" => "Completed",
        _ => "Active",
    };
    let dominant_hand = match row.dominant_hand.as_deref() {
        Some("right") => "true",
        Some(_) => "false",
        None => "",
    };
    Properties::from([
        (names.surehold_id.clone(), booking.id.to_string()),
        (names.booking_id.clone(), row.code.clone()),
        (names.name.clone(), format!("{} {}", row.first_name, row.last_name).trim().to_owned()),
        (names.email.clone(), row.email.clone()),
        (names.is_active.clone(), is_active.to_owned()),
        (names.token_used.clone(), text(&row.token_used)),
        (names.attending_location.clone(), text(&row.attending_location)),
        (names.dominant_hand.clone(), dominant_hand.to_owned()),
        (names.attendance.clone(), text(&row.attendance)),
        (names.token_refunded.clone(), row.credit_returned_at.is_some().to_string()),
        (names.token_refunded_at.clone(), row.credit_returned_at.map(millis).unwrap_or_default()),
        (names.token_refund_admin.clone(), text(&row.refunded_by)),
    ])
}

fn millis(at: Timestamp) -> String {
    at.as_millisecond().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mirrored<R>(row: R) -> Mirrored<R> {
        Mirrored { id: Uuid::nil(), hubspot_id: None, version: 1, read_at: Timestamp::UNIX_EPOCH, row }
    }

    fn session(status: &str, activates_at: Option<Timestamp>) -> Mirrored<SessionRow> {
        mirrored(SessionRow {
            name: "Clinical Skills".to_owned(),
            mock_type: "Clinical Skills".to_owned(),
            mock_set: None,
            date: jiff::civil::date(2030, 1, 2),
            start: jiff::civil::time(9, 0, 0, 0),
            end: jiff::civil::time(13, 30, 0, 0),
            location: None,
            capacity: 12,
            taken: 3,
            status: status.to_owned(),
            activates_at,
        })
    }

    #[test]
    fn a_scheduled_session_is_active_once_its_time_has_come() {
        let of = |session| of_session(&Mapping::default(), &session)["is_active"].clone();
        assert_eq!(of(session("active", None)), "true");
        assert_eq!(of(session("cancelled", None)), "false");
        assert_eq!(of(session("scheduled", Some(Timestamp::UNIX_EPOCH))), "true");
        assert_eq!(of(session("scheduled", Some(Timestamp::MAX))), "scheduled");
        let properties = of_session(&Mapping::default(), &session("active", None));
        assert_eq!((&*properties["exam_date"], &*properties["end_time"]), ("2030-01-02", "13:30"));
        assert_eq!(properties["total_bookings"], "3");
    }

    #[test]
    fn what_a_booking_has_not_is_cleared() {
        let row = BookingRow {
            code: "Clinical Skills-A-January 2, 2030".to_owned(),
            first_name: "Ann".to_owned(),
            last_name: String::new(),
            email: "a@example.com".to_owned(),
            status: "confirmed".to_owned(),
            token_used: None,
            attending_location: None,
            dominant_hand: Some("right".to_owned()),
            attendance: None,
            credit_returned_at: None,
            refunded_by: None,
        };
        let properties = of_booking(&Mapping::default(), &mirrored(row));
        assert_eq!((&*properties["name"], &*properties["dominant_hand"]), ("Ann", "true"));
        assert_eq!((&*properties["attendance"], &*properties["token_refunded"]), ("", "false"));
        assert_eq!(properties["is_active"], "Active");
    }

    fn booking(status: &str) -> BookingRow {
        BookingRow {
            code: "Clinical Skills-A-January 2, 2030".to_owned(),
            first_name: "Ann".to_owned(),
            last_name: "Lee".to_owned(),
            email: "a@example.com".to_owned(),
            status: status.to_owned(),
            token_used: Some("Shared Token".to_owned()),
            attending_location: Some("Calgary".to_owned()),
            dominant_hand: Some("left".to_owned()),
            attendance: Some("No".to_owned()),
            credit_returned_at: Some(Timestamp::from_millisecond(1_893_456_000_000).unwrap()),
            refunded_by: Some("office".to_owned()),
        }
    }

    #[test]
    fn what_became_of_a_booking_is_said() {
        let properties = of_booking(&Mapping::default(), &mirrored(booking("no_show")));
        let says = |name: &str| properties[name].as_str();
        assert_eq!((says("is_active"), says("name"), says("attendance")), ("Completed", "Ann Lee", "No"));
        assert_eq!((says("token_used"), says("attending_location")), ("Shared Token", "Calgary"));
        assert_eq!(says("dominant_hand"), "false");
        assert_eq!(
            (says("token_refunded"), says("token_refunded_at"), says("token_refund_admin")),
            ("true", "1893456000000", "office")
        );
        for (status, is_active) in
            [("confirmed", "Active"), ("completed", "Completed"), ("cancelled", "Cancelled"), ("expired", "Cancelled")]
        {
            assert_eq!(of_booking(&Mapping::default(), &mirrored(booking(status)))["is_active"], is_active, "{status}");
        }
    }

    #[test]
    fn a_contact_without_an_address_leaves_hubspots_alone() {
        let mut contact = ContactRow {
            student_id: "A".to_owned(),
            email: "a@example.com".to_owned(),
            first_name: "Ann".to_owned(),
            last_name: "Lee".to_owned(),
            ndecc_exam_date: Some(jiff::civil::date(2030, 1, 2)),
            credits: [("cs_credits".to_owned(), 3)].into(),
        };
        let properties = of_contact(&Mapping::default(), &mirrored(contact.clone()));
        assert_eq!((&*properties["email"], &*properties["ndecc_exam_date"]), ("a@example.com", "2030-01-02"));
        contact.email.clear();
        contact.ndecc_exam_date = None;
        let properties = of_contact(&Mapping::default(), &mirrored(contact.clone()));
        assert_eq!((properties.get("email"), &*properties["ndecc_exam_date"]), (None, ""));

        let [first, second] = [Uuid::now_v7(), Uuid::now_v7()]
            .map(|write| of_credits(&Mapping::default(), &contact, write)["surehold_cs_credits"].clone());
        assert!(first.starts_with("3 ") && second.starts_with("3 ") && first != second, "no two writes are equal");
    }
}
