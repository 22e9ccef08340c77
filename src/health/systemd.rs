//! Words to systemd out (sd_notify(3)). Without systemd every call does nothing.

use std::time::Duration;

use sd_notify::NotifyState;

use super::Decision;

/// The service's side of `Type=notify` and `WatchdogSec=`.
#[derive(Clone, Copy, Debug)]
pub struct Notifier {
    interval: Option<Duration>,
}

impl Notifier {
    /// As the environment says (`NOTIFY_SOCKET`, `WATCHDOG_USEC`).
    pub fn from_environment() -> Self {
        // Half the time that systemd grants, as sd_watchdog_enabled(3) recommends.
        Self { interval: sd_notify::watchdog_enabled().map(|limit| limit / 2) }
    }

    /// How often the watchdog wants to be fed; `None` when nobody watches.
    pub const fn watchdog_interval(&self) -> Option<Duration> {
        self.interval
    }

    /// Start-up is over: screen, models and store stand.
    pub fn ready(&self, status: &str) {
        send(&[NotifyState::Ready, NotifyState::Status(&one_line(status))]);
    }

    /// A line for `systemctl status`.
    pub fn status(&self, status: &str) {
        send(&[NotifyState::Status(&one_line(status))]);
    }

    /// Feeds the watchdog, or says in the status line why it is left to starve.
    pub fn watchdog(&self, decision: Decision) {
        match decision {
            Decision::Feed => send(&[NotifyState::Watchdog]),
            Decision::Starve { stage, silent } => {
                tracing::error!(
                    stage,
                    silent_secs = silent.as_secs(),
                    "a stage does not tick; the watchdog is not fed"
                );
                self.status(&format!("{stage} has not moved for {} s", silent.as_secs()));
            }
        }
    }

    /// The end has begun.
    pub fn stopping(&self) {
        send(&[NotifyState::Stopping]);
    }
}

/// A line break would begin another assignment of the protocol.
fn one_line(text: &str) -> String {
    text.split(char::is_control).collect::<Vec<_>>().join(" ")
}

fn send(state: &[NotifyState]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::warn!(%error, "systemd does not listen");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_stays_one_line() {
        assert_eq!(one_line("lost:\nWATCHDOG=trigger\r"), "lost: WATCHDOG=trigger ");
    }
}
