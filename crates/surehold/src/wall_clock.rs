//! From dates and times on the wall clock of a place to instants.

use jiff::civil::{Date, Time};
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{SignedDuration, Timestamp};
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
    let zone = zone_named(zone_name)?;
    let instant = |field, time| instant(&zone, zone_name, field, date, time);
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

/// The times of a slot that lasts so many minutes, past midnight too: minutes that pass, whatever the clocks do
/// meanwhile. The start is read as by [`slot_times`].
pub fn slot_times_lasting(zone_name: &str, date: Date, start: Time, minutes: i64) -> Result<SlotTimes, WrongTimes> {
    let zone = zone_named(zone_name)?;
    let starts_at = instant(&zone, zone_name, "start_time", date, start)?;
    let ends_at = starts_at + SignedDuration::from_mins(minutes);
    Ok(SlotTimes {
        starts_at,
        ends_at,
        local_date: date,
        local_start: start,
        local_end: zone.to_datetime(ends_at).time(),
        time_zone: zone_name.to_owned(),
    })
}

fn wrong(field: &'static str, problem: String) -> WrongTimes {
    WrongTimes { field, problem }
}

fn zone_named(name: &str) -> Result<TimeZone, WrongTimes> {
    TimeZone::get(name).map_err(|_| wrong("time_zone", format!("{name} is not a known time zone")))
}

fn instant(
    zone: &TimeZone,
    zone_name: &str,
    field: &'static str,
    date: Date,
    time: Time,
) -> Result<Timestamp, WrongTimes> {
    let ambiguous = zone.to_ambiguous_timestamp(date.to_datetime(time));
    if matches!(ambiguous.offset(), AmbiguousOffset::Gap { .. }) {
        let shown = time.strftime("%H:%M");
        return Err(wrong(field, format!("{shown} does not exist on {date} in {zone_name}: clocks go forward")));
    }
    ambiguous.compatible().map_err(|error| wrong(field, error.to_string()))
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
    fn what_lasts_some_minutes_may_end_on_the_next_day_and_the_clocks_may_change_meanwhile() {
        let lasting = |day, start: (i8, i8), minutes| {
            slot_times_lasting("America/Toronto", day, time(start.0, start.1, 0, 0), minutes)
        };
        let night = lasting(date(2026, 7, 1), (22, 0), 180).expect("a summer's night");
        assert_eq!((night.ends_at.to_string(), night.local_end), ("2026-07-02T05:00:00Z".to_owned(), time(1, 0, 0, 0)));
        let forward = lasting(date(2026, 3, 8), (1, 0), 120).expect("the night on which clocks go forward");
        assert_eq!(forward.local_end, time(4, 0, 0, 0));
        assert_eq!(lasting(date(2026, 3, 8), (2, 30), 60).expect_err("02:30 does not exist").field, "start_time");
    }

    #[test]
    fn the_end_comes_after_the_start() {
        assert!(times(date(2026, 7, 1), (9, 0), (9, 0)).is_err());
        assert!(times(date(2026, 7, 1), (22, 0), (1, 0)).is_err());
    }
}
