//! Which broker comes next, and in which version of MQTT. Pure.
//!
//! Takes in how the last attempt ended, hands on the next [`Hop`]. The brokers of `mqtt.url` and `mqtt.fallback_urls` are
//! taken in turn whenever a connection cannot be made or is lost; one that works is stayed with. MQTT 5 is spoken first;
//! a broker that does not speak it is remembered, until the next start, as one of MQTT 3.1.1:
//!
//! ```text
//!            accepted, or refused in plain words: remembered
//!          ┌──────────────────────────────────────────────┐
//! MQTT 5 ──┴─ "not this version" ──▶ MQTT 3.1.1 ───────────┴▶
//!        └─ hangs up without an answer, twice ─▶ ▲ (twice in both: the next broker)
//! ```

/// A version of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// MQTT 5: CloudEvents in binary mode.
    V5,
    /// MQTT 3.1.1: CloudEvents in structured mode.
    V311,
}

impl Protocol {
    const fn other(self) -> Self {
        match self {
            Self::V5 => Self::V311,
            Self::V311 => Self::V5,
        }
    }

    /// As it is written in configuration and words.
    pub const fn word(self) -> &'static str {
        match self {
            Self::V5 => "5",
            Self::V311 => "3.1.1",
        }
    }
}

/// How an attempt went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The broker has accepted the connection.
    Accepted,
    /// The broker says that it does not speak this version.
    NotSpoken,
    /// The broker refuses, in words of this version.
    Refused,
    /// The connection was made, and ended without an answer to the CONNECT.
    Mute,
    /// No connection, no answer in time, or an accepted one that is lost.
    Gone,
    /// This side has ended it: the same broker again.
    Farewell,
}

/// An attempt: which broker, in which version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hop {
    /// Index into the brokers.
    pub broker: usize,
    /// Version.
    pub protocol: Protocol,
}

/// Mute endings in a row after which the other version is tried.
const MUTE: u32 = 2;

#[derive(Clone, Copy, Debug)]
struct Known {
    protocol: Protocol,
    /// It has answered in this version.
    proven: bool,
    mute: u32,
}

/// The state of the choice.
#[derive(Debug)]
pub struct Route {
    only: Option<Protocol>,
    known: Vec<Known>,
    broker: usize,
}

impl Route {
    /// For `brokers` (at least 1) addresses; `only` is the version that the site has fixed.
    pub fn new(brokers: usize, only: Option<Protocol>) -> Self {
        let known = Known { protocol: only.unwrap_or(Protocol::V5), proven: false, mute: 0 };
        Self { only, known: vec![known; brokers.max(1)], broker: 0 }
    }

    /// The attempt to make now.
    pub fn hop(&self) -> Hop {
        Hop { broker: self.broker, protocol: self.known[self.broker].protocol }
    }

    /// After so many attempts without [`Outcome::Accepted`], every broker was asked in every version.
    pub fn round(&self) -> usize {
        self.known.len() * if self.only.is_some() { 1 } else { 2 * MUTE as usize }
    }

    /// Takes in how the current attempt went.
    pub fn on(&mut self, outcome: Outcome) {
        let auto = self.only.is_none();
        let known = &mut self.known[self.broker];
        match outcome {
            Outcome::Accepted | Outcome::Farewell => (known.proven, known.mute) = (true, 0),
            // The same broker, at once: it is there.
            Outcome::NotSpoken if auto => *known = Known { protocol: known.protocol.other(), proven: false, mute: 0 },
            Outcome::Refused => {
                (known.proven, known.mute) = (true, 0);
                self.advance();
            }
            Outcome::Mute if auto && !known.proven => {
                known.mute += 1;
                if known.mute.is_multiple_of(MUTE) {
                    known.protocol = known.protocol.other();
                }
                // In both versions: on to the next one.
                if known.mute >= 2 * MUTE {
                    known.mute = 0;
                    self.advance();
                }
            }
            Outcome::NotSpoken | Outcome::Mute | Outcome::Gone => self.advance(),
        }
    }

    fn advance(&mut self) {
        self.broker = (self.broker + 1) % self.known.len();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn hop(broker: usize, protocol: Protocol) -> Hop {
        Hop { broker, protocol }
    }

    fn after(route: &mut Route, outcomes: &[Outcome]) -> Hop {
        outcomes.iter().for_each(|outcome| route.on(*outcome));
        route.hop()
    }

    #[test]
    fn the_brokers_take_turns_and_one_that_works_is_stayed_with() {
        let mut route = Route::new(3, None);
        assert_eq!(route.hop(), hop(0, Protocol::V5));
        assert_eq!(after(&mut route, &[Outcome::Gone]), hop(1, Protocol::V5));
        assert_eq!(after(&mut route, &[Outcome::Accepted]), hop(1, Protocol::V5));
        assert_eq!(after(&mut route, &[Outcome::Gone]), hop(2, Protocol::V5));
        assert_eq!(after(&mut route, &[Outcome::Refused]), hop(0, Protocol::V5));
    }

    #[test]
    fn a_broker_of_the_older_version_is_asked_at_once_and_remembered() {
        let mut route = Route::new(2, None);
        assert_eq!(after(&mut route, &[Outcome::NotSpoken]), hop(0, Protocol::V311));
        assert_eq!(after(&mut route, &[Outcome::Accepted, Outcome::Gone]), hop(1, Protocol::V5), "the other: unknown");
        assert_eq!(after(&mut route, &[Outcome::Gone]), hop(0, Protocol::V311));
        assert_eq!(after(&mut route, &[Outcome::Mute, Outcome::Gone, Outcome::Mute]), hop(1, Protocol::V5));
        assert_eq!(after(&mut route, &[Outcome::Gone]), hop(0, Protocol::V311), "a restarting broker changes nothing");
        assert_eq!(after(&mut route, &[Outcome::NotSpoken]), hop(0, Protocol::V5), "another broker stands there now");
    }

    #[test]
    fn a_broker_that_hangs_up_without_a_word_is_asked_in_both_versions() {
        use Outcome::{Gone, Mute, Refused};
        let mut route = Route::new(2, None);
        assert_eq!(after(&mut route, &[Mute]), hop(0, Protocol::V5));
        assert_eq!(after(&mut route, &[Mute]), hop(0, Protocol::V311));
        assert_eq!(after(&mut route, &[Mute]), hop(0, Protocol::V311));
        assert_eq!(after(&mut route, &[Mute]), hop(1, Protocol::V5), "the next one");
        assert_eq!(after(&mut route, &[Gone]), hop(0, Protocol::V5));
        for _ in 0..4 {
            let both = [Refused, Gone, Mute, Gone];
            assert_eq!(after(&mut route, &both), hop(0, Protocol::V5), "it has answered before");
        }
    }

    #[test]
    fn a_version_that_the_site_has_fixed_is_kept() {
        for only in [Protocol::V5, Protocol::V311] {
            let mut route = Route::new(1, Some(only));
            let outcomes = [Outcome::NotSpoken, Outcome::Mute, Outcome::Mute, Outcome::Gone, Outcome::NotSpoken];
            assert_eq!(after(&mut route, &outcomes), hop(0, only));
        }
    }
}
