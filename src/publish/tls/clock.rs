//! The wall clock in; the time by which certificates are verified out.
//!
//! A board without a battery wakes in 1970, where every certificate is "not yet valid". While the clock is not trusted,
//! the latest time that has certainly passed stands in for it: when this program was built, or the last trusted time that
//! was kept. That time is never later than the truth, so nothing that has been valid since is refused for it, and what
//! expired before it stays refused.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use rustls::pki_types::UnixTime;
use rustls::time_provider::TimeProvider;

use crate::health::{ClockTrust, Sensors};

/// File in the state folder with the last trusted time.
const KEPT: &str = "trusted-time";

/// When this program was built, or a time before: `SOURCE_DATE_EPOCH` of a reproducible build, or when the first was.
pub fn build_time() -> Timestamp {
    let epoch = option_env!("SOURCE_DATE_EPOCH").and_then(|secs| secs.parse().ok());
    let secs = epoch.unwrap_or(ClockTrust::FIRST_BUILD).max(ClockTrust::FIRST_BUILD);
    Timestamp::from_second(secs).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// What is known of the time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reading {
    /// What the wall clock says.
    pub wall: Timestamp,
    /// It was set from the network.
    pub trusted: bool,
    /// The latest time that has certainly passed.
    pub passed: Timestamp,
}

impl Reading {
    /// The time by which certificates are verified: the clock's when it is trusted, whatever was kept (a wrong time, once
    /// kept, must not outlive its correction); else the later of both.
    pub fn for_certificates(&self) -> Timestamp {
        if self.trusted { self.wall } else { self.wall.max(self.passed) }
    }
}

/// The clock by which certificates are verified.
#[derive(Clone)]
pub struct CertificateClock {
    read: Arc<dyn Fn() -> (Timestamp, bool) + Send + Sync>,
    kept: Option<PathBuf>,
}

impl CertificateClock {
    /// The system's clock, trusted as soon as it is later than the program: for a computer that keeps its time.
    pub fn system() -> Self {
        let read = || {
            let now = Timestamp::now();
            (now, now >= build_time())
        };
        Self { read: Arc::new(read), kept: None }
    }

    /// `read` gives the wall clock and whether it is trusted; the last trusted time is kept in `state_dir`.
    pub fn of_device(read: impl Fn() -> (Timestamp, bool) + Send + Sync + 'static, state_dir: &Path) -> Self {
        Self { read: Arc::new(read), kept: Some(state_dir.join(KEPT)) }
    }

    /// The device's own: trusted once it is set from the network.
    pub fn sensed(sensors: Sensors, state_dir: &Path) -> Self {
        let read = move || {
            let now = Timestamp::now();
            (now, sensors.clock(now).is_trusted())
        };
        Self::of_device(read, state_dir)
    }

    /// What is known of the time now.
    pub fn reading(&self) -> Reading {
        let (wall, trusted) = (self.read)();
        let kept = self.kept.as_ref().and_then(|file| std::fs::read_to_string(file).ok()?.trim().parse().ok());
        Reading { wall, trusted, passed: kept.map_or_else(build_time, |kept: Timestamp| kept.max(build_time())) }
    }

    /// Keeps the time for the next start, if it is trusted. Whole or not at all: a power cut leaves the one before.
    ///
    /// # Errors
    /// When the state folder cannot be written.
    pub fn keep(&self) -> io::Result<()> {
        let (Some(file), (wall, true)) = (&self.kept, (self.read)()) else { return Ok(()) };
        let beside = file.with_extension("new");
        std::fs::write(&beside, format!("{wall}\n"))?;
        std::fs::rename(&beside, file)
    }
}

impl fmt::Debug for CertificateClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CertificateClock").field(&self.reading()).finish()
    }
}

impl TimeProvider for CertificateClock {
    fn current_time(&self) -> Option<UnixTime> {
        let secs = u64::try_from(self.reading().for_certificates().as_second()).ok()?;
        Some(UnixTime::since_unix_epoch(std::time::Duration::from_secs(secs)))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn device(wall: &str, trusted: bool, dir: &Path) -> CertificateClock {
        let wall = at(wall);
        CertificateClock::of_device(move || (wall, trusted), dir)
    }

    #[test]
    fn a_clock_in_1970_is_replaced_by_the_latest_time_that_has_passed() {
        let dir = tempfile::tempdir().unwrap();
        let in_1970 = device("1970-01-01T00:01:00Z", false, dir.path());
        assert_eq!(in_1970.reading().for_certificates(), build_time());
        device("2027-03-01T12:00:00Z", true, dir.path()).keep().unwrap();
        assert_eq!(in_1970.reading().for_certificates(), at("2027-03-01T12:00:00Z"));
    }

    #[test]
    fn an_untrusted_time_is_never_kept() {
        let dir = tempfile::tempdir().unwrap();
        device("2031-01-01T00:00:00Z", false, dir.path()).keep().unwrap();
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_wrong_time_once_kept_does_not_outlive_its_correction() {
        let dir = tempfile::tempdir().unwrap();
        device("2099-01-01T00:00:00Z", true, dir.path()).keep().unwrap();
        let corrected = device("2027-03-01T12:00:00Z", true, dir.path());
        assert_eq!(corrected.reading().for_certificates(), at("2027-03-01T12:00:00Z"));
        corrected.keep().unwrap();
        let rebooted = device("1970-01-01T00:00:00Z", false, dir.path());
        assert_eq!(rebooted.reading().for_certificates(), at("2027-03-01T12:00:00Z"));
    }

    #[test]
    fn a_damaged_file_counts_for_nothing() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join(KEPT), "\0\0\0").unwrap();
        assert_eq!(device("1970-01-01T00:00:00Z", false, dir.path()).reading().passed, build_time());
    }
}
