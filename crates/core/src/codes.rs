//! Booking IDs that people read: those of the exam school, and references of trips.

use jiff::civil::Date;
use uuid::Uuid;

use crate::rows::CodeStyle;

/// Letters and digits that are not mistaken for each other (no 0/O, 1/I/L).
const UNAMBIGUOUS: &[u8] = b"23456789ABCDEFGHJKMNPQRSTUVWXYZ";

/// The human booking ID of a new booking.
///
/// `id` is the booking's own fresh id: its random bits make the last part of a `BK-` code.
pub fn booking_code(style: CodeStyle, offering: &str, student_id: &str, local_date: Date, id: Uuid) -> String {
    match style {
        // `Clinical Skills-1599999-October 23, 2026`
        CodeStyle::TypeStudentDate => {
            format!("{offering}-{student_id}-{}", local_date.strftime("%B %-d, %Y"))
        }
        // `BK-20261023-7KQ2MD`
        CodeStyle::Bk => {
            format!("BK-{}-{}", local_date.strftime("%Y%m%d"), unambiguous(id, 6))
        }
    }
}

/// The reference of a booking of a trip: `PL-` and eight characters, 31^8 (8.5e11) in all. It is unique in its
/// organisation; a collision is decided again with another id.
pub fn reference(id: Uuid) -> String {
    format!("PL-{}", unambiguous(id, 8))
}

/// So many characters, from the 62 random bits of a UUIDv7.
fn unambiguous(id: Uuid, characters: usize) -> String {
    let mut bits = u64::from_be_bytes(id.as_bytes()[8..].try_into().expect("eight bytes")) & (u64::MAX >> 2);
    let mut text = String::with_capacity(characters);
    for _ in 0..characters {
        text.push(char::from(UNAMBIGUOUS[(bits % UNAMBIGUOUS.len() as u64) as usize]));
        bits /= UNAMBIGUOUS.len() as u64;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    #[test]
    fn exam_codes_say_type_student_and_day() {
        let code =
            booking_code(CodeStyle::TypeStudentDate, "Clinical Skills", "1599999", date(2026, 10, 23), Uuid::nil());
        assert_eq!(code, "Clinical Skills-1599999-October 23, 2026");
        let code = booking_code(CodeStyle::TypeStudentDate, "Mock Discussion", "A1", date(2026, 1, 3), Uuid::nil());
        assert_eq!(code, "Mock Discussion-A1-January 3, 2026");
    }

    #[test]
    fn references_have_eight_unambiguous_characters() {
        let id = Uuid::from_u128(0x0190_0000_0000_7000_8123_4567_89ab_cdef);
        let text = reference(id);
        assert!(text.starts_with("PL-") && text.len() == 11, "{text}");
        assert!(text[3..].bytes().all(|b| UNAMBIGUOUS.contains(&b)), "{text}");
        assert!(!UNAMBIGUOUS.iter().any(|b| b"0O1IL".contains(b)));
    }

    #[test]
    fn bk_codes_have_a_date_and_six_unambiguous_characters() {
        let id = Uuid::from_u128(0x0190_0000_0000_7000_8123_4567_89ab_cdef);
        let code = booking_code(CodeStyle::Bk, "x", "y", date(2026, 1, 3), id);
        assert!(code.starts_with("BK-20260103-") && code.len() == 18, "{code}");
        assert!(code[12..].bytes().all(|b| UNAMBIGUOUS.contains(&b)), "{code}");
    }
}
