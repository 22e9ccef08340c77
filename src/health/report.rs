//! What the health message says: the wire's words for the state of the device.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{ClockTrust, Degraded, Disk, Memory, Temperature};
use crate::publish::Trouble;

/// The device in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Nothing is wrong.
    Online,
    /// Something is; see `degraded`.
    Degraded,
}

/// The folder that the console writes to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Share {
    /// `available`, `lost` or `not_mounted`.
    pub state: &'static str,
    /// What the system said, when lost.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// How long it has been so, s.
    pub since_secs: u64,
}

/// The link to the broker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Broker {
    /// True while the session stands.
    pub connected: bool,
    /// How long it has been so, s.
    pub since_secs: u64,
    /// Why it was last lost, or could not be made, since start.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trouble: Option<Trouble>,
    /// How often it was lost since start.
    pub losses: u32,
    /// Messages that it has refused and that are still here.
    pub messages_refused: u32,
}

/// How much work waits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Queues {
    /// Messages that no broker has acknowledged.
    pub outbox: u32,
    /// Slices that wait for analysis.
    pub analysis: u32,
}

/// A model package.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Model {
    /// Its name and version.
    pub name: String,
    /// SHA-256 of the package, hex; absent when it could not be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// Why it is not run; absent when it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
}

/// The program that reports.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Device {
    /// Version of this program.
    pub version: &'static str,
    /// How long it has run, s.
    pub uptime_secs: u64,
}

/// The state of the device at one moment. Holds nothing of any study.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct HealthReport {
    /// In one word.
    pub status: Status,
    /// Why, most urgent first; empty when online.
    pub degraded: Vec<Degraded>,
    /// The program.
    pub device: Device,
    /// The share.
    pub share: Share,
    /// The broker.
    pub broker: Broker,
    /// Work that waits.
    pub queues: Queues,
    /// Slices analysed per second, mean of the last ten seconds.
    pub slices_per_second: f64,
    /// Slices analysed since start.
    pub slices_analysed: u64,
    /// Final verdicts since start, by their word.
    pub verdicts: BTreeMap<&'static str, u64>,
    /// Files refused since start, by reason.
    pub quarantined: BTreeMap<String, u64>,
    /// Model packages.
    pub models: Vec<Model>,
    /// The state disk; absent when it does not answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disk: Option<Disk>,
    /// Thermal zones.
    pub temperatures: Vec<Temperature>,
    /// Memory of the process.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<Memory>,
    /// Whether times of day can be believed.
    pub clock: ClockTrust,
    /// True if they can.
    pub clock_trusted: bool,
}

impl HealthReport {
    /// One line for `systemctl status`.
    pub fn status_line(&self) -> String {
        match self.degraded.first() {
            Some(first) => format!("degraded: {first}"),
            None => format!(
                "online, {:.1} slices/s, {} slices analysed, {} messages waiting",
                self.slices_per_second, self.slices_analysed, self.queues.outbox
            ),
        }
    }
}
