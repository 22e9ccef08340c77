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
    /// May need a second line.
    pub long: bool,
    /// Moves without a change of meaning.
    pub moving: bool,
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
        let row = |label, value: String| Row { label, value, long: false, moving: false };
        let known = |words: &Option<Words>| words.as_ref().map_or("not known".to_owned(), |w| brief(w, 30));
        let mut rows = vec![
            row("Version", brief(&self.version, 30)),
            row("Slot", known(&self.slot)),
            row("Serial", known(&self.serial)),
        ];
        if self.addresses.is_empty() {
            rows.push(row("Address", "none: check the cable".to_owned()));
        }
        rows.extend(self.addresses.iter().take(ADDRESSES).map(|address| row("Address", brief(address, 46))));
        let error = self.last_error.as_ref().map_or("none since start".to_owned(), |error| brief(error, 90));
        rows.push(Row { long: true, ..row("Error", error) });
        rows.push(row("Share", brief(&self.share, 40)));
        rows.push(row("Broker", brief(&self.broker, 40)));
        rows.push(Row { long: true, ..row("Models", brief(&self.models, 70)) });
        let update = self.update.as_ref().map_or("none recorded".to_owned(), |update| brief(update, 70));
        rows.push(Row { long: true, ..row("Update", update) });
        let up = self.up.map_or("not known".to_owned(), span);
        let heat = self.celsius.map_or("not known".to_owned(), |celsius| format!("{celsius:.0} °C"));
        rows.extend([("Up for", up), ("Heat", heat)].map(|(label, value)| Row { moving: true, ..row(label, value) }));
        rows
    }
}

fn brief(words: &Words, limit: usize) -> String {
    Words::within(words.as_str(), limit).as_str().to_owned()
}
