//! What the wall clock says and whether it was set from the network in; whether to trust it out. Pure.
//!
//! A board without a battery wakes in 1970 or where it was switched off: certificates are "not yet valid" and times in
//! messages are wrong. Until the clock is trusted, times are marked so.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Whether times of day can be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClockTrust {
    /// Set from the network since boot.
    Synchronized,
    /// Plausible, but not set from the network since boot.
    NotSynchronized,
    /// Earlier than this program was written.
    BeforeBuild,
}

impl ClockTrust {
    /// 2026-01-01T00:00:00Z in seconds: no build of this program is older.
    pub const FIRST_BUILD: i64 = 1_767_225_600;

    /// Judges the clock's reading `now`; `synchronized` is the time daemon's word.
    pub fn judge(now: Timestamp, synchronized: bool) -> Self {
        match (now.as_second() >= Self::FIRST_BUILD, synchronized) {
            (false, _) => Self::BeforeBuild,
            (true, false) => Self::NotSynchronized,
            (true, true) => Self::Synchronized,
        }
    }

    /// True if times of day may be shown and compared with those of others.
    pub const fn is_trusted(self) -> bool {
        matches!(self, Self::Synchronized)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_is_trusted_only_when_set_and_plausible() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap_or_default();
        assert_eq!(ClockTrust::judge(at("2026-01-01T00:00:00Z"), true), ClockTrust::Synchronized);
        assert_eq!(ClockTrust::judge(at("2026-01-01T00:00:00Z"), false), ClockTrust::NotSynchronized);
        assert_eq!(ClockTrust::judge(at("2025-12-31T23:59:59Z"), true), ClockTrust::BeforeBuild);
        assert_eq!(ClockTrust::judge(Timestamp::UNIX_EPOCH, false), ClockTrust::BeforeBuild);
        assert!(ClockTrust::Synchronized.is_trusted() && !ClockTrust::NotSynchronized.is_trusted());
    }
}
