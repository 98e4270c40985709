//! Local dates and times of a place, as instants.

use jiff::civil::{Date, Time};
use jiff::tz::{AmbiguousOffset, TimeZone};
use surehold_core::command::SlotTimes;

use crate::store::orgs::OrgRow;

/// The time zone of a session: its location's, else its organisation's. A room of a location
/// (`Mississauga - B9`) is in the zone of the location.
pub fn zone_of<'o>(org: &'o OrgRow, location: Option<&str>) -> &'o str {
    let zones = &org.location_time_zones;
    let place = |location: &str| zones.get(location.split(" - ").next().unwrap_or(location));
    location.and_then(|location| zones.get(location).or_else(|| place(location))).unwrap_or(&org.time_zone)
}

/// The instants of a session from what its wall clock shows.
///
/// # Errors
///
/// A sentence: the end is not after the start, or the clock skips the time on that day.
pub fn slot_times(date: Date, start: Time, end: Time, time_zone: &str) -> Result<SlotTimes, String> {
    if end <= start {
        return Err("must be after the start".to_owned());
    }
    let zone = TimeZone::get(time_zone).map_err(|_| format!("{time_zone} is not a known time zone"))?;
    let instant = |time: Time| {
        let ambiguous = zone.to_ambiguous_zoned(date.to_datetime(time));
        if matches!(ambiguous.offset(), AmbiguousOffset::Gap { .. }) {
            return Err(format!("{date} has no {} in {time_zone}: the clocks go forward", time.strftime("%H:%M")));
        }
        // An hour that occurs twice is taken the first time.
        ambiguous.compatible().map(|zoned| zoned.timestamp()).map_err(|error| error.to_string())
    };
    Ok(SlotTimes {
        starts_at: instant(start)?,
        ends_at: instant(end)?,
        local_date: date,
        local_start: start,
        local_end: end,
        time_zone: time_zone.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::{date, time};

    #[test]
    fn the_same_wall_clock_is_another_instant_in_another_zone() {
        let at = |zone| slot_times(date(2027, 1, 9), time(9, 0, 0, 0), time(12, 0, 0, 0), zone).unwrap().starts_at;
        assert_eq!(at("America/Toronto").to_string(), "2027-01-09T14:00:00Z");
        assert_eq!(at("America/Vancouver").to_string(), "2027-01-09T17:00:00Z");
    }

    #[test]
    fn a_time_that_the_clock_skips_is_refused_and_one_that_it_repeats_is_the_first() {
        let at = |day, hour| {
            slot_times(day, time(hour, 30, 0, 0), time(hour + 2, 0, 0, 0), "America/Toronto").map(|t| t.starts_at)
        };
        assert!(at(date(2027, 3, 14), 2).unwrap_err().contains("clocks go forward"));
        assert_eq!(at(date(2027, 11, 7), 1).unwrap().to_string(), "2027-11-07T05:30:00Z");
    }
}
