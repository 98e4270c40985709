//! From dates and times on the wall clock of a place to instants.

use jiff::civil::{Date, Time};
use jiff::tz::{AmbiguousOffset, TimeZone};
use surehold_core::command::SlotTimes;

use crate::store::orgs::OrgRow;

/// The time zone of a session: its own, else its location's, else the organisation's. A room of a location
/// (`Mississauga - B9`) is in the zone of the location.
pub fn zone_of<'o>(org: &'o OrgRow, own: Option<&'o str>, location: Option<&str>) -> &'o str {
    own.or_else(|| zone_of_location(org, location?)).unwrap_or(&org.time_zone)
}

/// The time zone of a location, if the organisation says one.
pub fn zone_of_location<'o>(org: &'o OrgRow, location: &str) -> Option<&'o str> {
    let place = location.split(" - ").next().unwrap_or(location);
    org.location_time_zones.get(location).or_else(|| org.location_time_zones.get(place)).map(String::as_str)
}

/// What is wrong with the times of a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrongTimes {
    /// The field at fault: `time_zone`, `start_time` or `end_time`.
    pub field: &'static str,
    /// What is wrong with it.
    pub problem: String,
}

/// The times of a session.
///
/// A start or end that the clocks skip does not exist and is refused; of one that occurs twice, when clocks
/// go back, the first is meant.
pub fn slot_times(zone_name: &str, date: Date, start: Time, end: Time) -> Result<SlotTimes, WrongTimes> {
    let wrong = |field, problem| WrongTimes { field, problem };
    let Ok(zone) = TimeZone::get(zone_name) else {
        return Err(wrong("time_zone", format!("{zone_name} is not a known time zone")));
    };
    let instant = |field, time: Time| {
        let ambiguous = zone.to_ambiguous_timestamp(date.to_datetime(time));
        if matches!(ambiguous.offset(), AmbiguousOffset::Gap { .. }) {
            let shown = time.strftime("%H:%M");
            return Err(wrong(field, format!("{shown} does not exist on {date} in {zone_name}: clocks go forward")));
        }
        ambiguous.compatible().map_err(|error| wrong(field, error.to_string()))
    };
    let too_early = || wrong("end_time", "must be after the start".to_owned());
    if end <= start {
        return Err(too_early());
    }
    let (starts_at, ends_at) = (instant("start_time", start)?, instant("end_time", end)?);
    if ends_at <= starts_at {
        return Err(too_early());
    }
    Ok(SlotTimes {
        starts_at,
        ends_at,
        local_date: date,
        local_start: start,
        local_end: end,
        time_zone: zone_name.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::{date, time};

    fn times(day: Date, start: (i8, i8), end: (i8, i8)) -> Result<SlotTimes, WrongTimes> {
        slot_times("America/Toronto", day, time(start.0, start.1, 0, 0), time(end.0, end.1, 0, 0))
    }

    #[test]
    fn wall_clock_times_become_instants_of_their_zone() {
        let summer = times(date(2026, 7, 1), (9, 0), (12, 0)).expect("a summer's day");
        assert_eq!(summer.starts_at.to_string(), "2026-07-01T13:00:00Z");
        let winter = times(date(2026, 12, 1), (9, 0), (12, 0)).expect("a winter's day");
        assert_eq!(winter.starts_at.to_string(), "2026-12-01T14:00:00Z");
        let west = slot_times("America/Vancouver", date(2026, 12, 1), time(9, 0, 0, 0), time(12, 0, 0, 0));
        assert_eq!(west.expect("the same hour out west").starts_at.to_string(), "2026-12-01T17:00:00Z");
    }

    #[test]
    fn a_time_that_the_clocks_skip_is_refused() {
        let error = times(date(2026, 3, 8), (2, 30), (5, 0)).expect_err("02:30 does not exist");
        assert_eq!(error.field, "start_time");
        assert!(error.problem.starts_with("02:30 does not exist on 2026-03-08"), "{error:?}");
        assert!(times(date(2026, 3, 8), (1, 0), (5, 0)).is_ok());
    }

    #[test]
    fn of_a_time_that_occurs_twice_the_first_is_meant() {
        let back = times(date(2026, 11, 1), (1, 30), (5, 0)).expect("01:30 occurs");
        assert_eq!(back.starts_at.to_string(), "2026-11-01T05:30:00Z");
    }

    #[test]
    fn the_end_comes_after_the_start() {
        assert!(times(date(2026, 7, 1), (9, 0), (9, 0)).is_err());
        assert!(times(date(2026, 7, 1), (22, 0), (1, 0)).is_err());
    }
}
