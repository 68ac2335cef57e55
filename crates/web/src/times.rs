//! Moments and durations as people read them. Moments are sent in UTC, and say so; `assets/app.js` shows them in the
//! reader's time zone.

use crate::views::{Time, TimeForm};
use countersign_core::Timestamp;
use std::time::Duration;

/// `"24 Nov 2026, 05:54 UTC"`.
pub(crate) fn moment(at: Timestamp) -> Time {
    time(at, "%-d %b %Y, %H:%M UTC", TimeForm::Moment)
}

/// `"24 Nov 2026"`. A day of UTC, which script makes one of the reader's.
pub(crate) fn day(at: Timestamp) -> Time {
    time(at, "%-d %b %Y", TimeForm::Day)
}

/// `"2026-11-24"`, for the name of a file.
pub(crate) fn date(at: Timestamp) -> String {
    format(at, "%Y-%m-%d")
}

/// `"05:54 UTC"`.
pub(crate) fn time_of_day(at: Timestamp) -> Time {
    time(at, "%H:%M UTC", TimeForm::Clock)
}

fn time(at: Timestamp, pattern: &str, form: TimeForm) -> Time {
    Time::new(rfc3339(at), format(at, pattern), form)
}

/// `"2026-11-24T05:54:00.123Z"` (RFC 3339).
pub(crate) fn rfc3339(at: Timestamp) -> String {
    format(at, "%Y-%m-%dT%H:%M:%S%.fZ")
}

fn format(at: Timestamp, pattern: &str) -> String {
    let time = jiff::Timestamp::from_millisecond(at.millis()).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    time.strftime(pattern).to_string()
}

/// How long ago it was: `"just now"`, `"7 minutes ago"`, `"3 hours ago"`, and beyond a day the moment itself.
pub(crate) fn ago(at: Timestamp, now: Timestamp) -> Time {
    let minutes = now.since(at).as_secs() / 60;
    let text = match minutes {
        0..=1 => "just now".to_owned(),
        2..=59 => format!("{minutes} minutes ago"),
        60..=119 => "an hour ago".to_owned(),
        120..=1439 => format!("{} hours ago", minutes / 60),
        _ => return moment(at),
    };
    Time::new(rfc3339(at), text, TimeForm::Ago)
}

/// How long something took: `"less than a minute"`, `"12 minutes"`, `"an hour"`.
pub(crate) fn lasted(duration: Duration) -> String {
    match duration.as_secs() / 60 {
        0 => "less than a minute".to_owned(),
        1 => "a minute".to_owned(),
        minutes @ 2..=59 => format!("{minutes} minutes"),
        60..=119 => "an hour".to_owned(),
        minutes => format!("{} hours", minutes / 60),
    }
}

/// What is left until an end: `"52 minutes left"`, rounded up.
pub(crate) fn left(duration: Duration) -> String {
    match seconds_up(duration).div_ceil(60) {
        1 => "1 minute left".to_owned(),
        minutes => format!("{minutes} minutes left"),
    }
}

/// A wait, rounded up so that nobody comes too early: `"40 seconds"`, `"15 minutes"`, `"2 hours"`, `"3 days"`.
pub(crate) fn wait(duration: Duration) -> String {
    let seconds = seconds_up(duration).max(1);
    let (count, unit) = match seconds {
        0..=90 => (seconds, "second"),
        91..=5_400 => (seconds.div_ceil(60), "minute"),
        5_401..=172_800 => (seconds.div_ceil(3_600), "hour"),
        _ => (seconds.div_ceil(86_400), "day"),
    };
    format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
}

/// A configured time: `"an hour"`, `"45 minutes"`, `"24 hours"`.
pub(crate) fn span(duration: Duration) -> String {
    let minutes = duration.as_secs().div_ceil(60);
    match (minutes / 60, minutes % 60) {
        (1, 0) => "an hour".to_owned(),
        (hours, 0) if hours > 1 => format!("{hours} hours"),
        _ if minutes == 1 => "a minute".to_owned(),
        _ => format!("{minutes} minutes"),
    }
}

/// Whole seconds, rounded up: for `Retry-After` and countdowns.
pub(crate) fn seconds_up(duration: Duration) -> u64 {
    duration.as_secs() + u64::from(duration.subsec_nanos() > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_written_out() {
        let at = Timestamp::from_millis(1_795_499_640_000);
        assert_eq!(moment(at).text(), "24 Nov 2026, 05:54 UTC");
        assert_eq!(day(at).text(), "24 Nov 2026");
        assert_eq!(time_of_day(at).text(), "05:54 UTC");
        assert_eq!(
            time_of_day(at).to_string(),
            "<time datetime=\"2026-11-24T05:54:00Z\" data-form=\"clock\">05:54 UTC</time>"
        );
        assert_eq!(rfc3339(at), "2026-11-24T05:54:00Z");
        assert_eq!(rfc3339(at.plus(Duration::from_millis(7))), "2026-11-24T05:54:00.007Z");
    }

    #[test]
    fn waits_are_rounded_up() {
        for (seconds, text) in [
            (0, "1 second"),
            (1, "1 second"),
            (90, "90 seconds"),
            (91, "2 minutes"),
            (900, "15 minutes"),
            (901, "16 minutes"),
            (5_401, "2 hours"),
            (172_801, "3 days"),
        ] {
            assert_eq!(wait(Duration::from_secs(seconds)), text);
        }
        assert_eq!(seconds_up(Duration::from_millis(1_001)), 2);
        let spans = [
            (60, "a minute"),
            (2_700, "45 minutes"),
            (3_600, "an hour"),
            (5_400, "90 minutes"),
            (86_400, "24 hours"),
        ];
        for (seconds, text) in spans {
            assert_eq!(span(Duration::from_secs(seconds)), text);
        }
    }

    #[test]
    fn what_was_a_moment_ago_is_just_now() {
        let now = Timestamp::from_millis(1_795_499_640_000);
        let before = |seconds| ago(now.minus(Duration::from_secs(seconds)), now).text().to_owned();
        assert_eq!(before(0), "just now");
        assert_eq!(before(119), "just now");
        assert_eq!(before(600), "10 minutes ago");
        assert_eq!(before(3_600), "an hour ago");
        assert_eq!(before(7_300), "2 hours ago");
        assert_eq!(before(86_400), "23 Nov 2026, 05:54 UTC");
        assert_eq!(ago(now.plus(Duration::from_secs(60)), now).text(), "just now");
    }

    #[test]
    fn what_is_left_is_rounded_up_and_what_it_took_is_not() {
        let seconds = Duration::from_secs;
        assert_eq!(
            [59, 61, 3_600].map(|s| left(seconds(s))),
            ["1 minute left", "2 minutes left", "60 minutes left"]
        );
        assert_eq!(
            [59, 61, 719, 3_600, 7_200].map(|s| lasted(seconds(s))),
            ["less than a minute", "a minute", "11 minutes", "an hour", "2 hours"]
        );
    }
}
