//! The time of day, whatever a machine's clock says.

use std::time::SystemTime;

use jiff::tz::TimeZone;
use jiff::{Timestamp, ZonedDateTime};

/// The time of this machine's clock, in its time zone. A clock that is wrong by thousands of years ends nothing: dates
/// are of the years -9999 to 9999, and a time outside of them is the first or the last of these, in UTC.
pub fn now() -> ZonedDateTime {
    date(SystemTime::now())
}

fn date(time: SystemTime) -> ZonedDateTime {
    ZonedDateTime::try_from(time).unwrap_or_else(|_| {
        let nearest = match time < SystemTime::UNIX_EPOCH {
            true => Timestamp::MIN,
            false => Timestamp::MAX,
        };
        nearest.to_zoned_datetime(TimeZone::UTC)
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// Seconds of POSIX time as `date -u -d @SECONDS +%F` of GNU coreutils shows them.
    #[test]
    fn every_clock_has_a_date() {
        let at = |seconds: i64| {
            let distance = Duration::from_secs(seconds.unsigned_abs());
            let time = match seconds < 0 {
                true => SystemTime::UNIX_EPOCH - distance,
                false => SystemTime::UNIX_EPOCH + distance,
            };
            let date = date(time).with_time_zone(TimeZone::UTC);
            date.strftime("%Y-%m-%d").to_string()
        };
        assert_eq!(at(784_111_777), "1994-11-06");
        assert_eq!(at(-100_000), "1969-12-30");
        // far beyond the year 9999, and before the year -9999
        assert_eq!(at(25_340_230_080_000), "9999-12-30");
        assert_eq!(at(-25_340_230_080_000), "-9999-01-02");
    }
}
