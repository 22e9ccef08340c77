//! What the service screen shows: the device itself, for the field engineer who stands before it.
//!
//! Never holds anything of a study, a user name or an address of a clinic.

use std::time::Duration;

use super::Words;
use super::report::span;

/// Addresses that are shown; a device has one cable, seldom two.
pub const ADDRESSES: usize = 3;

/// Facts of the device, as they are now. What is not known is absent, never invented.
#[derive(Clone, Debug, PartialEq)]
pub struct ServiceFacts {
    /// Version of this program.
    pub version: Words,
    /// The slot that runs, as `A (proven)`.
    pub slot: Option<Words>,
    /// Serial number of the board.
    pub serial: Option<Words>,
    /// Interfaces with their addresses, as `eth0 192.168.10.21`; the first [`ADDRESSES`] are shown.
    pub addresses: Vec<Words>,
    /// What was wrong last, and whether it still is.
    pub last_error: Option<Words>,
    /// How the share is.
    pub share: Words,
    /// How the broker is.
    pub broker: Words,
    /// Packages in use, or why there is none.
    pub models: Words,
    /// The outcome of the last update.
    pub update: Option<Words>,
    /// How long the board has been up.
    pub up: Option<Duration>,
    /// The hottest thermal zone, degrees Celsius.
    pub celsius: Option<f64>,
}

/// A label and what stands behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// A word.
    pub label: &'static str,
    /// One line of text.
    pub value: String,
    /// Lines that it needs on a narrow panel, 1 to 3.
    pub lines: usize,
    /// Moves without a change of meaning.
    pub moving: bool,
}

impl Row {
    /// Characters that a line of the narrowest panel takes.
    const LINE: usize = 28;

    /// `text` cut at `limit` characters.
    fn new(label: &'static str, text: &str, limit: usize) -> Self {
        let value = Words::within(text, limit).as_str().to_owned();
        let lines = value.chars().count().div_ceil(Self::LINE).clamp(1, 3);
        Self { label, value, lines, moving: false }
    }
}

impl Default for ServiceFacts {
    /// Nothing is known but the version.
    fn default() -> Self {
        Self {
            version: Words::new(env!("CARGO_PKG_VERSION")),
            slot: None,
            serial: None,
            addresses: Vec::new(),
            last_error: None,
            share: Words::new("not known"),
            broker: Words::new("not known"),
            models: Words::new("not known"),
            update: None,
            up: None,
            celsius: None,
        }
    }
}

impl ServiceFacts {
    /// The rows in the order in which an engineer asks for them.
    pub fn rows(&self) -> Vec<Row> {
        let known = |words: &Option<Words>| words.as_ref().map_or("not known", Words::as_str).to_owned();
        let mut rows = vec![
            Row::new("Version", self.version.as_str(), 28),
            Row::new("Slot", &known(&self.slot), 28),
            Row::new("Serial", &known(&self.serial), 28),
        ];
        if self.addresses.is_empty() {
            rows.push(Row::new("Address", "none: check the cable", 28));
        }
        rows.extend(self.addresses.iter().take(ADDRESSES).map(|address| Row::new("Address", address.as_str(), 50)));
        let error = self.last_error.as_ref().map_or("none since start", Words::as_str);
        let update = self.update.as_ref().map_or("none recorded", Words::as_str);
        rows.extend([
            Row::new("Error", error, 75),
            Row::new("Share", self.share.as_str(), 50),
            Row::new("Broker", self.broker.as_str(), 50),
            Row::new("Models", self.models.as_str(), 75),
            Row::new("Update", update, 50),
        ]);
        let up = self.up.map_or("not known".to_owned(), span);
        let heat = self.celsius.map_or("not known".to_owned(), |celsius| format!("{celsius:.0} °C"));
        rows.extend(
            [("Up for", up), ("Heat", heat)].map(|(label, value)| Row { moving: true, ..Row::new(label, &value, 28) }),
        );
        rows
    }
}
