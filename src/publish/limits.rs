//! Numbers of delivery: how long, how many, how large.

use std::time::Duration;

/// Limits of delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How long the broker keeps a verdict, s.
    pub expiry_secs: u32,
    /// How long the broker keeps an alert for a subscriber that is away, s.
    pub alert_expiry_secs: u32,
    /// Messages that may wait for their acknowledgement at a time.
    pub in_flight: usize,
    /// No acknowledgement for so long: the link is dropped and built anew.
    pub ack_timeout: Duration,
    /// No connection after so long: the attempt is given up.
    pub connect_timeout: Duration,
    /// How long the broker waits for a device that vanished before it publishes the last will.
    pub will_delay: Duration,
    /// Refusals after which a message is given up until its next life.
    pub max_attempts: u32,
    /// What was given up gets another life so long after: a quota or an access list may have been repaired meanwhile.
    /// Also after a connect, and a start.
    pub revive: Duration,
    /// Longest packet in bytes that is ever sent, whatever the broker allows: a key image of nothing but noise, in base64.
    pub max_packet_bytes: usize,
    /// First and longest wait before the next attempt to connect.
    pub reconnect: (Duration, Duration),
    /// First and longest rest of a message that was refused, or on which the broker hung up.
    pub rest: (Duration, Duration),
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            expiry_secs: 72 * 3600,
            alert_expiry_secs: 24 * 3600,
            in_flight: 8,
            ack_timeout: Duration::from_secs(10),
            connect_timeout: Duration::from_secs(10),
            will_delay: Duration::from_secs(5),
            max_attempts: 8,
            revive: Duration::from_secs(15 * 60),
            max_packet_bytes: 112 * 1024,
            reconnect: (Duration::from_millis(250), Duration::from_secs(15)),
            rest: (Duration::from_secs(1), Duration::from_secs(60)),
        }
    }
}
