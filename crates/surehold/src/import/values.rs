//! The values in a file's cells, each with a sentence for what is wrong with it.

use jiff::Timestamp;
use jiff::civil::{Date, Time};
use surehold_core::rows::{Hand, SlotStatus};
use uuid::Uuid;

/// No school's contact has more credits of a kind; a number beyond is a mistake.
const CREDITS_MAX: i64 = 1_000_000;

/// A HubSpot record ID: digits. Empty: none.
pub fn record_id(text: &str) -> Result<Option<String>, String> {
    match text {
        "" => Ok(None),
        _ if text.len() <= 20 && text.bytes().all(|b| b.is_ascii_digit()) => Ok(Some(text.to_owned())),
        _ if text.contains(['E', 'e']) && text.parse::<f64>().is_ok() => {
            Err("is a number that a spreadsheet has rounded; export the file again".to_owned())
        }
        _ => Err("must be digits only, or empty".to_owned()),
    }
}

/// An id of ours, or of a system that makes them alike. Empty: none.
pub fn id(text: &str) -> Result<Option<Uuid>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    text.parse().map(Some).map_err(|_| "is not a UUID".to_owned())
}

/// A student ID, upper case.
pub fn student_id(text: &str) -> Result<String, String> {
    let id = text.to_uppercase();
    match id.len() {
        0 => Err("is missing".to_owned()),
        1..=50 if id.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b"-_".contains(&b)) => Ok(id),
        1..=50 => Err("must be letters A to Z, digits, hyphens and underscores only".to_owned()),
        _ => Err("must have at most 50 characters".to_owned()),
    }
}

/// An email address, lower case. Only what can never be one is refused.
pub fn email(text: &str) -> Result<String, String> {
    if text.is_empty() {
        return Err("is missing".to_owned());
    }
    let email = text.to_lowercase();
    let plausible = email.len() <= 254
        && !email.contains(|c: char| c.is_whitespace() || c.is_control() || "()<>,;:\"[]\\".contains(c))
        && email.split_once('@').is_some_and(|(local, domain)| {
            (1..=64).contains(&local.len())
                && !domain.contains('@')
                && domain.contains('.')
                && domain.split('.').all(|label| !label.is_empty())
        });
    if plausible { Ok(email) } else { Err("is not an email address".to_owned()) }
}

/// A count of credits. Empty: none.
pub fn credits(text: &str) -> Result<i64, String> {
    if text.is_empty() { Ok(0) } else { whole(text, 0, CREDITS_MAX) }
}

/// A whole number within limits.
pub fn whole(text: &str, min: i64, max: i64) -> Result<i64, String> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        let missing = if text.is_empty() { "is missing" } else { "is not a whole number" };
        return Err(missing.to_owned());
    }
    // What does not fit into 64 bits is too large in any case.
    match text.parse::<i64>() {
        Ok(n) if (min..=max).contains(&n) => Ok(n),
        Ok(n) if n < 0 && min == 0 => Err("must not be negative".to_owned()),
        _ => Err(format!("must be from {min} to {max}")),
    }
}

/// A date, as 2027-03-06. Other orders of day and month are ambiguous.
pub fn date(text: &str) -> Result<Date, String> {
    let parts: Vec<&str> = text.split('-').collect();
    let shaped = matches!(parts.as_slice(), [y, m, d] if (y.len(), m.len(), d.len()) == (4, 2, 2))
        && text.bytes().all(|b| b.is_ascii_digit() || b == b'-');
    match text.parse::<Date>() {
        _ if text.is_empty() => Err("is missing".to_owned()),
        Ok(date) if shaped && (1900..=9000).contains(&date.year()) => Ok(date),
        _ if shaped => Err("is no date of the calendar".to_owned()),
        _ => Err("must be a date as 2027-03-06 (year-month-day)".to_owned()),
    }
}

/// A date, or empty.
pub fn optional_date(text: &str) -> Result<Option<Date>, String> {
    if text.is_empty() { Ok(None) } else { date(text).map(Some) }
}

/// A time of day: 09:00, 9:00, 13:00:00 or 1:00 PM.
pub fn time(text: &str) -> Result<Time, String> {
    let wrong = || "must be a time as 09:00 or 1:00 PM".to_owned();
    if text.is_empty() {
        return Err("is missing".to_owned());
    }
    let upper = text.to_uppercase().replace('.', "");
    let (clock, half) = match upper.strip_suffix("AM").or_else(|| upper.strip_suffix("PM")) {
        Some(clock) => (clock.trim_end(), Some(upper.ends_with("PM"))),
        None => (upper.as_str(), None),
    };
    let numbers: Vec<i8> = clock
        .split(':')
        .map(|part| match part.len() {
            1..=2 if part.bytes().all(|b| b.is_ascii_digit()) => part.parse().map_err(|_| wrong()),
            _ => Err(wrong()),
        })
        .collect::<Result<_, _>>()?;
    let (mut hour, minute) = match numbers[..] {
        [hour, minute] | [hour, minute, 0] => (hour, minute),
        _ => return Err(wrong()),
    };
    if let Some(afternoon) = half {
        if !(1..=12).contains(&hour) {
            return Err(wrong());
        }
        hour = hour % 12 + if afternoon { 12 } else { 0 };
    }
    Time::new(hour, minute, 0, 0).map_err(|_| wrong())
}

/// An instant with its offset from UTC (RFC 3339), or empty.
pub fn optional_instant(text: &str) -> Result<Option<Timestamp>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    text.parse().map(Some).map_err(|_| "must be a time with its offset, as 2026-12-17T09:00:00-05:00".to_owned())
}

/// The hand that somebody works with, by its name or by whether it is the right one. Empty: not known.
pub fn hand(text: &str) -> Result<Option<Hand>, String> {
    match text.to_lowercase().as_str() {
        "" => Ok(None),
        "right" | "true" => Ok(Some(Hand::Right)),
        "left" | "false" => Ok(Some(Hand::Left)),
        _ => Err("must be right or left".to_owned()),
    }
}

/// Whether a session is on sale.
pub fn status(text: &str) -> Result<SlotStatus, String> {
    match text.to_lowercase().as_str() {
        "true" | "active" | "yes" | "1" => Ok(SlotStatus::Active),
        "false" | "inactive" | "no" | "0" => Ok(SlotStatus::Inactive),
        "scheduled" => Ok(SlotStatus::Scheduled),
        "" => Err("is missing".to_owned()),
        _ => Err("must be true, false or scheduled".to_owned()),
    }
}

/// Which set of questions: A to H, or none.
pub fn mock_set(text: &str) -> Result<Option<String>, String> {
    let set = text.to_uppercase();
    match set.as_bytes() {
        [] => Ok(None),
        [b'A'..=b'H'] => Ok(Some(set)),
        _ => Err("must be a letter from A to H, or empty".to_owned()),
    }
}

/// Free text, not too long and without control characters.
pub fn text(text: &str, max: usize) -> Result<String, String> {
    if text.chars().count() > max {
        Err(format!("must have at most {max} characters"))
    } else if text.chars().any(char::is_control) {
        Err("has a line break or another control character in it (is a quotation mark missing?)".to_owned())
    } else {
        Ok(text.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::{date as day, time as clock};

    #[test]
    fn counts_are_whole_numbers_within_limits() {
        assert_eq!(credits("3"), Ok(3));
        assert_eq!(credits(""), Ok(0));
        assert_eq!(credits("-3").unwrap_err(), "must not be negative");
        assert_eq!(credits("1.5").unwrap_err(), "is not a whole number");
        assert_eq!(credits("99999999999999999999").unwrap_err(), "must be from 0 to 1000000");
        assert_eq!(whole("0", 1, 100).unwrap_err(), "must be from 1 to 100");
        assert_eq!(whole("", 1, 100).unwrap_err(), "is missing");
        assert!(whole("1e3", 1, 9999).is_err() && whole("١", 1, 9).is_err() && whole("-", 0, 9).is_err());
    }

    #[test]
    fn dates_are_year_month_day_and_exist() {
        assert_eq!(date("2027-03-06"), Ok(day(2027, 3, 6)));
        assert_eq!(date("2027-02-30").unwrap_err(), "is no date of the calendar");
        for wrong in ["03/06/2027", "2027-3-6", "20270306", "2027-03-06T00:00", "tomorrow", "0001-01-01"] {
            assert!(date(wrong).is_err(), "{wrong}");
        }
        assert_eq!(optional_date(""), Ok(None));
    }

    #[test]
    fn times_may_have_twelve_or_twenty_four_hours() {
        for (text, hour, minute) in [
            ("09:00", 9, 0),
            ("9:05", 9, 5),
            ("13:30:00", 13, 30),
            ("1:00 PM", 13, 0),
            ("1:00pm", 13, 0),
            ("12:00 AM", 0, 0),
            ("12:15 p.m.", 12, 15),
            ("00:00", 0, 0),
        ] {
            assert_eq!(time(text), Ok(clock(hour, minute, 0, 0)), "{text}");
        }
        for wrong in ["", "9", "24:00", "13:00 PM", "0:30 AM", "09:60", "09:00:30", "noon", "-1:00", "9:+5"] {
            assert!(time(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn instants_need_an_offset() {
        let at = optional_instant("2026-12-17T09:00:00-05:00").unwrap().unwrap();
        assert_eq!(at.to_string(), "2026-12-17T14:00:00Z");
        assert!(optional_instant("2026-12-17T09:00:00").is_err());
        assert_eq!(optional_instant(""), Ok(None));
    }

    #[test]
    fn people_are_known_by_plain_ids_and_plausible_addresses() {
        assert_eq!(student_id("stu_00-001").unwrap(), "STU_00-001");
        for wrong in ["", "12-34#", "a b", &"9".repeat(51)] {
            assert!(student_id(wrong).is_err(), "{wrong}");
        }
        assert_eq!(email("EMILY.O'NEILL17@EXAMPLE.ORG").unwrap(), "emily.o'neill17@example.org");
        for wrong in ["", "not-an-email", "a@b", "a@@b.c", "@b.c", "a b@c.d", "a@b..c", "a,b@c.d"] {
            assert!(email(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn record_ids_are_digits_or_nothing() {
        assert_eq!(record_id("70010000000").unwrap().as_deref(), Some("70010000000"));
        assert_eq!(record_id(""), Ok(None));
        assert!(record_id("abc").is_err());
        assert!(record_id("7.001E+10").unwrap_err().contains("spreadsheet"));
    }

    #[test]
    fn hands_and_ids_are_what_they_are_called() {
        assert_eq!((hand("TRUE"), hand("left"), hand("")), (Ok(Some(Hand::Right)), Ok(Some(Hand::Left)), Ok(None)));
        assert!(hand("both").is_err() && id("17").is_err());
        assert_eq!((id(""), id(&Uuid::nil().to_string())), (Ok(None), Ok(Some(Uuid::nil()))));
    }

    #[test]
    fn a_session_is_on_sale_or_not_in_many_words() {
        assert_eq!(status("TRUE"), Ok(SlotStatus::Active));
        assert_eq!(status("inactive"), Ok(SlotStatus::Inactive));
        assert_eq!(status("scheduled"), Ok(SlotStatus::Scheduled));
        assert!(status("").is_err() && status("cancelled").is_err());
        assert_eq!(mock_set("b"), Ok(Some("B".to_owned())));
        assert!(mock_set("J").is_err() && mock_set("AB").is_err());
    }
}
