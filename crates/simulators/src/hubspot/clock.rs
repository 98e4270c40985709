//! The time, as HubSpot keeps and writes it.

use jiff::Timestamp;

/// Milliseconds since 1970.
pub(super) fn now() -> i64 {
    Timestamp::now().as_millisecond()
}

/// Such as `2026-09-08T12:00:00.000Z`.
pub(super) fn text(milliseconds: i64) -> String {
    let timestamp = Timestamp::from_millisecond(milliseconds).unwrap_or(Timestamp::UNIX_EPOCH);
    timestamp.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

/// Reads a date or a time: milliseconds since 1970, `2026-09-08`, or `2026-09-08T12:00:00Z`.
pub(super) fn read(text: &str) -> Option<i64> {
    if let Ok(milliseconds) = text.parse() {
        return Some(milliseconds);
    }
    if let Ok(date) = text.parse::<jiff::civil::Date>() {
        return Some(date.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_millisecond());
    }
    Some(text.parse::<Timestamp>().ok()?.as_millisecond())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_milliseconds() {
        assert_eq!(text(1_700_000_000_007), "2023-11-14T22:13:20.007Z");
        assert_eq!(read("2023-11-14T22:13:20.007Z"), Some(1_700_000_000_007));
        assert_eq!(read("1700000000007"), Some(1_700_000_000_007));
        assert_eq!(read("1970-01-02"), Some(86_400_000));
        assert_eq!(read("soon"), None);
    }
}
