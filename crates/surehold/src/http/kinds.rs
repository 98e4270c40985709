//! The kinds of values that fields hold: from JSON to what the program works with, or what is wrong.
//!
//! Text is trimmed and may not contain control characters, except that notes may have several lines. Nothing is escaped: values are
//! parameters of statements and members of JSON, never parts of them.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Time, Weekday};
use jiff::tz::TimeZone;
use serde_json::Value;

use surehold_core::rows::{Attendance, Hand, SlotStatus};
use uuid::Uuid;

type Read<T> = Result<T, String>;

/// Reasons and notes.
pub const NOTE_MAX: usize = 500;
/// Names of people, places and sessions, and IDs that people give to things.
pub const NAME_MAX: usize = 200;

/// Text of up to `max` characters.
pub fn text(max: usize) -> impl Fn(&Value) -> Read<String> {
    move |value| checked_text(value.as_str().ok_or("must be text")?, max)
}

/// A reason or note: text that may have several lines.
pub fn note(value: &Value) -> Read<String> {
    let text = value.as_str().ok_or("must be text")?;
    checked(text, NOTE_MAX, |c| c.is_control() && !matches!(c, '\n' | '\r'))
}

/// Text that callers also send as a number, such as an ID made of digits.
fn text_or_number(value: &Value, max: usize) -> Read<String> {
    match value {
        Value::Number(number) if number.is_u64() => checked_text(&number.to_string(), max),
        _ => text(max)(value),
    }
}

fn checked_text(text: &str, max: usize) -> Read<String> {
    checked(text, max, char::is_control)
}

fn checked(text: &str, max: usize, is_bad: impl Fn(char) -> bool) -> Read<String> {
    let text = text.trim();
    let length = text.chars().count();
    if length > max {
        return Err(format!("may have at most {max} characters, not {length}"));
    }
    if text.contains(is_bad) {
        return Err("must not contain control characters".to_owned());
    }
    Ok(text.to_owned())
}

/// A student ID, in upper case.
pub fn student_id(value: &Value) -> Read<String> {
    let text = text_or_number(value, 50)?.to_ascii_uppercase();
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_') {
        return Err("may have letters A to Z, digits, hyphens and underscores only".to_owned());
    }
    Ok(text)
}

/// An email address, in lower case. Whether mail arrives there is not our question: only what cannot be an
/// address is refused.
pub fn email(value: &Value) -> Read<String> {
    let text = text(254)(value)?.to_lowercase();
    let problem = || "must be an email address such as name@example.org".to_owned();
    let (local, domain) = text.rsplit_once('@').ok_or_else(problem)?;
    let sane = !local.is_empty()
        && local.len() <= 64
        && !text.contains(|c: char| c.is_whitespace() || c.is_control() || "<>\"(),;".contains(c))
        && domain.contains('.')
        && domain.split('.').all(|label| !label.is_empty() && !label.starts_with('-') && !label.ends_with('-'));
    if sane { Ok(text) } else { Err(problem()) }
}

/// How a session, a booking or a contact is named: a HubSpot number, a UUID or a human ID.
pub fn reference(value: &Value) -> Read<String> {
    text_or_number(value, NAME_MAX)
}

/// A UUID in its usual spelling.
pub fn uuid(value: &Value) -> Read<Uuid> {
    let text = value.as_str().map(str::trim).filter(|text| text.len() == 36);
    text.and_then(|text| Uuid::try_parse(text).ok())
        .ok_or_else(|| "must be a UUID such as 0199f6a2-8f2e-7c31-b1d2-6a5b3f0e9c11".to_owned())
}

/// A calendar date.
pub fn date(value: &Value) -> Read<Date> {
    let text = value.as_str().ok_or("must be a date such as 2026-10-23")?.trim();
    // Callers that have midnight in mind send it along; a date is a date.
    let day = text.strip_suffix("T00:00:00.000Z").or(text.strip_suffix("T00:00:00Z")).unwrap_or(text);
    if day.len() != 10 {
        return Err("must be a date such as 2026-10-23".to_owned());
    }
    let date: Date = day.parse().map_err(|_| "must be a date such as 2026-10-23")?;
    if !YEARS.contains(&date.year()) {
        return Err("must be a date between the years 2000 and 2200".to_owned());
    }
    Ok(date)
}

/// A time of day on a 24-hour clock, to the minute.
pub fn time(value: &Value) -> Read<Time> {
    const PROBLEM: &str = "must be a time such as 09:00 or 17:30";
    let text = value.as_str().ok_or(PROBLEM)?.trim();
    let (hour, minute) =
        text.strip_suffix(":00").filter(|t| t.len() == 5).unwrap_or(text).split_once(':').ok_or(PROBLEM)?;
    let number = |part: &str| match part.len() == 2 && part.bytes().all(|b| b.is_ascii_digit()) {
        true => part.parse::<i8>().ok(),
        false => None,
    };
    let (Some(hour), Some(minute)) = (number(hour), number(minute)) else { return Err(PROBLEM.to_owned()) };
    Time::new(hour, minute, 0, 0).map_err(|_| PROBLEM.to_owned())
}

/// An instant: RFC 3339 with an offset.
pub fn instant(value: &Value) -> Read<Timestamp> {
    match moment(value)? {
        Moment::Instant(at) => Ok(at),
        Moment::Local(_) => Err("must have an offset, such as 2026-10-23T09:00:00Z".to_owned()),
    }
}

/// A moment as a caller writes it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Moment {
    /// With an offset.
    Instant(Timestamp),
    /// Without: as the clock on the wall shows it there.
    Local(DateTime),
}

/// Years in which things take place. Others are slips of the keyboard, and the database knows fewer than we.
const YEARS: std::ops::RangeInclusive<i16> = 2000..=YEAR_MAX;
/// The last of them.
pub const YEAR_MAX: i16 = 2200;
/// What is wrong with a moment in another year.
pub const WRONG_YEAR: &str = "must be between the years 2000 and 2200";

/// Whether an instant is in a year in which things take place.
pub fn is_in_range(at: Timestamp) -> bool {
    YEARS.contains(&TimeZone::UTC.to_datetime(at).year())
}

/// A moment between the years 2000 and 2200, with an offset or without.
pub fn moment(value: &Value) -> Read<Moment> {
    const PROBLEM: &str = "must be a date and time such as 2026-10-23T09:00:00-04:00";
    let text = value.as_str().ok_or(PROBLEM)?.trim();
    let wrong_year = || WRONG_YEAR.to_owned();
    if let Ok(at) = text.parse::<Timestamp>() {
        return if is_in_range(at) { Ok(Moment::Instant(at)) } else { Err(wrong_year()) };
    }
    // An instant that is too far away to be one reads as a clock's time in a wrong year.
    let clock: DateTime = text.strip_suffix(['Z', 'z']).unwrap_or(text).parse().map_err(|_| PROBLEM)?;
    if !YEARS.contains(&clock.year()) {
        return Err(wrong_year());
    }
    text.parse().map(Moment::Local).map_err(|_| PROBLEM.to_owned())
}

/// A whole number within limits; digits in quotes count as a number.
pub fn integer(min: i64, max: i64) -> impl Fn(&Value) -> Read<i64> {
    move |value| {
        let number = match value {
            Value::String(text) => text.trim().parse().ok(),
            other => other.as_i64(),
        };
        number
            .filter(|number| (min..=max).contains(number))
            .ok_or_else(|| format!("must be a whole number from {min} to {max}"))
    }
}

/// The same as an `i32`, which the limits have to fit.
pub fn small_integer(min: i32, max: i32) -> impl Fn(&Value) -> Read<i32> {
    move |value| {
        let number = integer(i64::from(min), i64::from(max))(value)?;
        i32::try_from(number).map_err(|_| format!("must be a whole number from {min} to {max}"))
    }
}

/// A price of up to eight digits, as many as Stripe takes, in the minor unit of its currency.
pub fn money(value: &Value) -> Read<i64> {
    const MAX: i64 = 99_999_999;
    integer(0, MAX)(value)
        .map_err(|_| format!("must be a whole number from 0 to {MAX}, in minor units: 4900 is 49.00 dollars"))
}

/// A day of the week, by its English name or the first three letters of it.
pub fn weekday(value: &Value) -> Read<Weekday> {
    const DAYS: [(&str, Weekday); 7] = [
        ("monday", Weekday::Monday),
        ("tuesday", Weekday::Tuesday),
        ("wednesday", Weekday::Wednesday),
        ("thursday", Weekday::Thursday),
        ("friday", Weekday::Friday),
        ("saturday", Weekday::Saturday),
        ("sunday", Weekday::Sunday),
    ];
    let given = value.as_str().map(|text| text.trim().to_ascii_lowercase()).unwrap_or_default();
    let found = DAYS.into_iter().find(|(name, _)| *name == given || name[..3] == given);
    found.map(|(_, day)| day).ok_or_else(|| "must be one of: mon, tue, wed, thu, fri, sat, sun".to_owned())
}

/// True or false, also as text.
pub fn boolean(value: &Value) -> Read<bool> {
    match value {
        Value::Bool(value) => Ok(*value),
        Value::String(text) if text.trim().eq_ignore_ascii_case("true") => Ok(true),
        Value::String(text) if text.trim().eq_ignore_ascii_case("false") => Ok(false),
        _ => Err("must be true or false".to_owned()),
    }
}

/// One of some words, in any case; the answer is in the case of `words`.
pub fn one_of(words: &'static [&'static str]) -> impl Fn(&Value) -> Read<&'static str> {
    move |value| {
        let given = value.as_str().map(str::trim).unwrap_or_default();
        words
            .iter()
            .find(|word| word.eq_ignore_ascii_case(given))
            .copied()
            .ok_or_else(|| format!("must be one of: {}", words.join(", ")))
    }
}

/// Where a student attends an exam.
pub const EXAM_LOCATIONS: &[&str] = &["mississauga", "calgary", "vancouver", "montreal", "richmond_hill"];
/// How a student attends a discussion.
pub const DISCUSSION_FORMATS: &[&str] = &["Virtual", "In-Person", "Hybrid"];

/// Where a student attends an exam: `Richmond Hill` is `richmond_hill`.
pub fn exam_location(value: &Value) -> Read<&'static str> {
    let given = value.as_str().map(|text| text.trim().replace([' ', '-'], "_")).unwrap_or_default();
    one_of(EXAM_LOCATIONS)(&Value::String(given))
}

/// Where a student attends, or how, if it is a place or a form that we know.
pub fn known_location(value: &Value) -> Read<&'static str> {
    exam_location(value).or_else(|_| one_of(DISCUSSION_FORMATS)(value))
}

/// The dominant hand; the seed's callers send `true` for right.
pub fn hand(value: &Value) -> Read<Hand> {
    if let Ok(right) = boolean(value) {
        return Ok(if right { Hand::Right } else { Hand::Left });
    }
    match one_of(&["right", "left"])(value)? {
        "right" => Ok(Hand::Right),
        _ => Ok(Hand::Left),
    }
}

/// Whether a contact came; the seed's callers send `Yes` and `No`.
pub fn attendance(value: &Value) -> Read<Attendance> {
    match boolean(value).map(|came| if came { "Yes" } else { "No" }).or_else(|_| one_of(&["Yes", "No"])(value))? {
        "Yes" => Ok(Attendance::Yes),
        _ => Ok(Attendance::No),
    }
}

/// Whether a session is on sale: the seed's `true`, `false`, `scheduled`, or our own words.
pub fn slot_status(value: &Value) -> Read<SlotStatus> {
    if let Ok(active) = boolean(value) {
        return Ok(if active { SlotStatus::Active } else { SlotStatus::Inactive });
    }
    let word = one_of(&["active", "inactive", "scheduled", "cancelled"])(value)
        .map_err(|_| "must be one of: active (or true), inactive (or false), scheduled, cancelled".to_owned())?;
    SlotStatus::parse(word).ok_or_else(|| "is not known".to_owned())
}

/// A set of questions, `A` to `H`.
pub fn mock_set(value: &Value) -> Read<String> {
    one_of(&["A", "B", "C", "D", "E", "F", "G", "H"])(value).map(str::to_owned)
}

/// An IANA time zone.
pub fn time_zone(value: &Value) -> Read<String> {
    let name = text(64)(value)?;
    let zone = TimeZone::get(&name).map_err(|_| "must be an IANA time zone such as America/Toronto")?;
    Ok(zone.iana_name().unwrap_or(&name).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn student_ids_are_upper_case_and_may_come_as_numbers() {
        assert_eq!(student_id(&json!(" stu-00_1 ")), Ok("STU-00_1".to_owned()));
        assert_eq!(student_id(&json!(1_599_999)), Ok("1599999".to_owned()));
        for bad in [json!("a b"), json!("é"), json!("a\0"), json!("x".repeat(51)), json!(1.5), json!([])] {
            assert!(student_id(&bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn emails_are_normalised_and_never_escaped() {
        assert_eq!(email(&json!("  O'Neil+Mock@Example.CA ")), Ok("o'neil+mock@example.ca".to_owned()));
        for bad in ["a", "@x.org", "a@", "a@b", "a b@x.org", "a@x..org", "a@-x.org", "<a@x.org>", "a\0@x.org"] {
            assert!(email(&json!(bad)).is_err(), "{bad}");
        }
    }

    #[test]
    fn dates_and_times_are_real() {
        assert_eq!(date(&json!("2026-10-23")), Ok(jiff::civil::date(2026, 10, 23)));
        assert_eq!(date(&json!("2026-10-23T00:00:00.000Z")), Ok(jiff::civil::date(2026, 10, 23)));
        for bad in [json!("2026-02-29"), json!("23/10/2026"), json!("2026-10-23T09:00:00Z"), json!(20_261_023)] {
            assert!(date(&bad).is_err(), "{bad}");
        }
        assert_eq!(time(&json!("09:05")), Ok(jiff::civil::time(9, 5, 0, 0)));
        assert_eq!(time(&json!("09:05:00")), Ok(jiff::civil::time(9, 5, 0, 0)));
        for bad in ["9:05", "24:00", "09:60", "0905", "09:05:30", "+9:05"] {
            assert!(time(&json!(bad)).is_err(), "{bad}");
        }
    }

    #[test]
    fn moments_are_in_years_in_which_things_take_place() {
        assert!(matches!(moment(&json!("2026-10-23T09:00:00-04:00")), Ok(Moment::Instant(_))));
        assert!(matches!(moment(&json!("2026-10-23T09:00")), Ok(Moment::Local(_))));
        for far in [
            "9999-12-31T23:59:59",
            "9999-12-31T23:59:59Z",
            "9999-12-31T23:59:59-04:00",
            "2201-01-01T00:00:00Z",
            "1999-12-31T23:59:59Z",
            "-009999-01-01T00:00:00Z",
            "1999-12-31T23:59",
        ] {
            assert_eq!(moment(&json!(far)), Err(WRONG_YEAR.to_owned()), "{far}");
        }
        assert!(moment(&json!("2026-10-23T09:00ZZ")).is_err_and(|problem| problem != WRONG_YEAR));
    }

    #[test]
    fn only_notes_have_lines_and_nothing_has_other_control_characters() {
        assert_eq!(note(&json!("one\r\ntwo")), Ok("one\r\ntwo".to_owned()));
        for bad in ["a\0b", "a\u{1b}[31mb", "a\u{7}b", "a\u{85}b"] {
            assert!(note(&json!(bad)).is_err() && text(9)(&json!(bad)).is_err(), "{bad:?}");
        }
        assert!(text(9)(&json!("a\nb")).is_err() && reference(&json!("a\tb")).is_err());
    }

    #[test]
    fn money_is_whole_and_days_have_names() {
        assert_eq!((money(&json!(4900)), money(&json!("0"))), (Ok(4900), Ok(0)));
        for bad in [json!(49.5), json!(-1), json!(100_000_000), json!("49.00"), json!("$49")] {
            assert!(money(&bad).is_err_and(|problem| problem.contains("minor units")), "{bad}");
        }
        assert_eq!((weekday(&json!("Mon")), weekday(&json!("sunday"))), (Ok(Weekday::Monday), Ok(Weekday::Sunday)));
        for bad in [json!("m"), json!("mond"), json!(1), json!("")] {
            assert!(weekday(&bad).is_err(), "{bad}");
        }
        assert!(uuid(&json!("7")).is_err() && uuid(&json!(7)).is_err());
    }

    #[test]
    fn words_are_taken_in_any_case() {
        assert_eq!(exam_location(&json!("Richmond Hill")), Ok("richmond_hill"));
        assert!(exam_location(&json!("Mississauga - B9")).is_err());
        assert_eq!(one_of(DISCUSSION_FORMATS)(&json!("in-person")), Ok("In-Person"));
        assert_eq!(hand(&json!(true)), Ok(Hand::Right));
        assert_eq!(hand(&json!("LEFT")), Ok(Hand::Left));
        assert_eq!(slot_status(&json!("true")), Ok(SlotStatus::Active));
        assert_eq!(attendance(&json!("no")), Ok(Attendance::No));
    }
}
